"""Connector processes that die, a push endpoint whose Kafka is away, other people's topics, and the commands."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from connectors.base import Context, SourceConfig
from connectors.http import Client
from connectors.publish import Publisher
from connectors.push import application
from connectors.registry import make
from connectors.state import MemoryStore
from connectors.store import ElasticsearchStore
from pipeline import broker, topics
from pipeline.cli import sources as commands
from pipeline.models import Article
from pipeline.settings import Settings, environment
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.integration.test_connectors import Paper, published

pytestmark = pytest.mark.engines
FEEDS, STORIES = 12, 15


@pytest.fixture
def polite(settings: Settings) -> Settings:
    changes = {"allow_private_addresses": True, "host_interval": 0, "minimum_interval": 1, "lease": 4, "concurrency": 4}
    return settings.model_copy(update={"connectors": settings.connectors.model_copy(update=changes)})


def feed_of(number: int) -> str:
    items = "".join(
        f"<item><title>S{n}</title><link>https://news.test/{number}/{n}</link>"
        f"<pubDate>Wed, 12 Mar 2025 12:{n:02}:00 GMT</pubDate><description>Text {n} of {number}.</description></item>"
        for n in range(STORIES)
    )
    return f"<rss version='2.0'><channel><title>{number}</title>{items}</channel></rss>"


def test_of_two_processes_one_is_killed_and_the_other_takes_over_losing_nothing(
    polite: Settings, tmp_path: Path
) -> None:
    async def slow(request: Request) -> Answer:
        await asyncio.sleep(0.4)  # so that the kill falls into the middle of fetches
        return Answer(404) if request.path == "/robots.txt" else Answer(body=feed_of(int(request.path[1:])))

    def start() -> subprocess.Popen[bytes]:
        script = "from pipeline.cli.main import run; import sys; sys.argv=['whosaid','connect']; run()"
        command = [sys.executable, "-c", script]
        return subprocess.Popen(command, env=os.environ | environment(polite), stderr=subprocess.DEVNULL)

    async def work() -> None:
        async with Server(slow) as server:
            configs = [
                SourceConfig(f"s{n}", "feed", server.url(f"/{n}", "127.0.0.1"), options={"pages": "never"})
                for n in range(FEEDS)
            ]
            with Publisher(polite):  # makes the topics
                pass
            async with ElasticsearchStore(polite) as store:
                await store.add(configs, Context(polite, None).now())  # type: ignore[arg-type]
                processes = [start(), start()]
                try:
                    async with asyncio.timeout(60):
                        while len({r.path for r in server.requests}) < 5:  # noqa: ASYNC110 - other processes act
                            await asyncio.sleep(0.05)
                    processes[0].send_signal(signal.SIGKILL)
                    killed = time.monotonic()
                    async with asyncio.timeout(90):
                        while True:
                            states = await store.all()
                            if all(state.last_success for state in states):
                                break
                            await asyncio.sleep(0.3)
                    assert time.monotonic() - killed < 60
                finally:
                    for process in processes:
                        process.terminate()
                    for process in processes:
                        process.wait(timeout=30)
        found = [(article.id, article.revision) for article in published(polite)]
        assert len({identifier for identifier, _ in found}) == FEEDS * STORIES  # nothing lost
        assert len(set(found)) == FEEDS * STORIES  # what came twice is an equal revision

    asyncio.run(work())


def test_push_accepts_only_what_kafka_has(polite: Settings) -> None:
    secured = polite.model_copy(
        update={
            "connectors": polite.connectors.model_validate(
                {**polite.connectors.model_dump(), "push_token": "word"}, strict=False
            ),
            "kafka": polite.kafka.model_copy(update={"request_timeout": 2}),
        }
    )

    async def work() -> None:
        with Publisher(secured) as publisher:

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

    asyncio.run(work())


def test_somebody_elses_topic_is_read_by_a_mapping_and_goes_on_where_it_stopped(polite: Settings) -> None:
    name = f"{polite.kafka.prefix}theirs"
    theirs = topics.Topic(name, partitions=2, replication=1, config={})
    broker.ensure_topics(polite, [theirs])
    producer = broker.producer(polite)
    for number in range(30):
        value = {"payload": {"story": f"He said {number}."}, "ref": f"https://a.test/{number}"}
        producer.send(name, key=str(number).encode(), value=json.dumps(value).encode())
    producer.send(name, value=b"nonsense")
    producer.flush()

    async def work() -> None:
        async with Client(polite.connectors) as client:
            context = Context(polite, client)
            options = {"mapping": {"body": "payload.story", "url": "ref"}, "source": "Theirs", "limit": 20}
            config = SourceConfig("k", "kafka", name, options=options)
            first = [item async for item in make(config, context).articles({})]
            second = [item async for item in make(config, context).articles(first[-1].cursor)]
            assert (len(first), len(second)) == (20, 11)
            found = [item.article for item in (*first, *second) if item.article]
            assert len({article.url for article in found}) == 30
            assert {article.source.name for article in found} == {"Theirs"}
            assert len([item.problem for item in (*first, *second) if item.problem]) == 1
            assert [item async for item in make(config, context).articles(second[-1].cursor)] == []

    asyncio.run(work())
    producer.close()


def test_sources_are_added_listed_tried_paused_resumed_exported_and_removed(
    polite: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(polite).items():
        monkeypatch.setenv(name, value)

    def whosaid(*arguments: str) -> str:
        result = CliRunner().invoke(commands.app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    async def work() -> None:
        async with Server(Paper()) as server:
            url = server.url("/feed", "127.0.0.1")

            async def command(*arguments: str) -> str:
                return await asyncio.to_thread(whosaid, *arguments)

            assert "no sources yet" in await command("list")
            tried = await command("test", url, "--limit", "2")
            assert "Story 1" in tried
            assert published_nothing(polite)
            assert "added" in await command("add", url)
            assert "known" in await command("add", url)
            yaml = tmp_path / "more.yaml"
            yaml.write_text("- {id: spool, kind: file, location: /tmp/none}\n")
            await command("add", "--from", str(yaml))
            listed = json.loads(await command("list", "--json"))
            assert [(one["kind"], one["state"], one["name"]) for one in listed] == [
                ("feed", "new", "The Paper"), ("file", "new", ""),
            ]  # fmt: skip
            await command("pause", "spool")
            assert json.loads(await command("list", "--json"))[1]["state"] == "paused"
            await command("resume", "spool")
            opml = tmp_path / "out.opml"
            opml.write_text(await command("export", "--opml"))
            await command("remove", "spool", listed[0]["id"])
            await command("add", "--opml", str(opml))
            assert [one["location"] for one in json.loads(await command("list", "--json"))] == [url]
            assert "spool" not in await command("export")

    asyncio.run(work())


def published_nothing(settings: Settings) -> bool:
    with Publisher(settings):
        return published(settings) == []
