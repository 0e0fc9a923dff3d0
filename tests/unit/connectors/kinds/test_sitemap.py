import gzip
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import SourceConfig
from connectors.discovery import discover
from connectors.kinds.sitemap import parse
from connectors.parsing import html_article
from pipeline.errors import InputError, SourceError
from tests.fixtures.simulator.server import Answer, Request
from tests.unit.connectors.helpers import articles, collect, playing, problems, story

pytestmark = pytest.mark.anyio

URL = "https://news.test/sitemap.xml"
NAMES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
)
NEWS = (
    "<news:news><news:publication><news:name>The Paper</news:name><news:language>en</news:language></news:publication>"
    "<news:publication_date>2025-03-12T10:00:00Z</news:publication_date><news:title>A &amp; B</news:title></news:news>"
)


def urls(*inner: str) -> bytes:
    return f"<?xml version='1.0'?><urlset {NAMES}>{''.join(f'<url>{one}</url>' for one in inner)}</urlset>".encode()


def test_a_news_sitemap_is_read_with_what_it_says_of_articles() -> None:
    image = "<image:image xmlns:image='http://www.google.com/schemas/sitemap-image/1.1'><image:loc>x</image:loc></image:image>"
    (link,) = parse(
        urls(f"{image}<loc> https://news.test/1 </loc>{NEWS}<lastmod>2025-03-12T11:00Z</lastmod>"), url=URL
    ).links
    assert (link.url, link.title, link.language) == ("https://news.test/1", "A & B", "en")
    assert link.published == datetime(2025, 3, 12, 10, tzinfo=UTC)
    assert link.modified == datetime(2025, 3, 12, 11, tzinfo=UTC)


def test_a_feed_as_a_sitemap_is_read_with_its_dates() -> None:
    item = "<item><title>A &amp; B</title><link>/1</link><pubDate>Wed, 12 Mar 2025 10:00:00 GMT</pubDate></item>"
    (link,) = parse(
        f"<rss version='2.0'><channel>{item}<item><title>C</title></item></channel></rss>".encode(), url=URL
    ).links
    assert (link.url, link.title) == ("https://news.test/1", "A & B")
    assert link.published == datetime(2025, 3, 12, 10, tzinfo=UTC)
    entry = "<entry><title>A</title><link href='https://news.test/2'/><updated>2025-03-12T11:00:00Z</updated></entry>"
    (link,) = parse(f"<feed xmlns='http://www.w3.org/2005/Atom'>{entry}</feed>".encode(), url=URL).links
    assert link.url == "https://news.test/2"


@pytest.mark.parametrize(
    ("data", "links", "maps"),
    [
        (urls("<loc>https://a.test/1</loc>", "<loc>javascript:x</loc>", "", "<loc>http://[</loc>"), 1, 0),
        (b"<urlset><url><loc>https://a.test/1</loc></url>", 1, 0),
        (b"<urlset><url><loc>https://a.test/1?a=1&b=2</loc></url></urlset>", 1, 0),
        (b"\n<sitemapindex><sitemap><loc>https://a.test/s.xml</loc></sitemap></sitemapindex>", 0, 1),
        (b"https://a.test/1\nhttps://a.test/2\nnot an address\n", 2, 0),
        (urls(), 0, 0),
        (urls("<loc>https://a.test/\xed\xa0\x801</loc>").replace(b"\xc3\xad\xc2\xa0\xc2\x80", b"\xed\xa0\x80"), 1, 0),
        (b"<urlset><url><loc>https://a.test/1</loc><a:b:c>x</a:b:c></url></urlset>", 1, 0),
        (b"<urlset><url><loc>https://a.test:port/1</loc></url></urlset>", 0, 0),
        (
            b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>https://a.test/&e;</loc></url></urlset>",
            1,
            0,
        ),
    ],
)
def test_sitemaps_of_every_shape_are_read(data: bytes, links: int, maps: int) -> None:
    found = parse(data, url=URL)
    assert (len(found.links), len(found.maps)) == (links, maps)
    assert all("root:" not in link.url for link in found.links)


@pytest.mark.parametrize(
    "data",
    [b"<urlset:http://[><x/>", b"<:></:>", b"", b"Not found", b"<html></html>", b"<rss></rss>", b"<", b"\x00\x01"],
)
def test_what_is_no_sitemap_is_said(data: bytes) -> None:
    with pytest.raises(SourceError, match="no sitemap"):
        parse(data, url=URL)


def site(request: Request) -> Answer:
    base = f"http://{request.host}"
    recent, old = "<lastmod>2025-03-12T08:00:00Z</lastmod>", "<lastmod>2024-01-01</lastmod>"
    index = (
        f"<sitemapindex {NAMES}><sitemap><loc>{base}/new.xml.gz</loc>{recent}</sitemap>"
        f"<sitemap><loc>{base}/old.xml</loc>{old}</sitemap><sitemap><loc>{base}/gone.xml</loc>{recent}</sitemap></sitemapindex>"
    )
    new = urls(
        f"<loc>{base}/story/1</loc>{recent}", f"<loc>{base}/story/2</loc>{old}", f"<loc>{base}/video/3</loc>{recent}"
    )
    answers = {
        "/robots.txt": Answer(body=f"Sitemap: {base}/news-index.xml\n"),
        "/news-index.xml": Answer(body=index),
        "/new.xml.gz": Answer(body=gzip.compress(new)),
        "/story/1": Answer(body=story("Story 1")),
        "/feed.xml": Answer(
            body=f"<rss version='2.0'><channel><title>F</title><item><link>{base}/story/1</link></item></channel></rss>"
        ),
        "/comments.xml": Answer(body="<rss version='2.0'><channel><title>Comments</title></channel></rss>"),
        "/": Answer(body="<html><head><link rel='alternate' type='application/rss+xml' href='/feed.xml'>"
                    "<link rel=alternate type='application/rss+xml' href='/missing.xml'></head>"
                    "<body><a href='comments.xml'>RSS</a><a href='http://['>x</a></body></html>"),
    }  # fmt: skip
    return answers.get(request.path, Answer(404))


async def test_an_index_is_followed_and_pages_are_read_once() -> None:
    async with playing(site) as (server, context):
        config = SourceConfig("s", "sitemap", server.url("/news-index.xml"), options={"match": "/story/"})
        first = await collect(config, context)
        assert [article.headline for article in articles(first)] == ["Story 1"]
        assert any("gone.xml" in problem for problem in problems(first))
        assert (server.asked("/old.xml"), server.asked("/video/3")) == ([], [])
        assert articles(await collect(config, context, first[-1].cursor)) == []
        assert len(server.asked("/story/1")) == 1


async def test_a_missing_page_is_said_once() -> None:
    async with playing(site) as (server, context):
        config = SourceConfig("s", "sitemap", server.url("/new.xml.gz"), options={"days": 1})
        first = await collect(config, context)
        assert any("video/3 is not there" in problem for problem in problems(first))
        assert not any("video/3" in one for one in problems(await collect(config, context, first[-1].cursor)))


@pytest.mark.parametrize("options", [{"match": "("}, {"days": "few"}, {"limit": "x"}, {"since": "x"}, {"day": 1}])
async def test_options_that_cannot_be_used_are_said(options: dict[str, object]) -> None:
    async with playing(site) as (server, context):
        with pytest.raises(InputError, match="Source s"):
            await collect(SourceConfig("s", "sitemap", server.url("/x"), options=options), context)


async def test_a_sites_feeds_and_news_sitemaps_are_found() -> None:
    async with playing(site) as (server, context):
        found = await discover(server.url("/"), context)
        assert [(one.kind, one.url, one.title) for one in found] == [
            ("feed", server.url("/feed.xml"), "F"),
            ("feed", server.url("/comments.xml"), "Comments"),
            ("sitemap", server.url("/news-index.xml"), ""),
        ]


async def test_the_address_of_a_feed_is_that_feed() -> None:
    def bare(request: Request) -> Answer:
        if request.path == "/rss.xml":
            return Answer(body="<rss version='2.0'><channel><title>Hidden</title></channel></rss>")
        return Answer(body="<html><body>Hi</body></html>") if request.path == "/" else Answer(404)

    async with playing(site) as (server, context):
        (feed,) = await discover(server.url("/feed.xml"), context)
        assert (feed.kind, feed.entries) == ("feed", 1)
    async with playing(bare) as (server, context):
        assert [one.title for one in await discover(server.url("/"), context)] == ["Hidden"]


@pytest.mark.guarantee("record-alone")
async def test_an_error_that_should_not_be_costs_its_own_page(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = html_article.extract

    def broken(data: bytes, **options: Any) -> html_article.Page:
        if b"Story 2" in data:
            raise ZeroDivisionError("oops")
        return whole(data, **options)

    monkeypatch.setattr(html_article, "extract", broken)

    def site(request: Request) -> Answer:
        if request.path == "/sitemap.xml":
            return Answer(body=urls(*(f"<loc>http://{request.host}/story/{n}</loc>" for n in (1, 2, 3))))
        return Answer(body=story(f"Story {request.path[-1]}")) if "story" in request.path else Answer(404)

    async with playing(site) as (server, context):
        config = SourceConfig("m", "sitemap", server.url("/sitemap.xml"))
        items = await collect(config, context)
        assert [article.headline for article in articles(items)] == ["Story 1", "Story 3"]
        (bad,) = problems(items)
        assert "/story/2: cannot be read: unexpected error (ZeroDivisionError); the log has its trace." in bad
        assert articles(await collect(config, context, items[-1].cursor)) == []


def test_addresses_are_addresses_in_any_case() -> None:
    assert [link.url for link in parse(b"HTTP://news.test/1\nHttps://news.test/2\n", url=URL).links] == [
        "HTTP://news.test/1",
        "Https://news.test/2",
    ]
