"""The requests that Elasticsearch gets."""

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.models import Modality, QuoteType
from pipeline.search import queries
from pipeline.search.api import SpeakerParameters
from pipeline.search.queries import QuoteQuery


def body(query: QuoteQuery, *, size: int = 20, **options: Any) -> dict[str, Any]:
    return queries.quotes(query, size=size, timeout=2.5, **options)


def clauses(query: QuoteQuery, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(query)["query"]["bool"].get(kind, [])
    return found


def test_a_search_is_limited_in_time_and_size() -> None:
    made = body(QuoteQuery())
    assert (made["timeout"], made["size"], made["from"]) == ("2500ms", 20, 0)


def test_each_word_must_be_found_but_may_be_in_a_field_of_its_own() -> None:
    must = clauses(QuoteQuery(words="Vey bridge"), "must")
    assert [one["multi_match"]["query"] for one in must] == ["Vey", "bridge"]
    assert all("said^4" in one["multi_match"]["fields"] for one in must)


def test_phrases_beginnings_and_exclusions_become_clauses_of_their_kinds() -> None:
    query = QuoteQuery(words='"two winters" negotiat* -ferry')
    phrase, prefix = clauses(query, "must")
    assert (phrase["multi_match"]["type"], phrase["multi_match"]["query"]) == ("phrase", "two winters")
    assert prefix["multi_match"]["type"] == "phrase_prefix"
    assert prefix["multi_match"]["max_expansions"] <= 50
    assert [one["multi_match"]["query"] for one in clauses(query, "must_not")[:1]] == ["ferry"]


@pytest.mark.parametrize("typed", ["said:*", "* OR *", '{"match_all": {}}', "/a.*/", "bridge~9"])
def test_what_is_typed_is_only_ever_the_text_of_a_match(typed: str) -> None:
    text = json.dumps(body(QuoteQuery(words=typed, speaker=typed)))
    assert "query_string" not in text
    assert "wildcard" not in text
    assert "regexp" not in text
    assert "fuzz" not in text


def test_filters_do_not_score() -> None:
    query = QuoteQuery(
        speaker="vey", type=[QuoteType.MIXED], source="Coast Wire", article="a1", modality=Modality.NEGATED,
        addressee="reporters", confidence=0.7,
    )  # fmt: skip
    speaker, type_, modality, source, article, addressee, confidence = clauses(query, "filter")
    assert {"match": {"speaker.name.words": {"query": "vey", "operator": "and"}}} in speaker["bool"]["should"]
    assert type_ == {"terms": {"type": ["mixed"]}}
    assert modality == {"term": {"modality": "negated"}}
    assert {"term": {"source.name": {"value": "Coast Wire", "case_insensitive": True}}} in source["bool"]["should"]
    assert article == {"term": {"article_id": "a1"}}
    assert addressee["term"]["addressee"]["value"] == "reporters"
    assert confidence == {"range": {"confidence": {"gte": 0.7}}}
    assert clauses(query, "must") == []


def period(**given: Any) -> dict[str, str]:
    found: dict[str, str] = clauses(QuoteQuery(**given), "filter")[0]["range"]["published"]
    return found


def test_a_day_as_the_end_includes_all_of_it() -> None:
    assert period(since="2026-03-01", until="2026-03-31") == {
        "gte": "2026-03-01T00:00:00+00:00",
        "lt": "2026-04-01T00:00:00+00:00",
    }


def test_a_time_as_the_end_is_exact_and_in_utc() -> None:
    there = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert period(until=there) == {"lte": "2026-03-01T10:00:00+00:00"}
    assert period(since="2026-03-01T12:00") == {"gte": "2026-03-01T12:00:00+00:00"}


def test_the_first_and_the_last_day_there_are_can_be_asked_for() -> None:
    assert period(since=date.min, until=date.max)["gte"].startswith("0001-01-01")


def test_a_date_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(ValidationError, match="2025-03-12"):
        QuoteQuery(since="last week")


def test_copies_are_left_out_unless_they_are_wanted() -> None:
    copy = {"exists": {"field": "duplicate_of"}}
    assert copy in clauses(QuoteQuery(), "must_not")
    for query in (QuoteQuery(copies=True), QuoteQuery(source="mirror.example"), QuoteQuery(article="copy")):
        assert copy not in clauses(query, "must_not")


def test_words_are_sorted_by_relevance_and_lists_by_time_unless_told_otherwise() -> None:
    assert QuoteQuery(words="bridge").order == "relevance"
    assert QuoteQuery().order == "newest"
    assert QuoteQuery(words="bridge", sort="oldest").order == "oldest"


@pytest.mark.parametrize("order", ["newest", "oldest", "relevance"])
def test_every_order_ends_with_a_field_that_no_two_quotes_share(order: queries.Sort) -> None:
    assert list(body(QuoteQuery(sort=order))["sort"][-1]) == ["id"]


def test_pages_follow_one_another() -> None:
    assert body(QuoteQuery(page=3), size=10)["from"] == 20


def test_a_page_too_deep_is_refused_and_the_way_out_told() -> None:
    with pytest.raises(InputError, match="cursor"):
        body(QuoteQuery(page=501), size=20)


def test_a_cursor_goes_on_where_the_page_before_ended() -> None:
    values = [1773302400000, "bridge", 77, "bridge-1"]
    made = body(QuoteQuery(cursor=queries.cursor("newest", values)))
    assert made["search_after"] == values
    assert "from" not in made


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "é", "AAAA", encoded({"a": 1}), encoded([]), encoded(7), encoded(["newest"]),
        encoded(["relevance", 1.0, 2, "a", 3, "b"]), encoded(["newest", {"a": 1}, "a", 1, "b"]),
    ],
)  # fmt: skip
def test_a_cursor_of_another_search_is_refused(cursor: str) -> None:
    with pytest.raises(InputError, match="cursor"):
        body(QuoteQuery(cursor=cursor))


def test_highlights_are_asked_for_only_where_there_are_words() -> None:
    assert "highlight" not in body(QuoteQuery(speaker="vey"))
    assert "highlight" not in body(QuoteQuery(words="-ferry"))
    assert body(QuoteQuery(words="bridge"))["highlight"]["pre_tags"] == [queries.OPEN]


def test_facets_are_asked_for_only_when_wanted() -> None:
    assert "aggs" not in body(QuoteQuery())
    assert set(body(QuoteQuery(), facets=True)["aggs"]) == {"speakers", "sources", "types"}


def test_empty_fields_of_a_form_do_not_restrict() -> None:
    empty = QuoteQuery.model_validate(
        {"q": "", "speaker": " ", "type": [""], "since": "", "until": "", "modality": "", "confidence": "", "page": ""}
    )
    assert empty == QuoteQuery()
    assert not empty.restricts


def test_a_condition_restricts_and_an_arrangement_does_not() -> None:
    assert QuoteQuery(words="bridge").restricts
    assert not QuoteQuery(page=2, sort="oldest", copies=True).restricts


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        QuoteQuery.model_validate({"speakr": "vey"})


@pytest.mark.parametrize(
    "wrong", [{"size": 101}, {"size": 0}, {"page": 0}, {"confidence": 1.1}, {"speaker": "x" * 201}, {"q": "x" * 301}]
)
def test_values_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        QuoteQuery.model_validate(wrong)


def test_speakers_are_completed_by_the_beginning_of_any_word() -> None:
    conditions = queries.speakers("ros lin", 5)["query"]["bool"]["filter"]
    assert conditions[1]["match_bool_prefix"]["speaker.name.words"]["query"] == "ros lin"


def test_too_long_a_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        SpeakerParameters.model_validate({"prefix": "x" * 201})


def test_dates_are_kept_as_dates_and_times_as_times() -> None:
    query = QuoteQuery.model_validate({"since": "2026-03-01", "until": "2026-03-02T08:00:00Z"})
    assert query.since == date(2026, 3, 1)
    assert not isinstance(query.since, datetime)
    assert query.until == datetime(2026, 3, 2, 8, tzinfo=UTC)
