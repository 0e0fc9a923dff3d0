"""Events keep offsets, times and versions honest."""

import pickle
import sys
from datetime import UTC, datetime, timedelta, timezone
from types import FrameType
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.models import Article, Modality, Quote, QuoteType, Resolution, Source, Span, Speaker

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_article(**changes: object) -> Article:
    fields: dict[str, object] = {
        "id": "a1", "url": "https://news.example/a", "canonical_url": "https://news.example/a", "body": "Text.",
        "source": Source(id="news.example", name="News"), "fetched": MOMENT, "revision": 1, "content_hash": "h",
    }  # fmt: skip
    return Article.model_validate(fields | changes)


def test_an_article_survives_the_topic() -> None:
    article = make_article(headline="Ärger 😀", published=MOMENT)
    assert Article.model_validate_json(article.model_dump_json()) == article


def test_times_are_kept_in_utc() -> None:
    article = make_article(published=MOMENT.astimezone(timezone(timedelta(hours=9))))
    assert article.published is not None
    assert article.published.utcoffset() == timedelta(0)
    assert article.published == MOMENT


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        make_article(published=datetime(2026, 3, 1))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("field", ["published", "modified", "fetched"])
def test_a_time_that_has_no_year_in_utc_is_refused(field: str, moment: str) -> None:
    with pytest.raises(ValidationError, match="years 1 to 9999"):
        make_article(**{field: moment})


def test_the_first_and_the_last_time_are_taken() -> None:
    article = make_article(published="0001-01-01T00:00:00Z", modified="9999-12-31T23:59:59Z")
    assert Article.model_validate_json(article.model_dump_json()) == article


def test_fields_of_a_newer_writer_are_dropped() -> None:
    assert make_article(mood="good") == make_article()


def test_a_span_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValidationError, match="end 2 lies before start 3"):
        Span(start=3, end=2)


def test_the_parts_of_a_split_quote_leave_out_the_words_between() -> None:
    body = "“Yes,” she said. “No.”"
    quote = Quote(
        id="q", type=QuoteType.DIRECT, text=body[1:21], start=1, end=21, segments=[(1, 5), (18, 21)], confidence=1,
        context=(0, 22),
    )  # fmt: skip
    assert quote.parts == ["Yes,", "No."]


def test_a_quote_becomes_json_without_python_code() -> None:
    speaker = Speaker(name="A", id="a", mention="A", start=0, end=1, resolution=Resolution.CARRIED, confidence=1)
    quote = Quote(
        id="q", type=QuoteType.MIXED, text="No.", start=0, end=3, segments=[(0, 3)], confidence=1, context=(0, 3),
        speaker=speaker, modality=Modality.NEGATED,
    )  # fmt: skip
    calls: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        made = quote.__pydantic_serializer__.to_json(quote)
    finally:
        sys.setprofile(None)
    assert calls == []
    for words in (b'"type":"mixed"', b'"modality":"negated"', b'"resolution":"carried"'):
        assert words in made


@pytest.mark.parametrize("kind", [QuoteType, Resolution, Modality])
def test_each_word_of_a_quote_has_its_value(kind: type[QuoteType | Resolution | Modality]) -> None:
    for word in kind:
        assert word.value == str(word) == word.name.lower()
        assert kind(word.value) is word is pickle.loads(pickle.dumps(word))
