"""Turns the parameters of a search into the conditions that quotes or articles must meet."""

from datetime import UTC, datetime
from typing import Any

from pipeline.search import clauses, moments, query_parser
from pipeline.search.parameters import ArticleQuery, QuoteQuery

COPY = {"exists": {"field": "duplicate_of"}}
"""What copies of an article repeat."""

_NAMED: tuple[clauses.Kind, ...] = ("speaker", "entity", "addressee", "source", "medium")


def of_quotes(query: QuoteQuery, *, older: bool = False, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The query, without the conditions of these parameters.

    Words count for the score; filters do not, and Elasticsearch caches them.
    """
    node = query_parser.parse(query.words)
    clauses_: dict[str, list[dict[str, Any]]] = {
        "must": [clauses.words(node, query.within, older=older)] if node else [],
        "must_not": [],
        "filter": [clause for name, clause in filters_of(query, older).items() if name not in without],
    }
    if not (query.copies or query.source or query.article):
        clauses_["must_not"].append(COPY)
    return {"bool": {kind: some for kind, some in clauses_.items() if some}}


def terms_of(query: QuoteQuery) -> list[query_parser.Term]:
    """The terms that are to be found, for marking them."""
    return list(query_parser.all_terms(query_parser.parse(query.words), wanted_only=True))


def of_articles(query: ArticleQuery, *, older: bool = False) -> dict[str, Any]:
    """The conditions of a search for articles."""
    node = query_parser.parse(query.words)
    filters = []
    kinds: list[tuple[clauses.Kind, list[str]]] = [("source", query.source), ("named", query.entity)]
    filters += [clauses.named(kind, values, older=older) for kind, values in kinds if values]
    if query.language:
        filters.append(clauses.any_of(clauses.same("language", value) for value in query.language))
    if query.since or query.until:
        filters.append(_published(query))
    return {
        "bool": {
            "must": [clauses.words(node, [clauses.ARTICLE], older=older)] if node else [],
            "filter": filters,
            "must_not": [] if query.copies or query.source else [COPY],
        }
    }


def _published(query: QuoteQuery | ArticleQuery) -> dict[str, Any]:
    now = datetime.now(UTC)
    since, until = (moments.moment(given, now=now) if given else None for given in (query.since, query.until))
    return {"range": {"published": moments.period(since, until)}}


def filters_of(query: QuoteQuery, older: bool) -> dict[str, dict[str, Any]]:
    """The conditions, by the parameter that asks for them. Values of one kind are alternatives; kinds add up."""
    filters: dict[str, dict[str, Any]] = {}
    for kind in _NAMED:
        if values := getattr(query, kind):
            by_name = clauses.named(kind, values, older=older)
            filters[kind] = clauses.any_of([by_name, *query.of_entities(kind)])
    if query.type:
        filters["type"] = {"terms": {"type": [type.value for type in query.type]}}
    if query.modality:
        filters["modality"] = {"terms": {"modality": [modality.value for modality in query.modality]}}
    if query.cue:
        filters["cue"] = clauses.any_of(
            clauses.same(field, value) for value in query.cue for field in ("cue.lemma", "cue.text")
        )
    if query.language:
        filters["language"] = clauses.any_of(clauses.same("language", value) for value in query.language)
    if query.since or query.until:
        filters["published"] = _published(query)
    if query.article:
        filters["article"] = {"terms": {"article_id": query.article}}
    if (query.confidence, query.confidence_max) != (None, None):
        limits = {"gte": query.confidence, "lte": query.confidence_max}
        filters["confidence"] = {
            "range": {"confidence": {name: value for name, value in limits.items() if value is not None}}
        }
    return filters
