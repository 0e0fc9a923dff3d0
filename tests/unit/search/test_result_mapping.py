"""Elasticsearch's answers become results with exact offsets."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipeline.search import query_parser, result_mapping
from pipeline.search.query_parser import Term
from pipeline.search.results import EntityCount
from tests.unit.search.factory import bridge


def found(**changes: Any) -> dict[str, Any]:
    """The bridge's split quote as the index holds it."""
    quote = bridge().quotes[0]
    document = quote.model_dump(mode="json") | {
        "said": " ".join(quote.parts),
        "article_id": "bridge",
        "headline": "Harbour bridge opens",
        "url": "https://tidings.example/bridge",
        "source": {"id": "tidings.example", "name": "Harbour Tidings"},
    }
    return {"_source": document | changes}


def wanted(words: str) -> list[Term]:
    return list(query_parser.all_terms(query_parser.parse(words), wanted_only=True))


def test_matches_in_a_split_quote_are_offsets_into_all_its_text() -> None:
    hit = result_mapping.quote_hit(found(), wanted("winter hundreds"))
    assert [hit.text[start:end] for start, end in hit.matches] == ["winters", "hundred"]


def test_a_match_across_the_pieces_is_cut_between_them() -> None:
    hit = result_mapping.quote_hit(found(), wanted('"winters it will"'))
    assert [hit.text[start:end] for start, end in hit.matches] == ["winters,", "It will"]


def test_headline_and_context_have_their_matches() -> None:
    hit = result_mapping.quote_hit(found(context_text="a b"), wanted("bridge OR b"))
    assert hit.headline_matches == [(8, 14)]
    assert (hit.context, hit.context_matches) == ("a b", [(2, 3)])


def test_without_words_nothing_is_marked() -> None:
    hit = result_mapping.quote_hit(found(context_text="a b"))
    assert (hit.matches, hit.headline_matches, hit.context) == ([], [], "")


def test_fields_of_a_newer_index_are_let_be() -> None:
    document = found()
    document["_source"]["mood"] = "glad"
    assert result_mapping.quote_hit(document).id == bridge().quotes[0].id


def values(*buckets: dict[str, Any]) -> dict[str, Any]:
    return {"buckets": list(buckets)}


def test_buckets_become_names_with_counts() -> None:
    answer = {
        "speakers": values({"key": "s1", "doc_count": 3, "name": {"buckets": [{"key": "Vey", "doc_count": 3}]}}),
        "sources": values({"key": "src", "doc_count": 2, "name": {"buckets": []}}, {"key": "other", "doc_count": 1}),
        "types": values({"key": "direct", "doc_count": 5}),
        "entities": values({"key": "e1\tORG\tHarbour\tWorks", "doc_count": 2}),
        "histogram": {"days": {"buckets": []}},
    }
    facets = result_mapping.facets(answer, 1)
    assert [(one.name, one.id, one.count) for one in facets.speakers] == [("Vey", "s1", 3)]
    assert [one.name for one in facets.sources] == ["src"]
    assert facets.more == ["sources"]
    assert facets.types == {"direct": 5}
    assert facets.entities == [EntityCount(id="e1", label="ORG", name="Harbour\tWorks", count=2)]


def test_no_index_gives_no_facets() -> None:
    assert result_mapping.facets({}, 12).speakers == []


def days(*counted: tuple[date, int]) -> dict[str, Any]:
    buckets = [
        {"key": datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000, "doc_count": count}
        for day, count in counted
    ]
    return {"days": {"buckets": buckets}}


@pytest.mark.parametrize(
    ("last", "interval", "starts"),
    [
        (date(2026, 3, 12), "day", [date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 12)]),
        (date(2026, 9, 1), "week", [date(2026, 3, 9), date(2026, 3, 16), date(2026, 3, 23)]),
        (date(2030, 1, 1), "month", [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)]),
        (date(2040, 1, 1), "year", [date(2026, 1, 1), date(2027, 1, 1), date(2028, 1, 1)]),
    ],
)
def test_a_histogram_has_a_bar_for_each_interval(last: date, interval: str, starts: list[date]) -> None:
    made = result_mapping.histogram(days((date(2026, 3, 10), 2), (last, 3)))
    assert made.interval == interval
    assert [bar.start for bar in made.bars[:3]] == starts
    assert sum(bar.count for bar in made.bars) == 5
    assert (made.bars[0].count, made.bars[-1].count) == (2, 3)
    assert len(made.bars) <= 101


def test_a_histogram_of_nothing_has_no_bar() -> None:
    assert result_mapping.histogram({}).bars == []
