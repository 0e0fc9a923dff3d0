"""Runs saved searches over the quotes of articles that were just written.

Many searches go into one request, each as a condition with a name; Elasticsearch says of each quote which names fit. So
this needs no percolator, which a small build of Elasticsearch does not have: a cluster that has one is asked the same.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch

from pipeline import elasticsearch_client
from pipeline.alerts.matching import Found, Hit
from pipeline.alerts.models import Delivery, SavedSearch
from pipeline.elasticsearch_client import chunks
from pipeline.entities import lookup
from pipeline.errors import ClusterUnavailable, InputError
from pipeline.search import queries, result_mapping
from pipeline.search.queries import QuoteQuery
from pipeline.settings import Settings

_TOGETHER = 50  # searches in one request
_PAGE = 500  # quotes
_BY_ENTITY = {"speaker": "speaker.id", "entity": "entities.id"}
_MOST_ENTITIES = 10
_FRESH = 300.0  # seconds that what names mean is remembered
_RENEWED = 10  # searches whose names are looked up again in one batch
_NOT_SAVED = {"page", "size", "sort", "cursor"}


class _Known(NamedTuple):
    """A search with what its names mean."""

    changed: datetime
    until: float
    query: QuoteQuery
    clause: dict[str, Any]


def parameters(query: QuoteQuery) -> dict[str, Any]:
    """The parameters of a search as they are saved: those that are given, but for pages and order.

    Raises:
        InputError: it would find every quote, or its words cannot be searched.
    """
    if not query.restricts:
        raise InputError("A saved search needs a condition: words, a speaker, a source …")
    queries.where(query)
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
        clauses: dict[str, dict[str, Any]] = {}
        renewals = _RENEWED
        for search in searches:
            known = self._known.get(search.id)
            stale = known is None or known.changed != search.changed
            if stale or (known is not None and known.until < time.monotonic() and renewals > 0):
                renewals -= not stale
                try:
                    known = self._known[search.id] = self._prepare(search)
                except (InputError, ValueError) as error:  # saved by another release
                    found.refused[search.id] = f"The search cannot be run: {error}"[:300]
                    continue
            assert known is not None
            moving = known.query.since or known.query.until
            clauses[search.id] = queries.where(known.query) if moving else known.clause
        for id in self._known.keys() - {search.id for search in searches}:
            del self._known[id]
        hits: list[tuple[str, str, str]] = []
        for group in chunks(clauses.items(), _TOGETHER):
            hits += self._run(dict(group), sorted(articles), found)
        read = self._read({article for _, article, _ in hits})
        found.hits = [Hit(search, article, said, read.get(article)) for search, article, said in hits]
        return found

    def look(self, deliveries: Sequence[Delivery], refresh: bool) -> dict[str, dict[str, Any]]:
        """By the delivery's id, the quotes that are there now, in JSON as the API has them."""
        if refresh:
            self._refresh()
        wanted = {(delivery.article, delivery.said): delivery.id for delivery in deliveries}
        query = {
            "bool": {
                "filter": [
                    {"terms": {"article_id": sorted({article for article, _ in wanted})}},
                    {"terms": {"said_hash": sorted({said for _, said in wanted})}},
                ]
            }
        }
        quotes: dict[str, dict[str, Any]] = {}
        for hit in self._hits(self._settings.quotes_alias, query, [{"id": "asc"}], source={"excludes": ["terms"]}):
            key = hit["_source"]["article_id"], hit["_source"]["said_hash"]
            if key in wanted and wanted[key] not in quotes:
                quotes[wanted[key]] = result_mapping.quote_hit(hit).model_dump(mode="json")
        return quotes

    def _prepare(self, search: SavedSearch) -> _Known:
        query = query_of(search)
        means: dict[str, list[dict[str, Any]]] = {}
        for kind, field in _BY_ENTITY.items():
            for name in getattr(query, kind)[:_MOST_ENTITIES]:
                meant = lookup.expand(self._client, self._settings, name)
                means.setdefault(kind, []).extend(meant.clauses(field))
        query = query.with_entities(means)
        return _Known(search.changed, time.monotonic() + _FRESH, query, queries.where(query))

    def _run(
        self, clauses: Mapping[str, dict[str, Any]], articles: Sequence[str], found: Found
    ) -> list[tuple[str, str, str]]:
        """Runs some searches together; where Elasticsearch does not take them, it looks for the one to blame."""
        named = [{"bool": {"filter": [clause], "_name": id}} for id, clause in clauses.items()]
        query = {"bool": {"filter": [{"terms": {"article_id": articles}}], "should": named, "minimum_should_match": 1}}
        try:
            return [
                (id, hit["_source"]["article_id"], hit["_source"]["said_hash"])
                for hit in self._hits(
                    self._settings.quotes_alias, query, [{"id": "asc"}], source=["article_id", "said_hash"]
                )
                for id in hit.get("matched_queries", ())
            ]
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
            for hit in self._hits(self._settings.articles_alias, query, [{"id": "asc"}], source=["id", "fetched"]):
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
            answer = elasticsearch_client.wait_for_shards(
                lambda after=after: self._client.search(  # type: ignore[misc]
                    index=index, query=query, size=_PAGE, sort=sort, search_after=after, source=source,
                    track_total_hits=False, ignore_unavailable=True, allow_no_indices=True,
                    allow_partial_search_results=False,
                )
            )  # fmt: skip
            hits = answer["hits"]["hits"]
            yield from hits
            if len(hits) < _PAGE:
                return
            after = hits[-1]["sort"]

    def _refresh(self) -> None:
        """Makes what the sinks have written searchable now."""
        aliases = [self._settings.quotes_alias, self._settings.articles_alias]
        answer = self._client.indices.refresh(index=aliases, ignore_unavailable=True, allow_no_indices=True)
        if failed := answer["_shards"]["failed"]:
            raise ClusterUnavailable(f"{failed} shards of articles and quotes cannot be searched now.")


def _is_refusal(error: ApiError) -> bool:
    """Whether Elasticsearch does not take a search, and it is not busy or away."""
    return error.status_code == 400 or "too_many" in f"{elasticsearch_client.error_type(error)} {error}"


def _why(error: ApiError) -> str:
    return " ".join(elasticsearch_client.reason(error).split()).rstrip(".")[:200] + "."
