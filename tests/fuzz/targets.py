"""What is fuzzed: each target takes bytes and may refuse them by a sentence; anything else is a find."""

import asyncio
import contextlib
import gzip
import ipaddress
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from pathlib import Path

from connectors import source_files
from connectors.base import Context, SourceConfig
from connectors.kinds import sitemap
from connectors.kinds.warc import WarcConnector
from connectors.parsing import dates, file_formats, html_article
from connectors.parsing import feed as feeds
from connectors.parsing.article_factory import make_article
from connectors.parsing.feed import Feed
from connectors.parsing.file_formats import Options
from connectors.push import server
from connectors.web.client import Client
from pipeline.control_characters import for_terminal
from pipeline.errors import InputError, SourceError, WhoSaidError
from pipeline.identity import canonical_url
from pipeline.models import Article, Source
from pipeline.web_addresses import refusal
from tests.fixtures.feeds.broken import BROKEN
from tests.fixtures.feeds.cases import CASES as FEEDS
from tests.fixtures.feeds.items import ITEMS
from tests.fixtures.feeds.more import MORE
from tests.fixtures.pages.cases import CASES as PAGES
from tests.fixtures.pages.more import MORE as MORE_PAGES
from tests.unit.connectors.helpers import NOW, settings
from tests.unit.connectors.kinds.test_warc import archive

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
    """What becomes an article can be sent: it is JSON in UTF-8, and comes back the same; no terminal obeys it."""
    for article in articles:
        if article is not None:
            event = article.model_dump_json()
            assert Article.model_validate_json(event.encode()) == article
            assert for_terminal(event) == event
            assert "\x1b" not in f"{article.body}{article.headline}{article.byline}{article.url}{article.source}"


def _foreseen(problems: Iterable[str]) -> None:
    """What is refused is refused by a sentence, and not by an error that should not be."""
    for problem in problems:
        assert not problem or problem.endswith("."), f"no sentence: {problem}"
        assert "unexpected error" not in problem, problem


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
    found = html_article.extract(data, url=URL)
    assert all(line == line.strip() and line for line in found.body.split("\n")) or not found.body
    if found.body:
        _kept([html_article.to_article(found, url=URL, source=SOURCE, fetched=NOW)])


def _sitemap(data: bytes) -> None:
    try:
        found = sitemap.parse(data, url=URL)
    except SourceError as error:
        _sentence(error)
        return
    assert all(link.url.lower().startswith("http") for link in (*found.links, *found.maps))


def _context() -> Context:
    given = settings()
    return Context(given, Client(given.connectors), now=lambda: NOW)


def _push(data: bytes) -> None:
    articles, problems = server._parse(data, CONTEXT)
    assert all(problems)
    _foreseen(problems)
    _kept(articles)


def _file(kind: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        readings = list(
            file_formats.READERS[kind](
                data, name="a", address="urn:whosaid:file:1:a", options=Options(), fetched=NOW, modified=NOW
            )
        )
        _foreseen(reading.problem for reading in readings)
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
            source_files.from_opml(path)
        except InputError as error:
            _sentence(error)


def _date(data: bytes) -> None:
    """A text, and the number that it may be, are dates within the calendar or none."""
    text = data.decode("utf-8", "replace")
    values: list[object] = [text, text[:20], [text]]
    for read in (int, float, Decimal, json.loads):
        with contextlib.suppress(ValueError, ArithmeticError, RecursionError):
            values.append(read(text))
    for value in values:
        moment = dates.parse(value)
        assert moment is None or (moment.tzinfo is UTC and moment.year >= 1700)
        kept, _ = dates.clamp(moment, NOW)
        assert kept is None or kept - NOW <= dates.FUTURE_TOLERANCE
        if isinstance(value, float):
            dates.from_timestamp(value)


def _address(data: bytes) -> None:
    """No address is gone to that is none, and no IPv6 address that leads to an IPv4 one which is not public."""
    text = data.decode("utf-8", "replace").strip()
    reason = refusal(text)
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        assert reason
    else:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        public = ip.version == 4 or ip in ipaddress.ip_network("2000::/3") or inner.is_global
        assert reason or (public and ip.is_global)
    once = canonical_url(text)
    assert canonical_url(once) == once


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
_TEXTS = ["Headline\n\nHe said “so”.\n".encode() * 3, "“Ja”, sagte Müller.".encode("cp1252")]
_DATES = [
    b"2025-03-12T12:00:00Z", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"1741780800",
    b"1741780800000",
    b"Wed, 12 Mar 2025 12:00:00 +0200", b"March 12, 2025 2:00 p.m. EET", b"12.3.2025, 12:00 Uhr", b"9" * 309,
    b"-0.0",
]  # fmt: skip
_ADDRESSES = [
    b"8.8.8.8", b"127.0.0.1", b"::ffff:127.0.0.1", b"::ffff:0:127.0.0.1", b"64:ff9b::10.0.0.1", b"2002:7f00:1::1",
    b"fe80::1%eth0", b"2606:4700::6810:84e5", b"http://news.test:80/a?b=1&utm_source=x#c", b"HTTPS://u:p@News.test./%7Ea",
]  # fmt: skip
TARGETS = (
    Target("feed", _FEEDS, _feed),
    Target("page", _PAGES, _page),
    Target("warc", _ARCHIVES, _warc),
    Target("push", [*_RECORDS, b"\n".join(_RECORDS)], _push),
    Target("sitemap", [_MAP, _MAP.replace(b"urlset", b"sitemapindex"), b"https://news.test/1\n"], _sitemap),
    Target("nitf", [_NITF], _file("nitf")),
    Target("xml", [_NITF, *_FEEDS], _file("xml")),
    Target("txt", _TEXTS, _file("txt")),
    Target("json", [*_RECORDS, b"\n".join(_RECORDS)], _file("json")),
    Target("jsonl", [b"\n".join(_RECORDS)], _file("jsonl")),
    Target("date", _DATES, _date),
    Target("address", _ADDRESSES, _address),
    Target("csv", [b"title,text\nT,He said so.\n", b'title;text\n"T";"He said\nso."\n'], _file("csv")),
    Target("opml", [_OPML], _opml),
)
