"""Runs saved searches over the quotes of articles that were just written.

The quotes are read once, and searches whose words or names none of them has are passed over (pipeline.search.
preselection). The others go into a few requests, each search as a condition with a name; Elasticsearch says of each
quote which names fit. So this needs no percolator, which a small build of Elasticsearch does not have: a cluster that
has one is asked the same.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch
from pydantic import ValidationError

from pipeline import elasticsearch_client
from pipeline.alerts.matching import Found, Hit
from pipeline.alerts.models import Delivery, SavedSearch
from pipeline.elasticsearch_client import chunks
from pipeline.entities import lookup
from pipeline.errors import InputError, validation_fault
from pipeline.search import conditions, preselection, result_mapping
from pipeline.search.parameters import QuoteQuery
from pipeline.settings import Settings

_TOGETHER = 50  # searches that are one query
_QUERIES = 10  # in one request
_PAGE = 500  # quotes
_BY_ENTITY = {"speaker": "speaker.id", "entity": "entities.id"}
_MOST_ENTITIES = 10
_FRESH = 300.0  # seconds that what names mean is remembered
_RENEWED = 10  # searches whose names are looked up again in one batch
_BY_ID = [{"id": "asc"}]
_FITTING = ["article_id", "said_hash"]
_NOT_SAVED = {"page", "size", "sort", "cursor"}


class _Known(NamedTuple):
    """A search with what its names mean."""

    changed: datetime
    until: float
    query: QuoteQuery
    clause: dict[str, Any]
    needed: preselection.Needed


def parameters(query: QuoteQuery) -> dict[str, Any]:
    """The parameters of a search as they are saved: those that are given, but for pages and order.

    Raises:
        InputError: it would find every quote, or its words cannot be searched.
    """
    if not query.restricts:
        raise InputError("A saved search needs a condition: words, a speaker, a source …")
    conditions.of_quotes(query)
    return query.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_NOT_SAVED)


def query_of(search: SavedSearch) -> QuoteQuery:
    """The search that was saved."""
    return QuoteQuery.model_validate(search.query)


class Matcher:
    """Runs saved searches. One thread calls `find`; any thread `look`.

    Its methods raise the client's own errors.
    """

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._known: dict[str, _Known] = {}

    def find(self, searches: Sequence[SavedSearch], articles: Collection[str]) -> Found:
        """What the searches find among the quotes of these articles that can be searched now."""
        self._refresh()
        found = Found()
        known = self._prepared(searches, found)
        asked = sorted(articles)
        has = self._words(asked, preselection.prefixes(one.needed for one in known.values()))
        if has is None:
            return found
        clauses: dict[str, dict[str, Any]] = {}
        for id, one in known.items():
            if preselection.may_fit(one.needed, has):
                moving = one.query.since or one.query.until
                clauses[id] = conditions.of_quotes(one.query) if moving else one.clause
        hits = self._fitting(clauses, asked, found)
        read = self._read({article for _, article, _ in hits})
        found.hits = [Hit(search, article, said, read.get(article)) for search, article, said in hits]
        return found

    def _prepared(self, searches: Sequence[SavedSearch], found: Found) -> dict[str, _Known]:
        """The searches that can be run, with what their names mean; some names are looked up again after a while."""
        known = {search.id: self._known[search.id] for search in searches if search.id in self._known}
        renewals = _RENEWED
        for search in searches:
            one = known.get(search.id)
            if one is not None and one.changed == search.changed:
                if one.until > time.monotonic() or renewals == 0:
                    continue
                renewals -= 1
            try:
                known[search.id] = self._prepare(search)
            except (InputError, ValueError) as error:  # saved by another release
                known.pop(search.id, None)
                why = validation_fault(error.errors()) if isinstance(error, ValidationError) else str(error)
                found.refused[search.id] = f"The search cannot be run: {why}"[:300]
        self._known = known
        return known

    def _words(self, articles: Sequence[str], prefixes: Collection[int]) -> set[str] | None:
        """What the quotes of these articles have of what searches need; None where there are no quotes."""
        words: set[str] = set()
        some = False
        query = {"bool": {"filter": [{"terms": {"article_id": articles}}]}}
        for hit in self._hits(self._settings.quotes_alias, query, _BY_ID, source=preselection.FIELDS):
            words |= preselection.words([hit["_source"]], prefixes)
            some = True
        return words if some else None

    def _fitting(
        self, clauses: Mapping[str, dict[str, Any]], articles: Sequence[str], found: Found
    ) -> list[tuple[str, str, str]]:
        """Which of the searches find which quotes: of each the search, the article and the hash of what was said."""
        hits: list[tuple[str, str, str]] = []
        for groups in chunks(chunks(clauses.items(), _TOGETHER), _QUERIES):
            bodies = [_body(_named(dict(group), articles), _BY_ID, source=_FITTING) for group in groups]
            try:
                answers = elasticsearch_client.search_many(
                    self._client, [(self._settings.quotes_alias, body) for body in bodies]
                )
            except ApiError as error:
                if not _is_refusal(error):
                    raise
                for group in groups:
                    hits += self._run(dict(group), articles, found)
                continue
            for group, answer in zip(groups, answers, strict=True):
                page = answer["hits"]["hits"]
                hits += _pairs(page) if len(page) < _PAGE else self._run(dict(group), articles, found)
        return hits

    def look(self, deliveries: Sequence[Delivery], refresh: bool) -> dict[str, dict[str, Any]]:
        """By the delivery's id, the quotes that are there now, in JSON as the API has them."""
        if refresh:
            self._refresh()
        wanted: dict[tuple[str, str], list[str]] = {}  # many searches may have found the same quote
        for delivery in deliveries:
            wanted.setdefault((delivery.article, delivery.said), []).append(delivery.id)
        quotes: dict[str, dict[str, Any]] = {}
        for some in chunks(wanted, _PAGE):
            query = {
                "bool": {
                    "filter": [
                        {"terms": {"article_id": sorted({article for article, _ in some})}},
                        {"terms": {"said_hash": sorted({said for _, said in some})}},
                    ]
                }
            }
            for hit in self._hits(self._settings.quotes_alias, query, _BY_ID, source={"excludes": ["terms"]}):
                told = [id for id in wanted.get(_said(hit), ()) if id not in quotes]
                if told:
                    quotes |= dict.fromkeys(told, result_mapping.quote_hit(hit).model_dump(mode="json"))
        return quotes

    def _prepare(self, search: SavedSearch) -> _Known:
        query = query_of(search)
        means: dict[str, list[dict[str, Any]]] = {}
        for kind, field in _BY_ENTITY.items():
            for name in getattr(query, kind)[:_MOST_ENTITIES]:
                meant = lookup.expand(self._client, self._settings, name)
                means.setdefault(kind, []).extend(meant.clauses(field))
        query = query.with_entities(means)
        clause = conditions.of_quotes(query)
        return _Known(search.changed, time.monotonic() + _FRESH, query, clause, preselection.needed(clause))

    def _run(
        self, clauses: Mapping[str, dict[str, Any]], articles: Sequence[str], found: Found
    ) -> list[tuple[str, str, str]]:
        """Runs some searches together; where Elasticsearch does not take them, it looks for the one to blame."""
        query = _named(clauses, articles)
        try:
            return _pairs(self._hits(self._settings.quotes_alias, query, _BY_ID, source=_FITTING))
        except ApiError as error:
            if not _is_refusal(error):
                raise
            if len(clauses) == 1:
                found.refused[next(iter(clauses))] = f"Elasticsearch does not take this search: {_why(error)}"
                return []
        half = len(clauses) // 2
        items = list(clauses.items())
        return [
            hit for part in (items[:half], items[half:]) for hit in self._run(dict(part), articles, found)
        ]  # fmt: skip

    def _read(self, articles: Collection[str]) -> dict[str, datetime]:
        """When these articles were read by a connector."""
        read: dict[str, datetime] = {}
        for chunk in chunks(sorted(articles), _PAGE):
            query = {"bool": {"filter": [{"terms": {"id": chunk}}]}}
            for hit in self._hits(self._settings.articles_alias, query, _BY_ID, source=["id", "fetched"]):
                if fetched := hit["_source"].get("fetched"):
                    moment = datetime.fromisoformat(fetched)
                    id = hit["_source"]["id"]
                    read[id] = max(moment, read.get(id, moment))
        return read

    def _hits(
        self, index: str, query: dict[str, Any], sort: list[dict[str, str]], *, source: Any
    ) -> Iterator[dict[str, Any]]:
        """All hits, page by page; a shard that does not answer fails it, as what it has must not be passed over."""
        after: list[Any] | None = None
        while True:
            body = _body(query, sort, source=source) | ({"search_after": after} if after else {})
            (answer,) = elasticsearch_client.search_many(self._client, [(index, body)])
            hits = answer["hits"]["hits"]
            yield from hits
            if len(hits) < _PAGE:
                return
            after = hits[-1]["sort"]

    def _refresh(self) -> None:
        """Makes what the sinks have written searchable now."""
        aliases = [self._settings.quotes_alias, self._settings.articles_alias]
        elasticsearch_client.refresh(self._client, aliases, ignore_unavailable=True)


def _named(clauses: Mapping[str, dict[str, Any]], articles: Sequence[str]) -> dict[str, Any]:
    """The query that finds the quotes of these articles which any of the searches fits, and names those that do."""
    named = [{"bool": {"filter": [clause], "_name": id}} for id, clause in clauses.items()]
    return {"bool": {"filter": [{"terms": {"article_id": articles}}], "should": named, "minimum_should_match": 1}}


def _body(query: dict[str, Any], sort: list[dict[str, str]], *, source: Any) -> dict[str, Any]:
    """The body of a search for one page of hits."""
    return {"query": query, "size": _PAGE, "sort": sort, "_source": source, "track_total_hits": False}


def _said(hit: Mapping[str, Any]) -> tuple[str, str]:
    """The article of a hit, and the hash of what was said."""
    return hit["_source"]["article_id"], hit["_source"]["said_hash"]


def _pairs(hits: Iterable[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The searches that fit the hits, each with the article and the hash of what was said."""
    return [(id, *_said(hit)) for hit in hits for id in hit.get("matched_queries", ())]


def _is_refusal(error: ApiError) -> bool:
    """Whether Elasticsearch does not take a search, and it is not busy or away."""
    return error.status_code == 400 or "too_many" in f"{elasticsearch_client.error_type(error)} {error}"


def _why(error: ApiError) -> str:
    return " ".join(elasticsearch_client.reason(error).split()).rstrip(".")[:200] + "."
