"""What is fuzzed: each target takes bytes and may refuse them by a sentence; anything else is a find."""

import asyncio
import gzip
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors import feeds, formats, page, push, sitemap, sources
from connectors.article import make_article
from connectors.base import Context, SourceConfig
from connectors.feeds import Feed
from connectors.formats import Options
from connectors.http import Client
from connectors.warc import WarcConnector
from pipeline.errors import InputError, SourceError, WhoSaidError
from pipeline.models import Article, Source
from tests.fixtures.feeds.broken import BROKEN
from tests.fixtures.feeds.cases import CASES as FEEDS
from tests.fixtures.feeds.items import ITEMS
from tests.fixtures.feeds.more import MORE
from tests.fixtures.pages.cases import CASES as PAGES
from tests.fixtures.pages.more import MORE as MORE_PAGES
from tests.unit.connectors.helpers import NOW, settings
from tests.unit.connectors.test_warc import archive

URL = "https://news.test/x"
SOURCE = Source(id="s", name="S")
LONGEST = 20_000  # bytes of a fixture that is changed; the huge ones have tests of their own


@dataclass(frozen=True)
class Target:
    """A function that takes bytes, and documents to begin with."""

    name: str
    corpus: Sequence[bytes]
    run: Callable[[bytes], None]


def _kept(articles: Iterable[Article | None]) -> None:
    """What becomes an article can be sent: it is JSON in UTF-8, and comes back the same."""
    for article in articles:
        if article is not None:
            assert Article.model_validate_json(article.model_dump_json().encode()) == article


def _sentence(error: WhoSaidError) -> None:
    assert str(error).endswith("."), f"no sentence: {error}"


def _feed(data: bytes) -> None:
    try:
        feed: Feed = feeds.parse(data, url=URL)
    except SourceError as error:
        _sentence(error)
        return
    assert len({entry.key for entry in feed.entries}) == len(feed.entries)
    _kept(
        make_article(
            url=entry.link or URL, body=entry.body, source=SOURCE, fetched=NOW, headline=entry.title,
            byline=entry.byline, published=entry.published, modified=entry.modified, language=entry.language,
            tags=entry.tags,
        )
        for entry in feed.entries[:50]
    )  # fmt: skip


def _page(data: bytes) -> None:
    found = page.extract(data, url=URL)
    assert all(line == line.strip() and line for line in found.body.split("\n")) or not found.body
    if found.body:
        _kept([page.to_article(found, url=URL, source=SOURCE, fetched=NOW)])


def _sitemap(data: bytes) -> None:
    try:
        found = sitemap.parse(data, url=URL)
    except SourceError as error:
        _sentence(error)
        return
    assert all(link.url.startswith("http") for link in (*found.links, *found.maps))


def _context() -> Context:
    given = settings()
    return Context(given, Client(given.connectors), now=lambda: NOW)


def _push(data: bytes) -> None:
    articles, problems = push._parse(data, CONTEXT)
    assert all(problems)
    _kept(articles)


def _file(kind: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        readings = formats.READERS[kind](
            data, name="a", address="file:///a", options=Options(), fetched=NOW, modified=NOW
        )
        _kept(reading.article for reading in readings)

    return run


def _warc(data: bytes) -> None:
    async def read(path: Path) -> list[Article | None]:
        connector = WarcConnector(SourceConfig("w", "warc", str(path)), CONTEXT)
        return [item.article async for item in connector.articles({})]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.warc.gz" if data[:2] == b"\x1f\x8b" else "a.warc")
        path.write_bytes(data)
        _kept(asyncio.run(read(path)))


def _opml(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.opml"
        path.write_bytes(data)
        try:
            sources.from_opml(path)
        except InputError as error:
            _sentence(error)


CONTEXT = _context()
_FEEDS = [case.data for case in (*FEEDS, *ITEMS, *BROKEN, *MORE) if len(case.data) < LONGEST]
_PAGES = [case.data for case in (*PAGES, *MORE_PAGES) if len(case.data) < LONGEST]
_RECORDS = [
    json.dumps(one).encode()
    for one in (
        {
            "url": URL,
            "body": "He said so.",
            "published": "2025-03-12T12:00:00Z",
            "tags": ["a"],
            "author": {"name": "J"},
        },
        [{"text": "a", "id": 7}, {"articleBody": "<p>b</p>", "mainEntityOfPage": {"@id": URL}}],
        {"articles": [{"content": {"rendered": "<p>c</p>"}, "source": {"id": "s", "name": "S", "domain": "s.test"}}]},
        {"uri": "urn:x:1", "headlines": [{"value": "H"}], "bodies": [{"value": "<p>d</p>"}], "pubstatus": "usable"},
    )
]
_ARCHIVES = [
    archive((URL, page_, headers), packed=packed)
    for packed in (True, False)
    for page_, headers in (
        (_PAGES[0], {}),
        (gzip.compress(_PAGES[1]), {"Content-Encoding": "gzip"}),
        (b"%x\r\n%s\r\n0\r\n\r\n" % (len(_PAGES[2]), _PAGES[2]), {"Transfer-Encoding": "chunked"}),
    )
]
_MAP = (
    b"<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>https://news.test/1</loc>"
    b"<lastmod>2025-03-12</lastmod></url></urlset>"
)
_NITF = (
    b"<nitf><head><docdata><date.issue norm='20250312T101500Z'/></docdata></head><body><body.head><hedline><hl1>H</hl1>"
    b"</hedline></body.head><body.content><p>One <em>two</em>.</p></body.content></body></nitf>"
)
_OPML = b"<opml><body><outline text='A'><outline xmlUrl='https://a.test/'/></outline></body></opml>"
TARGETS = (
    Target("feed", _FEEDS, _feed),
    Target("page", _PAGES, _page),
    Target("warc", _ARCHIVES, _warc),
    Target("push", [*_RECORDS, b"\n".join(_RECORDS)], _push),
    Target("sitemap", [_MAP, _MAP.replace(b"urlset", b"sitemapindex"), b"https://news.test/1\n"], _sitemap),
    Target("nitf", [_NITF], _file("nitf")),
    Target("csv", [b"title,text\nT,He said so.\n", b'title;text\n"T";"He said\nso."\n'], _file("csv")),
    Target("opml", [_OPML], _opml),
)
