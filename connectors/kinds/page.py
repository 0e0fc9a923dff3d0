"""Reads a single web page, again whenever it changes."""

import asyncio
from collections.abc import AsyncIterator

from connectors import options
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step
from connectors.parsing import html_article
from connectors.parsing.article_factory import source_of
from connectors.web.client import Response, Validators, max_age
from pipeline.errors import SourceError

OPTIONS = {"source": "who publishes the page; default: the domain of its address"}
ACCEPT = "text/html, */*;q=0.5"
TYPES = ("text/html", "application/xhtml", "text/plain", "application/xml", "text/xml")
"""The beginnings of the content types that pages have."""


class PageConnector:
    """Reads one page. Its cursor holds the validators, and the article's hash and revision."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        options.check(config, OPTIONS)
        self._config = config
        self._context = context

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Yields the page's article where it is new or changed."""
        url = str(cursor.get("url") or self._config.location)
        validators = Validators(cursor.get("etag"), cursor.get("last_modified"))
        response = await self._context.client.get(url, validators=validators, types=TYPES)
        hints = PollHints(
            interval=max_age(response.headers), moved_to=response.moved_to, unchanged=response.not_modified
        )
        if response.not_modified:
            yield Step(None, cursor, progress=1.0, hints=hints)
            return
        page = await extract(response)
        if not page.body:
            raise SourceError(f"No article was found at {url}.")
        article = html_article.to_article(
            page,
            url=url,
            source=source_of(self._config, response.url),
            fetched=self._context.now(),
            previous_revision=cursor.get("revision"),
            fallback_time=self._context.scheduled,
        )
        fresh = response.validators
        state = {"etag": fresh.etag, "last_modified": fresh.last_modified, "content": article.content_hash}
        if response.moved_to or cursor.get("url"):
            state["url"] = response.moved_to or cursor.get("url")
        if cursor.get("content") == article.content_hash:
            yield Step(None, state | {"revision": cursor.get("revision")}, progress=1.0, hints=hints)
        else:
            yield Step(article, state | {"revision": article.revision}, progress=1.0, hints=hints)


async def extract(response: Response) -> html_article.Page:
    """Reads the article of a response in a thread of its own, because that takes long."""
    return await asyncio.to_thread(html_article.extract, response.body, url=response.url, charset=response.charset)
