"""Passing over saved searches that cannot find anything: never one that finds something, and nearly all others."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.models import Enriched
from pipeline.search import preselection
from pipeline.search.conditions import of_quotes
from pipeline.search.parameters import QuoteQuery
from pipeline.sink import documents
from tests.integration.test_search_words import SAID, SEARCHES, articles
from tests.unit.sink import factory

NOW = datetime(2026, 3, 14, tzinfo=UTC)


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """What Elasticsearch gives back of a document when it is asked for the fields of a preselection."""
    only: dict[str, Any] = _only(document, [field.split(".") for field in preselection.FIELDS])
    return only


def _only(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_only(item, paths) for item in value]
    if not isinstance(value, dict) or [] in paths:
        return value
    rest = {name: [path[1:] for path in paths if path[0] == name] for name in value}
    return {name: _only(inner, rest[name]) for name, inner in value.items() if rest[name]}


def written(article: Enriched) -> list[dict[str, Any]]:
    """The documents of the article's quotes."""
    return [json.loads(made.json) for made in documents.quotes(article, indexed=NOW)]


def need(conditions: dict[str, Any], means: dict[str, list[dict[str, Any]]] | None = None) -> preselection.Needed:
    query = QuoteQuery.model_validate(conditions).with_entities(means or {})
    return preselection.needed(of_quotes(query))


def test_no_search_that_finds_something_is_passed_over() -> None:
    """Of the searches whose answers are known: all that find a quote are run over it, and few others."""
    quotes = {one.article.id: list(map(stored, written(one))) for one in articles()}
    needs = [need(conditions) for conditions, _ in SEARCHES]
    lengths = preselection.prefixes(needs)
    has = {id: preselection.words(some, lengths) for id, some in quotes.items()}
    run = right = 0
    for (conditions, expected), needed in zip(SEARCHES, needs, strict=True):
        finds = set(SAID) if expected == "*" else set(expected.split())
        fit = {id for id, words in has.items() if preselection.may_fit(needed, words)}
        assert fit >= finds, conditions
        run, right = run + len(fit), right + len(finds)
    assert run < len(SEARCHES) * len(SAID) / 4, "most are passed over"
    assert right < run


def test_every_term_of_a_quote_is_known() -> None:
    for article in [*articles(), factory.enriched(says=("Łódź’s re\u0301sume\u0301s cost €1,200.50.",))]:
        for document in written(article):
            words = preselection.words([stored(document)])
            terms = [term for texts in document["terms"].values() for text in _listed(texts) for term in text.split()]
            assert terms
            assert set(terms) <= words


def _listed(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


@pytest.mark.parametrize(
    ("conditions", "needed"),
    [
        ({"q": "tunnels tax"}, frozenset({"tunnel", "tunnels"})),
        ({"q": "garden OR tunnel", "in": ["quote"]}, frozenset({"garden", "tunnel"})),
        ({"q": '"a new tunnel"', "in": ["headline"]}, frozenset({"tunnel"})),
        ({"q": '"bridge tunnel"~5', "in": ["paragraph"]}, frozenset({"tunnel"})),
        ({"q": "tun*", "in": ["headline"]}, frozenset({"tun*"})),
        ({"q": '"new tun*"', "in": ["headline"]}, frozenset({"new"})),
        ({"q": "tunnel -garden", "in": ["headline"]}, frozenset({"tunnel"})),
        ({"speaker": ['"Ada Lund"']}, frozenset({"=\"ada lund\"", "lund"})),
        ({"language": ["EN"]}, frozenset({"=en"})),
        ({"q": "tunel~"}, None),
        ({"q": "garden OR tunel~"}, None),
        ({"q": "-bridge"}, None),
        ({"type": ["direct"]}, None),
        ({"since": "7d"}, None),
        ({"confidence": 0.5}, None),
    ],
)  # fmt: skip
def test_what_a_condition_needs(conditions: dict[str, Any], needed: preselection.Needed) -> None:
    made = need(conditions)
    assert made == needed


def test_other_names_of_an_entity_are_needed_too() -> None:
    means = {"speaker": [{"terms": {"speaker.id": ["p7", "P8"]}}]}
    made = need({"speaker": ["e1"]}, means)
    assert made == frozenset({"=e1", "e1", "=p7", "=p8"})
    assert preselection.may_fit(made, preselection.words([{"speaker": {"id": "p8", "name": "Somebody Else"}}]))
    assert not preselection.may_fit(made, preselection.words([{"speaker": {"id": "p9", "name": "Somebody Else"}}]))
