"""Articles from a feed: the full text of each item's page, or the feed's own where the page cannot be had."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from connectors import options
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step, unexpected_problem
from connectors.parsing import dates, html_article
from connectors.parsing import feed as feeds
from connectors.parsing.article_factory import make_article, source_of
from connectors.parsing.feed import Entry
from connectors.web.client import HttpStatusError, Response, Validators, max_age
from pipeline import identity
from pipeline.errors import InputError, SourceError
from pipeline.models import Article

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
PAGE_TYPES = ("text/html", "application/xhtml", "text/plain", "application/xml", "text/xml")
OPTIONS = {
    "pages": "whether to fetch each item's page: `always`, `auto` (where the feed gives little text), or `never`; "
    "default: `always`",
    "source": "who publishes the articles; default: the domain of their addresses",
    "language": "the articles' language, as `en`; default: what page or feed say",
}
_TRIES = 3  # polls in which a page is asked for before the feed's own text has to do
_WHOLE = timedelta(days=1)
_REMEMBERED = 2000  # items that have left the feed
_LONG = 1500  # characters that are a whole article, for `pages: auto`
_PERMANENT_ERRORS = (401, 402, 403, 404, 406, 410, 451)


class FeedConnector:
    """Reads one feed. Its cursor: validators, and of each item what it was when it was published."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        options.check(config, OPTIONS)
        self._config = config
        self._context = context
        self._pages = str(config.options.get("pages") or "always")
        if self._pages not in ("always", "auto", "never"):
            raise InputError(f"Source {config.id}: pages is {self._pages!r}; it can be always, auto or never.")

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """The items that are new or changed, oldest first."""
        state = dict(cursor)
        url = str(cursor.get("url") or self._config.location)
        now = self._context.now()
        try:
            response = await self._context.client.get(url, validators=self._validators(cursor, now), accept=ACCEPT)
        except HttpStatusError as error:
            if state.pop("url", None) and error.status in (404, 410):
                yield Step(None, state)  # where it had moved to it is no more: next time at its old address again
            raise
        if response.moved_to:
            state["url"] = response.moved_to
        if response.not_modified:
            if not cursor.get("whole"):
                raise SourceError(f"{url} says that nothing has changed, although it was never read.")
            yield Step(None, state, progress=1.0, hints=self._unchanged(cursor, response))
            return
        whole = {"whole": now.isoformat(), "body": hashlib.sha256(response.body).hexdigest()[:16]}
        if whole["body"] == cursor.get("body") and not cursor.get("tries"):  # the same again, from a simple server
            yield Step(None, state | whole, progress=1.0, hints=self._unchanged(cursor, response))
            return
        feed = await self._parse(response)
        seen: dict[str, str] = dict(cursor.get("seen") or {})
        tries: dict[str, int] = dict(cursor.get("tries") or {})
        fresh = [entry for entry in feed.entries if not seen.get(entry.key, "").startswith(f"{entry.mark}|")]
        for problem in feed.unread:
            yield Step(None, cursor, problem)
        for number, entry in enumerate(reversed(fresh), 1):
            before = seen.get(entry.key, "").split("|")
            revision = int(before[2]) if len(before) == 3 else None
            try:
                article, problem = await self._article(entry, feed, tries, revision)
            except Exception as error:  # one item's: the feed goes on, and asks for it again when it changes
                tries.pop(entry.key, None)
                article, problem = None, unexpected_problem(self._where(entry), error)
            if article is None and entry.key in tries:
                yield Step(None, state | {"seen": dict(seen), "tries": dict(tries)}, problem)
                continue
            same = article is None or (len(before) == 3 and before[1] == article.content_hash[:8])
            if article is not None and same:
                seen[entry.key] = f"{entry.mark}|{before[1]}|{before[2]}"
            elif article is not None:
                seen[entry.key] = f"{entry.mark}|{article.content_hash[:8]}|{article.revision}"
            else:
                seen[entry.key] = f"{entry.mark}||"
            step = state | {"seen": dict(seen), "tries": dict(tries)}
            yield Step(None if same else article, step, problem, progress=number / len(fresh))
        found = response.validators
        state |= whole | {
            "seen": _kept(seen, [entry.key for entry in feed.entries]),
            "tries": {key: count for key, count in tries.items() if any(key == one.key for one in feed.entries)},
            # Validators stand only when every item was dealt with: else a 304 would hide those that wait.
            "etag": found.etag,
            "last_modified": found.last_modified,
            "asks": feed.interval,
        }
        hints = PollHints(
            interval=_longest(feed.interval, max_age(response.headers)),
            moved_to=response.moved_to,
            hub=response.link("hub") or feed.hub,
            topic=response.link("self") or feed.topic or response.url,
            title=feed.title,
        )
        yield Step(None, state, problem=f"{url}: {feed.problem}" if feed.problem and not feed.entries else "",
                   progress=1.0, hints=hints)  # fmt: skip

    def _unchanged(self, cursor: Cursor, response: Response) -> PollHints:
        interval = _longest(cursor.get("asks"), max_age(response.headers))
        return PollHints(interval=interval, moved_to=response.moved_to, unchanged=True)

    def _validators(self, cursor: Cursor, now: datetime) -> Validators | None:
        """What makes the request conditional; None where all of the feed is wanted.

        That is so while items wait to be tried again, and once a day: some servers say for ever that nothing changed.
        """
        whole = dates.parse(cursor.get("whole"))
        if cursor.get("tries") or whole is None or now - whole > _WHOLE:
            return None
        return Validators(cursor.get("etag"), cursor.get("last_modified"))

    async def _parse(self, response: Response) -> feeds.Feed:
        headers = response.headers
        return await asyncio.to_thread(
            feeds.parse,
            response.body,
            url=response.url,
            content_type=headers.get("content-type", ""),
            language=headers.get("content-language", ""),
        )

    async def _article(
        self, entry: Entry, feed: feeds.Feed, tries: dict[str, int], previous: int | None
    ) -> tuple[Article | None, str]:
        """The item's article; or why there is none now. An entry left in `tries` is asked for again next time."""
        problem = ""
        wanted = self._pages == "always" or (self._pages == "auto" and len(entry.body) < _LONG)
        if wanted and entry.link and not entry.shared_link:
            try:
                article = await self._from_page(entry, feed, previous)
                if article is not None:
                    tries.pop(entry.key, None)
                    return article, ""
                problem = f"{entry.link}: no article was found in this page."
            except SourceError as error:
                problem = str(error)
                passing = not (isinstance(error, HttpStatusError) and error.status in _PERMANENT_ERRORS)
                count = tries.get(entry.key, 0) + 1
                if passing and count < _TRIES and "robots.txt forbids" not in problem:
                    tries[entry.key] = count
                    return None, problem
            except Exception as error:  # the page's: the feed has a text of its own
                problem = unexpected_problem(entry.link, error)
        tries.pop(entry.key, None)
        if not entry.body.strip():
            return None, problem or f"{self._where(entry)} has no text."
        return self._from_feed(entry, feed, previous, problem), problem

    async def _from_page(self, entry: Entry, feed: feeds.Feed, previous: int | None) -> Article | None:
        response = await self._context.client.get(entry.link, accept="text/html, */*;q=0.5", types=PAGE_TYPES)
        found = await asyncio.to_thread(html_article.extract, response.body, url=response.url, charset=response.charset)
        # Where the page shows less than the feed, the feed has the article and the page a teaser or a consent form.
        if not found.body or (len(found.body) < len(entry.body) and len(found.body) < 600):
            return None
        modified = found.modified or entry.modified
        return make_article(
            url=entry.link,
            canonical=found.canonical or response.url,
            body=found.body,
            source=self._source(feed, response.url),
            fetched=self._context.now(),
            headline=found.headline or entry.title,
            byline=found.byline or entry.byline,
            published=found.published or entry.published,
            modified=modified,
            language=self._language(found.language or entry.language or feed.language),
            tags=[found.section, *found.tags, *entry.tags],
            raw={"feed": self._config.location, "text": "page"} | ({"paywalled": "true"} if found.paywalled else {}),
            previous_revision=previous,
            undated=self._context.planned,
        )

    def _from_feed(self, entry: Entry, feed: feeds.Feed, previous: int | None, problem: str) -> Article:
        link = entry.link or self._config.location
        own = f"urn:whosaid:item:{identity.digest(self._config.location, entry.key)}"
        return make_article(
            url=link,
            canonical=own if entry.shared_link else None,
            body=entry.body,
            source=self._source(feed, link),
            fetched=self._context.now(),
            headline=entry.title,
            byline=entry.byline,
            published=entry.published,
            modified=entry.modified,
            language=self._language(entry.language or feed.language),
            tags=entry.tags,
            raw={"feed": self._config.location, "text": "feed"} | ({"page": problem} if problem else {}),
            previous_revision=previous,
            undated=self._context.planned,
        )

    def _where(self, entry: Entry) -> str:
        return f"{entry.link or self._config.location}: {entry.title!r}"

    def _source(self, feed: feeds.Feed, url: str) -> Any:
        found = source_of(self._config, url)
        named = self._config.name or self._config.options.get("source")
        return found if named or not feed.title else found.model_copy(update={"name": feed.title})

    def _language(self, found: str | None) -> str | None:
        return str(self._config.options.get("language") or found or "") or None


def _longest(*seconds: float | None) -> float | None:
    return max(filter(None, seconds), default=None)


def _kept(seen: dict[str, str], current: list[str]) -> dict[str, str]:
    """What is in the feed now, and the newest of what has left it: some items come back."""
    now = set(current)
    gone = [key for key in seen if key not in now][-_REMEMBERED:]
    return {key: seen[key] for key in (*gone, *current) if key in seen}
