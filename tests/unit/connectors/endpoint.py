"""The push endpoint before a broker that remembers, for the tests of pushes and of WebSub."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from pydantic import SecretStr

from connectors.base import Context
from connectors.publisher import DeliveryReport
from connectors.push.server import application
from connectors.web.client import Client
from pipeline.errors import BrokerUnavailable
from pipeline.models import Article
from tests.fixtures.simulator.server import everywhere_local
from tests.unit.connectors.helpers import NOW
from tests.unit.connectors.helpers import settings as made
from tests.unit.connectors.memory_store import MemoryStore


class Broker:
    def __init__(self) -> None:
        self.articles: list[Article] = []
        self.away = False
        self.refused: list[str] = []

    async def deliver(self, articles: list[Article]) -> DeliveryReport:
        if self.away:
            raise BrokerUnavailable("Kafka did not take the articles; try again.")
        self.articles += articles
        taken = articles[len(self.refused) :]
        return DeliveryReport(len(taken), list(self.refused), [article.id for article in taken])


@asynccontextmanager
async def endpoint(
    broker: Broker, store: MemoryStore | None = None, **changes: object
) -> AsyncIterator[httpx.AsyncClient]:
    given = made(**({"push_token": SecretStr("word"), "push_max_bytes": 5000} | changes))
    async with Client(given.connectors, resolver=everywhere_local) as client:
        app = application(Context(given, client, now=lambda: NOW), store or MemoryStore(), broker.deliver)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://push.test"
        ) as http:
            yield http
