"""Reads web archives: WARC files, packed or not, also in folders such as Common Crawl's news archive.

Each HTML response in an archive is read as the page was on that day, so that a backfill asks no server again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator

from connectors import options
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step, unexpected_problem
from connectors.parsing import dates, html_article
from connectors.parsing.article_factory import domain_of, source_of
from connectors.parsing.file_formats import ARCHIVES, ReadResult
from connectors.web import content_encoding
from connectors.web.client import Response
from pipeline.errors import SourceError
from pipeline.models import Article

OPTIONS = {
    "match": "a regular expression that addresses must contain; default: all",
    "source": "who published the articles; default: what each page says",
    "since": "only pages archived since this date; default: all",
    "every": "seconds between two looks for new archives; default: 60",
    "once": "true: the source is paused when all is read; default: false",
}
_EVERY = 60.0


class _Records(ArchiveIterator):  # type: ignore[misc]  # it has no types
    """The records of an archive. Where a record has a wrong length, `err_count` counts it and nothing is printed."""

    INC_RECORD = ""


@dataclass(frozen=True)
class _RecordHead:
    """What a record says about the page in it."""

    url: str
    crawled: datetime
    headers: Mapping[str, str]
    kind: str


class WarcConnector:
    """Reads an archive, or a folder of archives.

    Its cursor holds the files that are done, with their size and number of records, and the position in the one that is
    being read.
    """

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._path = Path(config.location.removeprefix("file://")).expanduser()
        options.check(config, OPTIONS)
        self._match = options.pattern(config, "match")
        self._since = options.moment(config, "since")
        self._limit = context.settings.connectors.max_bytes
        self._hints = PollHints(
            next_poll_in=options.number(config, "every", _EVERY), finished=options.flag(config, "once")
        )

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Yields the articles of every archive that is not done, in the order of the names."""
        files = await asyncio.to_thread(self._files)
        done: dict[str, list[int]] = {key: one for key, one in dict(cursor.get("done") or {}).items() if key in files}
        position = dict(cursor.get("at") or {})
        whole = len(files) or 1
        for index, (name, size) in enumerate(files.items()):
            old_size, number = done.get(name) or [-1, int(position.get(name, 0))]
            if old_size == size:
                continue
            reader = self._read(Path(name), number)
            try:
                while (step := await asyncio.to_thread(next, reader, None)) is not None:
                    number, reading = step
                    position_now = {"done": dict(done), "at": {name: number}}
                    yield Step(
                        reading.article, position_now, reading.problem, progress=(index + reading.progress) / whole
                    )
            except OSError as error:  # the next poll tries it again; the other archives are read now
                yield Step(None, {"done": dict(done)}, f"{name}: {error.strerror or error}.")
                continue
            done[name] = [size, number]  # an archive that has grown since, as a download does, is read on from there
            yield Step(None, {"done": dict(done)}, progress=(index + 1) / whole)
        yield Step(None, {"done": done}, progress=1.0, hints=self._hints)

    def _files(self) -> dict[str, int]:
        """The size of each archive in bytes."""
        try:
            if self._path.is_dir():
                found = sorted(path for path in self._path.rglob("*") if path.name.lower().endswith(ARCHIVES))
            else:
                found = [self._path]
            return {str(path): path.stat().st_size for path in found if path == self._path or path.exists()}
        except OSError as error:
            raise SourceError(f"{self._path} cannot be read: {error.strerror or error}.") from error

    def _read(self, path: Path, skip: int) -> Iterator[tuple[int, ReadResult]]:
        """Yields each record's number and content; records up to `skip` are passed over."""
        size = path.stat().st_size or 1
        number = 0
        with path.open("rb") as file:
            records, misfits = _Records(file), 0
            while True:
                try:
                    record = next(records, None)
                    if records.err_count > misfits:
                        misfits = records.err_count
                        where = f"{path}, record {number}"
                        yield (
                            number,
                            ReadResult(problem=f"{where}: it does not end where it says; its page may be cut."),
                        )
                    if record is None:
                        return
                    number += 1
                    if number <= skip or record.rec_type not in ("response", "resource"):
                        continue
                    reading = self._read_record(record, f"{path}, record {number}")
                except Exception as error:  # warcio raises anything on broken archives
                    # Behind a broken record the beginning of the next one is unknown.
                    reason = " ".join(str(error).split())[:200] or type(error).__name__
                    yield (
                        number,
                        ReadResult(problem=f"{path}, record {number + 1}: the archive is broken here: {reason}."),
                    )
                    return
                part = min(1.0, file.tell() / size)
                if reading is not None:
                    yield number, ReadResult(reading.article, reading.problem, part)

    def _read_record(self, record: Any, where: str) -> ReadResult | None:
        """Reads one record. An error in its page costs this record; an error in reading its bytes ends the archive."""
        try:
            head = self._head(record)
        except Exception as error:
            return ReadResult(problem=unexpected_problem(where, error))
        if head is None:
            return None
        raw = record.raw_stream.read(self._limit + 1)
        try:
            return self._page(head, raw, where)
        except Exception as error:
            return ReadResult(problem=unexpected_problem(f"{where}: {head.url}", error))

    def _head(self, record: Any) -> "_RecordHead | None":
        """The head of a record that holds a wanted page; None for all others."""
        url = record.rec_headers.get_header("WARC-Target-URI") or ""
        url = url.strip("<> ")
        if domain_of(url) is None or not self._match.search(url) or url.endswith("/robots.txt"):
            return None
        now = self._context.now()
        crawled = min(dates.parse(record.rec_headers.get_header("WARC-Date")) or now, now)  # no page is from tomorrow
        if self._since is not None and crawled < self._since:
            return None
        headers = {name.lower(): value for name, value in (record.http_headers.headers if record.http_headers else ())}
        kind = headers.get("content-type", record.rec_headers.get_header("Content-Type") or "").lower()
        status = record.http_headers.get_statuscode() if record.http_headers else "200"
        return _RecordHead(url, crawled, headers, kind) if status == "200" and "html" in kind else None

    def _page(self, head: "_RecordHead", raw: bytes, where: str) -> ReadResult | None:
        if len(raw) > self._limit:
            return ReadResult(problem=f"{where}: {head.url} is larger than {self._limit} bytes.")
        try:
            body = self._body(raw, head.headers, self._limit)
        except (content_encoding.TooLarge, content_encoding.Undecodable) as error:
            return ReadResult(problem=f"{where}: {head.url}: {error}.")
        response = Response(200, head.url, {"content-type": head.kind}, body)
        found = html_article.extract(body, url=head.url, charset=response.charset)
        if not found.body:
            return None  # a front page, a list or a gallery: no article, and no problem
        return ReadResult(self._article(found, head.url, head.crawled, where))

    def _body(self, raw: bytes, headers: Mapping[str, str], limit: int) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            raw = _unchunked(raw)
        encoding = headers.get("content-encoding", "")
        try:
            return content_encoding.decode(raw, encoding, limit)
        except content_encoding.Undecodable:
            # Many crawlers keep the header and store the unpacked body.
            if b"<" in raw[:1024]:
                return raw
            raise

    def _article(self, found: html_article.Page, url: str, crawled: datetime, where: str) -> Article:
        return html_article.to_article(
            found,
            url=url,
            source=source_of(self._config, url)
            if self._config.options.get("source")
            else html_article.source_of(found, url) or source_of(self._config, url),
            fetched=crawled,
            raw={"archive": where.rpartition("/")[2]},  # without the folders, which are private
        )


def _unchunked(raw: bytes) -> bytes:
    """Joins the chunks of a body; a body without chunks stays as it is, because some crawlers keep the header.

    warcio's ChunkedDataReader does the same for whole bodies; of broken ones it mixes lengths of chunks into the page.
    """
    out, position = bytearray(), 0
    while True:
        line_end = raw.find(b"\r\n", position, position + 20)
        try:
            size = int(raw[position:line_end].split(b";")[0], 16) if line_end > 0 else -1
        except ValueError:
            size = -1
        if size < 0:
            return bytes(out) if out else raw
        if size == 0:
            return bytes(out)
        out += raw[line_end + 2 : line_end + 2 + size]
        position = line_end + 2 + size + 2
