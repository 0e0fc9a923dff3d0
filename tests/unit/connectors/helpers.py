"""What tests of connectors share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from connectors.base import Context, Cursor, SourceConfig, Step
from connectors.registry import make
from connectors.web.client import Client
from pipeline.models import Article
from pipeline.settings import ConnectorSettings, Settings
from tests.fixtures.simulator.server import Handler, Server, everywhere_local

NOW = datetime(2025, 3, 12, 12, 0, tzinfo=UTC)


def settings(**changes: Any) -> Settings:
    given = {"allow_private_addresses": True, "host_interval": 0, "timeout": 3, "total_timeout": 5} | changes
    return Settings(connectors=ConnectorSettings(**given))


@asynccontextmanager
async def playing(handler: Handler, **changes: Any) -> AsyncIterator[tuple[Server, Context]]:
    """A server that every host name leads to, and a context to read it with."""
    chosen = settings(**changes)
    async with Server(handler) as server, Client(chosen.connectors, resolver=everywhere_local) as client:
        yield server, Context(chosen, client, now=lambda: NOW)


async def collect(config: SourceConfig, context: Context, cursor: Cursor | None = None) -> list[Step]:
    return [item async for item in make(config, context).articles(cursor or {})]


def articles(items: list[Step]) -> list[Article]:
    return [item.article for item in items if item.article is not None]


def problems(items: list[Step]) -> list[str]:
    return [item.problem for item in items if item.problem]


def story(title: str = "Dam reopened", paragraphs: int = 4, head: str = "", body: str = "") -> str:
    """A page with an article of a few paragraphs."""
    text = "".join(
        f"<p>Paragraph {number} of {title} tells at some length what happened in the valley, who came to see it, and "
        f"what officials in the capital of Ostavia had to say about the costs of the repairs that took two years.</p>"
        for number in range(1, paragraphs + 1)
    )
    return (
        f"<!doctype html><html lang='en'><head><title>{title}</title>{head}</head><body><nav><a href='/'>Home</a></nav>"
        f"<article><h1>{title}</h1>{text}{body}</article><footer>All rights reserved.</footer></body></html>"
    )
