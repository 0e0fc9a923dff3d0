"""A newspaper with a feed for the tests of the feed connector."""

from collections.abc import Callable
from typing import Any

from connectors.base import Context, SourceConfig
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.unit.connectors.helpers import playing, story

DATE = "<pubDate>Wed, 12 Mar 2025 11:{:02}:00 GMT</pubDate>"


class Paper:
    """Stories by number; what a story's page answers can be set."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)
        self.pages: dict[int, Answer] = {}
        self.etag = ""
        self.extra = ""
        self.text = "A teaser."
        self.dated = True
        self.feed: Answer | None = None

    def __call__(self, request: Request) -> Answer:
        if request.path == "/robots.txt":
            return Answer(404)
        if request.path.startswith("/story/"):
            number = int(request.path.rpartition("/")[2])
            page = Answer(body=story(f"Story {number}"), headers={"Content-Type": "text/html"})
            return self.pages.get(number, page)
        if self.feed is not None:
            return self.feed
        if self.etag and request.headers.get("if-none-match") == self.etag:
            return Answer(304)
        items = "".join(
            f"<item><title>Story {n}</title><link>/story/{n}</link>{DATE.format(n) if self.dated else ''}"
            f"<description>{self.text}</description></item>"
            for n in reversed(self.numbers)
        )
        headers = {"Content-Type": "application/rss+xml", "Cache-Control": "max-age=600"}
        body = f"<rss version='2.0'><channel><title>The Paper</title>{self.extra}{items}</channel></rss>"
        return Answer(body=body, headers=headers | ({"ETag": self.etag} if self.etag else {}))


async def polling(paper: Paper, steps: Callable[[Server, Context, SourceConfig], Any], **options: Any) -> None:
    async with playing(paper) as (server, context):
        await steps(server, context, SourceConfig("paper", "feed", server.url("/feed"), options=options))
