"""Validates search parameters and builds the Elasticsearch requests. Pure functions."""

import base64
import json
import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StringConstraints, model_validator

from pipeline import terms
from pipeline.errors import InputError
from pipeline.models import Modality, QuoteType
from pipeline.search import clauses, query_parser
from pipeline.search.clauses import Place
from pipeline.search.results import QuoteHit

MAX_WINDOW = 10_000
"""The most hits that pages reach, as is Elasticsearch's own default. Cursors go further."""

FACET_SIZE = 12
"""The values of a facet that are listed where nobody asks for more."""

MAX_VALUES = 50
"""The most values of one kind, such as speakers, in one search."""

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
Facet = Literal[
    "speakers", "entities", "addressees", "sources", "types", "cues", "modalities", "languages", "media"
]  # fmt: skip
"""What the quotes found are counted by."""

_FACETS: dict[Facet, tuple[str, str | None, str]] = {
    "speakers": ("speaker.id", "speaker.name", "speaker"),
    "entities": ("entities.key", None, "entity"),
    "addressees": ("addressee", None, "addressee"),
    "sources": ("source.id", "source.name", "source"),
    "types": ("type", None, "type"),
    "cues": ("cue.lemma", None, "cue"),
    "modalities": ("modality", None, "modality"),
    "languages": ("language", None, "language"),
    "media": ("medium", None, "medium"),
}
"""Of each facet: the field that is counted, that of the name, and the parameter that selects its values."""

FACETS: tuple[Facet, ...] = tuple(_FACETS)
SPREAD_WORDS = 60
"""The most words of a quote by which its spread is looked for."""

SPREAD_PIECE = 5
"""How many words in a row another quote must have in common."""

_FEW = 1000  # quotes whose values are counted one by one
_BY_DAY = {"date_histogram": {"field": "published", "calendar_interval": "day", "min_doc_count": 1}}
_EARLIEST_BAR = "1900-01-01"
_AHEAD = timedelta(days=3)  # how far in the future, from the beginning of today, the bars of a histogram end

_RELATIVE = re.compile(r"(\d{1,4})\s*(h|d|w|m|y)(?:ago)?", re.IGNORECASE)
_DAYS = {"today": 0, "yesterday": 1}
_FORMS = "write a date like 2025-03-12, a time like 2025-03-12T08:30Z, or how long ago: 24h, 7d, 2w, 3m, 1y, today"


def _moment(value: object) -> object:
    """Parses a date, a time, or how long ago. A date stays a date, as it means its whole day and not its midnight."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _DAYS or _RELATIVE.fullmatch(text):
            return text.lower().replace(" ", "")
        try:
            value = date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(_FORMS) from None
    try:
        if isinstance(value, date):
            _utc(value)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999 in UTC") from None
    return value


def moment(given: "datetime | date | str", *, now: datetime) -> datetime | date:
    """The date or time that somebody gave; what is relative counts back from `now` (UTC). Years begin with year 1."""
    if not isinstance(given, str):
        return given
    if given in _DAYS:
        return (now - timedelta(days=_DAYS[given])).date()
    match = _RELATIVE.fullmatch(given)
    if match is None:
        raise InputError(f"{_FORMS[0].upper()}{_FORMS[1:]}.")
    number, unit = int(match[1]), match[2].lower()
    if unit in "my":
        months = now.year * 12 + now.month - 1 - number * (12 if unit == "y" else 1)
        year, month = max(date.min.year, months // 12), months % 12 + 1
        return date(year, month, min(now.day, monthrange(year, month)[1]))
    if unit == "h":
        return now - timedelta(hours=number)
    return now.date() - timedelta(days=number * (7 if unit == "w" else 1))


def _filled(value: object) -> object:
    if isinstance(value, list):
        return [kept for item in value if (kept := _filled(item)) != ""]
    return value.strip() if isinstance(value, str) else value


def _listed(value: object) -> object:
    """One value is a list of one."""
    return [value] if isinstance(value, str | StrEnum) else value


_Moment = Annotated[datetime | date | str | None, BeforeValidator(_moment)]
_Text = Annotated[str, StringConstraints(max_length=200)]
_Texts = Annotated[list[_Text], BeforeValidator(_listed), Field(max_length=MAX_VALUES)]
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
        description='Words, all required; "a phrase"; tax OR levy; (brackets); -word leaves out; begin* stands for '
        'every word that begins so; spelling~ also for words that differ in a letter; "two words"~5 or one NEAR/5 '
        "other for words near each other. Case, accents, apostrophes and endings do not matter. Looked for in what "
        "was said first, then in the speaker's name and role, the headline and the paragraph, up to 600 characters "
        "on each side.",
        examples=['"cease-fire" OR truce'],
    )
    within: Annotated[list[Place], BeforeValidator(_listed)] = Field(
        default_factory=list,
        alias="in",
        max_length=3,
        description="Where the words must be: quote (what was said), paragraph (the quote and the text around it), "
        "headline; may be repeated. Without, anywhere, also in the speaker's name and role.",
    )
    speaker: _Texts = Field(
        default_factory=list,
        description="Words of the speaker's name, its beginning with a star, or the speaker's id. Also another "
        "spelling of the name, or the id of an entity (/api/entities): its quotes under all its names. May be "
        "repeated, as all that follow: one of them must fit.",
        examples=[["Zelens*"]],
    )
    entity: _Texts = Field(
        default_factory=list,
        description="Name or id of a person, organisation or place that the quote names, in any spelling, or the id of "
        "an entity.",
    )
    type: Annotated[list[QuoteType], BeforeValidator(_listed)] = Field(
        default_factory=list, max_length=3, description="direct, indirect or mixed."
    )
    since: _Moment = Field(
        default=None,
        description="Published at this time or later: a date, a time (UTC), or how long ago: 24h, 7d, 2w, 3m, 1y, "
        "today, yesterday.",
        examples=["7d"],
    )
    until: _Moment = Field(
        default=None, description="Published until then, in the same forms; a date includes its whole day."
    )
    source: _Texts = Field(default_factory=list, description="Words of the source's name, its id or its domain.")
    article: _Texts = Field(default_factory=list, description="Id of an article: its quotes alone.")
    modality: Annotated[list[Modality], BeforeValidator(_listed)] = Field(
        default_factory=list, max_length=3, description="asserted, negated or hypothetical."
    )
    addressee: _Texts = Field(default_factory=list, description="Whom it was said to, as the article has it.")
    cue: _Texts = Field(default_factory=list, description="The cue, such as say, warn or according to.")
    medium: _Texts = Field(default_factory=list, description="Where or by what it was said: words of it.")
    language: _Texts = Field(default_factory=list, description="The article's language: en, de …")
    confidence: float | None = Field(
        default=None, ge=0, le=1, description="How sure the engine must be at the least, from 0 to 1."
    )
    confidence_max: float | None = Field(
        default=None, ge=0, le=1, description="How sure the engine may be at the most, from 0 to 1."
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

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.confidence is not None and self.confidence_max is not None and self.confidence > self.confidence_max:
            raise ValueError("confidence is more than confidence_max, so that no quote can be found")
        if self.since and self.until:
            now = datetime.now(UTC)
            first, last = (_utc(moment(given, now=now)) for given in (self.since, self.until))
            if first.date() > last.date():
                raise ValueError(f"since ({self.since}) lies after until ({self.until}), so that no quote can be found")
        return self

    _entities: dict[str, list[clauses.Clause]] = PrivateAttr(default_factory=dict)

    def with_entities(self, found: Mapping[str, list[clauses.Clause]]) -> Self:
        """The query with further conditions of a kind, one of which may be met in place of the names."""
        query = self.model_copy()
        query._entities = dict(found)
        return query

    def of_entities(self, kind: str) -> list[clauses.Clause]:
        """The conditions of the entities that the names of this kind mean."""
        return self._entities.get(kind, [])

    @property
    def order(self) -> Sort:
        """The order of the results."""
        return self.sort or ("relevance" if self.words.strip() else "newest")

    @property
    def restricts(self) -> bool:
        """Whether there is any condition."""
        return self.model_dump(exclude=_ARRANGEMENT) != QuoteQuery().model_dump(exclude=_ARRANGEMENT)


class QuoteParameters(QuoteQuery):
    """The parameters of a search for quotes over HTTP."""

    facets: bool = Field(default=False, description="Also what the quotes found have in common, by nine kinds.")
    facet_size: int = Field(default=FACET_SIZE, ge=1, le=100, description="Values of each facet.")
    histogram: bool = Field(default=False, description="Also how many were published when.")


class SpeakerParameters(Parameters):
    """The parameters of a search for names of speakers."""

    prefix: str = Field(default="", max_length=200, description="How a word of the name begins.")
    size: int = Field(default=10, ge=1, le=100, description="Speakers, at the most.")


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a search beside its quotes."""

    facets: tuple[Facet, ...] = ()
    facet_size: int = FACET_SIZE
    histogram: bool = False


def quotes(query: QuoteQuery, *, size: int, timeout: float, older: bool = False) -> dict[str, Any]:
    """The request for a page of quotes; `timeout` is how many seconds the cluster may take.

    `older`: an index may have documents without terms (pipeline.search.clauses).

    Raises:
        InputError: the words cannot be searched, the page is too deep, or the cursor is invalid.
    """
    body: dict[str, Any] = {
        "query": where(query, older=older),
        "size": size,
        "sort": SORTS[query.order] + _TIEBREAK,
        "track_total_hits": True,
        "timeout": _limit(timeout),
    }
    if query.cursor:
        body["search_after"] = _decode(query.cursor, query.order, [_is_id, _is_offset, _is_id])
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
    chosen = _filters(query, older)
    alone = [name for name in wanted.facets if _FACETS[name][2] in chosen]
    size = wanted.facet_size + 1  # one more than is listed, to know whether there are more
    together: dict[str, Any] = {name: facet_values(name, size) for name in wanted.facets if name not in alone}
    if wanted.histogram:
        together["histogram"] = days(_BY_DAY)
    pieces = [(where(query, older=older), fitting(together, found))] if together and found else []
    for name in alone:
        others = where(query, older=older, without=frozenset({_FACETS[name][2]}))
        pieces.append((others, {name: facet_values(name, size)}))
    return [
        {"query": clause, "size": 0, "track_total_hits": False, "timeout": _limit(timeout), "aggs": aggregations}
        for clause, aggregations in pieces
    ]


def where(query: QuoteQuery, *, older: bool = False, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The query, without the conditions of these parameters.

    Words count for the score; filters do not, and Elasticsearch caches them.
    """
    node = query_parser.parse(query.words)
    clauses_: dict[str, list[dict[str, Any]]] = {
        "must": [clauses.words(node, query.within, older=older)] if node else [],
        "must_not": [],
        "filter": [clause for name, clause in _filters(query, older).items() if name not in without],
    }
    if not (query.copies or query.source or query.article):
        clauses_["must_not"].append(_COPY)
    return {"bool": {kind: some for kind, some in clauses_.items() if some}}


def terms_of(query: QuoteQuery) -> list[query_parser.Term]:
    """The terms that are to be found, for marking them."""
    return list(query_parser.all_terms(query_parser.parse(query.words), wanted_only=True))


class ArticleQuery(Parameters):
    """Selects articles. They must meet all conditions; one that is left out does not restrict."""

    words: str = Field(
        default="",
        alias="q",
        max_length=query_parser.MAX_CHARACTERS,
        description="Words of headline, text, names and byline, in the same language as those of quotes.",
        examples=["harbour NEAR/5 tax"],
    )
    source: _Texts = Field(
        default_factory=list, description="Words of the source's name, its id or its domain; may be repeated."
    )
    entity: _Texts = Field(
        default_factory=list, description="Name of a person, organisation or place; may be repeated."
    )
    language: _Texts = Field(default_factory=list, description="The language: en, de …")
    since: _Moment = Field(default=None, description="Published at this time or later: a date, a time, or 7d.")
    until: _Moment = Field(default=None, description="Published until then; a date includes its whole day.")
    copies: bool = Field(default=False, description="Also articles that are copies of another.")
    sort: Sort | None = Field(
        default=None,
        description="newest, oldest or relevance; by default relevance where there are words, else newest.",
    )
    size: int = Field(default=20, ge=1, le=100, description="Articles on a page.")
    cursor: str | None = Field(default=None, max_length=1000, description="`next` of the page before.")

    @property
    def order(self) -> Sort:
        """The order of the results."""
        return self.sort or ("relevance" if self.words.strip() else "newest")


_ARTICLE_TIEBREAK = [{"id": {"order": "asc", "unmapped_type": "keyword"}}]
_LISTED = ["id", "url", "headline", "byline", "source", "published", "modified", "language", "quote_count",
           "duplicate_of", "people", "organisations", "places"]  # fmt: skip


def articles(query: ArticleQuery, *, timeout: float, older: bool = False) -> dict[str, Any]:
    """The request for a page of articles.

    Raises:
        InputError: the words cannot be searched, or the cursor is invalid.
    """
    node = query_parser.parse(query.words)
    now = datetime.now(UTC)
    filters = []
    kinds: list[tuple[clauses.Kind, list[str]]] = [("source", query.source), ("named", query.entity)]
    filters += [clauses.named(kind, values, older=older) for kind, values in kinds if values]
    if query.language:
        filters.append(clauses.any_of(clauses.same("language", value) for value in query.language))
    if query.since or query.until:
        since, until = (moment(given, now=now) if given else None for given in (query.since, query.until))
        filters.append({"range": {"published": _period(since, until)}})
    body: dict[str, Any] = {
        "query": {
            "bool": {
                "must": [clauses.words(node, [clauses.ARTICLE], older=older)] if node else [],
                "filter": filters,
                "must_not": [] if query.copies or query.source else [_COPY],
            }
        },
        "size": query.size,
        "sort": SORTS[query.order] + _ARTICLE_TIEBREAK,
        "track_total_hits": True,
        "timeout": _limit(timeout),
        "_source": _LISTED,
    }
    if query.cursor:
        body["search_after"] = _decode(query.cursor, query.order, [_is_id])
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
    return {"query": where(query, older=older), "size": 0, "track_total_hits": True, "timeout": _limit(timeout)}


def newer(query: QuoteQuery, *, since: datetime, after: list[Any] | None, size: int) -> dict[str, Any]:
    """The request for the matching quotes that were indexed at `since` or later, in the order of indexing.

    Args:
        query: the conditions.
        since: a time (UTC).
        after: the sort values of the last quote that is known already.
        size: how many at the most.
    """
    body: dict[str, Any] = {
        "query": {
            "bool": {"must": [where(query)], "filter": [{"range": {"indexed": {"gte": since.isoformat()}}}]},
        },
        "size": size,
        "sort": [
            {"indexed": {"order": "asc", "unmapped_type": "date"}},
            {"id": {"order": "asc", "unmapped_type": "keyword"}},
        ],
        "track_total_hits": False,
    }
    return body | ({"search_after": after} if after else {})


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
    others = [{"term": {"article_id": hit.article_id}}, {"term": {"id": hit.id}}, _COPY]
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
    conditions: list[dict[str, Any]] = [{"exists": {"field": "speaker.id"}}]
    if prefix.strip():
        conditions.append(clauses.beginning("speaker", prefix, older=older))
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


def cursor(order: Sort, values: list[Any]) -> str:
    """The cursor of the next page: the order, and the sort values of the last hit."""
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode().rstrip("=")


_COPY = {"exists": {"field": "duplicate_of"}}
_NAMED: tuple[clauses.Kind, ...] = ("speaker", "entity", "addressee", "source", "medium")


def _filters(query: QuoteQuery, older: bool) -> dict[str, dict[str, Any]]:
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
        now = datetime.now(UTC)
        since, until = (moment(given, now=now) if given else None for given in (query.since, query.until))
        filters["published"] = {"range": {"published": _period(since, until)}}
    if query.article:
        filters["article"] = {"terms": {"article_id": query.article}}
    if (query.confidence, query.confidence_max) != (None, None):
        limits = {"gte": query.confidence, "lte": query.confidence_max}
        filters["confidence"] = {
            "range": {"confidence": {name: value for name, value in limits.items() if value is not None}}
        }
    return filters


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


def facet_values(name: Facet, size: int) -> dict[str, Any]:
    """The aggregation of the values of a facet, the most frequent first."""
    field, name_field, _ = _FACETS[name]
    return _named(field, name_field, size) if name_field else {"terms": {"field": field, "size": size}}


def fitting(aggregations: Mapping[str, Any], found: int) -> dict[str, Any]:
    """The aggregations in the way that is quickest over so many quotes.

    Elasticsearch numbers all values of a field and counts by these numbers. That is quick over many quotes, but costs
    as much as there are values, in every index. Over few quotes it is quicker to count the values themselves.
    """
    return {name: _one_by_one(one) for name, one in aggregations.items()} if found <= _FEW else dict(aggregations)


def _one_by_one(aggregation: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(aggregation)
    if "terms" in made:
        made["terms"] = made["terms"] | {"execution_hint": "map"}
    if "aggs" in made:
        made["aggs"] = {name: _one_by_one(one) for name, one in made["aggs"].items()}
    return made


def days(aggregation: dict[str, Any]) -> dict[str, Any]:
    """An aggregation, under the name `days`, over quotes whose date can be believed."""
    return {"filter": _believable(), "aggs": {"days": aggregation}}


def _limit(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _believable() -> dict[str, Any]:
    """The condition that a date can be believed. It is the same all day, so that Elasticsearch can keep an answer."""
    end = datetime.now(UTC).date() + _AHEAD
    return {"range": {"published": {"gte": _EARLIEST_BAR, "lt": end.isoformat()}}}


def _named(id_field: str, name_field: str, size: int) -> dict[str, Any]:
    """An aggregation by id, with the most frequent name of each."""
    name = {"terms": {"field": name_field, "size": 1}}
    return {"terms": {"field": id_field, "size": size}, "aggs": {"name": name}}


def _decode(cursor: str, order: Sort, rest: list[Callable[[object], bool]]) -> list[Any]:
    """The sort values in a cursor. Their types are checked, as Elasticsearch fails on others."""
    try:
        named, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        named, values = None, []
    kinds = [*_KINDS[order], *rest]
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
