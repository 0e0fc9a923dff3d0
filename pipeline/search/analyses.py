"""Counts quotes by who, what, where and when: speakers, sources, trends, comparisons.

Each analysis is one or two requests of aggregations over the quotes that a search finds. Counts of distinct things are
close estimates where there are thousands.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from pipeline import terms
from pipeline.entities.lookup import EntityHit, Expansion
from pipeline.errors import InputError, NotFoundError
from pipeline.models import Modality, QuoteType
from pipeline.search import clauses, counting, result_mapping
from pipeline.search.counting import Facet
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import (
    AcrossCount,
    Bar,
    Compared,
    Comparison,
    EntityCount,
    FacetValues,
    Histogram,
    Named,
    Rising,
    RisingValue,
    Series,
    SourceCount,
    SpeakerProfile,
    Statistics,
    Trends,
)

Dimension = Facet
"""What quotes are counted by; the same as the facets."""

MAX_SERIES = 30
MAX_COMPARED = 6
MAX_BARS = 1000
"""The most intervals of a trend."""

_MANY = 1000  # articles of a speaker that are looked through for those beside him; values from which some are chosen
_TOP = 10
_ACROSS = ("speakers", "entities")
_OWN_IDS = 200  # ids that the names of one speaker have
_WEEK = timedelta(days=7)
_MONTH = 30  # days that the statistics show
_OF_A_SPEAKER: tuple[Facet, ...] = (
    "entities", "addressees", "sources", "cues", "types", "modalities", "media", "languages",
)  # fmt: skip
_DAYS = {"date_histogram": {"field": "published", "calendar_interval": "day", "min_doc_count": 1}}
_FIRST_LAST = {"first": {"min": {"field": "published"}}, "last": {"max": {"field": "published"}}}


class FacetParameters(QuoteQuery):
    """The parameters of the values of one facet."""

    prefix: str = Field(default="", max_length=200, description="How a word of the value's name begins.")
    size: int | None = Field(default=50, ge=1, le=1000, description="Values, at the most.")


class AcrossParameters(FacetParameters):
    """The parameters of the values of a facet that may be counted by who is who."""

    across: bool = Field(
        default=False,
        description="Of speakers and entities: count who is who across articles, all names of one together.",
    )


class EntityParameters(FacetParameters):
    """The parameters of `/api/v1/entities`."""

    label: str | None = Field(default=None, max_length=40, description="PERSON, ORG, GPE … alone.")


class TrendParameters(QuoteQuery):
    """The parameters of `/api/v1/trends`; `size` is how many series there are."""

    by: Dimension = Field(default="speakers", description="What the series are.")
    split: Dimension | None = Field(default=None, description="A second dimension, into which each series is split.")
    interval: Literal["day", "week", "month", "year"] = Field(default="day", description="What a bar is.")
    size: int | None = Field(default=10, ge=1, le=MAX_SERIES, description="Series, the most frequent ones.")


class RisingParameters(QuoteQuery):
    """The parameters of `/api/v1/trends/rising`."""

    by: Dimension = Field(default="entities", description="What is counted.")
    days: int = Field(default=7, ge=1, le=366, description="Days up to now that are held beside as many before.")
    size: int | None = Field(default=20, ge=1, le=100, description="Values, those that rise most first.")


class CompareParameters(QuoteQuery):
    """The parameters of `/api/v1/compare`."""

    of: Literal["speaker", "source", "entity"] = Field(default="speaker", description="What is compared.")
    value: list[str] = Field(
        min_length=2,
        max_length=MAX_COMPARED,
        description="Two to six names in any spelling, or ids, as a search takes them; may and must be repeated.",
        examples=[["Scholz", "Zelenskyy"]],
    )


_COMPARED: dict[str, Facet] = {"speaker": "speakers", "source": "sources", "entity": "entities"}


def facet(reader: Reader, name: Facet, parameters: FacetParameters) -> FacetValues:
    """The values of one facet: all, or those with a word that begins as `prefix`.

    Raises:
        InputError: it cannot be counted across articles.
    """
    across = isinstance(parameters, AcrossParameters) and parameters.across
    if across and name not in _ACROSS:
        raise InputError(f"across: {name} are the same in all articles; it is for {' and '.join(_ACROSS)}.")
    size = parameters.size or _TOP
    many = size if not (parameters.prefix.strip() or across) else _MANY
    found = reader.aggregate(parameters, {name: counting.facet_values(name, many + 1)})
    values = values_of(name, found.counted.get(name, {}))
    if across:
        values = _across(reader, values)
        values = [
            value for value in values if any(_begins(one, parameters.prefix) for one in [value.name, *value.names])
        ]
    elif parameters.prefix.strip():
        values = [value for value in values if _begins(value.name, parameters.prefix)]
    return FacetValues(values=values[:size], more=len(values) > size, total=found.total, reason=found.reason)


def entities(reader: Reader, parameters: EntityParameters) -> list[EntityCount]:
    """The entities that the quotes found name, the most frequent first."""
    size = parameters.size or _TOP
    chosen = bool(parameters.prefix.strip() or parameters.label)
    found = reader.aggregate(parameters, {"all": counting.facet_values("entities", _MANY if chosen else size)})
    values = [value for value in values_of("entities", found.counted.get("all", {})) if isinstance(value, EntityCount)]
    if parameters.label:
        values = [value for value in values if value.label == parameters.label.upper()]
    return [value for value in values if _begins(value.name, parameters.prefix)][:size]


def sources(reader: Reader, query: QuoteQuery) -> list[SourceCount]:
    """The sources of the quotes found, the most frequent first: at most a thousand."""
    counted = counting.facet_values("sources", _MANY)
    counted["aggs"] |= _FIRST_LAST | {
        "speakers": {"cardinality": {"field": "speaker.id"}},
        "articles": {"cardinality": {"field": "article_id"}},
        "domain": {"terms": {"field": "source.domain", "size": 1}},
    }
    buckets = reader.aggregate(query, {"sources": counted}).counted.get("sources", {}).get("buckets", ())
    return [
        SourceCount(
            id=bucket["key"], name=result_mapping.name_of(bucket), count=bucket["doc_count"],
            domain=next((str(one["key"]) for one in bucket["domain"]["buckets"]), None),
            speakers=bucket["speakers"]["value"], articles=bucket["articles"]["value"],
            first=_moment(bucket["first"]), last=_moment(bucket["last"]),
        )
        for bucket in buckets
    ]  # fmt: skip


def speaker(reader: Reader, id: str, query: QuoteQuery) -> SpeakerProfile:
    """A speaker: how much he said, when, how, where, to whom, about whom, and beside whom.

    Args:
        reader: searches.
        id: the speaker's id, or words of the name, where they fit one speaker alone or one far above the others; or
            the id of an entity, for all of its names together.
        query: narrows the quotes down, for example to a year.

    Raises:
        NotFoundError: no quote has such a speaker.
    """
    entity = reader.entity(id)
    own = query.model_copy(update={"speaker": [id], "words": query.words})
    names = {"names": {"terms": {"field": "speaker.name", "size": _TOP}}}
    kinds = _OF_A_SPEAKER
    found = reader.aggregate(
        own,
        {
            "ids": {"terms": {"field": "speaker.id", "size": _OWN_IDS}, "aggs": names},
            **names,
            "titles": {"terms": {"field": "speaker.title", "size": _TOP}},
            "affiliations": {"terms": {"field": "speaker.affiliation", "size": _TOP}},
            "articles": {"terms": {"field": "article_id", "size": _MANY}},
            "days": counting.days(_DAYS),
            **_FIRST_LAST,
            **{kind: counting.facet_values(kind, _TOP) for kind in kinds},
        },
    )
    ids = found.counted.get("ids", {}).get("buckets", [])
    if not ids:
        raise NotFoundError(f"No quote has a speaker {id[:80]}; /api/v1/speakers?prefix= completes names.")
    if not entity and len(ids) > 1 and ids[0]["key"] != id:
        return speaker(reader, str(ids[0]["key"]), query)
    counted = found.counted
    articles = [str(bucket["key"]) for bucket in counted["articles"]["buckets"]]
    names_found = [str(bucket["key"]) for bucket in (counted if entity else ids[0])["names"]["buckets"]]
    return SpeakerProfile(
        id=entity.id if entity else str(ids[0]["key"]),
        name=entity.name if entity else names_found[0] if names_found else id,
        names=names_found,
        titles=values_of("titles", counted["titles"]),
        affiliations=values_of("affiliations", counted["affiliations"]),
        total=found.total,
        articles=len(articles),
        first=_moment(counted["first"]),
        last=_moment(counted["last"]),
        histogram=result_mapping.histogram(counted["days"]),
        beside=_beside(reader, query, articles, {str(bucket["key"]) for bucket in ids}, entity),
        reason=found.reason,
        **_facets(kinds, counted),
    )


def trends(reader: Reader, parameters: TrendParameters) -> Trends:
    """How often the most frequent values of a dimension come, interval by interval.

    Raises:
        InputError: there would be more than a thousand intervals.
    """
    size = parameters.size or _TOP
    bars = {"field": "published", "calendar_interval": parameters.interval, "min_doc_count": 1}
    over: dict[str, Any] = {"days": {"date_histogram": bars}}
    counted = counting.facet_values(parameters.by, size)
    if parameters.split:
        inner = counting.facet_values(parameters.split, _TOP)
        inner.setdefault("aggs", {}).update(over)
        over = over | {"split": inner}
    counted.setdefault("aggs", {}).update(over)
    found = reader.aggregate(parameters, {"believable": counting.days(counted)})
    buckets = found.counted.get("believable", {}).get("days", {}).get("buckets", [])
    series = []
    for bucket in buckets:
        value = values_of(parameters.by, {"buckets": [bucket]})[0]
        parts = [
            Series(**_named(part), histogram=_bars(inner_bucket, parameters.interval))
            for inner_bucket in bucket.get("split", {}).get("buckets", ())
            for part in values_of(parameters.split or parameters.by, {"buckets": [inner_bucket]})
        ]
        series.append(Series(**_named(value), histogram=_bars(bucket, parameters.interval), split=parts))
    return Trends(total=found.total, interval=parameters.interval, series=series, reason=found.reason)


def rising(reader: Reader, parameters: RisingParameters) -> Rising:
    """What is said more now than before: values of a dimension in the last days, beside as many days before."""
    now = datetime.now(UTC)
    length = timedelta(days=parameters.days)
    periods = {"now": (now - length, now), "before": (now - 2 * length, now - length)}
    filters = {
        name: {"range": {"published": {"gte": begin.isoformat(), "lt": end.isoformat()}}}
        for name, (begin, end) in periods.items()
    }
    over = {"periods": {"filters": {"filters": filters}}}
    counted = counting.facet_values(parameters.by, _MANY)
    counted.setdefault("aggs", {}).update(over)
    both = {"bool": {"should": list(filters.values()), "minimum_should_match": 1}}
    found = reader.aggregate(parameters, {"recent": {"filter": both, "aggs": {"values": counted}}})
    values = []
    for bucket in found.counted.get("recent", {}).get("values", {}).get("buckets", ()):
        value = values_of(parameters.by, {"buckets": [bucket]})[0]
        counts = {name: period["doc_count"] for name, period in bucket["periods"]["buckets"].items()}
        if counts["now"] > counts["before"]:
            values.append(RisingValue(**_named(value), before=counts["before"], new=not counts["before"])
                          .model_copy(update={"count": counts["now"]}))  # fmt: skip
    values.sort(key=lambda value: (-(value.count - value.before) / (value.before + 1) ** 0.5, value.name))
    return Rising(days=parameters.days, values=values[: parameters.size], reason=found.reason)


def compare(reader: Reader, parameters: CompareParameters) -> Comparison:
    """Two to six speakers, sources or entities beside each other, over the same quotes and the same intervals."""
    kinds: tuple[Facet, ...] = ("entities", "speakers", "sources", "cues", "types", "modalities")
    inner: dict[str, Any] = {kind: counting.facet_values(kind, _TOP) for kind in kinds}
    inner |= {"days": counting.days(_DAYS)} | _FIRST_LAST
    meant = {value: reader.meant(parameters.of, value) for value in parameters.value}
    filters = {
        str(at): clauses.any_of([clauses.named(parameters.of, [value]), *meant[value][1]])
        for at, value in enumerate(parameters.value)
    }
    counted = {"compared": {"filters": {"filters": filters}, "aggs": inner}}
    found = reader.aggregate(parameters, counted)
    buckets: Mapping[str, Any] = found.counted.get("compared", {}).get("buckets", {})
    there = [(value, bucket) for at, value in enumerate(parameters.value) if (bucket := buckets.get(str(at)))]
    histograms = result_mapping.aligned([result_mapping.days_of(bucket["days"].get("days", {})) for _, bucket in there])
    compared = []
    for (value, bucket), histogram in zip(there, histograms, strict=True):
        names = _matched(parameters.of, value, meant[value][0], bucket)
        compared.append(
            Compared(
                value=value,
                name=_called(reader, value, names),
                names=names,
                better=None if bucket["doc_count"] or parameters.of == "source" else reader.likely(value),
                total=bucket["doc_count"],
                first=_moment(bucket["first"]),
                last=_moment(bucket["last"]),
                histogram=histogram,
                **_facets(kinds, bucket),
            )
        )
    return Comparison(of=parameters.of, total=found.total, compared=compared, reason=found.reason)


def _matched(of: str, value: str, meant: Expansion, bucket: Mapping[str, Any]) -> list[Named]:
    """The names in these quotes that a name or id was found by."""
    kind = _COMPARED[of]
    values = values_of(kind, bucket[kind])
    if kind == "entities":  # the quotes name others, too
        typed = terms.fold(value)
        values = [
            one
            for one in values
            if one.id in (value, *meant.locals, *meant.only, *meant.without)
            or one.name in meant.names
            or (typed and " ".join(typed) in " ".join(terms.fold(one.name)))
        ]
    return [Named(id=one.id, name=one.name, count=one.count) for one in values]


def _called(reader: Reader, value: str, names: Sequence[Named]) -> str:
    """What to call what was asked for: an id by its name, and what means one name by that name."""
    if entity := reader.entity(value):
        return entity.name
    if names and (len(names) == 1 or value in [one.id for one in names]):
        return names[0].name
    return value


def statistics(reader: Reader) -> Statistics:
    """How much there is, of which kinds, how much came in the last thirty days, and who is quoted most this week."""
    now = datetime.now(UTC)
    counts = reader.counts()
    kinds: tuple[Facet, ...] = ("types", "modalities", "languages")
    recent = QuoteQuery(since=(now - timedelta(days=_MONTH)).date())
    whole = reader.aggregate(QuoteQuery(), {kind: counting.facet_values(kind, _TOP) for kind in kinds})
    days = reader.aggregate(recent, {"days": counting.days(_DAYS)}).counted.get("days", {})
    week = _week(reader, now)
    return Statistics(
        articles=counts.articles,
        quotes=counts.quotes,
        speakers=counts.speakers,
        sources=counts.sources,
        newest=counts.newest,
        days=_filled(
            result_mapping.days_of(days.get("days", {})), (now - timedelta(days=_MONTH - 1)).date(), now.date()
        ),
        week=week,
        reason=whole.reason,
        **_facets(kinds, whole.counted),
    )


def _week(reader: Reader, now: datetime) -> list[RisingValue]:
    """The speakers quoted most in the last seven days, with their numbers of the seven days before."""
    begin, before = (now - _WEEK).isoformat(), (now - 2 * _WEEK).isoformat()
    week = QuoteQuery(since=now - _WEEK)
    top = reader.aggregate(week, {"top": counting.facet_values("speakers", _TOP)}).counted.get("top", {})
    values = values_of("speakers", top)
    filters: dict[str, Any] = {value.id: {"term": {"speaker.id": value.id}} for value in values}
    if not filters:
        return []
    last_week = {"range": {"published": {"gte": before, "lt": begin}}}
    counted = {"before": {"filter": last_week, "aggs": {"speakers": {"filters": {"filters": filters}}}}}
    found = reader.aggregate(QuoteQuery(), counted).counted["before"]["speakers"]["buckets"]
    return [
        RisingValue(**_named(value), before=found[value.id]["doc_count"], new=not found[value.id]["doc_count"])
        for value in values
    ]


def _across(reader: Reader, values: Sequence[Named]) -> list[AcrossCount]:
    """The values counted by who is who, the most frequent first."""
    meant = reader.meanings([value.id for value in values])
    found: dict[str, AcrossCount] = {}
    for value in values:
        entity = meant.get(value.id)
        id, name = (entity.id, entity.name) if entity else (value.id, value.name)
        known = found.get(id) or AcrossCount(id=id, name=name, count=0, names=[], known=entity is not None)
        called = [*known.names, *([value.name] if value.name not in known.names else [])]
        found[id] = known.model_copy(update={"count": known.count + value.count, "names": called})
    return sorted(found.values(), key=lambda one: -one.count)


def _beside(
    reader: Reader, query: QuoteQuery, articles: Sequence[str], ids: Collection[str], entity: EntityHit | None
) -> list[Named]:
    """The speakers of these articles, without this one, the most frequent first; of an entity, who is who."""
    if not articles:
        return []
    speakers = {"speakers": counting.facet_values("speakers", _TOP + len(ids))}
    everybody = query.model_copy(update={"speaker": [], "words": "", "copies": True, "article": list(articles)})
    found = reader.aggregate(everybody, speakers).counted.get("speakers", {})
    others: Sequence[Named] = [value for value in values_of("speakers", found) if value.id not in ids]
    if entity:
        others = [one for one in _across(reader, others) if one.id != entity.id]
    return [Named(id=one.id, name=one.name, count=one.count) for one in others[:_TOP]]


def _facets(kinds: Sequence[Facet], counted: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for kind in kinds:
        buckets = counted.get(kind, {}).get("buckets", ())
        if kind == "types":
            made[kind] = {QuoteType(bucket["key"]): bucket["doc_count"] for bucket in buckets}
        elif kind == "modalities":
            made[kind] = {Modality(bucket["key"]): bucket["doc_count"] for bucket in buckets}
        else:
            made[kind] = values_of(kind, {"buckets": buckets})
    return made


def values_of(name: str, aggregation: Mapping[str, Any]) -> list[Any]:
    """The values of a facet's aggregation, as `Named` or, of entities, as `EntityCount`."""
    if name == "entities":
        return [result_mapping.entity(bucket) for bucket in aggregation.get("buckets", ())]
    return result_mapping.name_counts(dict(aggregation))


def _named(value: Named) -> dict[str, Any]:
    return {"id": value.id, "name": value.name, "count": value.count}


def _begins(name: str, prefix: str) -> bool:
    """Whether the words of the prefix are in the name; the last may go on."""
    wanted, own = terms.fold(prefix), terms.fold(name)
    if not wanted:
        return not prefix.strip()
    return set(wanted[:-1]) <= set(own) and any(term.startswith(wanted[-1]) for term in own)


def _bars(bucket: Mapping[str, Any], interval: Literal["day", "week", "month", "year"]) -> Histogram:
    made = result_mapping.bars(result_mapping.days_of(bucket.get("days", {})), interval, most=MAX_BARS)
    if made is None:
        raise InputError(f"There are more than {MAX_BARS:,} intervals; choose a longer `interval`, or a later `since`.")
    return made


def _filled(days: Sequence[tuple[date, int]], first: date, last: date) -> Histogram:
    """A bar for each day of a period."""
    counts = dict(days)
    every = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    return Histogram(interval="day", bars=[Bar(start=day, count=counts.get(day, 0)) for day in every])


def _moment(aggregation: Mapping[str, Any]) -> datetime | None:
    value = aggregation.get("value")
    if value is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
