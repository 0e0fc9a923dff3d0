"""Reads a file, a folder, a web page, a feed or standard input once, and publishes its articles.

What only an address, an archive or the publishing needs is loaded where it is used, because it takes half a second.
"""

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connectors.base import Connector, Context, SourceConfig, Step, closing
from connectors.kinds.file import FileConnector, named_source, refusal
from connectors.parsing import file_refusal
from connectors.parsing.article_factory import source_of
from connectors.parsing.file_formats import ARCHIVES, PACKED, READERS, Options, ReadResult
from pipeline.errors import InputError, SourceError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from connectors.publisher import ArticlePublisher
    from connectors.web.client import Client

_BATCH = 500  # articles in flight at Kafka
_HEAD = 1024  # bytes that tell what a file is
_AHEAD = 16  # steps that are read before the first of them is taken


@dataclass
class IngestReport:
    """What an ingestion did.

    Attributes:
        articles: how many the broker has acknowledged.
        problems: one sentence for each.
        revisions: the newest revision that was published of each article, by id.
    """

    articles: int = 0
    problems: list[str] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The ids of the articles, each once."""
        return list(self.revisions)


def open_target(
    target: str, context: Context, *, published: datetime | None = None, source: str | None = None
) -> Connector:
    """The connector for a file, a folder, a URL or `-` (standard input: text, html, json, jsonl or xml).

    Raises:
        InputError: there is no such file or folder, or the file is of a kind that holds no articles.
    """
    options: dict[str, Any] = {name: value for name, value in (("published", published), ("source", source)) if value}
    if target == "-":
        return _StandardInput(context, published, source)
    if _is_address(target):
        return _Address(SourceConfig(id="ingest", kind="page", location=target, options=options), context)
    path = Path(target.removeprefix("file://")).expanduser()
    try:
        if not path.exists():
            raise InputError(
                f"{target} does not exist; give a file, a folder, an http(s) address or - for standard input."
            )
        if path.name.lower().endswith(ARCHIVES):
            from connectors.kinds.warc import WarcConnector

            options.pop("published", None)  # each page has the date on which it was archived
            return WarcConnector(SourceConfig(id="ingest", kind="warc", location=str(path), options=options), context)
        if not path.is_dir() and (reason := refusal(path) or _refusal_by_magic(path)):
            raise InputError(file_refusal.problem(target, reason))
    except OSError as error:
        raise InputError(f"{target} cannot be read: {error.strerror or error}.") from None
    return FileConnector(
        SourceConfig(id="ingest", kind="file", location=str(path), options={**options, "settle": 0}), context
    )


def read(
    target: str, settings: Settings, *, published: datetime | None = None, source: str | None = None
) -> Generator[Step, None, None]:
    """Yields the articles and problems of the target. Nothing is published, and no engine is needed.

    It has an event loop of its own until it ends, so whoever may stop early closes it.

    Raises:
        InputError: there is no such file or folder.
        SourceError: the address cannot be read.
    """
    with asyncio.Runner() as runner:
        reading = _Reading(_items(target, settings, published, source))
        try:
            while some := runner.run(reading.some()):
                yield from some
        finally:
            runner.run(reading.close())


def ingest(
    target: str,
    settings: Settings,
    *,
    published: datetime | None = None,
    source: str | None = None,
    progress: Callable[[Step], None] | None = None,
    begin: Callable[[], None] | None = None,
) -> IngestReport:
    """Reads the target and publishes its articles; returns when the broker has acknowledged every one.

    `begin` is called once the topics exist, before anything is published.

    Raises:
        InputError: there is no such file or folder.
        SourceError: the address cannot be read.
        BrokerUnavailable: Kafka does not answer.
    """
    from connectors.publisher import ArticlePublisher

    with contextlib.closing(read(target, settings, published=published, source=source)) as items:
        first = next(items, None)  # a wrong name is refused before Kafka is connected to
        with ArticlePublisher(settings) as publisher:
            if begin:
                begin()
            return _publish(first, items, publisher, progress or (lambda _: None))


def _publish(
    first: Step | None, items: Iterator[Step], publisher: "ArticlePublisher", progress: Callable[[Step], None]
) -> IngestReport:
    """Publishes the articles of the first step and of those that follow."""
    report = IngestReport()
    waiting: dict[str, int] = {}
    count = 0
    while first is not None:
        item, first = first, next(items, None)
        if item.problem:
            report.problems.append(item.problem)
        if item.article is not None:
            article = item.article
            waiting[article.id] = max(article.revision, waiting.get(article.id, 0))
            count += 1
            publisher.publish(article)
        if count >= _BATCH or first is None:
            delivered = publisher.flush()
            report.articles += delivered.acknowledged
            report.problems += delivered.refused
            for id in delivered.ids:
                report.revisions[id] = max(waiting.get(id, 0), report.revisions.get(id, 0))
            waiting, count = {}, 0
        progress(item)
    return report


def _refusal_by_magic(path: Path) -> str | None:
    """Why the file cannot be an article, by its first bytes; None where it can, and for pipes: reading empties them."""
    if not path.is_file() or path.suffix.lower().lstrip(".") in PACKED:
        return None
    with path.open("rb") as file:
        return file_refusal.by_magic(file.read(_HEAD))


class _Reading:
    """Reads a little ahead of who takes the steps: to enter the event loop for each costs more than a file's step."""

    def __init__(self, items: AsyncGenerator[Step]) -> None:
        self._items = items
        self._steps: asyncio.Queue[Step] = asyncio.Queue(_AHEAD)
        self._task: asyncio.Task[None] | None = None

    async def some(self) -> list[Step]:
        """The next steps, as many as have come; none at the end. Raises as the items."""
        self._task = self._task or asyncio.create_task(self._read())
        coming = asyncio.create_task(self._steps.get())
        await asyncio.wait({coming, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            self._task.result()
            return []
        some = [coming.result()]
        while not self._steps.empty():
            some.append(self._steps.get_nowait())
        return some

    async def close(self) -> None:
        """Reads no more, and closes the items."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._items.aclose()

    async def _read(self) -> None:
        async for item in self._items:
            await self._steps.put(item)


async def _items(
    target: str, settings: Settings, published: datetime | None, source: str | None
) -> AsyncGenerator[Step]:
    async with _client(target, settings) as client:
        connector = open_target(target, Context(settings, client), published=published, source=source)
        async with closing(connector.articles({})) as steps:
            async for item in steps:
                yield item


def _is_address(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))


@contextlib.asynccontextmanager
async def _client(target: str, settings: Settings) -> "AsyncIterator[Client]":
    """The client for an address; none for files and standard input, whose connectors ask nobody."""
    if not _is_address(target):
        yield cast("Client", None)
        return
    from connectors.web.client import Client

    async with Client(settings.connectors) as client:
        yield client


class _StandardInput:
    """Reads standard input as what it looks like: JSON, JSON lines, a web page, XML, or plain text."""

    def __init__(self, context: Context, published: datetime | None, source: str | None) -> None:
        self._context = context
        self._options = Options(published=published, source=named_source(source))

    async def articles(self, cursor: object) -> AsyncIterator[Step]:
        data = await asyncio.to_thread(sys.stdin.buffer.read)
        if reason := file_refusal.by_magic(data):
            yield Step(None, {}, problem=file_refusal.problem("stdin", reason), progress=1.0)
            return
        reader = READERS[sniff(data)]
        address = f"urn:whosaid:stdin:{_digest(data)}"
        readings: Iterator[ReadResult] = reader(
            data, name="stdin", address=address, options=self._options, fetched=self._context.now(), modified=None
        )
        for reading in readings:
            yield Step(reading.article, {}, problem=reading.problem, progress=reading.progress)


def sniff(data: bytes) -> str:
    """The format that the bytes look like: json, html, xml or txt."""
    head = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "html"
    if head.startswith((b"<?xml", b"<rss", b"<feed", b"<rdf", b"<nitf")):
        return "html" if b"<html" in head else "xml"
    if head.startswith((b"{", b"[")):
        return "json"  # its reader also takes JSON lines
    return "txt"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


class _Address:
    """Reads one web address: the article of a page, or all items of a feed."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self._config = config
        self._context = context

    async def articles(self, cursor: object) -> AsyncIterator[Step]:
        from connectors.kinds import page
        from connectors.kinds.feed import FeedConnector
        from connectors.parsing import html_article

        url = self._config.location
        response = await self._context.client.get(url, accept="text/html, application/xhtml+xml, */*;q=0.8")
        head = response.body[:4096].lower()
        if b"<rss" in head or b"<feed" in head or b"<rdf:rdf" in head or "feed" in response.content_type:
            async with closing(FeedConnector(self._config, self._context).articles({})) as steps:
                async for item in steps:
                    yield item
            return
        found = await page.extract(response)
        if not found.body:
            raise SourceError(f"No article was found at {url}.")
        published = self._config.options.get("published")
        yield Step(
            html_article.to_article(
                found,
                url=url,
                source=source_of(self._config, response.url),
                fetched=self._context.now(),
                published=published if isinstance(published, datetime) else None,
            ),
            {},
            progress=1.0,
        )
