"""Marks of dead letters, from whatever is on their topic."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dead_letters import dead_letter
from pipeline.dead_letters.dead_letter import Headers
from pipeline.dead_letters.log import Mark, Waiting, _sorted_out, read_marks
from pipeline.kafka_batches import Unreadable
from pipeline.models import Stage

DISCARDED = Mark(how="discarded", at=datetime(2026, 3, 12, tzinfo=UTC), because="a test")
VALUE = DISCARDED.model_dump_json().encode()
HELD = {0: range(2, 6), 1: range(0, 3)}


@dataclass
class Record:
    """A record on the topic of dead letters; one of partition 1 is no letter."""

    partition: int
    offset: int
    value: bytes | None = b"{"
    key: bytes | None = b"a1"
    topic: str = "news.deadletter"
    headers: Headers | None = None

    def __post_init__(self) -> None:
        if not self.partition:
            self.headers = dead_letter.to_headers(
                dead_letter.from_record_failure(self, "No.", kind="No", stage=Stage.SINK)
            )


RECORDS: list[dead_letter.Record] = [Record(number, offset) for number in HELD for offset in HELD[number]]


def test_the_last_mark_of_a_letter_holds() -> None:
    replayed = b'{"how": "replayed", "at": "2026-03-13T00:00:00Z", "topic": "news.articles", "new": [1]}'
    marks, strange = read_marks([(b"0-7", VALUE), (b"2-117", VALUE), (b"0-7", replayed)])
    assert {id: mark.how for id, mark in marks.items()} == {"0-7": "replayed", "2-117": "discarded"}
    assert strange == 0


def test_a_null_value_withdraws_a_mark_and_harms_no_other() -> None:
    assert read_marks([(b"0-7", VALUE), (b"0-8", VALUE), (b"0-7", None), (b"0-9", None)]) == ({"0-8": DISCARDED}, 0)


@pytest.mark.parametrize("key", [None, b"", b"letter", b"0", b"-1-7", b"0-07", b"0-7 ", b"\xff-7", b"9" * 5000 + b"-7"])
def test_a_key_that_names_no_letter_marks_none(key: bytes | None) -> None:
    assert read_marks([(b"0-7", VALUE), (key, VALUE), (key, None)]) == ({"0-7": DISCARDED}, 2)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"null", b"{", b"[" * 100_000, b"\xff\x00", b"{}", b'"replayed"', Unreadable(),
        VALUE.replace(b"discarded", b"burnt"), VALUE.replace(b"2026", b"20266"), VALUE.replace(b"Z", b""),
        VALUE[:-1] + b', "offset": "many"}', VALUE[:-1] + b', "offset": ' + b"9" * 5000 + b"}",
        b'{"how": "replayed", "at": "0001-01-01T00:00:00+14:00"}',
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_mark_changes_nothing(value: bytes) -> None:
    assert read_marks([(b"0-7", VALUE), (b"0-7", value), (b"0-8", value)]) == ({"0-7": DISCARDED}, 2)


@pytest.mark.guarantee("dlq-commands")
@given(st.lists(st.tuples(st.none() | st.binary(max_size=9), st.none() | st.binary(max_size=40)), max_size=8))
def test_any_bytes_harm_no_mark(records: list[tuple[bytes | None, bytes | None]]) -> None:
    marks, strange = read_marks([(b"4-4", VALUE), *((key, value) for key, value in records if key != b"4-4")])
    assert marks["4-4"] == DISCARDED
    assert strange <= len(records)


@given(st.dictionaries(st.sampled_from(sorted(Mark.model_fields)), st.integers() | st.text() | st.none() | st.floats()))
def test_a_field_of_any_type_gives_a_mark_or_none(fields: dict[str, object]) -> None:
    value = json.loads(VALUE) | fields
    marks, strange = read_marks([(b"0-7", json.dumps(value).encode())])
    assert len(marks) + strange == 1


@pytest.mark.parametrize(
    ("marked", "most", "expected"),
    [
        ({0: set(), 1: set()}, 2**20, Waiting(4, 3)),
        ({0: {3, 5}, 1: {0}}, 2**20, Waiting(2, 2)),
        ({0: {3, 5}, 1: {0}}, 1, Waiting(4, 0)),  # only the first was looked at, all others count as letters
        ({0: {3, 5}, 1: {0}}, 6 * 1024, Waiting(3, 1)),
    ],
)
def test_records_that_are_no_letters_count_apart(marked: dict[int, set[int]], most: int, expected: Waiting) -> None:
    came_since: list[dead_letter.Record] = [Record(0, 6), Record(2, 0)]
    assert _sorted_out([*came_since, *RECORDS], HELD, marked, most) == expected


def test_a_topic_with_gaps_counts_what_is_there() -> None:
    """Marks of transactions have offsets, and are no records."""
    assert _sorted_out(RECORDS[1:2], HELD, {0: set(), 1: set()}, 2**20) == Waiting(1, 0)
