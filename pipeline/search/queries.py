"""Validates search parameters and builds the Elasticsearch requests. Pure functions."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.errors import InputError
from pipeline.models import Modality, QuoteType
from pipeline.search import query_parser

MAX_WINDOW = 10_000
"""The most hits that pages reach, as is Elasticsearch's own default. Cursors go further."""

OPEN, CLOSE = "\x11", "\x12"
"""Control characters around highlighted words; no article contains them. See pipeline.search.result_mapping."""

FACET_SIZE = 12
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
_WORD_FIELDS = [
    "said^4", "speaker.name.words^3", "headline^1.5", "speaker.title.words", "speaker.affiliation.words",
    "context_text",
]  # fmt: skip
_PREFIX_EXPANSIONS = 50


def _moment(value: object) -> object:
    """Parses a date or a time. A date stays a date, as it means its whole day and not its midnight."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("write a date like 2025-03-12, or a time like 2025-03-12T08:30Z") from None
    try:
        if isinstance(value, date):
            _utc(value)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999 in UTC") from None
    return value


def _filled(value: object) -> object:
    if isinstance(value, list):
        return [item for item in value if item != ""]
    return value.strip() if isinstance(value, str) else value


_Moment = Annotated[datetime | date | None, BeforeValidator(_moment)]
Sort = Literal["newest", "oldest", "relevance"]
_ARRANGEMENT = {"page", "size", "sort", "cursor", "copies"}


class Parameters(BaseModel):
    """The parameters of a request. An empty one counts as absent, as forms send empty fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        filled = {name: _filled(value) for name, value in given.items()}
        return {name: value for name, value in filled.items() if value not in ("", [])}


class QuoteQuery(Parameters):
    """Selects quotes. They must meet all conditions; one that is left out does not restrict."""

    words: str = Field(
        default="",
        alias="q",
        max_length=query_parser.MAX_CHARACTERS,
        description='Words, all required; "a phrase"; -word leaves out; begin* stands for every word that begins so. '
        "Looked for in what was said first, then in the speaker's name and role, the headline and the "
        "paragraph, up to 600 characters on each side.",
    )
    speaker: str | None = Field(
        default=None, max_length=200, description="Words of the speaker's name, or the speaker's id."
    )
    type: list[QuoteType] = Field(
        default_factory=list, max_length=3, description="direct, indirect or mixed; may be repeated."
    )
    since: _Moment = Field(default=None, description="Published at this time or later: a date, or a time (UTC).")
    until: _Moment = Field(default=None, description="Published until then; a date includes its whole day.")
    source: str | None = Field(default=None, max_length=200, description="Id, domain or name of the source.")
    article: str | None = Field(default=None, max_length=200, description="Id of an article: its quotes alone.")
    modality: Modality | None = Field(default=None, description="asserted, negated or hypothetical.")
    addressee: str | None = Field(
        default=None, max_length=200, description="Whom it was said to, as the article has it."
    )
    confidence: float | None = Field(
        default=None, ge=0, le=1, description="How sure the engine must be at the least, from 0 to 1."
    )
    copies: bool = Field(
        default=False,
        description="Also what copies of an article repeat; without, a quote counts once, where it was first. "
        "A search within one source or article always has them.",
    )
    sort: Sort | None = Field(
        default=None,
        description="newest, oldest or relevance; by default relevance where there are words, else newest.",
    )
    page: int = Field(default=1, ge=1, le=MAX_WINDOW, description="Page of the results, from 1.")
    size: int | None = Field(default=None, ge=1, le=100, description="Quotes on a page.")
    cursor: str | None = Field(
        default=None,
        max_length=1000,
        description="`next` of the page before, instead of a page: goes as far as you like.",
    )

    @property
    def order(self) -> Sort:
        """The order of the results."""
        return self.sort or ("relevance" if self.words.strip() else "newest")

    @property
    def restricts(self) -> bool:
        """Whether there is any condition."""
        return self.model_dump(exclude=_ARRANGEMENT) != QuoteQuery().model_dump(exclude=_ARRANGEMENT)


def quotes(query: QuoteQuery, *, size: int, timeout: float, facets: bool = False) -> dict[str, Any]:
    """The request for a page of quotes; `timeout` is how many seconds the cluster may take.

    Raises:
        InputError: the words cannot be searched, the page is too deep, or the cursor is invalid.
    """
    terms = query_parser.parse(query.words)
    body: dict[str, Any] = {
        "query": _where(query, terms),
        "size": size,
        "sort": SORTS[query.order] + _TIEBREAK,
        "track_total_hits": True,
        "timeout": f"{round(timeout * 1000)}ms",
    }
    if query.cursor:
        body["search_after"] = _decode(query.cursor, query.order)
    elif query.page * size > MAX_WINDOW:
        raise InputError(
            f"Pages reach the first {MAX_WINDOW:,} quotes only; narrow the search down, or follow `next` as cursor."
        )
    else:
        body["from"] = (query.page - 1) * size
    if any(not term.excluded for term in terms):
        body["highlight"] = _highlight()
    if facets:
        body["aggs"] = _facets()
    return body


def article(id: str) -> dict[str, Any]:
    """The request for an article: its newest revision, as two indices may hold it for a moment."""
    return {
        "query": {"bool": {"filter": [{"term": {"id": id}}]}},
        "size": 1,
        "sort": [{"revision": {"order": "desc", "unmapped_type": "long"}}],
        "_source": {"excludes": ["raw"]},
    }


def existing(ids: list[str]) -> dict[str, Any]:
    """The request for the articles among these ids that can be searched, with their revisions."""
    return {
        "query": {"bool": {"filter": [{"terms": {"id": ids}}]}},
        "size": len(ids),
        "_source": False,
        "docvalue_fields": ["id", "revision"],
    }


def speakers(prefix: str, size: int) -> dict[str, Any]:
    """The request for the speakers with a name in which a word begins with `prefix`, most quoted first."""
    conditions: list[dict[str, Any]] = [{"exists": {"field": "speaker.id"}}]
    if prefix.strip():
        name = {"query": prefix, "operator": "and", "max_expansions": _PREFIX_EXPANSIONS}
        conditions.append({"match_bool_prefix": {"speaker.name.words": name}})
    return {
        "query": {"bool": {"filter": conditions, "must_not": [_COPY]}},
        "size": 0,
        "aggs": {"speakers": _named("speaker.id", "speaker.name", size)},
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


def cursor(order: Sort, values: list[Any]) -> str:
    """The cursor of the next page: the order, and the sort values of the last hit."""
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode().rstrip("=")


_COPY = {"exists": {"field": "duplicate_of"}}


def _where(query: QuoteQuery, terms: list[query_parser.Term]) -> dict[str, Any]:
    """The query. Words count for the score; filters do not, and Elasticsearch caches them."""
    clauses: dict[str, list[dict[str, Any]]] = {
        "must": [_words(term) for term in terms if not term.excluded],
        "must_not": [_words(term) for term in terms if term.excluded],
        "filter": _filters(query),
    }
    if not (query.copies or query.source or query.article):
        clauses["must_not"].append(_COPY)
    return {"bool": {kind: some for kind, some in clauses.items() if some}}


def _words(term: query_parser.Term) -> dict[str, Any]:
    """The clause of a term. Terms may match in different fields, so "Scholz energy" finds Scholz on energy."""
    clause: dict[str, Any] = {"query": term.text, "fields": _WORD_FIELDS, "lenient": True}
    if term.prefix:
        clause |= {"type": "phrase_prefix", "max_expansions": _PREFIX_EXPANSIONS}
    elif term.phrase:
        clause |= {"type": "phrase"}
    else:
        clause |= {"type": "best_fields", "operator": "and", "tie_breaker": 0.3}
    return {"multi_match": clause}


def _filters(query: QuoteQuery) -> list[dict[str, Any]]:
    filters: list[dict[str, Any]] = []
    if query.speaker:
        name = {"query": query.speaker, "operator": "and"}
        filters.append(_any({"term": {"speaker.id": query.speaker}}, {"match": {"speaker.name.words": name}}))
    if query.type:
        filters.append({"terms": {"type": [type.value for type in query.type]}})
    if query.modality:
        filters.append({"term": {"modality": query.modality.value}})
    if query.since or query.until:
        filters.append({"range": {"published": _period(query.since, query.until)}})
    if query.source:
        fields = ("source.id", "source.domain", "source.name")
        filters.append(_any(*(_same(field, query.source) for field in fields)))
    if query.article:
        filters.append({"term": {"article_id": query.article}})
    if query.addressee:
        filters.append(_same("addressee", query.addressee))
    if query.confidence is not None:
        filters.append({"range": {"confidence": {"gte": query.confidence}}})
    return filters


def _any(*clauses: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"should": list(clauses), "minimum_should_match": 1}}


def _same(field: str, value: str) -> dict[str, Any]:
    return {"term": {field: {"value": value, "case_insensitive": True}}}


def _period(since: datetime | date | None, until: datetime | date | None) -> dict[str, str]:
    period = {}
    if since:
        period["gte"] = _utc(since).isoformat()
    if isinstance(until, datetime):
        period["lte"] = _utc(until).isoformat()
    elif until:  # up to the end of the day; the last day of all has no next one
        period["lt" if until < date.max else "lte"] = _utc(
            min(until, date.max - timedelta(1)) + timedelta(1)
        ).isoformat()
    return period


def _utc(moment: datetime | date) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _highlight() -> dict[str, Any]:
    return {
        "pre_tags": [OPEN],
        "post_tags": [CLOSE],
        "type": "unified",
        "max_analyzed_offset": 100_000,
        "fields": {
            "said": {"number_of_fragments": 0},
            "headline": {"number_of_fragments": 0},
            "context_text": {"number_of_fragments": 1, "fragment_size": 160},
        },
    }


def _facets() -> dict[str, Any]:
    return {
        "speakers": _named("speaker.id", "speaker.name", FACET_SIZE),
        "sources": _named("source.id", "source.name", FACET_SIZE),
        "types": {"terms": {"field": "type", "size": len(QuoteType)}},
    }


def _named(id_field: str, name_field: str, size: int) -> dict[str, Any]:
    """An aggregation by id, with the most frequent name of each."""
    name = {"terms": {"field": name_field, "size": 1}}
    return {"terms": {"field": id_field, "size": size}, "aggs": {"name": name}}


def _decode(cursor: str, order: Sort) -> list[Any]:
    """The sort values in a cursor. Their types are checked, as Elasticsearch fails on others."""
    try:
        named, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        named, values = None, []
    kinds = [*_KINDS[order], _is_id, _is_offset, _is_id]
    if named != order or len(values) != len(kinds) or not all(fits(v) for fits, v in zip(kinds, values, strict=True)):
        raise InputError(
            "This cursor does not belong to this search; take `next` of the page before and keep the rest as it was."
        )
    return list(values)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_time(value: object) -> bool:
    return _is_whole(value, -(2**63), 2**63 - 1)


def _is_offset(value: object) -> bool:
    return _is_whole(value, 0, 2**31 - 1)


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_SCORE


def _is_id(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return len(value.encode()) <= _LONGEST_ID
    except UnicodeEncodeError:  # half a character
        return False


_KINDS: dict[Sort, list[Callable[[object], bool]]] = {
    "newest": [_is_time],
    "oldest": [_is_time],
    "relevance": [_is_score, _is_time],
}
_LARGEST_SCORE = 3.4e38  # of 32 bits
_LONGEST_ID = 512
