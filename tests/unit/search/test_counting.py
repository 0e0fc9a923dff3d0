"""What is counted over the quotes found, and by which requests."""

from typing import Any

from pipeline.search import queries
from pipeline.search.counting import FACETS, Wanted
from pipeline.search.parameters import QuoteQuery


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
