"""Somebody else's topic as a source: when it is read to its end, and which topics are refused."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka import TopicPartition

from connectors.base import Context, SourceConfig, Step
from connectors.registry import make
from pipeline import identity, kafka_client
from pipeline.errors import InputError, SourceError
from pipeline.kafka_batches import Unreadable
from pipeline.settings import KafkaSettings, Settings

pytestmark = pytest.mark.anyio

SETTINGS = Settings(kafka=KafkaSettings(bootstrap_servers="ours:9092"))
PLACE = TopicPartition("theirs", 0)


@dataclass
class Record:
    offset: int
    value: bytes | None
    timestamp: int = 1_741_770_000_000


@dataclass
class Consumer:
    """Stands in for a consumer of one partition; gives what each poll is told to."""

    polls: list[list[Record]]
    marks: int = 0
    at: int = 0
    closed: bool = False
    end: int = field(init=False)

    def __post_init__(self) -> None:
        self.end = sum(map(len, self.polls)) + self.marks

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def assign(self, partitions: Any) -> None: ...

    def beginning_offsets(self, partitions: Any) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def end_offsets(self, partitions: Any) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)

    def seek(self, partition: Any, offset: int) -> None:
        self.at = offset

    def position(self, partition: Any) -> int:
        return self.at

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        found = self.polls.pop(0) if self.polls else []
        if found:
            self.at = found[-1].offset + 1
        elif not self.polls and self.marks:
            self.at = self.end
        return {PLACE: found} if found else {}

    def close(self) -> None:
        self.closed = True


def story(number: int) -> Record:
    value = {"body": f"He said {number}.", "url": f"https://a.test/{number}"}
    return Record(number, json.dumps(value).encode())


async def read(consumer: Consumer, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[Step]:
    monkeypatch.setattr(kafka_client, "consumer", lambda *_, **__: consumer)
    context: Any = Context(SETTINGS, None)  # type: ignore[arg-type]
    source = make(SourceConfig("k", "kafka", "theirs", options={"source": "Theirs", **options}), context)
    return [item async for item in source.articles({})]


@pytest.mark.guarantee("kafka-source-end")
async def test_an_empty_poll_is_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow broker: a backfill would be paused unread."""
    *items, last = await read(Consumer([[], [story(0)], [], [story(1)]]), monkeypatch, once=True)
    assert len([item for item in items if item.article]) == 2
    assert last.hints is not None
    assert last.hints.finished


@pytest.mark.guarantee("kafka-source-end")
async def test_marks_of_transactions_at_the_end_are_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    _, last = await read(Consumer([[story(0)]], marks=2), monkeypatch, once=True)
    assert last.hints is not None
    assert last.hints.finished
    assert last.cursor == {"offsets": {"0": 3}}


async def test_a_broker_that_gives_nothing_is_an_error_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer([[story(0)], *[[]] * 10, [story(1)]])
    with pytest.raises(SourceError, match="no more records before its end"):
        await read(consumer, monkeypatch, once=True)
    assert consumer.closed


async def test_the_limit_leaves_the_rest_to_the_next_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    *items, last = await read(Consumer([[story(0), story(1)], [story(2)]]), monkeypatch, once=True, limit=2)
    assert len(items) == 2
    assert last.hints is not None
    assert (last.hints.finished, last.hints.next_poll_in) == (False, 0)
    assert last.cursor == {"offsets": {"0": 2}}


async def test_what_cannot_be_read_is_a_problem_that_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    unread = Unreadable.made("BatchTooLarge", "The batch is too large", 1, 4)
    first, second, third, _ = await read(Consumer([[story(0), Record(4, unread), story(5)]]), monkeypatch)
    assert (first.article is not None, third.article is not None) == (True, True)
    assert second.problem == "theirs[0]@4: The batch is too large; what is at offsets 1 to 4 stays in its topic."


@pytest.mark.parametrize("stamp", [-1, 0, 9 * 10**13, 2**62, -(2**62)])
async def test_a_time_that_cannot_be_is_none(monkeypatch: pytest.MonkeyPatch, stamp: int) -> None:
    record = story(0)
    record.timestamp = stamp
    first, _ = await read(Consumer([[record]]), monkeypatch)
    assert first.article is not None
    assert first.article.revision == identity.revision(None, first.article.fetched)


OURS = ["news.articles", "news.enriched", "news.deadletter", "news.deadletter.handled"]


@pytest.mark.parametrize("topic", OURS)
@pytest.mark.parametrize("servers", [None, "other:1, ours:9092"])
def test_a_topic_of_ours_is_refused(topic: str, servers: str | None) -> None:
    options = {"bootstrap_servers": servers} if servers else {}
    with pytest.raises(InputError, match=r"reads news\..*, which WhoSaid itself writes"):
        make(SourceConfig("k", "kafka", topic, options=options), Context(SETTINGS, None))  # type: ignore[arg-type]


@pytest.mark.parametrize("same", [True, False])
async def test_another_address_is_refused_only_where_it_is_our_cluster(
    monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    asked = []

    def cluster_id(settings: Settings, **options: Any) -> str:
        asked.append(options)
        return "same" if same or not options else "other"

    monkeypatch.setattr(kafka_client, "cluster_id", cluster_id)
    monkeypatch.setattr(kafka_client, "consumer", lambda *_, **__: Consumer([[story(0)]]))
    config = SourceConfig("k", "kafka", "news.articles", options={"bootstrap_servers": "theirs:9092"})

    async def work() -> list[Step]:
        context: Any = Context(SETTINGS, None)  # type: ignore[arg-type]
        return [item async for item in make(config, context).articles({})]

    if same:
        with pytest.raises(InputError, match="WhoSaid itself writes"):
            await work()
    else:
        assert len(await work()) == 2
    assert asked == [{}, {"bootstrap_servers": ["theirs:9092"]}]
