"""Connectors on the real Kafka and Elasticsearch."""

import asyncio
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import SourceConfig
from connectors.one_shot import ingest
from connectors.publisher import ArticlePublisher
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.runner import run
from connectors.scheduling.source_state import StaleState
from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.errors import BrokerUnavailable, InputError
from pipeline.models import Article
from pipeline.settings import KafkaSettings, Settings
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.unit.connectors.helpers import story

pytestmark = [pytest.mark.engines, pytest.mark.anyio]


def published(settings: Settings) -> list[Article]:
    """Every article on the topic, partition by partition."""
    name = topics.articles(settings).name
    consumer = kafka_client.consumer(settings, group_id=None)
    try:
        from kafka import TopicPartition

        partitions = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Article] = []
        while any(consumer.position(one) < ends[one] for one in partitions):
            for records in consumer.poll(timeout_ms=1000).values():
                for record in records:
                    article = Article.model_validate_json(record.value)
                    assert record.key.decode() == article.id
                    found.append(article)
        return found
    finally:
        consumer.close()


@pytest.fixture
def polite(settings: Settings) -> Settings:
    """The engines' settings, with connectors that may read from this machine, quickly."""
    changes = {"allow_private_addresses": True, "host_interval": 0, "minimum_interval": 1, "lease": 3}
    return settings.model_copy(update={"connectors": settings.connectors.model_copy(update=changes)})


def test_ingested_files_are_on_the_topic_when_ingest_returns(settings: Settings, tmp_path: Path) -> None:
    lines = [json.dumps({"id": number, "text": f"He said {number}."}) for number in range(700)]
    lines.insert(3, "nonsense")
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    seen: list[float] = []
    report = ingest(str(tmp_path), settings, source="S", progress=lambda item: seen.append(item.progress or 0))
    assert (report.articles, len(report.problems), len(set(report.ids))) == (700, 1, 700)
    assert {article.id for article in published(settings)} == set(report.ids)
    assert seen[-1] == 1.0


def test_an_article_too_large_for_the_topic_is_refused_alone(settings: Settings) -> None:
    small = settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"max_message_bytes": 2**20, "compression": "none"})}
    )
    from tests.unit.connectors.parsing.test_article_factory import an_article

    good = [an_article(f"https://a.test/{n}", f"He said {n}.") for n in range(40)]
    with ArticlePublisher(small) as publisher:
        for article in good[:10]:
            publisher.publish(article)
        publisher.publish(an_article("https://a.test/long", "x" * 5 * 2**20))  # the client itself refuses it
        publisher.publish(an_article("https://a.test/mid", "y" * 2 * 2**20))  # the broker refuses it
        for article in good[10:20]:
            publisher.publish(article)
        counts = publisher.flush()
        assert (counts.acknowledged, len(counts.refused)) == (20, 2)
        assert all("MAX_MESSAGE_BYTES" in reason for reason in counts.refused)
        mixed = [*good[20:30], an_article("https://a.test/mid2", "z" * 2 * 2**20), *good[30:39]]
        counts = publisher.deliver(mixed)
        assert (counts.acknowledged, len(counts.refused)) == (19, 1)
        assert publisher.deliver(good[39:]).acknowledged == 1  # it goes on for ever after
    assert {article.url for article in published(small)} == {article.url for article in good}


def test_kafka_away_is_one_sentence(tmp_path: Path) -> None:
    away = Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:9", request_timeout=1))
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(BrokerUnavailable):
        ingest(str(tmp_path / "a.txt"), away)
    with pytest.raises(InputError):  # a wrong name is said first, without asking Kafka
        ingest(str(tmp_path / "none.txt"), away)


class Paper:
    """A newspaper with a feed and pages."""

    def __init__(self) -> None:
        self.stories = 3
        self.requests = 0

    def __call__(self, request: Request) -> Answer:
        if request.path == "/robots.txt":
            return Answer(404)
        if request.path == "/feed":
            self.requests += 1
            etag = f'"{self.stories}"'
            if request.headers.get("if-none-match") == etag:
                return Answer(304)
            items = "".join(
                f"<item><title>Story {n}</title><link>http://{request.host}/story/{n}</link>"
                f"<pubDate>Wed, 12 Mar 2025 12:{n:02}:00 GMT</pubDate></item>"
                for n in range(self.stories, 0, -1)
            )
            feed = f"<rss version='2.0'><channel><title>The Paper</title>{items}</channel></rss>"
            return Answer(body=feed, headers={"Content-Type": "application/rss+xml", "ETag": etag})
        return Answer(body=story(f"Story {request.path[-1]}"), headers={"Content-Type": "text/html"})


async def test_connect_reads_a_feed_once_and_then_only_what_is_new(polite: Settings, tmp_path: Path) -> None:
    paper = Paper()
    async with Server(paper) as server:
        file = tmp_path / "sources.yaml"
        file.write_text(f"sources:\n  - id: paper\n    location: {server.url('/feed', '127.0.0.1')}\n")
        await asyncio.to_thread(run, polite, file, once=True)
        assert sorted(a.headline for a in published(polite)) == ["Story 1", "Story 2", "Story 3"]
        async with ElasticsearchStore(polite) as store:
            state = await store.get("paper")
            assert (state.articles, state.last_error, state.config.name) == (3, "", "The Paper")
            assert state.last_success
            assert state.free(state.last_success)
        paper.stories = 4
        stop = threading.Event()
        thread = asyncio.create_task(asyncio.to_thread(run, polite, None, stop=stop))
        async with asyncio.timeout(40):
            while len(await asyncio.to_thread(published, polite)) < 4 or paper.requests < 3:  # noqa: ASYNC110 - Kafka tells nobody
                await asyncio.sleep(0.5)
        stop.set()
        await thread
        titles = [article.headline for article in published(polite)]
        assert sorted(titles) == ["Story 1", "Story 2", "Story 3", "Story 4"]
        assert len(server.asked("/story/1")) == 1


async def test_processes_that_start_together_all_find_the_sources(polite: Settings) -> None:
    async def start(number: int) -> int:
        await asyncio.sleep(number / 200)
        async with ElasticsearchStore(polite) as store:  # one makes the index, the others find it half made
            return len(await store.claim("me", datetime.now(UTC), 60, 20))

    async def work() -> list[int]:
        return await asyncio.gather(*(start(number) for number in range(100)))

    assert await work() == [0] * 100


async def test_a_lease_is_held_by_one_and_taken_over_when_it_runs_out(polite: Settings) -> None:
    now = datetime(2025, 3, 12, 12, tzinfo=UTC)
    async with ElasticsearchStore(polite) as one, ElasticsearchStore(polite) as two:
        configs = [SourceConfig(f"s{n}", "feed", f"https://a.test/{n}") for n in range(20)]
        assert len(await one.add(configs, now)) == 20
        assert await two.add(configs, now) == []
        first, second = await asyncio.gather(one.claim("one", now, 60, 20), two.claim("two", now, 60, 20))
        ids = [state.id for state in (*first, *second)]
        assert len(ids) == len(set(ids)) == 20  # each by exactly one
        mine = first[0] if first else second[0]
        with elasticsearch_client.connect(polite) as client:
            client.indices.refresh(index=f"{polite.elasticsearch.prefix}-sources-v1")
        assert await two.claim("two", now + timedelta(seconds=30), 60, 20) == []
        taken = await two.claim("three", now + timedelta(seconds=61), 60, 20)
        assert len(taken) == 20
        with pytest.raises(StaleState):
            await one.save(replace(mine, cursor={"late": 1}), release=True)
        kept = next(state for state in taken if state.id == mine.id)
        saved = await two.save(replace(kept, cursor={"at": 5}, due=now + timedelta(hours=1)), release=True)
        again = await one.get(mine.id)
        assert (again.cursor, again.due, again.owner) == ({"at": 5}, saved.due, "")
        # What a hub makes due, another process claims at once, without a refresh that it would have to wait for.
        await one.save(replace(again, due=now), release=True, at_once=True)
        assert [state.id for state in await two.claim("four", now + timedelta(seconds=1), 60, 20)] == [mine.id]
        await one.remove(mine.id)
        assert len(await two.all()) == 19
