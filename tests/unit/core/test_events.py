"""Events: read and written in one way, with one name for each fault, at every stage."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.dead_letters import dead_letter
from pipeline.events import EventError, FailureKind, decode, encode
from pipeline.models import SCHEMA_VERSION, Article, Enriched, Stage
from pipeline.sink import events as sink_events
from tests.unit.sink.factory import enriched, record

RECORDED = Path(__file__).parents[2] / "fixtures" / "events"
NEWER = SCHEMA_VERSION + 1


def failure(form: Any, value: bytes | None, **options: Any) -> EventError:
    with pytest.raises(EventError) as caught:
        decode(form, value, **{"largest": 10_000, **options})
    return caught.value


def changed(event: Article | Enriched, **changes: object) -> bytes:
    return json.dumps(json.loads(encode(event)) | changes).encode()


@pytest.mark.parametrize("event", [enriched().article, enriched()], ids=["article", "enriched"])
class TestBothForms:
    def test_an_event_survives_the_topic(self, event: Article | Enriched) -> None:
        form: Any = type(event)
        assert decode(form, encode(event), largest=10_000) == event

    @pytest.mark.parametrize("value", [None, b""])
    def test_nothing_is_an_empty_event(self, event: Article | Enriched, value: bytes | None) -> None:
        error = failure(type(event), value)
        assert (error.kind, error.reason) == (FailureKind.EMPTY, "The event has no value.")

    def test_what_is_too_long_is_not_parsed(self, event: Article | Enriched) -> None:
        error = failure(type(event), b"x" * 11, largest=10)
        assert (error.kind, error.reason) == (
            FailureKind.TOO_LONG, "The event has 11 bytes; 10 is the most that is read.",
        )  # fmt: skip
        assert "WHOSAID_X is 10" in failure(type(event), b"x" * 11, largest=10, setting="WHOSAID_X").reason

    @pytest.mark.parametrize("changes", [{}, {"id": [], "article": 3}])
    def test_a_newer_schema_counts_before_other_faults(
        self, event: Article | Enriched, changes: dict[str, object]
    ) -> None:
        error = failure(type(event), changed(event, schema_version=NEWER, **changes))
        assert error.kind is FailureKind.NEWER_SCHEMA
        assert f"schema version {NEWER} is newer than {SCHEMA_VERSION}" in error.reason

    def test_a_bad_field_is_named(self, event: Article | Enriched) -> None:
        error = failure(type(event), b"{}")
        assert error.kind is FailureKind.BAD
        assert error.reason.startswith("Not an ")
        assert ": It is missing (" in error.reason
        assert error.reason.endswith(" more).")

    def test_one_of_many_bad_items_is_told(self, event: Article | Enriched) -> None:
        """Each that is told takes a kilobyte."""
        article = json.loads(encode(event if isinstance(event, Article) else event.article))
        bad = article | {"tags": [0] * 50_000, "raw": {str(number): 0 for number in range(50_000)}}
        value = bad if isinstance(event, Article) else json.loads(encode(event)) | {
            "article": bad, "entities": [0] * 50_000, "quotes": [{}] * 50_000, "copied": bad["raw"],
        }  # fmt: skip
        error = failure(type(event), json.dumps(value).encode(), largest=10**7)
        assert error.kind is FailureKind.BAD
        assert 0 < int(error.reason.rpartition("(")[2].removesuffix(" more).")) < 20

    @pytest.mark.parametrize("items", ["[0]", "{}", "0", '""', '{"a":[]}', '"\\\\"', '"\\""'])
    def test_json_of_very_many_values_is_not_parsed(self, event: Article | Enriched, items: str) -> None:
        many = encode(event)[:-1] + b',"unknown":[' + b",".join([items.encode()] * 1_000_000) + b"]}"
        error = failure(type(event), many, largest=10**8)
        assert error.kind is FailureKind.TOO_MUCH
        assert "lists and objects and" in error.reason

    @pytest.mark.parametrize("text", ["[{,", "\\", '"', '\\",[', ',"{\\'])
    def test_what_stands_in_a_text_is_no_value(self, event: Article | Enriched, text: str) -> None:
        long = encode(event)[:-1] + b',"unknown":[' + json.dumps(text * 500_000).encode() + b"]}"
        form: Any = type(event)
        assert decode(form, long, largest=10**8) == event

    @pytest.mark.parametrize("value", [b"{", b"[" * 5000, b"\xff", b"null", b"[]", b'{"schema_version": "x"}'])
    def test_what_is_no_event_is_bad(self, event: Article | Enriched, value: bytes) -> None:
        assert failure(type(event), value).kind is FailureKind.BAD


def test_a_newer_article_in_an_enriched_event_is_told() -> None:
    article = json.loads(encode(enriched().article)) | {"schema_version": NEWER}
    for changes in ({}, {"body": 5}):
        assert failure(Enriched, changed(enriched(), article=article | changes)).kind is FailureKind.NEWER_SCHEMA


def test_what_utf8_cannot_carry_is_bad() -> None:
    with pytest.raises(EventError, match="cannot be written as UTF-8") as caught:
        encode(enriched().article.model_copy(update={"body": "half \ud800 a pair"}))
    assert caught.value.kind is FailureKind.BAD


class TestRecordedByC14df45:
    """What was written by the code of c14df45, byte for byte: these files are never changed."""

    article = (RECORDED / "article.c14df45.json").read_bytes().rstrip()
    enriched = (RECORDED / "enriched.c14df45.json").read_bytes().rstrip()
    letters = json.loads((RECORDED / "dead_letters.c14df45.json").read_text(encoding="utf-8"))

    def letter(self, number: int) -> Any:
        recorded = self.letters[number]
        key, value = (None if recorded[name] is None else bytes.fromhex(recorded[name]) for name in ("key", "value"))
        return dead_letter.from_record(key, value, [(name, bytes.fromhex(data)) for name, data in recorded["headers"]])

    def test_an_article_is_read(self) -> None:
        article = decode(Article, self.article, largest=10_000)
        assert (article.byline, article.tags, article.source.domain) == (
            "Ann Lee", ["transport", "Castrel"], "news.example",
        )  # fmt: skip
        assert encode(article) == self.article

    def test_an_enriched_event_is_read(self) -> None:
        event = decode(Enriched, self.enriched, largest=100_000)
        assert event.article == decode(Article, self.article, largest=10_000)
        assert encode(event) == self.enriched
        assert event.fingerprint
        body = event.article.body
        assert len(event.quotes) > 3
        spans = [(quote.start, quote.end, quote.text) for quote in event.quotes]
        spans += [(entity.start, entity.end, entity.text) for entity in event.entities]
        assert all(body[start:end] == text for start, end, text in spans)
        assert isinstance(sink_events.read(record(self.enriched)), sink_events.Event)

    def test_a_dead_letter_is_read(self) -> None:
        letter = self.letter(0)
        assert (letter.topic, letter.partition, letter.offset) == ("news.articles", 3, 117)
        assert (letter.stage, letter.error, letter.attempts) == (Stage.ENRICH, "NewerSchema", 1)
        assert letter.headers == [("trace", b"t1"), ("trace", b"t2"), ("raw", b"\xff\x00")]
        assert letter.value.startswith(b'{"schema_version":2,')

    def test_a_replayed_letter_keeps_its_count_and_first_time(self) -> None:
        letter = self.letter(1)
        assert (letter.stage, letter.error, letter.attempts) == (Stage.SINK, "EmptyEvent", 2)
        assert (letter.replay_of, letter.first_failed) == ("2-117", self.letter(0).first_failed)
        assert letter.value is None

    def test_a_letter_without_its_bytes_says_so(self) -> None:
        letter = self.letter(2)
        assert (letter.kept, letter.value, letter.headers) == (False, b"", [])
        assert "only in its topic" in letter.reason
