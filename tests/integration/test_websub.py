"""What a WebSub hub tells of is searchable within seconds: connector, push endpoint, worker and sink, as they run."""

import asyncio
import hashlib
import hmac
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from elastic_transport import ObjectApiResponse
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from connectors.base import Context
from connectors.push.server import application
from connectors.push.websub import callback_key, secret
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.runner import run
from connectors.web.client import Client
from pipeline import elasticsearch_client
from pipeline.identity import article_id
from pipeline.settings import Settings
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.integration.parts import Part
from tests.unit.connectors.helpers import story

pytestmark = [pytest.mark.engines, pytest.mark.anyio]

WITHIN = 5.0
"""Seconds from a hub's message until a search finds the article, with the settings' own intervals."""

MESSAGES = 3


class Paper:
    """A newspaper whose feed names a hub."""

    def __init__(self) -> None:
        self.stories = 1
        self.subscribed: list[bytes] = []

    def __call__(self, request: Request) -> Answer:
        if request.path == "/hub":
            self.subscribed.append(request.body)
            return Answer(202)
        if request.path == "/feed":
            items = "".join(
                f"<item><title>Story {number}</title><link>http://{request.host}/story/{number}</link></item>"
                for number in range(self.stories, 0, -1)
            )
            hub = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='hub' href='http://{request.host}/hub'/>"
            feed = f"<rss version='2.0'><channel><title>The Paper</title>{hub}{items}</channel></rss>"
            return Answer(body=feed, headers={"Content-Type": "application/rss+xml"})
        if request.path.startswith("/story/"):
            return Answer(body=story(f"Story {request.path[-1]}"), headers={"Content-Type": "text/html"})
        return Answer(404)


async def searchable(client: Elasticsearch, settings: Settings, id: str) -> float:
    """Waits until a search finds the article; when that was."""
    alias, query = settings.articles_alias, {"ids": {"values": [id]}}

    def search() -> ObjectApiResponse[Any]:
        return client.search(index=alias, query=query, ignore_unavailable=True)

    async with asyncio.timeout(180):
        while True:
            found = await asyncio.to_thread(elasticsearch_client.wait_for_shards, search)
            if found["hits"]["hits"]:
                return time.monotonic()
            await asyncio.sleep(0.1)  # Elasticsearch tells nobody when it has refreshed


async def test_what_a_hub_tells_of_is_found_in_seconds(settings: Settings, tmp_path: Path) -> None:
    changes = {"allow_private_addresses": True, "push_token": SecretStr("word")}
    settings = settings.model_copy(
        update={
            "connectors": settings.connectors.model_copy(update=changes),
            "enrichment": settings.enrichment.model_copy(update={"processes": 1}),
        }
    )
    paper, stop, waited = Paper(), threading.Event(), []
    async with Server(paper) as server, ElasticsearchStore(settings) as store, Client(settings.connectors) as web:
        feed = server.url("/feed", "127.0.0.1")
        ids = [article_id(server.url(f"/story/{number}", "127.0.0.1")) for number in range(1, MESSAGES + 2)]
        sources = tmp_path / "sources.yaml"
        sources.write_text(f"sources:\n  - id: paper\n    location: {feed}\n")
        push = httpx.ASGITransport(application(Context(settings, web), store, _nothing))  # type: ignore[arg-type]
        callback = f"http://push.test/websub/paper/{callback_key(settings, 'paper')}"
        with (
            Part(settings, "enrich", tmp_path / "enrich.log"),
            Part(settings, "sink", tmp_path / "sink.log"),
            elasticsearch_client.connect(settings) as client,
        ):
            connector = asyncio.create_task(asyncio.to_thread(run, settings, sources, stop=stop))
            try:
                await searchable(client, settings, ids[0])
                async with httpx.AsyncClient(transport=push) as hub:
                    topic = {"hub.mode": "subscribe", "hub.topic": feed, "hub.challenge": "c0de"}
                    assert (await hub.get(callback, params=topic)).text == "c0de"
                    for number in range(1, MESSAGES + 1):
                        paper.stories += 1
                        told = time.monotonic()
                        signature = hmac.new(secret(settings, "paper").encode(), b"<rss/>", hashlib.sha256).hexdigest()
                        headers = {"X-Hub-Signature-256": f"sha256={signature}"}
                        assert (await hub.post(callback, content=b"<rss/>", headers=headers)).status_code == 202
                        waited.append(await searchable(client, settings, ids[number]) - told)
                state = await store.get("paper")
                assert state.subscribed_until is not None
                assert state.subscribed_until > datetime.now(UTC)
            finally:
                stop.set()
                await connector
    # Of the parts' own waits there are 3.5 s at the most; the rest is work, which a busy machine does more slowly.
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert min(waited) <= WITHIN * busy, waited


async def _nothing(articles: object) -> None:
    raise AssertionError("no article is pushed here")
