"""Finds a site's feeds and news sitemaps: on its front page, in its robots.txt, and at the usual addresses."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import lxml.html
from lxml import etree

from connectors.base import Context
from connectors.kinds import sitemap
from connectors.kinds.feed import ACCEPT
from connectors.parsing import feed as feeds
from connectors.parsing import markup
from connectors.parsing.article_factory import one_line
from connectors.web.client import Response, check_url
from connectors.web.content_encoding import TooLarge, Undecodable, gunzip
from pipeline.errors import SourceError

_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
_USUAL = ("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feeds/posts/default", "/feed.json")
_USUAL_MAPS = ("/news-sitemap.xml", "/sitemap-news.xml", "/sitemap_news.xml", "/sitemap.xml")
_MOST = 30


@dataclass(frozen=True)
class DiscoveredSource:
    """A feed or a sitemap that was found, fetched and parsed."""

    kind: str  # feed or sitemap
    url: str
    title: str
    entries: int

    @property
    def comments(self) -> bool:
        """Whether it holds readers' comments instead of articles."""
        return "/comments/" in self.url or self.title.lower().startswith(("comments on", "comments for"))


async def discover(url: str, context: Context, *, thorough: bool = False) -> list[DiscoveredSource]:
    """Finds the feeds of a site, then its news sitemaps. A feed's own address gives that feed alone.

    The usual addresses are tried only where the site itself names none, or with `thorough`.

    Raises:
        SourceError: the site cannot be read.
    """
    url = url if "://" in url else f"https://{url}"
    response = await context.client.get(url, accept=f"text/html, {ACCEPT}")
    if (found := await _look(response, url)) is not None:
        return [found]
    named = await asyncio.to_thread(_links, response)
    results = await _try_all(named[:_MOST], context)
    root = "{0.scheme}://{0.netloc}".format(urlsplit(response.url))
    if thorough or not results:
        results += await _try_all([root + path for path in _USUAL], context)
    maps = [address for address in await context.client.sitemaps(response.url) if "news" in address.lower()]
    if thorough or not results:
        maps += [*await context.client.sitemaps(response.url), *(root + path for path in _USUAL_MAPS)]
    results += await _try_all(list(dict.fromkeys(maps))[:_MOST], context)
    return list({result.url: result for result in reversed(results)}.values())[::-1]


async def _try_all(urls: list[str], context: Context) -> list[DiscoveredSource]:
    async def attempt(url: str) -> DiscoveredSource | None:
        try:
            return await _look(await context.client.get(url, accept=ACCEPT), url)
        except SourceError:
            return None  # nothing at this address; there may be at the others

    found = await asyncio.gather(*(attempt(url) for url in dict.fromkeys(urls)))
    return [result for result in found if result is not None]


async def _look(response: Response, url: str) -> DiscoveredSource | None:
    """The feed or sitemap in a response; None where it is something else."""
    address = response.moved_to or url
    try:
        body = gunzip(response.body, 10 * 2**20)
        feed = await asyncio.to_thread(
            feeds.parse, body, url=response.url, content_type=response.headers.get("content-type", "")
        )
        return DiscoveredSource("feed", address, feed.title, len(feed.entries))
    except (TooLarge, Undecodable):
        return None
    except SourceError:
        pass  # not a feed; it may be a sitemap
    if b"<urlset" not in body[:4096] and b"<sitemapindex" not in body[:4096]:
        return None
    try:
        parsed = await asyncio.to_thread(sitemap.parse, body, url=response.url)
    except SourceError:
        return None
    return DiscoveredSource("sitemap", address, "", len(parsed.links) or len(parsed.maps))


def _links(response: Response) -> list[str]:
    """The feeds that a page names in its head, then those that it links to."""
    content = markup.decode(response.body, response.charset)
    try:
        tree = lxml.html.document_fromstring(content.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (etree.LxmlError, ValueError, AssertionError):
        return []
    base = next((element.get("href") or "" for element in tree.iter("base")), "")
    base = urljoin(response.url, base)
    named = [
        element.get("href") or ""
        for element in tree.iter("link")
        if "alternate" in (element.get("rel") or "").lower().split()
        and (element.get("type") or "").lower().strip() in _TYPES
    ]
    linked = [
        href
        for element in tree.iter("a")
        if (href := element.get("href") or "")
        and (
            urlsplit_path(href).endswith((".rss", ".rdf", ".atom", "/rss", "/feed", "/feed/", "rss.xml", "atom.xml"))
            or one_line(element.text_content()).lower() in ("rss", "rss feed", "atom", "feed")
        )
    ]
    addresses = []
    for href in (*named, *linked):
        try:
            addresses.append(check_url(urljoin(base, href.strip())))
        except (SourceError, ValueError):
            continue
    return list(dict.fromkeys(addresses))


def urlsplit_path(href: str) -> str:
    """The path of a link, in lower case; empty where it cannot be read."""
    try:
        return urlsplit(href).path.lower()
    except ValueError:
        return ""
