"""Bulk requests: their size, and an answer for every operation whatever becomes of the request."""

import json
from collections.abc import Callable, Iterator
from threading import Event, Semaphore
from typing import Any

import pytest
from elasticsearch import ConnectionError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sink.bulk import Bulk, Operation, Pending, Size
from pipeline.sink.bulk_answers import Verdict
from tests.unit.sink.test_bulk_answers import api_error

TOO_LARGE = api_error(413, "")


class FakeClient:
    """Answers each operation by `answer`, or a whole request by the exception that it raises."""

    def __init__(self, answer: Callable[[list[str]], list[dict[str, Any]]]) -> None:
        self.requests: list[list[str]] = []
        self._answer = answer

    def bulk(self, operations: list[bytes], **_: Any) -> dict[str, Any]:
        ids = [next(iter(json.loads(one.split(b"\n")[0]).values()))["_id"] for one in operations]
        self.requests.append(ids)
        return {"items": [{"index": one} for one in self._answer(ids)]}


def operations(*ids: str, size: int = 10) -> list[Operation]:
    return [Operation("a1", "i", one, 1, b'"' + b"x" * size + b'"') for one in ids]


def send(client: FakeClient, what: list[Operation]) -> list[tuple[str, Verdict]]:
    bulk = Bulk(client, 10_000)  # type: ignore[arg-type]
    request = [(operation, operation.lines()) for operation in what]
    return [(operation.id, answer.verdict) for operation, answer in bulk.send(request)]


def test_a_write_carries_its_external_version() -> None:
    lines = Operation("a1", "i-2026.03", 'q"\n1', 7, b'{"revision":3}').lines().split(b"\n")
    assert json.loads(lines[0]) == {
        "index": {"_index": "i-2026.03", "_id": 'q"\n1', "version": 7, "version_type": "external_gte"}
    }
    assert lines[1] == b'{"revision":3}'
    assert lines[2] == b""


def test_a_deletion_is_one_line_with_the_revision() -> None:
    lines = Operation("a1", "i", "q1", 9).lines()
    assert json.loads(lines) == {"delete": {"_index": "i", "_id": "q1", "version": 9, "version_type": "external_gte"}}
    assert lines.count(b"\n") == 1


@given(st.lists(st.integers(1, 400), max_size=40), st.integers(200, 1000))
def test_requests_keep_order_and_limit(sizes: list[int], limit: int) -> None:
    all_of_them = [Operation("a", "i", str(n), 1, b"x" * size) for n, size in enumerate(sizes)]
    pending = Pending(all_of_them)
    parts = []
    while pending:
        parts.append(pending.take(limit))
    assert pending.take(limit) == []
    assert [operation for part in parts for operation, _ in part] == all_of_them
    for part in parts:
        assert len(part) == 1 or sum(len(lines) for _, lines in part) <= limit
        assert all(lines == operation.lines() for operation, lines in part)


def test_no_more_than_a_request_is_made_ahead() -> None:
    made: list[str] = []

    def making() -> Iterator[Operation]:
        for operation in operations(*"abcdefgh", size=1000):
            made.append(operation.id)
            yield operation

    pending = Pending(making())
    while pending.make_ahead(3000):
        pass
    assert made == ["a", "b", "c"]
    assert [operation.id for operation, _ in pending.take(10**6)] == [*"abcdefgh"]


def test_what_is_made_ahead_of_a_refused_article_is_dropped() -> None:
    pending = Pending([Operation(owner, "i", f"{owner}-q", 1, b"{}") for owner in ("a1", "a2", "a3")])
    while pending.make_ahead(10**6):
        pass
    pending.keep({"a1", "a3"})
    assert [operation.owner for operation in pending] == ["a1", "a3"]


def test_two_requests_are_on_their_way_at_a_time() -> None:
    arrived, go_on = Semaphore(0), Event()

    def answer(ids: list[str]) -> list[dict[str, Any]]:
        arrived.release()
        assert go_on.wait(10)
        return [{"status": 201} for _ in ids]

    bulk = Bulk(FakeClient(answer), 10_000)  # type: ignore[arg-type]
    sent = []
    for names in ("ab", "c"):
        assert bulk.free
        sent.append(bulk.begin([(operation, operation.lines()) for operation in operations(*names)]))
        assert arrived.acquire(timeout=10)
    assert not bulk.free
    go_on.set()
    assert [[(one.id, answer.verdict) for one, answer in some.result(5)] for some in sent] == [
        [("a", Verdict.DONE), ("b", Verdict.DONE)], [("c", Verdict.DONE)],
    ]  # fmt: skip
    assert bulk.free


def test_every_operation_gets_its_answer() -> None:
    client = FakeClient(lambda ids: [{"status": 409 if one == "b" else 201} for one in ids])
    assert send(client, operations("a", "b", "c")) == [
        ("a", Verdict.DONE), ("b", Verdict.STALE), ("c", Verdict.DONE),
    ]  # fmt: skip
    assert client.requests == [["a", "b", "c"]]


def test_a_request_that_is_too_large_is_halved() -> None:
    def answer(ids: list[str]) -> list[dict[str, Any]]:
        if "c" in ids:
            raise TOO_LARGE
        return [{"status": 201}] * len(ids)

    client = FakeClient(answer)
    assert send(client, operations("a", "b", "c", "d", "e")) == [
        ("a", Verdict.DONE), ("b", Verdict.DONE), ("c", Verdict.REFUSED), ("d", Verdict.DONE), ("e", Verdict.DONE),
    ]  # fmt: skip
    assert ["c"] in client.requests


def test_when_the_cluster_is_away_nothing_more_is_sent() -> None:
    def answer(ids: list[str]) -> list[dict[str, Any]]:
        raise TOO_LARGE if len(ids) > 1 else ConnectionError("refused")

    client = FakeClient(answer)
    assert send(client, operations("a", "b", "c")) == [
        ("a", Verdict.RETRY), ("b", Verdict.RETRY), ("c", Verdict.RETRY),
    ]  # fmt: skip
    assert client.requests == [["a", "b", "c"], ["a"]]


def test_operations_are_made_as_they_are_taken() -> None:
    made = []

    def make() -> Iterator[Operation]:
        for one in operations("a", "b", "c", "d", size=300):
            made.append(one.id)
            yield one

    pending = Pending(make())
    assert pending
    assert made == ["a"]
    first = [operation for operation, _ in pending.take(500)]
    assert [one.id for one in first] == ["a"]
    assert made == ["a", "b"], "one ahead, to see that it does not fit"
    pending.put_back(first)
    assert [operation.id for operation, _ in pending.take(10_000)] == ["a", "b", "c", "d"]
    assert not pending


@pytest.mark.parametrize("trouble", [{"status": 429, "error": {"type": "es_rejected_execution_exception"}}])
def test_requests_shrink_under_pressure_and_grow_again(trouble: dict[str, Any]) -> None:
    pressed = True
    client = FakeClient(lambda ids: [trouble if pressed else {"status": 201}] * len(ids))
    bulk = Bulk(client, 1_000_000)  # type: ignore[arg-type]
    for _ in range(10):
        list(bulk.send([(one, one.lines()) for one in operations("a")]))
    assert bulk.size.bytes == 64 * 1024
    pressed = False
    for _ in range(40):
        list(bulk.send([(one, one.lines()) for one in operations("a")]))
    assert bulk.size.bytes == 500_000, "two requests at a time have so much together"


def test_a_small_limit_of_the_settings_is_never_passed() -> None:
    size = Size(1000)
    size.shrink()
    assert size.bytes == 1000
    size.grow()
    assert size.bytes == 1000
