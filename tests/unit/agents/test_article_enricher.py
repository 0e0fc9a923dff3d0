"""What a spaCy process makes of events, good and bad."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.agents.article_enricher import enricher
from pipeline.events import LARGEST_ARTICLE
from pipeline.models import SCHEMA_VERSION, Enriched
from pipeline.settings import EnrichmentSettings
from pipeline.workers.protocol import Failure, Outcome, Result, Work
from tests.unit.agents.factory import article

BODY = (
    "“We are close to an agreement,” Ada Lovelace told reporters in London on Tuesday.\n\n"
    "The bridge has been closed to heavy traffic since the storm that damaged two of its pillars last winter."
)


@pytest.fixture(scope="module")
def work(one_model: None) -> Work:
    settings = EnrichmentSettings(max_characters=5000)
    return enricher(settings.model, settings.fast, settings.batch_size, settings.max_characters)


def event(**changes: Any) -> dict[str, Any]:
    return article(**{"body": BODY} | changes)


def encoded(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


def outcome(work: Work, value: bytes) -> Outcome:
    [one] = work([value])
    return one


def failure(work: Work, value: bytes) -> Failure:
    one = outcome(work, value)
    assert isinstance(one, Failure)
    return one


def enriched(one: Outcome) -> Enriched:
    assert isinstance(one, Result), one
    return Enriched.model_validate_json(one.value)


def test_an_article_comes_back_with_its_quotes_and_entities(work: Work) -> None:
    one = outcome(work, encoded())
    assert isinstance(one, Result)
    assert one.key == b"a1"
    found = enriched(one)
    [quote] = found.quotes
    assert quote.text == "We are close to an agreement,"
    assert quote.speaker
    assert quote.speaker.name == "Ada Lovelace"
    assert str(quote.said_on) == "2025-03-11", "dates are seen from the day of publication"
    assert {"Ada Lovelace", "London"} <= {entity.name for entity in found.entities}
    assert found.article.body == BODY
    assert found.article.language == "en", "detected"
    assert found.model.name.startswith("en_core_web")
    assert found.model.version
    assert found.model.engine
    assert {"parse", "entities", "quotes"} <= set(found.timings)
    assert abs((datetime.now(UTC) - found.enriched).total_seconds()) < 60


def test_more_quotes_than_are_indexed_is_a_failure(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.agents.article_enricher.MAX_QUOTES", 0)
    failed = failure(work, encoded())
    assert (failed.error, failed.reason) == ("TooMuch", "The article has 1 quotes; 0 is the most that is indexed.")


def test_an_event_far_larger_than_its_article_is_not_even_read(work: Work) -> None:
    failed = failure(work, b"[" + b"[]," * (LARGEST_ARTICLE // 3) + b"[]]")
    assert failed.error == "TooLong"
    assert f"{LARGEST_ARTICLE} is the most that is read" in failed.reason


def test_every_offset_indexes_into_the_body_as_it_came(work: Work) -> None:
    body = "\ufeff\u2028 🙂 e\u0301 " + BODY
    found = enriched(outcome(work, encoded(body=body)))
    spans = [(one.start, one.end, one.text) for one in found.quotes]
    spans += [(one.start, one.end, one.text) for one in found.entities]
    for start, end, text in spans:
        assert found.article.body[start:end] == text
    assert found.article.body == body


def test_good_and_bad_events_of_a_batch_keep_their_places(work: Work) -> None:
    outcomes = list(work([encoded(id="a"), b"{", encoded(id="b"), b"", encoded(id="c")]))
    assert [isinstance(one, Result) for one in outcomes] == [True, False, True, False, True]
    assert [one.key for one in outcomes if isinstance(one, Result)] == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "Invalid JSON"),
        (b"not json", "Invalid JSON"),
        (b"\xff\xfe\x00", "Invalid JSON"),
        (b"\x00" * 40, "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b'{"a":' * 50_000, "Invalid JSON"),
        (b"null", "Not an article"),
        (b"[]", "Not an article"),
        (b'"text"', "Not an article"),
        (b"1e999", "Not an article"),
        (encoded(body=5), "body: It must be text"),
        (encoded(body=None), "body"),
        (encoded(fetched="yesterday"), "fetched"),
        (encoded(fetched="2025-03-12T09:00:00"), "fetched: It must be a time with its zone"),
        (encoded(published="0001-01-01T00:00:00+14:00"), "years 1 to 9999"),
        (encoded(modified="9999-12-31T23:59:59-14:00"), "years 1 to 9999"),
        (encoded(source="News"), "source"),
        (encoded(revision=-1), "revision"),
        (encoded(id=""), "id"),
        (encoded(tags={"a": 1}), "tags"),
        (encoded(body="half \ud800 a pair"), "Invalid JSON"),
        (encoded().replace(b"Ada", b"A\xff\xff"), "Invalid JSON"),
        (json.dumps({"body": BODY}).encode(), "It is missing"),
    ],
)
@pytest.mark.guarantee("date-without-year")
def test_a_bad_event_fails_with_a_reason_that_names_the_fault(work: Work, value: bytes, reason: str) -> None:
    failed = failure(work, value)
    assert failed.error == "BadEvent"
    assert reason in failed.reason
    assert len(failed.reason) < 400
    assert BODY not in failed.reason


def test_an_event_without_a_value_is_empty(work: Work) -> None:
    assert failure(work, b"") == Failure("EmptyEvent", "The event has no value.")


def test_an_event_of_a_newer_schema_says_so(work: Work) -> None:
    for value in (encoded(schema_version=SCHEMA_VERSION + 1), encoded(schema_version=SCHEMA_VERSION + 1, body=[1])):
        failed = failure(work, value)
        assert failed.error == "NewerSchema"
        assert str(SCHEMA_VERSION + 1) in failed.reason


def test_an_event_of_an_older_schema_is_read(work: Work) -> None:
    assert enriched(outcome(work, encoded(schema_version=0))).quotes


def test_unknown_fields_are_no_error(work: Work) -> None:
    assert enriched(outcome(work, encoded(future="field"))).quotes


def test_a_body_over_the_limit_fails_with_both_numbers(work: Work) -> None:
    failed = failure(work, encoded(body="word " * 1001))
    assert failed.error == "TooLong"
    assert "5005" in failed.reason
    assert "5000" in failed.reason


def test_an_empty_body_has_nothing_in_it(work: Work) -> None:
    found = enriched(outcome(work, encoded(body="")))
    assert (found.quotes, found.entities) == ([], [])


def test_an_article_in_another_language_comes_without_quotes(work: Work) -> None:
    body = "„Wir stehen kurz vor einer Einigung“, sagte die Ministerin am Dienstag in Berlin vor Journalisten. " * 3
    found = enriched(outcome(work, encoded(body=body)))
    assert found.article.language == "de"
    assert found.quotes == []
