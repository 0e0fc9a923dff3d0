"""Reads the pages of a site's sitemaps: news sitemaps, plain and packed ones, and indexes of sitemaps."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from connectors import options
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step, unexpected_problem
from connectors.kinds import page
from connectors.kinds.seen_items import SeenItems
from connectors.parsing import dates, feed, html_article
from connectors.parsing.article_factory import one_line, source_of
from connectors.web.client import HttpStatusError, Response, RobotsForbidden, check_url
from connectors.web.content_encoding import TooLarge, Undecodable, gunzip
from pipeline import identity
from pipeline.errors import SourceError
from pipeline.models import Article

OPTIONS = {
    "days": "how many days old the last change of an article may be; default: 3",
    "match": "a regular expression that addresses must contain; default: all",
    "limit": "articles read in one poll; default: 200",
    "source": "who publishes the articles; default: the domain of their addresses",
    "since": "a date in the place of `days`: all articles changed since then, the oldest first; default: none",
    "once": "true: the source is paused when all is read; default: false",
}
_REFERENCE = re.compile(rb"&#x?[0-9a-fA-F]{1,8};")
_MOST_MAPS = 50  # sitemaps of one index that are read in a poll
_MOST_LINKS = 50_000  # by the standard
_REMEMBERED = 20_000  # pages
_TRIES = 3  # polls that try a page


@dataclass(frozen=True)
class Link:
    """An address in a sitemap, with what a news sitemap says about it."""

    url: str
    modified: datetime | None = None
    published: datetime | None = None
    title: str = ""
    language: str | None = None


@dataclass(frozen=True)
class Sitemap:
    """The addresses of pages and of other sitemaps."""

    links: list[Link]
    maps: list[Link]


def parse(data: bytes, *, url: str) -> Sitemap:
    """Parses a sitemap: XML, plain text with an address on each line, or a feed, which the standard allows.

    Raises:
        SourceError: it is no sitemap.
    """
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
        plain = [Link(line) for line in lines if line.lower().startswith(("http://", "https://"))]
        if not plain:
            raise SourceError(f"{url} is no sitemap.")
        return Sitemap(plain[:_MOST_LINKS], [])
    try:
        return _read(data, url)
    except UnicodeDecodeError:  # the parser's recovery lets through numbers that are no characters
        return _read(_REFERENCE.sub(b"?", data), url)


def _read(data: bytes, url: str) -> Sitemap:
    reader = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(data, reader)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceError(f"{url} is no sitemap: {one_line(str(error))}.") from None
    if root is not None and _name(root).lower() in ("rss", "feed", "rdf"):
        entries = [one for one in feed.parse(data, url=url).entries if one.link]
        if entries:
            return Sitemap(
                [Link(one.link, one.modified, one.published, one.title, one.language) for one in entries], []
            )
    if root is None or _name(root) not in ("urlset", "sitemapindex"):
        raise SourceError(f"{url} is no sitemap.")
    links: list[Link] = []
    maps: list[Link] = []
    for element in root.iterchildren():
        kind = _name(element)
        if kind not in ("url", "sitemap"):
            continue
        try:
            link = _link(element, url)
        except Exception as error:  # the fault of one address: the sitemap goes on
            unexpected_problem(f"{url}, line {element.sourceline}", error)
            continue
        if link is not None:
            (links if kind == "url" else maps).append(link)
        if len(links) >= _MOST_LINKS:
            break
    return Sitemap(links, maps)


class SitemapConnector:
    """Reads a sitemap and the pages in it. Its cursor holds each page as it was when it was read."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self._config = config
        self._context = context
        options.check(config, OPTIONS)
        self._window = timedelta(days=min(options.number(config, "days", 3), 36_500))
        self._match = options.pattern(config, "match")
        self._limit = int(options.number(config, "limit", 200, least=1))
        self._since = options.moment(config, "since")
        self._once = options.flag(config, "once")

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Yields the pages that are new or changed within the window, oldest first."""
        since = self._since or self._context.now() - self._window
        problems: list[str] = []
        links = await self._collect(since, problems)
        seen = SeenItems(cursor)
        keyed = {identity.digest(identity.canonical_url(link.url), length=16): link for link in links}
        fresh = [(key, link) for key, link in keyed.items() if seen.is_new(key, _mark(link))]
        fresh.sort(key=lambda entry: str(entry[1].modified or entry[1].published or ""))
        for problem in problems:
            yield Step(None, cursor, problem)
        chosen = fresh[-self._limit :] if not self._since else fresh[: self._limit]
        for number, (key, link) in enumerate(chosen, 1):
            article, problem = await self._read(key, link, seen)
            yield Step(article, seen.cursor(), problem, progress=number / len(chosen))
        done = self._once and len(chosen) == len(fresh) and not seen.waiting
        state = seen.newest(max(_REMEMBERED, 2 * len(keyed)))
        yield Step(None, state, progress=1.0, hints=PollHints(finished=done))

    async def _collect(self, since: datetime, problems: list[str]) -> list[Link]:
        first = await self._fetch(self._config.location)
        links = list(first.links)
        recent = [sitemap for sitemap in first.maps if sitemap.modified is None or sitemap.modified >= since]
        recent.sort(key=lambda sitemap: str(sitemap.modified or ""), reverse=True)
        for sitemap in recent[:_MOST_MAPS]:
            try:
                inner = await self._fetch(sitemap.url)
            except SourceError as error:
                problems.append(str(error))
                continue
            links += inner.links
        if not links and problems:
            raise SourceError(problems[0])

        def wanted(link: Link) -> bool:
            moment = link.modified or link.published
            return bool(self._match.search(link.url)) and (moment is None or moment >= since)

        return [link for link in links if wanted(link)]

    async def _fetch(self, url: str) -> Sitemap:
        response = await self._context.client.get(url, accept="application/xml, text/xml, */*;q=0.5")
        limit = self._context.settings.connectors.max_bytes
        try:
            data = gunzip(response.body, limit)
        except (TooLarge, Undecodable) as error:
            raise SourceError(f"{url} cannot be unpacked: {error}.") from None
        return await asyncio.to_thread(parse, data, url=response.url)

    async def _read(self, key: str, link: Link, seen: SeenItems) -> tuple[Article | None, str]:
        """The article of an address where its content is new, and the problem where it cannot be read."""
        article, problem = None, ""
        try:
            response = await self._context.client.get(link.url, accept=page.ACCEPT, types=page.TYPES)
            found = await page.extract(response)
            if found.body:
                article = self._article(link, response, found, seen.revision(key))
            else:
                problem = f"{link.url}: no article was found in this page."
        except SourceError as error:
            problem = str(error)
            if not _is_permanent(error) and seen.record_failure(key) < _TRIES:
                return None, problem  # the next poll asks for it again
        except Exception as error:  # the fault of one page: the sitemap goes on
            problem = unexpected_problem(link.url, error)
        return seen.record(key, _mark(link), article), problem

    def _article(self, link: Link, response: Response, found: html_article.Page, previous: int | None) -> Article:
        return html_article.to_article(
            html_article.completed(
                found,
                canonical=response.url,
                headline=link.title,
                published=link.published or link.modified,
                modified=link.modified,
                language=link.language,
            ),
            url=link.url,
            source=source_of(self._config, response.url),
            fetched=self._context.now(),
            raw={"sitemap": self._config.location},
            previous_revision=previous,
            fallback_time=self._context.scheduled,
        )


def _is_permanent(error: SourceError) -> bool:
    """Whether the same address will fail again, so that no further attempt is worth a request."""
    if isinstance(error, HttpStatusError):
        return 400 <= error.status < 500 and error.status != 429
    return isinstance(error, RobotsForbidden)


def _mark(link: Link) -> str:
    return identity.digest(str(link.modified or ""), str(link.published or ""), length=8)


def _link(element: Any, base: str) -> Link | None:
    values: dict[str, str] = {}
    for child in element.iter():
        if isinstance(child.tag, str) and child.text and child.text.strip():
            parent = child.getparent()
            if parent is None or _name(parent) not in ("image", "video"):  # these also have a loc and a title
                values.setdefault(_name(child), child.text.strip())
    if not values.get("loc"):
        return None
    try:
        url = check_url(urljoin(base, values["loc"]))
    except (SourceError, ValueError):
        return None
    return Link(
        url,
        modified=dates.parse(values.get("lastmod")),
        published=dates.parse(values.get("publication_date")),
        title=one_line(values.get("title")),
        language=values.get("language"),
    )


def _name(element: Any) -> str:
    """The element's name without its namespace, also where the parser's recovery left one that XML forbids."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
