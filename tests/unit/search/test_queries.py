"""The requests that Elasticsearch gets."""

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from pipeline.errors import InputError
from pipeline.models import Modality, QuoteType
from pipeline.search import conditions, cursors, parameters, queries
from pipeline.search.parameters import QuoteQuery


def body(query: QuoteQuery, *, size: int = 20, **options: Any) -> dict[str, Any]:
    return queries.quotes(query, size=size, timeout=2.5, **options)


def clauses(query: QuoteQuery, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(query)["query"]["bool"].get(kind, [])
    return found


def test_a_search_is_limited_in_time_and_size() -> None:
    made = body(QuoteQuery())
    assert (made["timeout"], made["size"], made["from"]) == ("2500ms", 20, 0)


def test_each_word_must_be_found_but_in_any_field() -> None:
    (must,) = clauses(QuoteQuery(words="Vey winters"), "must")
    first, second = must["bool"]["must"]
    assert {"term": {"terms.speaker": {"value": "vey", "boost": 3}}} in first["dis_max"]["queries"]
    assert {"term": {"terms.said_stems": {"value": "winter", "boost": 4}}} in second["dis_max"]["queries"]
    assert {"term": {"terms.context_stems": {"value": "winter", "boost": 1}}} in second["dis_max"]["queries"]


def test_words_are_looked_for_only_where_they_are_wanted() -> None:
    assert "context" not in json.dumps(body(QuoteQuery.model_validate({"q": "bridge", "in": "quote"}))["query"])
    assert "said" not in json.dumps(body(QuoteQuery.model_validate({"q": "bridge", "in": ["headline"]}))["query"])
    both = json.dumps(body(QuoteQuery.model_validate({"q": "bridge", "in": ["headline", "quote"]}))["query"])
    assert "terms.said" in both
    assert "terms.headline" in both


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ('"two winters"', "match_phrase"), ("step-by-step", "match_phrase"), ("negotiat*", "prefix"),
        ("zelensky~", "fuzzy"), ('"tax climate"~3', "intervals"), ("tax NEAR climate", "intervals"),
        ("a OR b", "should"),        ("-ferry", "must_not"),
    ],
)  # fmt: skip
def test_each_kind_of_term_has_its_clause(typed: str, kind: str) -> None:
    assert f'"{kind}"' in json.dumps(clauses(QuoteQuery(words=typed), "must"))


@pytest.mark.parametrize("typed", ["said:*", '{"match_all": {}}', "/a.*/", "bridge~9", "*", "(x OR y) -z*"])
def test_what_is_typed_is_only_ever_the_text_of_a_clause(typed: str) -> None:
    text = json.dumps(body(QuoteQuery(words=typed if typed != "*" else "", speaker=typed)))
    assert "query_string" not in text
    assert "wildcard" not in text
    assert "regexp" not in text
    assert "fuzz" not in text


def test_filters_do_not_score() -> None:
    query = QuoteQuery(
        speaker="vey", type=[QuoteType.MIXED], source="Coast Wire", article="a1", modality=Modality.NEGATED,
        addressee="reporters", confidence=0.7, confidence_max=0.9, entity="Kyiv", cue="say", language="en",
        medium="in a statement",
    )  # fmt: skip
    found = clauses(query, "filter")
    text = json.dumps(found)
    assert {"term": {"terms.speaker": "vey"}} in found[0]["bool"]["should"]
    assert {"terms": {"type": ["mixed"]}} in found
    assert {"terms": {"modality": ["negated"]}} in found
    assert {"terms": {"article_id": ["a1"]}} in found
    assert {"range": {"confidence": {"gte": 0.7, "lte": 0.9}}} in found
    for part in ("terms.source", "terms.addressee", "terms.entities", "cue.lemma", '"language"', "terms.medium"):
        assert part in text
    assert clauses(query, "must") == []


def test_several_values_are_alternatives_several_kinds_add_up() -> None:
    speakers, sources = clauses(QuoteQuery(speaker=["Vey", "Ines Calloway"], source=["wire.example"]), "filter")
    either = speakers["bool"]["should"]
    assert {"term": {"terms.speaker": "vey"}} in either
    assert {
        "bool": {"filter": [{"term": {"terms.speaker": "ines"}}, {"term": {"terms.speaker": "calloway"}}]}
    } in either
    assert speakers["bool"]["minimum_should_match"] == 1
    variants = ["wire.example", "WIRE.EXAMPLE", "Wire.example", "Wire.Example"]
    assert {"terms": {"source.domain": variants}} in sources["bool"]["should"]


def test_a_name_may_be_its_beginning_or_exact() -> None:
    (prefix,) = clauses(QuoteQuery(speaker="Zelens*"), "filter")
    assert {"prefix": {"terms.speaker": "zelens"}} in prefix["bool"]["should"]
    (phrase,) = clauses(QuoteQuery(speaker='"Zoë Müller"'), "filter")
    assert {"match_phrase": {"terms.speaker": "zoe muller"}} in phrase["bool"]["should"]


def test_only_older_documents_are_searched_by_their_texts() -> None:
    query = QuoteQuery(words="bridge", speaker="vey")
    assert "multi_match" not in json.dumps(body(query))
    older = json.dumps(body(query, older=True))
    assert "multi_match" in older
    assert "speaker.name.words" in older


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


def test_how_long_ago_counts_back_from_the_search() -> None:
    expected = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    assert period(since="7d")["gte"].startswith(expected)


def test_the_first_and_the_last_day_there_are_can_be_asked_for() -> None:
    assert period(since=date.min, until=date.max)["gte"].startswith("0001-01-01")


def test_copies_are_left_out_unless_they_are_wanted() -> None:
    copy = {"exists": {"field": "duplicate_of"}}
    assert copy in clauses(QuoteQuery(), "must_not")
    for query in (QuoteQuery(copies=True), QuoteQuery(source="mirror.example"), QuoteQuery(article="copy")):
        assert copy not in clauses(query, "must_not")


def test_words_are_sorted_by_relevance_and_lists_by_time() -> None:
    assert QuoteQuery(words="bridge").order == "relevance"
    assert QuoteQuery().order == "newest"
    assert QuoteQuery(words="bridge", sort="oldest").order == "oldest"


@pytest.mark.parametrize("order", ["newest", "oldest", "relevance"])
def test_every_order_ends_with_a_field_that_no_two_quotes_share(order: parameters.Sort) -> None:
    assert list(body(QuoteQuery(sort=order))["sort"][-1]) == ["id"]


def test_pages_follow_one_another() -> None:
    assert body(QuoteQuery(page=3), size=10)["from"] == 20


def test_a_page_too_deep_is_refused_and_the_way_out_told() -> None:
    with pytest.raises(InputError, match="cursor"):
        body(QuoteQuery(page=501), size=20)


def test_a_cursor_goes_on_where_the_page_before_ended() -> None:
    values = [1773302400000, "bridge", 77, "bridge-1"]
    made = body(QuoteQuery(cursor=cursors.encode("newest", values)))
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


def test_speakers_are_completed_by_the_beginning_of_any_word() -> None:
    conditions = queries.speakers("Ros Lín", 5)["query"]["bool"]["filter"]
    assert conditions[1] == {
        "bool": {"filter": [{"term": {"terms.speaker": "ros"}}, {"prefix": {"terms.speaker": "lin"}}]}
    }


def test_no_search_compares_every_term_of_an_index() -> None:
    """Names and ids are looked up: what goes over all terms of all indices takes a thousand times as long."""
    every = QuoteQuery(
        speaker=["Ada Lund", '"Ada Lund"'], source=["The Wire"], entity=["Norland"], addressee=["reporters"],
        medium=["X"], cue=["Said"], language=["EN"], article=["a1"],
    )  # fmt: skip
    text = json.dumps(conditions.of_quotes(every))
    for slow in ("case_insensitive", "wildcard", "regexp", '"prefix"'):
        assert slow not in text
    assert '{"terms": {"language": ["EN", "en", "En"]}}' in text
