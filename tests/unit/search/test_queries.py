"""The requests that Elasticsearch gets."""

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.models import Modality, QuoteType
from pipeline.search import conditions, cursors, moments, parameters, queries
from pipeline.search.counting import FACETS, Wanted
from pipeline.search.parameters import QuoteQuery, SpeakerParameters


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


def test_the_first_and_the_last_day_there_are_can_be_asked_for() -> None:
    assert period(since=date.min, until=date.max)["gte"].startswith("0001-01-01")


def test_a_date_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(ValidationError, match="2025-03-12"):
        QuoteQuery(since="last week")


NOW = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("24h", datetime(2026, 3, 30, 9, 30, tzinfo=UTC)), ("7d", date(2026, 3, 24)), ("2 W", date(2026, 3, 17)),
        ("1m", date(2026, 2, 28)), ("3m", date(2025, 12, 31)), ("1y", date(2025, 3, 31)), ("today", date(2026, 3, 31)),
        ("Yesterday", date(2026, 3, 30)), ("9999y", date(1, 3, 31)), ("9999m", date(1192, 12, 31)),
    ],
)  # fmt: skip
def test_how_long_ago_counts_back_from_now(given: str, meant: date) -> None:
    query = QuoteQuery(since=given)
    assert query.since == given.lower().replace(" ", "")
    assert moments.moment(query.since, now=NOW) == meant


def test_how_long_ago_stays_so_in_a_link() -> None:
    assert QuoteQuery(since="7d").model_dump(mode="json", exclude_defaults=True) == {"since": "7d"}
    expected = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    assert period(since="7d")["gte"].startswith(expected)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"since": "2026-03-02", "until": "2026-03-01"}, "lies after until"),
        ({"since": "1d", "until": "7d"}, "lies after until"),
        ({"confidence": 0.9, "confidence_max": 0.5}, "no quote can be found"),
    ],
)
def test_limits_that_nothing_can_meet_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        QuoteQuery(**wrong)


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


def counted(query: QuoteQuery, wanted: Wanted, found: int = 5000) -> list[dict[str, Any]]:
    return queries.counted(query, wanted, found=found, timeout=2.5)


def test_facets_are_asked_for_only_when_wanted() -> None:
    assert counted(QuoteQuery(), Wanted()) == []
    (made,) = counted(QuoteQuery(), Wanted(FACETS, histogram=True))
    assert set(made["aggs"]) == {*FACETS, "histogram"}
    assert counted(QuoteQuery(), Wanted(FACETS, histogram=True), found=0) == []


def test_a_facet_lists_what_could_be_chosen_instead() -> None:
    wanted = Wanted(("speakers", "types", "cues"), histogram=True)
    query = QuoteQuery(speaker="vey", type=["direct"])
    whole, speakers, types = counted(query, wanted)
    assert [list(one["aggs"]) for one in (whole, speakers, types)] == [["cues", "histogram"], ["speakers"], ["types"]]
    speaker, type_ = whole["query"]["bool"]["filter"]
    assert speakers["query"]["bool"]["filter"] == [type_]
    assert types["query"]["bool"]["filter"] == [speaker]
    assert counted(query, wanted, found=0) == [speakers, types]  # nothing is found, and others could be chosen


def test_facets_do_not_depend_on_the_page() -> None:
    wanted = Wanted(FACETS, histogram=True)
    first = counted(QuoteQuery(words="tax", since="7d"), wanted)
    assert counted(QuoteQuery(words="tax", since="7d", page=3, size=10, sort="oldest"), wanted) == first


def test_the_values_of_few_quotes_are_counted_one_by_one() -> None:
    hints = [
        {made["aggs"]["speakers"]["terms"].get("execution_hint")}
        | {made["aggs"]["speakers"]["aggs"]["name"]["terms"].get("execution_hint")}
        for found in (1000, 1001)
        for made in counted(QuoteQuery(), Wanted(("speakers",)), found)
    ]
    assert hints == [{"map"}, {None}]


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
    conditions = queries.speakers("Ros Lín", 5)["query"]["bool"]["filter"]
    assert conditions[1] == {
        "bool": {"filter": [{"term": {"terms.speaker": "ros"}}, {"prefix": {"terms.speaker": "lin"}}]}
    }


def test_too_long_a_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        SpeakerParameters.model_validate({"prefix": "x" * 201})


def test_dates_are_kept_as_dates_and_times_as_times() -> None:
    query = QuoteQuery.model_validate({"since": "2026-03-01", "until": "2026-03-02T08:00:00Z"})
    assert query.since == date(2026, 3, 1)
    assert not isinstance(query.since, datetime)
    assert query.until == datetime(2026, 3, 2, 8, tzinfo=UTC)


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
