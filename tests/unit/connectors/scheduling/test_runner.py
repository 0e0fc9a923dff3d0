import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import pytest

from connectors import registry
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step
from connectors.publisher import DeliveryReport
from connectors.scheduling.intervals import Limits
from connectors.scheduling.poll import PollOutcome, apply_outcome, poll
from connectors.scheduling.runner import Runner
from connectors.scheduling.source_state import SourceState, StaleState
from connectors.web.throttle import Clock
from pipeline import heartbeat
from pipeline.errors import BrokerUnavailable, InputError, SourceError
from pipeline.models import Article
from tests.fixtures.simulator.server import Answer
from tests.unit.connectors.helpers import NOW, playing
from tests.unit.connectors.memory_store import MemoryStore
from tests.unit.connectors.parsing.test_article_factory import an_article

pytestmark = pytest.mark.anyio

CONFIG = SourceConfig("s", "scripted", "x")
LIMITS = Limits(120, 86_400)


class Scripted:
    """A connector that does what the test wrote down."""

    steps: ClassVar[list[Step | Exception]] = []
    polls = 0
    slowly = 0.0
    closed = 0

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self.config = config

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        Scripted.polls += 1
        try:
            for step in Scripted.steps:
                await asyncio.sleep(Scripted.slowly)
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            await asyncio.sleep(0)  # as one that closes a connection
            Scripted.closed += 1


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "make", Scripted)
    Scripted.steps, Scripted.polls, Scripted.slowly, Scripted.closed = [], 0, 0.0, 0


def item(number: int, problem: str = "") -> Step:
    return Step(an_article(f"https://a.test/{number}"), {"at": number}, problem)


class Broker:
    def __init__(self, fails_after: int = 10**9) -> None:
        self.articles: list[Article] = []
        self.fails_after = fails_after

    async def deliver(self, articles: list[Article]) -> DeliveryReport:
        if len(self.articles) + len(articles) > self.fails_after:
            raise BrokerUnavailable("Kafka is away.")
        self.articles += articles
        return DeliveryReport(len(articles))


async def polling(broker: Broker, batch: int = 2) -> PollOutcome:
    async with playing(lambda _: Answer(404)) as (_, context):
        return await poll(SourceState(CONFIG, cursor={"at": 0}), context, broker.deliver, batch)


async def test_a_poll_publishes_all_and_stands_after_the_last() -> None:
    Scripted.steps = [item(1), item(2), item(3), Step(None, {"at": "end"}, hints=PollHints(interval=60))]
    broker = Broker()
    outcome = await polling(broker)
    assert (outcome.articles, outcome.cursor, outcome.error) == (3, {"at": "end"}, "")
    assert outcome.hints.interval == 60
    assert len(broker.articles) == 3


async def test_what_came_before_an_error_stands() -> None:
    Scripted.steps = [item(1), item(2), item(3, "a sentence"), SourceError("It broke.", retry_after=9)]
    outcome = await polling(Broker())
    assert (outcome.articles, outcome.cursor, outcome.error, outcome.retry_after) == (3, {"at": 3}, "It broke.", 9)
    assert outcome.problems == ["a sentence"]


async def test_what_came_before_a_connectors_own_fault_stands() -> None:
    Scripted.steps = [item(1), item(2), item(3), ZeroDivisionError("oops")]
    broker = Broker()
    outcome = await polling(broker)
    assert ([article.url[-1] for article in broker.articles], outcome.cursor) == (["1", "2", "3"], {"at": 3})
    assert outcome.error == "The connector failed: ZeroDivisionError: oops"


async def test_an_id_of_another_address_is_taken_only_when_told_to() -> None:
    store = MemoryStore()
    await store.add([CONFIG], NOW)
    with pytest.raises(InputError, match="There is a source 's' already, which reads x; give elsewhere another"):
        await store.add([replace(CONFIG, id="t"), replace(CONFIG, location="elsewhere")], NOW)
    assert [state.config for state in await store.all()] == [CONFIG]


async def test_the_cursor_never_passes_what_the_broker_has() -> None:
    Scripted.steps = [item(1), item(2), item(3), item(4)]
    broker = Broker(fails_after=2)
    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG], NOW)
        runner = Runner(context, store, broker.deliver)
        await runner.run(asyncio.Event(), once=True)
        state = await store.get("s")
        assert (state.cursor, state.owner) == ({}, "")
        assert state.due is not None
        assert state.due > NOW
        assert state.stats.failures == 0  # no fault of the source
        assert len(broker.articles) <= 2


async def test_a_connector_is_closed_where_kafka_is_away() -> None:
    Scripted.steps = [item(1), item(2), item(3)]
    with pytest.raises(BrokerUnavailable):
        await polling(Broker(fails_after=0))
    assert Scripted.closed == 1


async def test_success_and_failure_are_written_on_the_source() -> None:
    Scripted.steps = [
        item(1, "One line was bad."),
        Step(None, {}, hints=PollHints(title="The Paper", hub="https://hub.test/")),
    ]
    outcome = await polling(Broker())
    state = apply_outcome(SourceState(CONFIG), outcome, NOW, LIMITS)
    assert (state.articles, state.last_success, state.last_error) == (1, NOW, "One line was bad.")
    assert (state.config.name, state.hub) == ("The Paper", "https://hub.test/")
    Scripted.steps = [SourceError("It broke.")]
    failed = apply_outcome(state, await polling(Broker()), NOW, LIMITS)
    assert (failed.stats.failures, failed.last_error, failed.last_success) == (1, "It broke.", NOW)


async def test_a_connectors_own_fault_stops_no_other_source() -> None:
    Scripted.steps = [ZeroDivisionError("oops")]
    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG, replace(CONFIG, id="t")], NOW)
        await Runner(context, store, Broker().deliver).run(asyncio.Event(), once=True)
        for state in await store.all():
            assert "ZeroDivisionError: oops" in state.last_error
            assert state.stats.failures == 1


async def test_a_runner_that_has_ended_is_no_part_that_hangs() -> None:
    Scripted.steps = [item(1)]
    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG], NOW)
        await Runner(context, store, Broker().deliver).run(asyncio.Event(), once=True)
    assert (heartbeat.PART.silent_for, heartbeat.PART.ready) == (0, False)


async def test_once_reads_each_due_source_once_and_not_the_paused() -> None:
    Scripted.steps = [item(1)]
    async with playing(lambda _: Answer(404), concurrency=3) as (_, context):
        store = MemoryStore()
        await store.add([replace(CONFIG, id=str(number)) for number in range(10)], NOW)
        paused = await store.get("3")
        await store.save(replace(paused, paused=True), release=True)
        await Runner(context, store, Broker().deliver).run(asyncio.Event(), once=True)
        assert Scripted.polls == 9


async def test_a_source_may_be_paused_while_it_is_read() -> None:
    Scripted.steps, Scripted.slowly = [item(1), item(2)], 0.2
    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG], NOW)
        running = asyncio.create_task(Runner(context, store, Broker().deliver).run(asyncio.Event(), once=True))
        await asyncio.sleep(0.15)
        await store.save(replace(await store.get("s"), paused=True), release=False)
        await running
        state = await store.get("s")
        assert (state.paused, state.cursor) == (True, {"at": 2})


async def test_a_source_that_another_process_took_over_is_left_to_it() -> None:
    Scripted.steps, Scripted.slowly = [item(1)], 0.3
    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG], NOW)
        running = asyncio.create_task(Runner(context, store, Broker().deliver).run(asyncio.Event(), once=True))
        await asyncio.sleep(0.1)
        theirs = replace(await store.get("s"), owner="other", cursor={"at": "theirs"})
        await store.save(theirs, release=False)
        await running
        state = await store.get("s")
        assert (state.owner, state.cursor) == ("other", {"at": "theirs"})


async def test_a_removed_source_stays_removed() -> None:
    Scripted.steps, Scripted.slowly = [item(1)], 0.2
    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG], NOW)
        running = asyncio.create_task(Runner(context, store, Broker().deliver).run(asyncio.Event(), once=True))
        await asyncio.sleep(0.1)
        await store.remove("s")
        await running
        assert await store.all() == []


async def test_the_memory_store_leases_to_one_at_a_time() -> None:
    store = MemoryStore()
    await store.add([replace(CONFIG, id=str(number)) for number in range(5)], NOW)
    first = await store.claim("a", NOW, 60, 3)
    assert len(first) == 3
    assert len(await store.claim("b", NOW, 60, 10)) == 2
    assert await store.claim("b", NOW + timedelta(seconds=59), 60, 10) == []
    assert len(await store.claim("b", NOW + timedelta(seconds=60), 60, 10)) == 5
    with pytest.raises(StaleState):
        await store.save(first[0], release=True)
    assert await store.add([replace(CONFIG, id="1", location="y")], NOW, replacing=True) == []
    assert (await store.get("1")).config.location == "y"


async def test_a_changed_name_keeps_the_cursor_an_address_does_not() -> None:
    store = MemoryStore()
    await store.add([CONFIG], NOW)
    await store.save(replace(await store.get("s"), cursor={"at": 7}), release=True)
    await store.add([replace(CONFIG, name="N")], NOW)
    assert (await store.get("s")).cursor == {"at": 7}
    await store.add([replace(CONFIG, location="elsewhere")], NOW, replacing=True)
    assert (await store.get("s")).cursor == {}


async def test_how_far_a_long_poll_has_come_is_kept_while_it_goes_on() -> None:
    Scripted.steps, Scripted.slowly = [item(1), item(2), item(3), item(4)], 0.5
    async with playing(lambda _: Answer(404), lease=2) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG], NOW)
        broker = Broker()
        runner = Runner(context, store, broker.deliver)
        running = asyncio.create_task(runner.run(asyncio.Event(), once=True))
        await asyncio.sleep(1.8)
        midway = await store.get("s")
        assert midway.owner == runner.owner
        assert midway.cursor["at"] in (1, 2, 3)  # who takes over after a death goes on from here
        assert len(broker.articles) >= midway.cursor["at"]  # and the broker has what is behind it
        await running
        assert (await store.get("s")).cursor == {"at": 4}


async def test_articles_of_a_slow_source_are_published_as_they_come() -> None:
    Scripted.steps, Scripted.slowly = [item(1), item(2), item(3)], 0.3
    async with playing(lambda _: Answer(404)) as (_, context):
        broker = Broker()
        polling = asyncio.create_task(poll(SourceState(CONFIG), context, broker.deliver))
        await asyncio.sleep(0.75)
        assert len(broker.articles) == 2
        await polling


async def test_a_runner_that_is_stopped_gives_back_long_polls() -> None:
    Scripted.steps, Scripted.slowly = [item(1), item(2), item(3)], 0.4
    async with playing(lambda _: Answer(404)) as (_, context):
        store, ended = MemoryStore(), asyncio.Event()
        await store.add([CONFIG], NOW)
        running = asyncio.create_task(Runner(context, store, Broker().deliver, stop=0.1).run(ended))
        await asyncio.sleep(0.6)
        ended.set()
        await asyncio.wait_for(running, 5)
        state = await store.get("s")
        assert (state.cursor, state.owner, state.stats.failures) == ({"at": 1}, "", 0)
        assert state.ready(NOW)  # for the next process, at once


async def test_only_the_sources_that_were_named_are_read() -> None:
    Scripted.steps = [item(1)]
    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([replace(CONFIG, id=name) for name in "abc"], NOW)
        assert await store.next_due({"b"}) is not None
        await Runner(context, store, Broker().deliver, only={"b"}).run(asyncio.Event(), once=True)
        assert [state.id for state in await store.all() if state.last_success] == ["b"]
        assert len(await store.claim("x", NOW, 60, 10)) == 2  # the others wait for whoever reads all


async def test_a_source_is_asked_as_often_as_it_says_until_it_is_done() -> None:
    Scripted.steps = [Step(None, {}, hints=PollHints(next_poll_in=3))]
    state = apply_outcome(SourceState(CONFIG), await polling(Broker()), NOW, LIMITS)
    assert state.due == NOW + timedelta(seconds=3)
    Scripted.steps = [item(1), Step(None, {"at": 1}, hints=PollHints(finished=True))]
    done = apply_outcome(state, await polling(Broker()), NOW, LIMITS)
    assert (done.paused, done.cursor, done.articles) == (True, {"at": 1}, 1)


async def test_a_connectors_own_fault_makes_it_wait_longer_each_time() -> None:
    Scripted.steps = [ZeroDivisionError("oops")]

    async def work() -> list[float]:
        waits = []
        async with playing(lambda _: Answer(404)) as (_, context):
            store = MemoryStore()
            await store.add([CONFIG], NOW)
            for _ in range(6):
                await Runner(context, store, Broker().deliver).run(asyncio.Event(), once=True)
                state = await store.get("s")
                assert state.due is not None
                waits.append((state.due - NOW).total_seconds())
                await store.save(replace(state, due=NOW), release=True)
        return waits

    waits = await work()
    assert waits[-1] > 8 * waits[0]


@pytest.mark.parametrize(("subscribed", "seconds"), [(None, 5.0), (NOW + timedelta(days=1), 1.0)])
async def test_a_runner_looks_each_second_where_a_hub_may_speak(subscribed: datetime | None, seconds: float) -> None:
    Scripted.steps = [item(1)]
    ended, idle = asyncio.Event(), []

    async def sleep(asked: float) -> None:
        if asked <= 5.0:  # else it is a lease that is renewed
            idle.append(asked)
            ended.set()
        await asyncio.sleep(0.05)

    async with playing(lambda _: Answer(404)) as (_, context):
        store = MemoryStore()
        await store.add([CONFIG], NOW)
        await store.save(replace(await store.get("s"), subscribed_until=subscribed), release=True)
        clock = Clock(monotonic=lambda: 0.0, wall=lambda: 0.0, sleep=sleep)
        await asyncio.wait_for(Runner(context, store, Broker().deliver, clock=clock).run(ended), 10)
    assert idle == [seconds]
