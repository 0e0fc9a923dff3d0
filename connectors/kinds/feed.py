"""Reads a feed: the full text of each item's page, or the feed's own text where the page cannot be fetched."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors import options
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step, closing, unexpected_problem
from connectors.kinds import page
from connectors.kinds.seen_items import SeenItems
from connectors.parsing import dates, html_article
from connectors.parsing import feed as feeds
from connectors.parsing.article_factory import make_article, source_of
from connectors.parsing.feed import Entry
from connectors.web.client import HttpStatusError, Response, RobotsForbidden, Validators, max_age
from pipeline import identity
from pipeline.errors import InputError, SourceError
from pipeline.models import Article

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
OPTIONS = {
    "pages": "whether to fetch each item's page: `always`, `auto` (where the feed gives little text), or `never`; "
    "default: `always`",
    "source": "who publishes the articles; default: the domain of their addresses",
    "language": "the articles' language, as `en`; default: what page or feed say",
}
_TRIES = 3  # polls that try a page before the feed's own text is taken
_WHOLE = timedelta(days=1)  # between two requests for the whole feed
_REMEMBERED = 2000  # items that have left the feed; some come back
_DATES = 64  # dates of items that are kept, to know the feed's pace by
_PAST = timedelta(days=366)  # how old they are, at the most
_TEASER = 600  # characters; a page that shows less of an article than its feed shows a teaser
_LONG = 1500  # characters of a whole article, for `pages: auto`
_PERMANENT_ERRORS = (401, 402, 403, 404, 406, 410, 451)


class FeedConnector:
    """Reads one feed. Its cursor holds the validators, and each item as it was when it was read."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        options.check(config, OPTIONS)
        self._config = config
        self._context = context
        self._pages = str(config.options.get("pages") or "always")
        if self._pages not in ("always", "auto", "never"):
            raise InputError(f"Source {config.id}: pages is {self._pages!r}; it can be always, auto or never.")

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Yields the items that are new or changed, oldest first."""
        url = str(cursor.get("url") or self._config.location)
        now = self._context.now()
        try:
            response = await self._context.client.get(url, validators=self._validators(cursor, now), accept=ACCEPT)
        except HttpStatusError as error:
            if cursor.get("url") and error.status in (404, 410):  # gone from where it had moved to
                yield Step(None, _without(cursor, "url"))  # the next poll asks at its old address again
            raise
        state = {**cursor, "url": response.moved_to} if response.moved_to else dict(cursor)
        if response.not_modified:
            if not cursor.get("whole"):
                raise SourceError(f"{url} says that nothing has changed, although it was never read.")
            yield Step(None, state, progress=1.0, hints=self._unchanged(cursor, response))
            return
        whole = {"whole": now.isoformat(), "body": hashlib.sha256(response.body).hexdigest()[:16]}
        if whole["body"] == cursor.get("body") and not cursor.get(
            "tries"
        ):  # a server without validators sends the same bytes again
            yield Step(None, state | whole, progress=1.0, hints=self._unchanged(cursor, response))
            return
        feed = await self._parse(response)
        for problem in feed.unread:
            yield Step(None, cursor, problem)
        seen = SeenItems(cursor)
        async with closing(self._items(feed, seen, state)) as steps:
            async for step in steps:
                yield step
        # Validators are kept only now that every item was dealt with: before, a 304 would hide those that wait.
        fresh = response.validators
        state |= whole | {"etag": fresh.etag, "last_modified": fresh.last_modified, "asks": feed.interval}
        state["dates"] = _dates(feed, cursor, now)
        state |= seen.current([entry.key for entry in feed.entries], gone=_REMEMBERED)
        problem = f"{url}: {feed.problem}" if feed.problem and not feed.entries else ""
        yield Step(None, state, problem, progress=1.0, hints=_hints(feed, response, state))

    async def _items(self, feed: feeds.Feed, seen: SeenItems, state: Cursor) -> AsyncIterator[Step]:
        """Reads the items that are new or changed, oldest first."""
        fresh = [entry for entry in feed.entries if seen.is_new(entry.key, entry.mark)]
        for number, entry in enumerate(reversed(fresh), 1):
            try:
                article, problem = await self._read(entry, feed, seen)
            except Exception as error:  # the fault of one item: the feed goes on, and reads it again when it changes
                problem = unexpected_problem(self._where(entry), error)
                article = seen.record(entry.key, entry.mark, None)
            yield Step(article, seen.cursor(state), problem, progress=number / len(fresh))

    def _unchanged(self, cursor: Cursor, response: Response) -> PollHints:
        interval = _longest(cursor.get("asks"), max_age(response.headers))
        return PollHints(interval=interval, dates=_moments(cursor), moved_to=response.moved_to, unchanged=True)

    def _validators(self, cursor: Cursor, now: datetime) -> Validators | None:
        """The validators of a conditional request; None where the whole feed is wanted.

        The whole feed is wanted while items wait for another attempt, and once a day: some servers answer for ever that
        nothing has changed.
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

    async def _read(self, entry: Entry, feed: feeds.Feed, seen: SeenItems) -> tuple[Article | None, str]:
        """The item's article where its content is new, and the problem of its page where that cannot be read."""
        previous, problem = seen.revision(entry.key), ""
        if self._wants_page(entry):
            try:
                if (article := await self._from_page(entry, feed, previous)) is not None:
                    return seen.record(entry.key, entry.mark, article), ""
                problem = f"{entry.link}: no article was found in this page."
            except SourceError as error:
                problem = str(error)
                if not _is_permanent(error) and seen.record_failure(entry.key) < _TRIES:
                    return None, problem  # the next poll asks for it again
            except Exception as error:  # the fault of the page: the feed has a text of its own
                problem = unexpected_problem(entry.link, error)
        if not entry.body.strip():
            return seen.record(entry.key, entry.mark, None), problem or f"{self._where(entry)} has no text."
        return seen.record(entry.key, entry.mark, self._from_feed(entry, feed, previous, problem)), problem

    def _wants_page(self, entry: Entry) -> bool:
        wanted = self._pages == "always" or (self._pages == "auto" and len(entry.body) < _LONG)
        return wanted and bool(entry.link) and not entry.shared_link

    async def _from_page(self, entry: Entry, feed: feeds.Feed, previous: int | None) -> Article | None:
        """The article of the item's page; None where the page has none, or less of it than the feed."""
        response = await self._context.client.get(entry.link, accept=page.ACCEPT, types=page.TYPES)
        found = await page.extract(response)
        # Where the page shows less than the feed, the feed has the article and the page a teaser or a consent form.
        if not found.body or (len(found.body) < len(entry.body) and len(found.body) < _TEASER):
            return None
        return html_article.to_article(
            html_article.completed(
                found,
                canonical=response.url,
                headline=entry.title,
                byline=entry.byline,
                published=entry.published,
                modified=entry.modified,
                language=entry.language or feed.language,
                tags=entry.tags,
            ),
            url=entry.link,
            source=self._source(feed, response.url),
            fetched=self._context.now(),
            language=self._language(None),
            raw={"feed": self._config.location, "text": "page"},
            previous_revision=previous,
            fallback_time=self._context.scheduled,
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
            fallback_time=self._context.scheduled,
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


def _dates(feed: feeds.Feed, cursor: Cursor, now: datetime) -> list[int]:
    """When the newest items were published, in seconds since 1970; among them items that have left the feed.

    An item without a date that was not there before came between two polls: it has the time of this one.
    """
    before = cursor.get("seen")
    stated = (entry.published for entry in feed.entries if entry.published)
    found = {int(date.timestamp()) for date in stated if now - _PAST <= date <= now}
    if before is not None:
        undated = [entry for entry in feed.entries if not entry.published and entry.key not in before]
        found |= {int(now.timestamp()) - number for number in range(len(undated))}
    return sorted({*found, *(cursor.get("dates") or ())})[-_DATES:]


def _moments(state: Cursor) -> tuple[datetime, ...]:
    return tuple(datetime.fromtimestamp(seconds, UTC) for seconds in state.get("dates") or ())


def _hints(feed: feeds.Feed, response: Response, state: Cursor) -> PollHints:
    return PollHints(
        interval=_longest(feed.interval, max_age(response.headers)),
        dates=_moments(state),
        moved_to=response.moved_to,
        hub=response.link("hub") or feed.hub,
        topic=response.link("self") or feed.topic or response.url,
        title=feed.title,
    )


def _is_permanent(error: SourceError) -> bool:
    """Whether the same page will fail again, so that no further attempt is worth a request."""
    if isinstance(error, HttpStatusError):
        return error.status in _PERMANENT_ERRORS
    return isinstance(error, RobotsForbidden)


def _without(cursor: Cursor, name: str) -> Cursor:
    return {key: value for key, value in cursor.items() if key != name}
