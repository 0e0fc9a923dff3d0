"""A dead letter keeps the event as it was and counts its failures."""

from datetime import UTC, datetime

import pytest

from pipeline.deadletter import from_failure, from_record, passed_on, to_headers, to_replay, without_bytes
from pipeline.models import DeadLetter, Stage


def failed(error: BaseException | str, headers: list[tuple[str, bytes]] | None = None) -> DeadLetter:
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


def test_an_event_that_fails_again_counts_on_from_its_first_failure() -> None:
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


def test_a_replayed_event_counts_on_at_a_later_stage_too_and_names_its_letter() -> None:
    first = failed("bad", [("traceparent", b"00")])
    sent = to_replay(first, "2-117")
    assert sent[0] == ("traceparent", b"00")
    again = failed("at the sink", passed_on(sent))
    assert (again.attempts, again.first_failed, again.replay_of) == (2, first.first_failed, "2-117")
    assert again.headers == [("traceparent", b"00")]
    assert from_record(b"k", b"\xff\x00", to_headers(again)) == again


def test_an_event_that_never_failed_passes_on_its_own_headers_alone() -> None:
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
