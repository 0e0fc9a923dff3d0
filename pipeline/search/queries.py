"""Builds the requests that searches send to Elasticsearch. Pure functions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipeline import terms
from pipeline.errors import InputError
from pipeline.search import clauses, conditions, counting, cursors
from pipeline.search.counting import Wanted
from pipeline.search.parameters import MAX_WINDOW, ArticleQuery, QuoteQuery
from pipeline.search.results import QuoteHit

Place = tuple[int, str]
"""The place of a quote in the order of indexing: when that was, in milliseconds since 1970, and its id."""

SORTS = {
    "newest": [{"published": {"order": "desc", "missing": "_last", "unmapped_type": "date"}}],
    "oldest": [{"published": {"order": "asc", "missing": "_last", "unmapped_type": "date"}}],
    "relevance": [
        {"_score": {"order": "desc"}},
        {"published": {"order": "desc", "missing": "_last", "unmapped_type": "date"}},
    ],
}
# Quotes of an article stay together and in order. No two are equal, so that a cursor neither skips nor repeats any.
_TIEBREAK = [
    {"article_id": {"order": "asc", "unmapped_type": "keyword"}},
    {"start": {"order": "asc", "unmapped_type": "integer"}},
    {"id": {"order": "asc", "unmapped_type": "keyword"}},
]
_ARTICLE_TIEBREAK = [{"id": {"order": "asc", "unmapped_type": "keyword"}}]
_LISTED = ["id", "url", "headline", "byline", "source", "published", "modified", "language", "quote_count",
           "duplicate_of", "people", "organisations", "places"]  # fmt: skip
_MOST_STAMPS = 40_000  # more than the milliseconds of half a minute
_STAMPS = {
    "terms": {"field": "indexed", "size": _MOST_STAMPS, "order": {"_key": "asc"}},
    "aggs": {"writes": {"stats": {"field": "_seq_no"}}},  # each write of a shard has another number
}
SPREAD_WORDS = 60
"""The most words of a quote by which its spread is looked for."""

SPREAD_PIECE = 5
"""How many words in a row another quote must have in common."""


def quotes(query: QuoteQuery, *, size: int, timeout: float, older: bool = False) -> dict[str, Any]:
    """The request for a page of quotes; `timeout` is how many seconds the cluster may take.

    `older`: an index may have documents without terms (pipeline.search.clauses).

    Raises:
        InputError: the words cannot be searched, the page is too deep, or the cursor is invalid.
    """
    body: dict[str, Any] = {
        "query": conditions.of_quotes(query, older=older),
        "size": size,
        "sort": SORTS[query.order] + _TIEBREAK,
        "track_total_hits": True,
        "timeout": _limit(timeout),
    }
    if query.cursor:
        body["search_after"] = cursors.decode(
            query.cursor, query.order, [cursors.is_id, cursors.is_offset, cursors.is_id]
        )
    elif query.page * size > MAX_WINDOW:
        raise InputError(
            f"Pages reach the first {MAX_WINDOW:,} quotes only; narrow the search down, or follow `next` as cursor."
        )
    else:
        body["from"] = (query.page - 1) * size
    return body


def counted(
    query: QuoteQuery, wanted: Wanted, *, found: int, timeout: float, older: bool = False
) -> list[dict[str, Any]]:
    """The requests for the facets and the histogram of a search that has found so many quotes.

    A facet lists the values of a kind that a search could have instead: a search for one speaker counts the others,
    too. So each facet by which the search is narrowed down takes a request of its own, without the conditions of its
    kind; all others share one. No request depends on the page, so that Elasticsearch answers it from its cache while
    somebody turns pages.
    """
    chosen = conditions.filters_of(query, older)
    alone = [name for name in wanted.facets if counting.FIELDS[name][2] in chosen]
    size = wanted.facet_size + 1  # one more than is listed, to know whether there are more
    together: dict[str, Any] = {name: counting.facet_values(name, size) for name in wanted.facets if name not in alone}
    if wanted.histogram:
        together["histogram"] = counting.days(counting.BY_DAY)
    pieces = (
        [(conditions.of_quotes(query, older=older), counting.fitting(together, found))] if together and found else []
    )
    for name in alone:
        others = conditions.of_quotes(query, older=older, without=frozenset({counting.FIELDS[name][2]}))
        pieces.append((others, {name: counting.facet_values(name, size)}))
    return [
        {"query": clause, "size": 0, "track_total_hits": False, "timeout": _limit(timeout), "aggs": aggregations}
        for clause, aggregations in pieces
    ]


def articles(query: ArticleQuery, *, timeout: float, older: bool = False) -> dict[str, Any]:
    """The request for a page of articles.

    Raises:
        InputError: the words cannot be searched, or the cursor is invalid.
    """
    body: dict[str, Any] = {
        "query": conditions.of_articles(query, older=older),
        "size": query.size,
        "sort": SORTS[query.order] + _ARTICLE_TIEBREAK,
        "track_total_hits": True,
        "timeout": _limit(timeout),
        "_source": _LISTED,
    }
    if query.cursor:
        body["search_after"] = cursors.decode(query.cursor, query.order, [cursors.is_id])
    return body


def article(id: str) -> dict[str, Any]:
    """The request for an article: its newest revision, as two indices may hold it for a moment."""
    return {
        "query": {"bool": {"filter": [{"term": {"id": id}}]}},
        "size": 1,
        "sort": [{"revision": {"order": "desc", "unmapped_type": "long"}}],
        "_source": {"excludes": ["raw"]},
    }


def quote(id: str) -> dict[str, Any]:
    """The request for a quote: of its newest revision, as two indices may hold it for a moment."""
    return article(id) | {"_source": True}


def number(query: QuoteQuery, *, timeout: float, older: bool = False) -> dict[str, Any]:
    """The request for how many quotes a search finds.

    Raises:
        InputError: the words cannot be searched.
    """
    return {
        "query": conditions.of_quotes(query, older=older),
        "size": 0,
        "track_total_hits": True,
        "timeout": _limit(timeout),
    }


def stamps(since: int) -> dict[str, Any]:
    """The request for the times at which quotes were indexed: at `since` or later, in milliseconds since 1970."""
    query = {"range": {"indexed": {"gte": since, "format": "epoch_millis"}}}
    return {"query": query, "size": 0, "track_total_hits": False, "aggs": {"stamps": _STAMPS}}


def indexed_between(query: QuoteQuery, since: int, until: int, *, after: Place | None, size: int) -> dict[str, Any]:
    """The request for the matching quotes that were indexed from `since` until before `until`, in that order.

    Args:
        query: the conditions.
        since: a time in milliseconds since 1970.
        until: another one.
        after: the place of the last quote that is known already.
        size: how many at the most.
    """
    times = {"range": {"indexed": {"gte": since, "lt": until, "format": "epoch_millis"}}}
    matching = {"bool": {"must": [conditions.of_quotes(query)], "filter": [times]}}
    return {"query": matching} | _in_order_of_indexing(after, size)


def indexed_at(query: QuoteQuery, stamps: Sequence[int], *, after: Place | None, size: int) -> dict[str, Any]:
    """The request for the matching quotes that were indexed at these times, in that order, and for the times' marks.

    Both are of the same quotes, whichever copies of the shards answer: so the conditions come behind the counting.
    """
    times = {"terms": {"indexed": list(stamps)}}
    own = {"post_filter": conditions.of_quotes(query), "aggs": {"stamps": _STAMPS}}
    return {"query": {"bool": {"filter": [times]}}} | own | _in_order_of_indexing(after, size)


def _in_order_of_indexing(after: Place | None, size: int) -> dict[str, Any]:
    order: list[dict[str, Any]] = [
        {"indexed": {"order": "asc", "unmapped_type": "date"}},
        {"id": {"order": "asc", "unmapped_type": "keyword"}},
    ]
    return {"size": size, "sort": order, "track_total_hits": False} | ({"search_after": list(after)} if after else {})


def similar(hit: QuoteHit, size: int) -> dict[str, Any]:
    """The request for quotes that have rare words in common with this one, and are not of its own article."""
    alike = {
        "fields": ["terms.said_stems"],
        "like": [" ".join(map(terms.stem, terms.fold(hit.said)))],
        "min_term_freq": 1,
        "min_doc_freq": 1,
        "max_query_terms": 25,
        "minimum_should_match": "30%",
        "analyzer": "whitespace",
    }
    others = [{"term": {"article_id": hit.article_id}}, {"term": {"id": hit.id}}, conditions.COPY]
    return {
        "query": {"bool": {"must": [{"more_like_this": alike}], "must_not": others}},
        "size": size,
    }


def spread(hit: QuoteHit, size: int) -> dict[str, Any]:
    """The request for quotes with most of the words of this one in a row, whole, cut or changed; oldest first."""
    words = terms.fold(hit.said)[:SPREAD_WORDS]
    pieces = [words[at : at + SPREAD_PIECE] for at in range(max(1, len(words) - SPREAD_PIECE + 1))]
    phrases = [{"match_phrase": {"terms.said": " ".join(piece)}} for piece in dict.fromkeys(pieces)]
    enough = max(1, len(phrases) // 4)
    return {
        "query": {"bool": {"filter": [{"bool": {"should": phrases, "minimum_should_match": enough}}]}},
        "size": size,
        "sort": SORTS["oldest"] + _TIEBREAK,
        "track_total_hits": True,
    }


def existing(ids: list[str]) -> dict[str, Any]:
    """The request for the articles among these ids that can be searched, with their revisions."""
    return {
        "query": {"bool": {"filter": [{"terms": {"id": ids}}]}},
        "size": len(ids),
        "_source": False,
        "docvalue_fields": ["id", "revision"],
    }


def speakers(prefix: str, size: int, *, older: bool = False) -> dict[str, Any]:
    """The request for the speakers with a name in which a word begins with `prefix`, most quoted first."""
    filters: list[dict[str, Any]] = [{"exists": {"field": "speaker.id"}}]
    if prefix.strip():
        filters.append(clauses.beginning("speaker", prefix, older=older))
    return {
        "query": {"bool": {"filter": filters, "must_not": [conditions.COPY]}},
        "size": 0,
        "aggs": {"speakers": counting.named("speaker.id", "speaker.name", size)},
    }


def counts() -> dict[str, Any]:
    """The request for the numbers of speakers and sources, and for when the newest quote was indexed."""
    return {
        "size": 0,
        "track_total_hits": True,
        "aggs": {
            "speakers": {"cardinality": {"field": "speaker.id"}},
            "sources": {"cardinality": {"field": "source.id"}},
            "newest": {"max": {"field": "indexed"}},
        },
    }


def writing(since: datetime, latest: int = 500) -> dict[str, Any]:
    """Articles by the hour in which they were written, the copies among all, and the times of the latest."""
    hours = {"date_histogram": {"field": "indexed", "fixed_interval": "1h", "min_doc_count": 1}}
    return {
        "size": latest,
        "sort": [{"indexed": "desc"}],
        "_source": ["fetched", "enriched", "indexed"],
        "track_total_hits": True,
        "aggs": {
            "copies": {"filter": {"exists": {"field": "duplicate_of"}}},
            "lately": {"filter": {"range": {"indexed": {"gte": since.isoformat()}}}, "aggs": {"hours": hours}},
        },
    }


def _limit(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
