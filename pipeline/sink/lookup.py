"""Looks up which quotes are obsolete, and all that is of an article.

Searches lag: pipeline.sink.refresher says when a refresh has to come before a look-up.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.elasticsearch_client import chunks
from pipeline.settings import Settings
from pipeline.sink import indices

_AT_ONCE = 100  # articles asked for in one request
_QUOTES_AT_ONCE = 10_000  # quotes named in one request, some 500 KB
_PAGE = 10_000  # hits; the most that Elasticsearch gives at once


@dataclass(frozen=True)
class Place:
    """A document's index and id; where it matters, also its version there."""

    index: str
    id: str
    version: int = 0


@dataclass(frozen=True)
class Wanted:
    """The index in which an article's quotes belong, and the ids that they have."""

    index: str
    quotes: Collection[str]


class Lookup:
    """Searches in one version of the indices. All methods raise the client's own errors."""

    def __init__(self, client: Elasticsearch, settings: Settings, version: str = indices.FIRST_VERSION) -> None:
        self._client = client
        self._articles = indices.pattern(settings, "articles", version)
        self._quotes = indices.pattern(settings, "quotes", version)

    def leftovers(self, wanted: Mapping[str, Wanted]) -> dict[str, list[Place]]:
        """By article, its quotes that are in another index than wanted, or are not wanted at all."""
        obsolete = defaultdict(list)
        for chunk in chunks(
            wanted, _AT_ONCE, weight=lambda article: len(wanted[article].quotes), max_weight=_QUOTES_AT_ONCE
        ):
            by_index = defaultdict(list)
            for article in chunk:
                by_index[wanted[article].index].append(article)
            right_places = [
                {"bool": {"filter": [
                    {"term": {"_index": index}},
                    {"terms": {"article_id": articles}},
                    {"ids": {"values": [quote for article in articles for quote in wanted[article].quotes]}},
                ]}}
                for index, articles in by_index.items()
            ]  # fmt: skip
            query = {"bool": {"filter": [{"terms": {"article_id": chunk}}], "must_not": right_places}}
            for hit in self._search(self._quotes, query, ["article_id"]):
                obsolete[hit["fields"]["article_id"][0]].append(Place(hit["_index"], hit["_id"]))
        return dict(obsolete)

    def whole(self, ids: Collection[str]) -> tuple[list[Place], list[Place]]:
        """All quotes of these articles, and all documents of the articles, with their versions there.

        Refreshes first, so that nothing is missed.
        """
        elasticsearch_client.refresh(self._client, [self._articles, self._quotes])
        quotes: list[Place] = []
        articles: list[Place] = []
        for chunk in chunks(ids, _AT_ONCE):
            for index, query, places in (
                (self._quotes, {"terms": {"article_id": chunk}}, quotes),
                (self._articles, {"ids": {"values": chunk}}, articles),
            ):
                hits = self._search(index, query, [], version=True)
                places += [Place(hit["_index"], hit["_id"], hit["_version"]) for hit in hits]
        return quotes, articles

    def _search(
        self, index: str, query: Mapping[str, Any], fields: Any, *, version: bool = False
    ) -> Iterator[dict[str, Any]]:
        """All hits, page after page."""
        # STRICT: a closed month must fail the search, and not look like one that has nothing.
        for page in elasticsearch_client.pages(
            self._client, index=index, query=query, source=False, docvalue_fields=fields, version=version,
            sort=indices.BY_ID, size=_PAGE, **elasticsearch_client.STRICT,
            filter_path="hits.hits._index,hits.hits._id,hits.hits._version,hits.hits.fields,hits.hits.sort",
        ):  # fmt: skip
            yield from (hit for hit in page if indices.ours(hit["_index"]))
