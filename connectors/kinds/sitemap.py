"""Articles from a site's sitemaps: news sitemaps, indexes of sitemaps, packed ones; the newest first looked for."""

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
from connectors.kinds.feed import PAGE_TYPES
from connectors.parsing import dates, feed, html_article
from connectors.parsing.article_factory import make_article, one_line, source_of
from connectors.web.client import HttpStatusError, Response, check_url
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
_REMEMBERED = 20_000
_TRIES = 3


@dataclass(frozen=True)
class Link:
    """An address in a sitemap, with what a news sitemap says of it."""

    url: str
    modified: datetime | None = None
    published: datetime | None = None
    title: str = ""
    language: str | None = None


@dataclass(frozen=True)
class Sitemap:
    """Articles, or other sitemaps."""

    links: list[Link]
    maps: list[Link]


def parse(data: bytes, *, url: str) -> Sitemap:
    """The sitemap of these bytes: XML, plain text with an address on each line, or a feed, which the standard allows.

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
    except UnicodeDecodeError:  # the parser's repair lets numbers through that are no characters
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
        except Exception as error:  # one address's: the sitemap goes on
            unexpected_problem(f"{url}, line {element.sourceline}", error)
            continue
        if link is not None:
            (links if kind == "url" else maps).append(link)
        if len(links) >= _MOST_LINKS:
            break
    return Sitemap(links, maps)


class SitemapConnector:
    """Reads a sitemap and the pages in it. Its cursor: what each page was when it was published."""

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
        """The pages that are new or changed within the window, oldest first."""
        since = self._since or self._context.now() - self._window
        problems: list[str] = []
        links = await self._collect(since, problems)
        seen: dict[str, str] = dict(cursor.get("seen") or {})
        tries: dict[str, int] = dict(cursor.get("tries") or {})
        keyed = {identity.digest(identity.canonical_url(link.url), length=16): link for link in links}
        fresh = [(key, link) for key, link in keyed.items() if seen.get(key, "").partition("|")[0] != _mark(link)]
        fresh.sort(key=lambda one: str(one[1].modified or one[1].published or ""))
        for problem in problems:
            yield Step(None, cursor, problem)
        chosen = fresh[-self._limit :] if not self._since else fresh[: self._limit]
        for number, (key, link) in enumerate(chosen, 1):
            item = await self._read(key, link, seen, tries)
            yield Step(item.article, item.cursor, item.problem, progress=number / len(chosen))
        kept = dict(list(seen.items())[-max(_REMEMBERED, 2 * len(keyed)) :])
        done = self._once and len(chosen) == len(fresh) and not tries
        yield Step(None, {"seen": kept, "tries": tries}, progress=1.0, hints=PollHints(done=done))

    async def _collect(self, since: datetime, problems: list[str]) -> list[Link]:
        first = await self._fetch(self._config.location)
        links = list(first.links)
        recent = [one for one in first.maps if one.modified is None or one.modified >= since]
        recent.sort(key=lambda one: str(one.modified or ""), reverse=True)
        for one in recent[:_MOST_MAPS]:
            try:
                inner = await self._fetch(one.url)
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

    async def _read(self, key: str, link: Link, seen: dict[str, str], tries: dict[str, int]) -> Step:
        before = seen.get(key, "").split("|")

        def done(problem: str = "", state: str = "||") -> Step:
            seen.pop(key, None)
            seen[key] = _mark(link) + state[1:] if state.startswith("||") else state
            tries.pop(key, None)
            return Step(None, {"seen": dict(seen), "tries": dict(tries)}, problem)

        try:
            response = await self._context.client.get(link.url, accept="text/html, */*;q=0.5", types=PAGE_TYPES)
            found = await asyncio.to_thread(
                html_article.extract, response.body, url=response.url, charset=response.charset
            )
            article = self._article(link, response, found, before) if found.body else None
        except SourceError as error:
            lasting = isinstance(error, HttpStatusError) and 400 <= error.status < 500 and error.status != 429
            tries[key] = tries.get(key, 0) + 1
            if lasting or tries[key] >= _TRIES or "robots.txt forbids" in str(error):
                return done(str(error))
            return Step(None, {"seen": dict(seen), "tries": dict(tries)}, str(error))
        except Exception as error:  # one page's: the sitemap goes on
            return done(unexpected_problem(link.url, error))
        if article is None:
            return done(f"{link.url}: no article was found in this page.")
        same = len(before) == 3 and before[1] == article.content_hash[:8]
        state = f"{_mark(link)}|{article.content_hash[:8]}|{before[2] if same else article.revision}"
        item = done(state=state)
        return item if same else Step(article, item.cursor)

    def _article(self, link: Link, response: Response, found: html_article.Page, before: list[str]) -> Article:
        return make_article(
            url=link.url,
            canonical=found.canonical or response.url,
            body=found.body,
            source=source_of(self._config, response.url),
            fetched=self._context.now(),
            headline=found.headline or link.title,
            byline=found.byline,
            published=found.published or link.published or link.modified,
            modified=found.modified or link.modified,
            language=found.language or link.language,
            tags=[found.section, *found.tags],
            raw={"sitemap": self._config.location} | ({"paywalled": "true"} if found.paywalled else {}),
            undated=self._context.planned,
            previous_revision=int(before[2]) if len(before) == 3 and before[2] else None,
        )


def _mark(link: Link) -> str:
    return identity.digest(str(link.modified or ""), str(link.published or ""), length=8)


def _link(element: Any, base: str) -> Link | None:
    values: dict[str, str] = {}
    for one in element.iter():
        if isinstance(one.tag, str) and one.text and one.text.strip():
            parent = one.getparent()
            if parent is None or _name(parent) not in ("image", "video"):  # these have a loc and a title, too
                values.setdefault(_name(one), one.text.strip())
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
    """The element's name without its namespace, also where the parser's repair has left one that XML does not allow."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
