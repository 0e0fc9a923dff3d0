"""Connector processes that die, a push endpoint whose Kafka is away, other people's topics, and the commands."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from connectors.base import Context, SourceConfig
from connectors.publisher import ArticlePublisher
from connectors.push.server import application
from connectors.registry import make
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.source_state import StaleState
from connectors.web.client import Client
from pipeline import kafka_client, topics
from pipeline.models import Article
from pipeline.settings import Settings, environment
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.integration.test_connectors import published
from tests.unit.connectors.memory_store import MemoryStore

pytestmark = [pytest.mark.engines, pytest.mark.anyio]
FEEDS, STORIES = 12, 15


@pytest.fixture
def polite(settings: Settings) -> Settings:
    changes = {"allow_private_addresses": True, "host_interval": 0, "minimum_interval": 1, "lease": 4, "concurrency": 4}
    return settings.model_copy(update={"connectors": settings.connectors.model_copy(update=changes)})


def feed_of(number: int) -> str:
    items = "".join(
        f"<item><title>S{n}</title><link>https://news.test/{number}/{n}</link>"
        f"{'' if n % 2 else f'<pubDate>Wed, 12 Mar 2025 12:{n:02}:00 GMT</pubDate>'}"
        f"<description>Text {n} of {number}.</description></item>"
        for n in range(STORIES)
    )
    return f"<rss version='2.0'><channel><title>{number}</title>{items}</channel></rss>"


@pytest.mark.guarantee("connector-advances")
async def test_the_sources_of_a_killed_process_are_taken_over(polite: Settings, tmp_path: Path) -> None:
    async def slow(request: Request) -> Answer:
        await asyncio.sleep(0.6)  # so that the kill falls into the middle of fetches
        return (
            Answer(404)
            if request.path.startswith(("/robots", "/probe"))
            else Answer(body=feed_of(int(request.path[1:])))
        )

    # Half of the items have no date of their own: their revisions, too, must be equal whoever publishes them.
    def start() -> subprocess.Popen[bytes]:
        script = "from pipeline.cli.main import run; import sys; sys.argv=['whosaid','connect']; run()"
        command = [sys.executable, "-c", script]
        return subprocess.Popen(command, env=os.environ | environment(polite), stderr=subprocess.DEVNULL)

    async with Server(slow) as server:
        configs = [
            SourceConfig(f"s{n}", "feed", server.url(f"/{n}", "127.0.0.1"), options={"pages": "never"})
            for n in range(FEEDS)
        ]
        with ArticlePublisher(polite):  # makes the topics
            pass
        async with ElasticsearchStore(polite) as store:
            processes = [start(), start()]
            try:
                await both_look_for_sources(store, processes, server)
                await store.add(configs, Context(polite, None).now())  # type: ignore[arg-type]
                orphans = await killed_while_it_reads(store, processes[0], server)
                killed = time.monotonic()
                taken = await taken_over(store, orphans, f"-{processes[1].pid}-")
                waited = time.monotonic() - killed
                # A lease, the looks for sources that are due, and the reading itself; the machine may be busy.
                assert waited < polite.connectors.lease + 20, waited
                assert taken == orphans
                async with asyncio.timeout(90):
                    while not all(state.last_success for state in await store.all()):  # noqa: ASYNC110
                        await asyncio.sleep(0.3)
            finally:
                for process in processes:
                    process.terminate()
                for process in processes:
                    process.wait(timeout=30)
    found = [(article.id, article.revision) for article in published(polite)]
    assert len({identifier for identifier, _ in found}) == FEEDS * STORIES  # nothing lost
    assert len(set(found)) == FEEDS * STORIES  # what came twice is an equal revision


async def both_look_for_sources(
    store: ElasticsearchStore, processes: list[subprocess.Popen[bytes]], server: Server
) -> None:
    """Waits until each of the processes was seen to read something."""
    seen: set[str] = set()
    pids = {f"-{process.pid}-" for process in processes}
    now = datetime.now(UTC)
    probes = [SourceConfig(f"probe{n}", "page", server.url(f"/probe{n}", "127.0.0.1")) for n in range(12)]
    await store.add(probes, now)
    async with asyncio.timeout(90):
        while seen != pids:
            seen |= {pid for state in await store.all() for pid in pids if pid in state.owner}
            for state in await store.all():
                if state.free(datetime.now(UTC)) and state.due and state.due > now:
                    with contextlib.suppress(StaleState):
                        await store.save(replace(state, due=None), release=False)
            await asyncio.sleep(0.2)
    for probe in probes:
        await store.remove(probe.id)


async def killed_while_it_reads(
    store: ElasticsearchStore, process: subprocess.Popen[bytes], server: Server
) -> set[str]:
    """Kills the process when the server has requests of it that are not answered yet; the sources that it held."""
    async with asyncio.timeout(60):
        while True:
            states = await store.all()
            held = {state.id for state in states if f"-{process.pid}-" in state.owner and not state.last_success}
            if held and any(server.asked(f"/{one.removeprefix('s')}") for one in held):
                break
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    states = await store.all()  # what it still finished in the moment before its death is no orphan
    orphans = {state.id for state in states if f"-{process.pid}-" in state.owner}
    assert orphans, "the process was killed between its polls"
    return orphans


async def taken_over(store: ElasticsearchStore, orphans: set[str], by: str) -> set[str]:
    """Waits until all of the sources were read; those that the other process was seen to hold."""
    taken: set[str] = set()
    async with asyncio.timeout(90):
        while True:
            states = [state for state in await store.all() if state.id in orphans]
            taken |= {state.id for state in states if by in state.owner}
            if all(state.last_success for state in states):
                return taken
            await asyncio.sleep(0.05)


async def test_push_accepts_only_what_kafka_has(polite: Settings) -> None:
    secured = polite.model_copy(
        update={
            "connectors": polite.connectors.model_validate(
                {**polite.connectors.model_dump(), "push_token": "word"}, strict=False
            ),
            "kafka": polite.kafka.model_copy(update={"request_timeout": 2}),
        }
    )
    with ArticlePublisher(secured) as publisher:

        async def deliver(articles: list[Article]) -> object:
            return await asyncio.to_thread(publisher.deliver, articles)

        async with Client(secured.connectors) as client:
            app = application(Context(secured, client), MemoryStore(), deliver)  # type: ignore[arg-type]
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://push.test", timeout=60) as http:
                headers = {"Authorization": "Bearer word"}
                lines = "\n".join(json.dumps({"id": n, "text": f"He said {n}."}) for n in range(50))
                answer = await http.post("/articles", content=lines, headers=headers)
                assert (answer.status_code, answer.json()["accepted"]) == (202, 50)
                assert {one.id for one in published(polite)} == set(answer.json()["ids"])


@pytest.mark.guarantee("any-date")
async def test_a_foreign_topic_is_read_by_a_mapping_and_resumed(polite: Settings) -> None:
    name = f"{polite.kafka.prefix}theirs"
    theirs = topics.Topic(name, partitions=2, replication=1, config={})
    kafka_client.ensure_topics(polite, [theirs])
    producer = kafka_client.producer(polite)
    for number in range(30):
        value = {"payload": {"story": f"He said {number}."}, "ref": f"https://a.test/{number}"}
        producer.send(name, key=str(number).encode(), value=json.dumps(value).encode())
    producer.send(name, value=b"nonsense")
    # A date of 309 digits, and one that no calendar has: such a record is read without a date, and stops nobody.
    for date in ("9" * 309, '"0001-01-01T00:00:00+14:00"'):
        undated = f'{{"payload": {{"story": "Undated."}}, "ref": "https://a.test/undated-{len(date)}", "date": {date}}}'
        producer.send(name, value=undated.encode())
    producer.flush()

    async def work() -> None:
        async with Client(polite.connectors) as client:
            context = Context(polite, client)
            options = {"mapping": {"body": "payload.story", "url": "ref"}, "source": "Theirs", "limit": 20}
            config = SourceConfig("k", "kafka", name, options=options)
            first = [item async for item in make(config, context).articles({})]
            second = [item async for item in make(config, context).articles(first[-1].cursor)]
            assert (len(first), len(second)) == (21, 14)  # the last of each is the stand alone
            assert [first[-1].hints.next_poll_in, second[-1].hints.next_poll_in] == [0, 2]  # type: ignore[union-attr]
            found = [item.article for item in (*first, *second) if item.article]
            assert len({article.url for article in found}) == 32
            assert {article.source.name for article in found} == {"Theirs"}
            assert len([item.problem for item in (*first, *second) if item.problem]) == 1
            (third,) = [item async for item in make(config, context).articles(second[-1].cursor)]
            assert (third.article, third.cursor) == (None, second[-1].cursor)
            again = [item async for item in make(config, context).articles({})]
            assert [one.article.revision for one in again if one.article] == [  # Kafka's own time: the same each time
                one.article.revision for one in first if one.article
            ]
            later = {**options, "since": "2999-01-01", "once": True}
            (nothing,) = [item async for item in make(replace(config, options=later), context).articles({})]
            assert nothing.hints is not None
            assert nothing.hints.finished

    await work()
    producer.close()
