"""Reading records: what is an event, and what is a dead letter and why."""

import json
from typing import Any

import pytest

from pipeline.dead_letters import dead_letter
from pipeline.models import DeadLetter, Stage
from pipeline.sink import documents, events
from pipeline.sink.batch_state import newest_first
from pipeline.sink.events import Event
from tests.unit.sink.factory import enriched, record


def refused(value: bytes | None, **more: Any) -> DeadLetter:
    letter = events.read(record(value, **more))
    assert isinstance(letter, DeadLetter)
    return letter


def changed(**changes: object) -> bytes:
    return json.dumps(json.loads(enriched().model_dump_json()) | changes).encode()


def test_an_event_survives_the_topic() -> None:
    article = enriched(revision=3)
    event = events.read(record(article, offset=9))
    assert isinstance(event, Event)
    assert event.enriched == article
    assert (event.id, event.revision, event.record.offset) == ("a1", 3, 9)


@pytest.mark.parametrize(
    "value", [b"\x00", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{}", b"[" * 100_000, b'{"article": 1}']
)
def test_what_is_no_event_is_a_dead_letter(value: bytes) -> None:
    letter = refused(value)
    assert letter.error == "BadEvent"
    assert letter.value == value
    assert letter.reason


def test_an_event_without_a_value_is_a_dead_letter() -> None:
    assert refused(None).error == refused(b"").error == "EmptyEvent"


def test_a_lone_surrogate_is_a_dead_letter() -> None:
    value = enriched().model_dump_json().replace("Norland builds", "\\ud800 builds").encode()
    assert refused(value).error == "BadEvent"


def test_the_reason_names_the_field() -> None:
    article = json.loads(enriched().model_dump_json())["article"] | {"fetched": "yesterday"}
    assert refused(changed(article=article)).reason.startswith(
        "Not an enriched article: article.fetched: It must be a date and a time"
    )


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("field", ["published", "modified", "fetched"])
@pytest.mark.guarantee("date-without-year")
def test_a_time_that_has_no_year_in_utc_is_a_dead_letter(field: str, moment: str) -> None:
    article = json.loads(enriched().model_dump_json())["article"] | {field: moment}
    letter = refused(changed(article=article))
    assert letter.error == "BadEvent"
    assert letter.reason.startswith(f"Not an enriched article: article.{field}: ")
    assert refused(changed(enriched=moment)).error == "BadEvent"


@pytest.mark.parametrize(
    "headers",
    [[("h", None)], [("whosaid-attempts", None)], [("whosaid-attempts", b"9" * 4300)], [("whosaid-x", None)],
     [("whosaid-first_failed", b"0001-01-01T00:00:00+14:00")]],
)  # fmt: skip
def test_whatever_the_headers_are_the_letter_is_made(headers: dead_letter.Headers) -> None:
    letter = refused(b"{", headers=headers)
    assert letter.headers == dead_letter.plain_headers(headers)


def test_an_event_that_is_too_large_is_not_even_read() -> None:
    value = b"[" + b"[]," * (events.LARGEST_EVENT // 3) + b"[]]"
    letter = refused(value)
    assert letter.error == "TooLong"
    assert f"WHOSAID_SINK__MAX_EVENT_BYTES is {events.LARGEST_EVENT}" in letter.reason


def test_an_event_with_more_than_any_article_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_QUOTES", 2)
    assert isinstance(events.read(record(enriched(says=("One.", "Two.")))), Event)
    letter = refused(enriched(says=("One.", "Two.", "Three.")).model_dump_json().encode())
    assert letter.error == "TooMuch"
    assert letter.reason == "The article has 3 quotes; 2 is the most that is indexed."


def test_an_unexpected_error_makes_a_letter(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> str:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(documents, "too_much", broken)
    letter = refused(enriched().model_dump_json().encode(), offset=7)
    assert (letter.error, letter.reason) == ("OverflowError", "date value out of range")
    assert "offset 7 breaks what reads it" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [MemoryError(), OSError("no more files")])
@pytest.mark.guarantee("machine-error")
def test_the_machines_error_is_no_events_fault(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(_: object) -> str:
        raise error

    monkeypatch.setattr(documents, "too_much", broken)
    with pytest.raises(type(error)):
        events.read(record(enriched()))


def test_an_article_from_the_future_waits_in_dead_letters() -> None:
    for value in (changed(schema_version=2), changed(schema_version=2, article="quite another shape")):
        letter = refused(value)
        assert letter.error == "NewerSchema"
        assert "schema version 2 is newer than 1" in letter.reason


def test_a_newer_article_within_is_told_too() -> None:
    article = json.loads(enriched().model_dump_json())["article"] | {"schema_version": 5, "body": None}
    assert refused(changed(article=article)).error == "NewerSchema"


def test_an_older_schema_without_newer_fields_is_read() -> None:
    value = json.loads(enriched().model_dump_json())
    for name in ("schema_version", "timings", "cluster"):
        del value[name]
    assert isinstance(events.read(record(json.dumps(value).encode())), Event)


def test_an_id_that_elasticsearch_cannot_hold_is_a_dead_letter() -> None:
    assert isinstance(events.read(record(enriched(article="é" * 256))), Event)
    assert "longer than 512 bytes" in refused(enriched(article="é" * 257).model_dump_json().encode()).reason


def test_an_event_cannot_overwrite_a_quote_of_another_article() -> None:
    value = json.loads(enriched(article="a1").model_dump_json())
    value["quotes"][0]["id"] = enriched(article="a2").quotes[0].id
    letter = refused(json.dumps(value).encode())
    assert letter.error == "BadEvent"
    assert "is no id of a quote of this article" in letter.reason


def test_a_letter_says_where_the_event_was_and_keeps_its_bytes() -> None:
    letter = events.letter(record(b"{", offset=7, partition=3), "no good", kind="mapper_parsing_exception")
    assert (letter.topic, letter.partition, letter.offset) == ("news.enriched", 3, 7)
    assert (letter.stage, letter.error, letter.reason) == (Stage.SINK, "mapper_parsing_exception", "no good")
    assert (letter.key, letter.value, letter.attempts) == (b"key", b"{", 1)


def test_an_article_that_fails_again_counts_its_attempts() -> None:
    first = events.letter(record(b"{"), "no good", kind="BadEvent")
    again = refused(b"{", headers=dead_letter.to_headers(first))
    assert again.attempts == 2
    assert again.first_failed == first.first_failed


def batch(*revisions: int) -> list[Event]:
    return [
        Event(record(None, offset=offset), enriched(revision=revision)) for offset, revision in enumerate(revisions)
    ]


@pytest.mark.parametrize(
    ("revisions", "newest", "others"),
    [
        ((1,), 0, []),
        ((1, 2), 1, [0]),
        ((2, 1), 0, [1]),
        ((1, 3, 2), 1, [0, 2]),
        ((5, 5), 1, [0]),
        ((1, 2, 2), 2, [0, 1]),
    ],
)
def test_of_a_batch_the_newest_revision_is_written(revisions: tuple[int, ...], newest: int, others: list[int]) -> None:
    written, replaced = newest_first(batch(*revisions))
    assert written["a1"].record.offset == newest
    assert [event.record.offset for event in replaced.get("a1", [])] == others


def test_articles_of_a_batch_do_not_replace_each_other() -> None:
    events_ = [Event(record(None), enriched(article=name)) for name in ("a1", "a2", "a3")]
    written, replaced = newest_first(events_)
    assert list(written) == ["a1", "a2", "a3"]
    assert not replaced


def test_of_one_revision_the_newer_engines_result_is_written() -> None:
    def by(engine: str, offset: int) -> Event:
        one = enriched()
        return Event(
            record(None, offset=offset),
            one.model_copy(update={"model": one.model.model_copy(update={"engine": engine})}),
        )

    written, replaced = newest_first([by("2", 0), by("10", 1), by("9", 2)])
    assert written["a1"].record.offset == 1
    assert [event.record.offset for event in replaced["a1"]] == [0, 2]


def test_a_revision_that_no_version_can_hold_is_a_dead_letter() -> None:
    assert isinstance(events.read(record(enriched(revision=documents.MAX_REVISION))), Event)
    assert "larger than" in refused(enriched(revision=documents.MAX_REVISION + 1).model_dump_json().encode()).reason
