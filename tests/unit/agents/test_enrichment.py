"""The agent: what happens to an event between the topic and its acknowledgement. Pool and broker are stand-ins."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from pipeline.agents.enrichment import Enrichment
from pipeline.agents.offset_ledger import Ledger
from pipeline.agents.publisher import EventPublisher
from pipeline.dead_letters import dead_letter
from pipeline.errors import EngineError
from pipeline.events import LAST
from pipeline.kafka_batches import Unreadable
from pipeline.models import Article, Enriched, ModelInfo, Stage
from pipeline.settings import EnrichmentSettings, Settings
from pipeline.workers.pool import BATCH_BYTES
from pipeline.workers.protocol import Failure, Outcome, Result

pytestmark = pytest.mark.anyio

TOPIC = "news.articles"
HERE = (TOPIC, 0)


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dead_letter.Headers | None = None
    topic: str = TOPIC
    partition: int = 0


class Pool:
    """Does what the value says: `ok`, `fail`, or waits until it is let go."""

    size = 2

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.held: dict[bytes, asyncio.Event] = {}
        self.error: Exception | None = None

    async def work(self, articles: Sequence[bytes], done: Callable[[int, Outcome], None]) -> None:
        if self.error:
            raise self.error
        self.batches.append(list(articles))
        await asyncio.sleep(0)
        for index, article in enumerate(articles):
            if article in self.held:
                await self.held[article].wait()
            bad = article.startswith(b"fail")
            done(index, Failure("BadEvent", "It is bad.") if bad else Result(b"id-" + article, b"enriched " + article))


class Producer:
    """Remembers what it was given; acknowledges when it is told to, or at once."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        self.refused: set[bytes] = set()
        self.acknowledging = asyncio.Event()
        self.acknowledging.set()

    async def send(self, topic: str, key: Any, value: Any, partition: Any, timestamp: Any, headers: Any) -> Any:
        if value in self.refused:
            raise MessageSizeTooLargeError("too large")
        self.sent.append((topic, key, value, headers))
        return self.acknowledging.wait()

    def values(self, topic: str = "news.enriched") -> list[bytes | None]:
        return [value for name, _, value, _ in self.sent if name == topic]


@dataclass
class Scene:
    """Everything around one agent."""

    pool: Pool = field(default_factory=Pool)
    producer: Producer = field(default_factory=Producer)
    ledger: Ledger = field(default_factory=Ledger)
    queue: "asyncio.Queue[Record | None]" = field(default_factory=asyncio.Queue)
    lost: list[tuple[str, int]] = field(default_factory=list)
    batch_size: int = 4
    behind: int = 1
    """Events that no agent has taken yet."""

    def enrichment(self) -> Enrichment:
        settings = Settings(enrichment=EnrichmentSettings(batch_size=self.batch_size, batch_wait=0.05))

        async def fetch_dropped(partition: tuple[str, int]) -> None:
            self.lost.append(partition)

        pool: Any = self.pool
        return Enrichment(
            settings, pool, self.ledger, EventPublisher(self.producer), fetch_dropped, lambda: self.behind
        )

    async def stream(self) -> AsyncIterator[Record]:
        while (record := await self.queue.get()) is not None:
            yield record

    def feed(self, *records: Record) -> None:
        self.ledger.fetched(HERE, [record.offset for record in records])
        for record in records:
            self.queue.put_nowait(record)

    async def run(self, *records: Record) -> None:
        """Feeds the records, runs to the end."""
        self.feed(*records)
        self.queue.put_nowait(None)
        await asyncio.wait_for(self.enrichment().run(self.stream()), 10)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - whatever it is, it has no event
            await asyncio.sleep(0.005)


async def test_every_event_is_published_under_its_articles_id() -> None:
    stage = Scene()
    await stage.run(*(Record(number, b"k%d" % number, b"ok%d" % number) for number in range(10)))
    expected = sorted(b"enriched ok%d" % number for number in range(10))
    assert sorted(filter(None, stage.producer.values())) == expected
    assert {key for _, key, _, _ in stage.producer.sent} == {b"id-ok%d" % number for number in range(10)}
    assert stage.ledger.committable() == {HERE: 10}


@pytest.mark.parametrize("behind", [0, 3])
async def test_the_last_event_is_marked(behind: int) -> None:
    stage = Scene(behind=behind)
    await stage.run(*(Record(number, b"k%d" % number, b"ok%d" % number) for number in range(10)))
    marked = [value for _, _, value, headers in stage.producer.sent if (LAST, b"1") in headers]
    assert marked == ([] if behind else [stage.producer.sent[-1][2]])


@pytest.mark.parametrize(("behind", "batches"), [(0, [8, 8]), (3, [16])])
async def test_the_last_that_wait_are_shared_between_processes(behind: int, batches: list[int]) -> None:
    stage = Scene(batch_size=16, behind=behind)
    await stage.run(*(Record(number, b"k%d" % number, b"ok%d" % number) for number in range(16)))
    assert sorted(map(len, stage.pool.batches)) == batches


async def test_nothing_is_done_before_the_broker_has_acknowledged() -> None:
    stage = Scene()
    stage.producer.acknowledging.clear()
    running = asyncio.create_task(stage.run(Record(0, b"k", b"ok"), Record(1, b"l", b"fail")))
    await until(lambda: len(stage.producer.sent) == 2)
    await asyncio.sleep(0.02)
    assert stage.ledger.committable() == {}
    assert stage.ledger.in_hand == 2
    stage.producer.acknowledging.set()
    await running
    assert stage.ledger.committable() == {HERE: 2}


async def test_a_bad_event_is_a_dead_letter_with_bytes_and_reason() -> None:
    stage = Scene()
    await stage.run(Record(0, b"k", b"ok"), Record(1, b"\x00raw", b"fail\xff", [("trace", b"t1")]))
    [(topic, key, value, headers)] = [sent for sent in stage.producer.sent if sent[0] != "news.enriched"]
    assert (topic, key, value) == ("news.deadletter", b"\x00raw", b"fail\xff")
    letter = dead_letter.from_record(key, value, headers)
    assert (letter.topic, letter.partition, letter.offset) == (TOPIC, 0, 1)
    assert (letter.stage, letter.error, letter.reason, letter.attempts) == (
        Stage.ENRICH,
        "BadEvent",
        "It is bad.",
        1,
    )
    assert ("trace", b"t1") in headers
    assert stage.ledger.committable() == {HERE: 2}


async def test_what_cannot_be_read_is_a_dead_letter_without_a_process() -> None:
    stage = Scene()
    unread = Unreadable.made("BatchTooLarge", "It is too large", 1, 4)
    await stage.run(Record(0, b"k", b"ok"), Record(4, None, unread), Record(5, b"l", b"ok5"))
    [(_, key, value, headers)] = [sent for sent in stage.producer.sent if sent[0] != "news.enriched"]
    letter = dead_letter.from_record(key, value, headers)
    assert (letter.error, letter.offset, letter.last_offset, letter.kept) == ("BatchTooLarge", 1, 4, False)
    assert letter.reason == "It is too large; what is at offsets 1 to 4 stays in its topic"
    assert sum(map(len, stage.pool.batches)) == 2
    assert stage.ledger.committable() == {HERE: 6}


async def test_a_replayed_event_counts_its_attempts() -> None:
    stage = Scene()
    first = dead_letter.from_failure(
        "bad", stage=Stage.ENRICH, topic=TOPIC, partition=0, offset=0, key=b"k", value=b"v"
    )
    headers = [*dead_letter.to_replay(first, "2-117"), ("trace", b"t1")]
    await stage.run(Record(7, b"k", b"fail", headers), Record(8, b"l", b"ok", headers))
    sent = {topic: headers for topic, _, _, headers in stage.producer.sent}
    again = dead_letter.from_record(b"k", b"fail", sent["news.deadletter"])
    assert (again.attempts, again.offset, again.first_failed) == (2, 7, first.first_failed)
    assert again.replay_of == "2-117"
    assert sent["news.deadletter"].count(("trace", b"t1")) == 1
    assert sent["news.enriched"] == headers


async def test_events_without_value_or_key_are_handled_like_others() -> None:
    stage = Scene()
    await stage.run(Record(0, b"k", None), Record(1, None, b"ok"), Record(2, None, b"fail"))
    assert len(stage.producer.sent) == 3
    assert stage.ledger.committable() == {HERE: 3}


async def test_an_enriched_event_that_kafka_refuses_is_a_dead_letter() -> None:
    stage = Scene()
    stage.producer.refused = {b"enriched ok"}
    await stage.run(Record(0, b"k", b"ok"))
    [(_, key, value, headers)] = stage.producer.sent
    letter = dead_letter.from_record(key, value, headers)
    assert (letter.error, letter.value) == ("MessageTooLarge", b"ok")
    assert "too large" in letter.reason
    assert stage.ledger.committable() == {HERE: 1}


async def test_when_no_dead_letter_fits_it_says_where_the_bytes_are() -> None:
    stage = Scene()
    stage.producer.refused = {b"fail"}
    await stage.run(Record(5, b"k", b"fail"))
    [(_, key, value, headers)] = stage.producer.sent
    letter = dead_letter.from_record(key, value, headers)
    assert (letter.topic, letter.partition, letter.offset, letter.value) == (TOPIC, 0, 5, b"")
    assert "only in its topic" in letter.reason
    assert not letter.kept
    assert stage.ledger.committable() == {HERE: 6}


NASTY: list[dead_letter.Headers] = [
    [("h", None)],
    [("whosaid-attempts", None), ("whosaid-first_failed", None), ("whosaid-replay_of", None), ("whosaid-x", None)],
    [("whosaid-attempts", b"9" * 4300)],
    [("whosaid-first_failed", b"0001-01-01T00:00:00+14:00")],
    [(f"h{number}", b"x") for number in range(5000)],
]


@pytest.mark.parametrize("headers", NASTY)
async def test_whatever_the_headers_are_the_event_leaves(headers: dead_letter.Headers) -> None:
    stage = Scene()
    await stage.run(Record(0, b"k", b"fail", headers), Record(1, b"l", b"ok", headers))
    sent = {topic: headers for topic, _, _, headers in stage.producer.sent}
    letter = dead_letter.from_record(b"k", b"fail", sent["news.deadletter"])
    assert letter.headers == dead_letter.plain_headers(headers)
    assert set(sent["news.enriched"]) <= set(headers)
    assert stage.ledger.committable() == {HERE: 2}


@pytest.mark.guarantee("unexpected-error")
async def test_an_unexpected_error_makes_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(headers: dead_letter.Headers) -> Any:
        raise KeyError("this is unexpected")

    monkeypatch.setattr(dead_letter, "passed_on", broken)
    stage = Scene()
    await stage.run(Record(0, b"k", b"ok"), Record(1, b"l", b"fail"))
    letters = [dead_letter.from_record(key, value, headers) for _, key, value, headers in stage.producer.sent]
    assert sorted(letter.error for letter in letters) == ["BadEvent", "KeyError"]
    assert stage.ledger.committable() == {HERE: 2}


@pytest.mark.guarantee("machine-error")
async def test_want_of_memory_is_no_events_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(headers: dead_letter.Headers) -> Any:
        raise MemoryError

    monkeypatch.setattr(dead_letter, "passed_on", broken)
    stage = Scene()
    with pytest.raises(ExceptionGroup) as caught:
        await stage.run(Record(0, b"k", b"ok"))
    assert caught.group_contains(MemoryError)
    assert stage.producer.sent == []


async def test_revisions_leave_in_the_order_they_came() -> None:
    stage = Scene()
    stage.batch_size = 1
    stage.pool.held[b"ok1"] = asyncio.Event()
    running = asyncio.create_task(
        stage.run(Record(0, b"same", b"ok1"), Record(1, b"same", b"ok2"), Record(2, b"other", b"ok3"))
    )
    await until(lambda: b"enriched ok3" in stage.producer.values())
    assert stage.producer.values() == [b"enriched ok3"], "the second revision waits for the first"
    assert stage.ledger.committable() == {}
    stage.pool.held[b"ok1"].set()
    await running
    assert stage.producer.values() == [b"enriched ok3", b"enriched ok1", b"enriched ok2"]
    assert stage.ledger.committable() == {HERE: 3}


async def test_a_slow_article_holds_back_commits_alone() -> None:
    stage = Scene()
    stage.batch_size = 1
    stage.pool.held[b"ok0"] = asyncio.Event()
    running = asyncio.create_task(stage.run(*(Record(n, b"k%d" % n, b"ok%d" % n) for n in range(30))))
    await until(lambda: len(stage.producer.sent) == 29)
    assert stage.ledger.committable() == {}
    stage.pool.held[b"ok0"].set()
    await running
    assert stage.ledger.committable() == {HERE: 30}


async def test_no_more_is_taken_in_hand_than_the_processes_can_do_soon() -> None:
    stage = Scene()
    for number in range(100):
        stage.pool.held[b"ok%d" % number] = asyncio.Event()
    running = asyncio.create_task(stage.run(*(Record(n, b"k%d" % n, b"ok%d" % n) for n in range(100))))
    await asyncio.sleep(0.2)
    assert stage.ledger.in_hand == 2 * stage.batch_size * stage.pool.size
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stage.ledger.committable() == {}


async def test_large_events_wait_outside_while_many_bytes_are_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.agents.enrichment.HAND_BYTES", 1000)
    stage = Scene()
    values = [b"ok%d" % number + b"." * 400 for number in range(6)]
    for value in values:
        stage.pool.held[value] = asyncio.Event()
    running = asyncio.create_task(stage.run(*(Record(n, b"k%d" % n, value) for n, value in enumerate(values))))
    await asyncio.sleep(0.2)
    assert stage.ledger.in_hand == 3
    for event in stage.pool.held.values():
        event.set()
    await running
    assert stage.ledger.committable() == {HERE: 6}


async def test_batches_are_full_when_there_is_enough() -> None:
    stage = Scene()
    await stage.run(*(Record(n, b"k%d" % n, b"ok%d" % n) for n in range(10)))
    assert max(map(len, stage.pool.batches)) == stage.batch_size
    assert sum(map(len, stage.pool.batches)) == 10


async def test_a_long_article_goes_in_a_batch_of_its_own() -> None:
    stage = Scene()
    long = b"ok" + b"." * BATCH_BYTES
    await stage.run(Record(0, b"a", b"ok1"), Record(1, b"b", long), Record(2, b"c", b"ok2"), Record(3, b"d", b"ok3"))
    assert [long] in stage.pool.batches


async def test_an_event_that_comes_twice_is_done_once() -> None:
    stage = Scene()
    await stage.run(Record(0, b"k", b"ok"), Record(0, b"k", b"ok"), Record(1, b"l", b"ok1"))
    assert stage.producer.values() == [b"enriched ok", b"enriched ok1"]


async def test_after_each_event_it_is_asked_whether_others_got_lost() -> None:
    stage = Scene()
    await stage.run(Record(0, b"k", b"ok"))
    assert stage.lost == [HERE]


async def test_a_broken_pool_ends_the_agent_and_nothing_is_done() -> None:
    stage = Scene()
    stage.pool.error = EngineError("no process")
    with pytest.raises(ExceptionGroup) as caught:
        await stage.run(Record(0, b"k", b"ok"))
    assert caught.group_contains(EngineError, match="no process")
    assert stage.ledger.committable() == {}


async def test_a_rebalance_leaves_nothing_done_that_is_no_longer_ours() -> None:
    stage = Scene()
    stage.producer.acknowledging.clear()
    running = asyncio.create_task(stage.run(Record(0, b"k", b"ok")))
    await until(lambda: len(stage.producer.sent) == 1)
    stage.ledger.forget([HERE])
    stage.producer.acknowledging.set()
    await running
    assert stage.ledger.committable() == {}


class Analysing(Pool):
    """Enriches articles without finding anything in them."""

    async def work(self, articles: Sequence[bytes], done: Callable[[int, Outcome], None]) -> None:
        self.batches.append(list(articles))
        await asyncio.sleep(0)
        for index, value in enumerate(articles):
            article = Article.model_validate_json(value)
            model = ModelInfo(name="m", version="1", engine="9")
            enriched = Enriched(article=article, model=model, enriched=datetime.now(UTC))
            done(index, Result(article.id.encode(), enriched.model_dump_json().encode()))


def article(number: int, body: str) -> bytes:
    return json.dumps(
        {
            "id": f"a{number}",
            "url": f"https://news.example/{number}",
            "canonical_url": f"https://news.example/{number}",
            "source": {"id": "news.example", "name": "News"},
            "body": body,
            "fetched": "2025-03-12T09:00:00Z",
            "revision": number,
            "content_hash": "c",
        }
    ).encode()


async def test_a_text_that_was_analysed_needs_no_process() -> None:
    stage = Scene(pool=Analysing())
    copies = [Record(number, b"k%d" % number, article(number, "Everybody has this.")) for number in range(4, 40)]
    others = [Record(number, b"k%d" % number, article(number, f"Text {number}.")) for number in range(40, 44)]
    firsts = [Record(number, b"k%d" % number, article(number, f"First {number}.")) for number in range(3)]
    stage.feed(*firsts, Record(3, b"k3", article(3, "Everybody has this.")))
    running = asyncio.create_task(stage.enrichment().run(stage.stream()))
    await until(lambda: len(stage.producer.sent) == 4)
    stage.feed(*copies, *others)
    stage.queue.put_nowait(None)
    await asyncio.wait_for(running, 10)
    assert sorted(map(len, stage.pool.batches)) == [4, 4], "the copies were in none"
    published = [Enriched.model_validate_json(value).article for value in filter(None, stage.producer.values())]
    assert sorted(one.id for one in published) == sorted(f"a{number}" for number in range(44))
    assert stage.ledger.committable() == {HERE: 44}
