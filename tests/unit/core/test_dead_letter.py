"""A dead letter keeps the event as it was and counts its failures."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import dlq
from pipeline.dead_letters import outcome
from pipeline.dead_letters.dead_letter import (
    MOST_ATTEMPTS,
    Headers,
    from_failure,
    from_record,
    passed_on,
    to_headers,
    to_replay,
    without_bytes,
)
from pipeline.dead_letters.log import Filter, Letter, Statistics
from pipeline.models import DeadLetter, Stage


def failed(error: BaseException | str, headers: Headers | None = None) -> DeadLetter:
    return from_failure(
        error,
        stage=Stage.ENRICH,
        topic="news.articles",
        partition=2,
        offset=17,
        key=b"k",
        value=b"\xff\x00",
        headers=headers or [],
    )


def test_a_letter_survives_the_topic_with_its_bytes() -> None:
    letter = failed(ValueError("no\nbody"))
    assert from_record(b"k", b"\xff\x00", to_headers(letter)) == letter
    assert (letter.error, letter.reason, letter.attempts) == ("ValueError", "no body", 1)


def test_an_event_that_fails_again_counts_from_its_first_failure() -> None:
    first = failed("nothing in it")
    again = failed("still nothing", to_headers(first))
    assert again.attempts == 2
    assert again.first_failed == first.first_failed
    assert again.last_failed >= first.last_failed
    assert again.reason == "still nothing"


def test_a_letter_keeps_the_headers_that_the_event_came_with() -> None:
    letter = failed("bad", [("traceparent", b"00"), ("blob", b"\xff")])
    assert letter.headers == [("traceparent", b"00"), ("blob", b"\xff")]
    assert from_record(b"k", b"\xff\x00", to_headers(letter)) == letter


def test_a_replayed_event_counts_on_at_a_later_stage_too() -> None:
    first = failed("bad", [("traceparent", b"00")])
    sent = to_replay(first, "2-117")
    assert sent[0] == ("traceparent", b"00")
    again = failed("at the sink", passed_on(sent))
    assert (again.attempts, again.first_failed, again.replay_of) == (2, first.first_failed, "2-117")
    assert again.headers == [("traceparent", b"00")]
    assert from_record(b"k", b"\xff\x00", to_headers(again)) == again


def test_an_event_that_never_failed_passes_its_own_headers() -> None:
    assert passed_on([("traceparent", b"00"), ("whosaid-reason", b"x")]) == [("traceparent", b"00")]


def test_a_letter_without_its_bytes_says_so_on_the_topic_too() -> None:
    short = without_bytes(failed("bad", [("big", b"x" * 100)]), "it is at news.articles")
    read = from_record(b"k", b"", to_headers(short))
    assert (read.kept, read.value, read.headers) == (False, b"", [])
    assert read.reason == "bad (it is at news.articles)"


def test_headers_of_somebody_else_do_not_disturb() -> None:
    letter = failed("bad", [("whosaid-attempts", b"many"), ("traceparent", b"00")])
    assert letter.attempts == 1


def test_a_long_reason_is_cut() -> None:
    assert len(failed("x" * 10_000).reason) == 4000


def test_an_error_without_words_is_named() -> None:
    assert failed(MemoryError()).reason == "MemoryError"


def test_a_record_that_is_no_letter_is_refused() -> None:
    with pytest.raises(ValueError, match="stage"):
        from_record(b"k", b"v", [("whosaid-topic", b"t")])


def test_times_are_aware() -> None:
    assert failed("x").last_failed <= datetime.now(UTC)


@pytest.mark.guarantee("letter-always")
def test_a_null_header_is_kept_as_empty_and_noted() -> None:
    letter = failed("bad", [("a", b"1"), ("h", None), ("h", b""), ("b", None)])
    assert letter.headers == [("a", b"1"), ("h", b""), ("h", b""), ("b", b"")]
    assert letter.null_headers == [1, 3]
    assert from_record(b"k", b"\xff\x00", to_headers(letter)) == letter
    assert to_replay(letter, "2-117")[:4] == letter.headers


def test_null_headers_are_passed_on_as_they_are() -> None:
    assert passed_on([("h", None), ("whosaid-attempts", None)]) == [("h", None), ("whosaid-attempts", None)]


@pytest.mark.parametrize(
    ("attempts", "counted"),
    [
        (None, 1),
        (b"", 1),
        (b"many", 1),
        (b"-7", 1),
        (b"\xff", 1),
        (b"3", 4),
        (b"007", 8),
        (b"9" * 20, MOST_ATTEMPTS),
        (b"9" * 4300, MOST_ATTEMPTS),
        (b"9" * 10_000, MOST_ATTEMPTS),
        (str(MOST_ATTEMPTS).encode(), MOST_ATTEMPTS),
    ],
)
@pytest.mark.guarantee("letter-always")
def test_whatever_the_attempts_are_the_letter_is_made(attempts: bytes | None, counted: int) -> None:
    letter = failed("bad", [("whosaid-attempts", attempts)])
    assert letter.attempts == counted
    assert from_record(b"k", b"\xff\x00", to_headers(letter)) == letter


@pytest.mark.parametrize(
    "when",
    [
        None,
        b"",
        b"\xff\xfe",
        b"2025-02-30T00:00:00Z",
        b"2025-02-03T00:00:00",
        b"0001-01-01T00:00:00+14:00",
        b"9999-12-31T23:59:59-14:00",
        b"9999-12-31T23:59:59Z",
    ],
)
@pytest.mark.guarantee("letter-always")
def test_a_first_time_that_cannot_be_is_now(when: bytes | None) -> None:
    letter = failed("bad", [("whosaid-first_failed", when)])
    assert timedelta(0) <= letter.last_failed - letter.first_failed < timedelta(seconds=10)
    assert from_record(b"k", b"\xff\x00", to_headers(letter)) == letter


def test_what_utf8_cannot_carry_is_escaped() -> None:
    letter = failed("half \ud800 a pair", [("name\udcff", b"x"), ("whosaid-replay_of", b"\xff" * 1000)])
    assert letter.reason == "half \\ud800 a pair"
    assert letter.headers == [("name\\udcff", b"x")]
    assert len(letter.replay_of or "") == 200
    assert from_record(b"k", b"\xff\x00", to_headers(letter)) == letter


def test_an_error_that_cannot_say_what_it_is_is_named() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert failed(SilentError()).reason == "SilentError"


def test_a_letter_without_its_bytes_has_a_bound() -> None:
    letter = from_failure(
        "x" * 10_000, stage=Stage.SINK, topic="t" * 249, partition=1, offset=1, key=b"k" * 10**6, value=b"v" * 10**6,
        headers=[(f"h{number}", b"x" * 1000) for number in range(2000)], kind="E" * 10_000,
    )  # fmt: skip
    short = without_bytes(letter, "y" * 10_000)
    size = len(short.key or b"") + sum(len(name) + len(value) for name, value in to_headers(short))
    assert size < 20_000
    assert (short.value, short.kept) == (b"", False)


@pytest.mark.parametrize("name", ["whosaid-topic", "whosaid-stage", "whosaid-partition", "whosaid-last_failed"])
def test_a_record_with_a_null_in_place_of_a_field_is_no_letter(name: str) -> None:
    headers = [(one, None if one == name else value) for one, value in to_headers(failed("bad"))]
    with pytest.raises(ValueError, match=name.removeprefix("whosaid-")):
        from_record(b"k", b"v", headers)


def test_rubbish_beside_the_fields_of_a_letter_does_not_disturb() -> None:
    rubbish: Headers = [("whosaid-x", None), ("whosaid-null_headers", b"9" * 5000 + b",-1,,x,7"), ("h", None)]
    read = from_record(b"k", b"v", [*to_headers(failed("bad")), *rubbish])
    assert (read.headers, read.null_headers) == ([("h", b"")], [0])


@pytest.mark.parametrize("field", ["partition", "offset", "last_offset"])
@pytest.mark.parametrize("value", [b"-1", b"9" * 30, b"9" * 5000])
def test_a_place_that_cannot_be_makes_no_letter(field: str, value: bytes) -> None:
    headers = [*to_headers(failed("bad")), (f"whosaid-{field}", value)]
    with pytest.raises(ValueError, match=r"offset|partition"):
        from_record(b"k", b"v", headers)


_FIELDS = [name for name, _ in to_headers(failed("bad"))] + ["whosaid-kept", "whosaid-last_offset", "whosaid-replay_of"]
_BYTES = st.binary(max_size=12) | st.sampled_from(
    [b"[" * 50_000, b"9" * 5000, b"false", b"-1", b"sink", b'{"id": "a1", "revision": 1e999}', b'{"article": []}']
)


@given(
    st.none() | _BYTES,
    st.none() | _BYTES,
    st.dictionaries(st.sampled_from(_FIELDS), st.none() | _BYTES, max_size=3),
    st.lists(st.tuples(st.sampled_from(["", "h", "whosaid-", "whosaid-x", "\u2603"]), st.none() | _BYTES), max_size=3),
)
def test_any_record_is_no_letter_or_one_that_all_can_handle(
    key: bytes | None, value: bytes | None, changed: dict[str, bytes | None], beside: list[tuple[str, bytes | None]]
) -> None:
    """Whatever its bytes and headers are, it can be filtered, counted, shown, sent again and followed."""
    headers = [(name, changed.get(name, own)) for name, own in to_headers(failed("bad"))]
    try:
        content = from_record(key, value, [*headers, *beside])
    except ValueError:
        return
    letter = Letter(0, 7, content)
    assert Filter().matches(letter)
    Statistics().count(letter)
    json.dumps(dlq._fields(letter))
    outcome._article(letter)
    assert from_record(key, value, to_headers(content)).reason == content.reason
    assert all(isinstance(own, bytes) for _, own in to_replay(content, letter.id))
