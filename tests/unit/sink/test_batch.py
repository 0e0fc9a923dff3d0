"""Batches whose requests are answered when the test says so: what is sent before what, and what is taken back."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

import pytest

from pipeline import heartbeat
from pipeline.backoff import Backoff
from pipeline.errors import BackpressureError
from pipeline.models import DeadLetter, Enriched
from pipeline.settings import Settings
from pipeline.sink import documents
from pipeline.sink.batch import Batch
from pipeline.sink.batch_queue import BatchQueue
from pipeline.sink.bulk import AT_ONCE, Answers, Operation, Request, Size
from pipeline.sink.bulk_answers import Answer, Verdict
from pipeline.sink.events import Event
from pipeline.sink.near_duplicates import Known
from pipeline.sink.target import Target
from tests.unit.sink.factory import enriched, record

DONE = Answer(Verdict.DONE)
REFUSED = Answer(Verdict.REFUSED, "mapper_exception", "no")
LATER = Answer(Verdict.RETRY, "es_rejected_execution_exception", "busy")


class Requests:
    """Takes requests in the place of `Bulk`, and answers one when it is told to."""

    def __init__(self, limit: int) -> None:
        self.size = Size(limit)
        self.open: list[tuple[Request, Future[Answers]]] = []
        self.sent: list[list[Operation]] = []

    @property
    def free(self) -> bool:
        return len(self.open) < AT_ONCE

    def begin(self, request: Request) -> "Future[Answers]":
        assert self.free
        self.open.append((request, Future()))
        self.sent.append([operation for operation, _ in request])
        return self.open[-1][1]

    def answer(self, number: int = 0, by: Callable[[Operation], Answer] = lambda _: DONE) -> None:
        request, future = self.open.pop(number)
        future.set_result([(operation, by(operation)) for operation, _ in request])


class Standing:
    """Stands in for what the batches of a cluster share: it has nothing, and takes everything."""

    def __init__(self, limit: int = 1000) -> None:
        self.settings = Settings()
        self.backoff = Backoff(1, 2)
        self.bulk = Requests(limit)
        self.looker = ThreadPoolExecutor(1)
        self.indices = self.duplicates = self.lookup = self.refresher = self
        self.version: Any = "v1"
        self.near = False  # whether batches may have copies of one another
        self.forgotten: set[str] = set()
        self.seen = True
        self.looked: list[set[str]] = []
        self.kept: list[DeadLetter] = []
        self.beats: list[int] = []  # with each, how many requests were sent
        self.keep_letters: Callable[[Sequence[DeadLetter]], None] | None = self.kept.extend

    index: Any = Target.index

    @property
    def state(self) -> Any:
        return self.version, 0

    def sees(self, ids: Collection[str]) -> bool:
        return self.seen

    def apart(self, newest: Mapping[str, Event], known: Known, others: Iterable[Event]) -> bool:
        return not self.near

    def look_up(self, newest: Mapping[str, Event], now: Any) -> Known:
        self.looked.append(set(newest))
        known = Known()
        known.forget = self.forgotten.update  # type: ignore[method-assign,assignment]
        return known

    def place(self, newest: Mapping[str, Event], *_: Any) -> dict[str, Event]:
        return dict(newest)

    def taken_down(self, events: Iterable[Event]) -> set[str]:
        return set()

    def leftovers(self, wanted: Any) -> dict[str, Any]:
        return {}

    def trouble(self) -> str:
        return ""

    def check(self) -> bool:
        return False

    def beat(self) -> None:
        self.beats.append(len(self.bulk.sent))

    def nothing(self, *_: Any, **__: Any) -> None: ...

    stay = catch_up = writing = wrote = touch = refresh_if_due = ensure = forget = nothing


def batch(target: Standing, *articles: Enriched) -> Batch:
    standing: Any = target
    return Batch(standing, [Event(record(one, offset=n), one) for n, one in enumerate(articles)])


def many(count: int, says: tuple[str, ...] = ("One.", "Two."), name: str = "a") -> list[Enriched]:
    return [enriched(article=f"{name}{n}", says=says) for n in range(count)]


def kinds(operations: Iterable[Operation]) -> set[str]:
    return {operation.index.split("-")[1] + "-" * operation.deletion for operation in operations}


def flat(requests: Iterable[list[Operation]]) -> list[Operation]:
    return [operation for request in requests for operation in request]


def finish(*batches: Batch, target: Standing) -> None:
    while not all(one.done for one in batches):
        for one in batches:
            one.send()
        while target.bulk.open:
            target.bulk.answer()
        wait([answer for one in batches for answer in one.expected])
        for one in batches:
            one.receive()


def test_two_requests_at_a_time_articles_before_quotes() -> None:
    target = Standing()
    one = batch(target, *many(4))
    one.send()
    assert len(target.bulk.open) == AT_ONCE
    while len(target.bulk.sent) < 4:
        target.bulk.answer(-1)  # the later one first
        one.receive()
        one.send()
    assert kinds(flat(target.bulk.sent)) == {"articles"}
    target.bulk.answer()
    one.receive()
    one.send()
    assert len(target.bulk.sent) == 4, "a request with articles is still on its way"
    target.bulk.answer()
    one.receive()
    one.send()
    assert kinds(target.bulk.sent[-1]) == {"quotes"}
    finish(one, target=target)
    assert (one.outcome.written, one.outcome.quotes) == (4, 8)


def test_quotes_of_a_refused_article_are_not_sent() -> None:
    target = Standing(limit=100_000)
    one = batch(target, *many(3))
    one.send()
    while one.make_ahead():
        pass
    target.bulk.answer(by=lambda operation: REFUSED if operation.owner == "a1" else DONE)
    one.receive()
    finish(one, target=target)
    assert {operation.owner for operation in flat(target.bulk.sent[1:])} == {"a0", "a2"}
    assert [letter.key for letter in one.outcome.letters] == [b"a1"]


def test_what_a_request_beside_wrote_is_taken_back() -> None:
    target = Standing(limit=100_000)
    one = batch(target, *many(1, says=tuple(f"Word {n}." for n in range(6))))
    one.send()
    target.bulk.answer()
    one.receive()
    target.bulk.size.bytes = 2000
    one.send()
    first, second = ({operation.id for operation, _ in request} for request, _ in target.bulk.open)
    refused = min(first)
    target.bulk.answer(by=lambda operation: REFUSED if operation.id == refused else DONE)
    one.receive()
    one.send()
    assert len(target.bulk.sent) == 3, "nothing of it is sent any more"
    target.bulk.answer()
    one.receive()
    target.bulk.size.bytes = 100_000
    one.send()
    assert kinds(target.bulk.sent[-1]) == {"quotes-"}
    assert {operation.id for operation in target.bulk.sent[-1]} > first | second
    finish(one, target=target)
    assert kinds(target.bulk.sent[-1]) == {"articles-"}
    assert (one.outcome.written, len(one.outcome.letters)) == (0, 1)


def test_a_batch_beats_with_each_step_for_its_part_alone() -> None:
    """So that a long batch of a sink counts as work; a command that writes batches is no part, and beats never."""
    heartbeat.PART.rest()
    target = Standing()
    one = batch(target, *many(4))
    finish(one, target=target)
    assert {*target.beats} >= {*range(1, len(target.bulk.sent) + 1)}, "with each request that is sent"
    assert heartbeat.PART.silent_for == 0


def without_kafka(_: Sequence[DeadLetter]) -> None:
    raise BackpressureError("Kafka takes no letters", retry_after=0)


def with_a_refused_quote(target: Standing) -> Batch:
    """A batch of two articles; all is written but a quote of the second one."""
    one = batch(target, *many(2))
    one.send()
    target.bulk.answer()
    one.receive()
    one.send()
    bad = max(operation.id for operation in target.bulk.sent[-1] if operation.owner == "a1")
    target.bulk.answer(by=lambda operation: REFUSED if operation.id == bad else DONE)
    one.receive()
    return one


@pytest.mark.guarantee("letter-first")
def test_letters_are_kept_before_anything_is_taken_back() -> None:
    target = Standing(limit=100_000)
    one = with_a_refused_quote(target)
    target.keep_letters = without_kafka
    for _ in range(2):
        with pytest.raises(BackpressureError):
            one.send()
    assert len(target.bulk.sent) == 2, "nothing is deleted while the letter is not kept"
    target.keep_letters = target.kept.extend
    one.send()
    assert [letter.key for letter in target.kept] == [b"a1"]
    assert kinds(target.bulk.sent[-1]) == {"quotes-"}
    finish(one, target=target)
    assert (one.outcome.letters, one.outcome.to_keep) == (target.kept, [])


def test_nothing_is_taken_back_where_no_letters_are_kept() -> None:
    target = Standing(limit=100_000)
    target.keep_letters = None
    one = with_a_refused_quote(target)
    finish(one, target=target)
    assert not any(operation.deletion for operation in flat(target.bulk.sent))
    assert [letter.key for letter in one.outcome.to_keep] == [b"a1"]


def test_an_event_that_is_refused_and_faulty_is_one_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elasticsearch refuses one of its quotes, and then another one cannot be made."""

    def breaks_off(*made: Any, **more: Any) -> Iterator[documents.Document]:
        yield from islice(quotes(*made, **more), 3)
        raise ValueError("broken")

    quotes = documents.quotes
    monkeypatch.setattr(documents, "quotes", breaks_off)
    target = Standing(limit=1)  # each request has one operation
    one = batch(target, *many(1, says=tuple(f"Word {n}." for n in range(4))))
    one.send()
    target.bulk.answer()
    one.receive()
    one.send()
    target.bulk.answer(by=lambda _: REFUSED)
    one.receive()
    finish(one, target=target)
    assert [letter.error for letter in one.outcome.letters] == [REFUSED.kind]
    assert one.outcome.written == 0


def test_after_an_overload_nothing_is_sent_until_all_is_told() -> None:
    target = Standing()
    one = batch(target, *many(4))
    one.send()
    refused = [operation.id for operation, _ in target.bulk.open[0][0]]
    target.bulk.answer(by=lambda _: LATER)
    one.receive()
    one.send()
    assert len(target.bulk.sent) == 2
    target.bulk.answer()
    one.receive()
    with pytest.raises(BackpressureError, match="busy"):
        one.send()
    one.send()
    assert [operation.id for operation in target.bulk.sent[2]] == refused
    finish(one, target=target)
    assert one.outcome.written == 4
    articles = [operation.id for operation in flat(target.bulk.sent) if operation.index.startswith("whosaid-articles")]
    assert sorted(articles) == sorted(["a0", "a1", "a2", "a3", *refused])


def test_it_begins_again_in_the_version_that_is_searched_now() -> None:
    target = Standing()
    one = batch(target, *many(3))
    one.send()
    target.version = "v2"
    one.send()
    assert len(target.bulk.sent) == 2, "what is on its way comes first"
    target.bulk.answer(by=lambda _: REFUSED)
    target.bulk.answer()
    one.receive()
    finish(one, target=target)
    assert (one.outcome.written, len(one.outcome.letters)) == (3, 0)
    assert len(target.looked) == 2


def queue(*batches: Batch) -> BatchQueue:
    made = BatchQueue()
    for one in batches:
        made.add(one)
    return made


def looked_ahead(waiting: Batch) -> None:
    assert waiting.looking is not None
    waiting.looking.result(5)


def step(made: BatchQueue, target: Standing) -> None:
    """A step in which the oldest request is answered as soon as nothing else is to do."""

    def meanwhile() -> bool:
        if target.bulk.open:
            target.bulk.answer()
        return True

    made.step(meanwhile)


def test_a_batch_begins_while_the_one_before_is_written() -> None:
    target = Standing(limit=100_000)
    first, second = batch(target, *many(2)), batch(target, *many(2, name="b"))
    made = queue(first)
    step(made, target)
    made.add(second)
    looked_ahead(second)
    step(made, target)
    assert {operation.owner[0] for operation in target.bulk.sent[-1]} == {"b"}
    assert not first.done
    while len(made):
        step(made, target)
        for one in made.done():
            assert one is first or first.outcome.written == 2
    assert second.outcome.written == 2
    assert target.looked == [{"a0", "a1"}, {"b0", "b1"}], "nothing is looked up twice"


@pytest.mark.parametrize("why", ["one article in both", "unseen", "copies", "the version", "it failed"])
def test_a_batch_waits_for_the_one_before_it(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Standing(limit=100_000)
    first, second = batch(target, *many(2)), batch(target, *many(2, name="a" if why.startswith("one") else "b"))
    target.near, target.seen = why == "copies", why != "unseen"
    made = queue(first)
    step(made, target)
    if why == "it failed":
        monkeypatch.setattr(target, "stay", lambda: 1 / 0)
    made.add(second)
    monkeypatch.undo()
    if second.looking is not None:
        assert why not in ("one article in both", "unseen")
        second.looking.exception(5)
    if why == "the version":
        monkeypatch.setattr(Standing, "state", ("v1", 1))
    first._state.removed.add("a1")
    while not first.done:
        step(made, target)
        assert first.done or not second.begun
    assert made.done() == [first]
    while not second.done:
        step(made, target)
    assert second.outcome.written == 2
    assert len(target.looked) == {"copies": 2, "the version": 3}.get(why, 2)
    assert target.forgotten >= {"a1"}, "what the batch before gave up has no copies"


def test_a_stop_finishes_what_was_begun_in_order() -> None:
    target = Standing(limit=100_000)
    first, second = batch(target, *many(2)), batch(target, *many(2, name="b"))
    made = queue(first, second)
    made.drop(begun=False)
    assert len(made) == 0, "nothing of either was written"
    made = queue(first)
    step(made, target)
    made.add(second)
    looked_ahead(second)
    made.drop(begun=False)
    while not first.done:
        step(made, target)
    assert (made.done(), len(made), second.begun) == ([first], 0, False)


def test_what_is_dropped_is_not_on_its_way_any_more() -> None:
    target = Standing(limit=100_000)
    first = batch(target, *many(2))
    made = queue(first)
    first.send()
    with ThreadPoolExecutor(1) as pool:
        dropped = pool.submit(made.drop)
        assert not dropped.done()
        target.bulk.answer()
        dropped.result(5)
    assert len(made) == 0
