"""Turns Elasticsearch's answers into results."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from difflib import SequenceMatcher
from typing import Any, Literal

from pipeline import terms
from pipeline.models import Modality, QuoteType
from pipeline.search import highlighting
from pipeline.search.query_parser import Term
from pipeline.search.results import (
    Bar,
    EntityCount,
    Facets,
    Histogram,
    Named,
    QuoteHit,
    Spread,
    SpreadHit,
    Steps,
    Writing,
)

Ranges = list[tuple[int, int]]

Stamps = dict[int, tuple[float, ...]]
"""By a time of indexing (milliseconds since 1970), a mark of the quotes that have it: other quotes, another mark."""

_MARK = ("count", "min", "max", "sum")
_MOST_BARS = 100
_HOUR = 3600  # seconds
_COMPARED = 300  # words of a quote


def quote_hit(hit: dict[str, Any], wanted: Sequence[Term] = ()) -> QuoteHit:
    """One hit of a search for quotes, with the places of the words that were wanted."""
    source = hit["_source"]
    segments = [(start, end) for start, end in source["segments"]]
    headline = str(source.get("headline", ""))
    said = highlighting.matches(str(source["said"]), wanted)
    around = str(source.get("context_text", ""))
    context, context_matches = highlighting.passage(around, highlighting.matches(around, wanted))
    document = source | {
        "matches": map_to_text(said, segments),
        "headline_matches": highlighting.matches(headline, wanted),
        "context": context,
        "context_matches": context_matches,
    }
    return QuoteHit.model_validate(document)


def stamps(answer: dict[str, Any]) -> Stamps:
    """The times that were counted, with their marks: how many writes, the first, the last, and their sum."""
    buckets = answer.get("aggregations", {}).get("stamps", {}).get("buckets", ())
    return {bucket["key"]: tuple(bucket["writes"][name] for name in _MARK) for bucket in buckets}


def map_to_text(said: Ranges, segments: Ranges) -> Ranges:
    """Maps offsets into the spoken pieces, joined by spaces, to offsets into the quote's whole text."""
    mapped, at, first = [], 0, segments[0][0]
    for start, end in segments:
        shift = start - first - at
        for said_start, said_end in said:
            begin, finish = max(said_start, at), min(said_end, at + end - start)
            if begin < finish:
                mapped.append((begin + shift, finish + shift))
        at += end - start + 1
    return mapped


def spread(original: QuoteHit, found: Sequence[QuoteHit], total: int) -> Spread:
    """The quotes that have words of the original, with how much they have of them."""
    words = terms.fold(original.said)
    hits = []
    for hit in found:
        likeness, how = _likeness(words, terms.fold(hit.said))
        hits.append(SpreadHit.model_validate(hit.model_dump() | {"likeness": likeness, "how": how}))
    published = Counter(hit.published.date() for hit in hits if hit.published)
    return Spread(
        total=total,
        articles=len({hit.article_id for hit in hits}),
        hits=hits,
        histogram=bars(sorted(published.items())) or Histogram(),
    )


def _likeness(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[float, Literal["whole", "cut", "changed"]]:
    if one == other:
        return 1.0, "whole"
    matcher = SequenceMatcher(None, one[:_COMPARED], other[:_COMPARED], autojunk=False)
    longest = matcher.find_longest_match().size
    shorter = min(len(one), len(other))
    return round(matcher.ratio(), 3), "cut" if longest == shorter else "changed"


def facets(aggregations: dict[str, Any], size: int) -> Facets:
    """The counts of all facets, with at most `size` values each."""
    buckets: dict[str, list[dict[str, Any]]] = {
        name: aggregation["buckets"] for name, aggregation in aggregations.items() if name in Facets.model_fields
    }
    named = {
        name: name_counts({"buckets": found[:size]})
        for name, found in buckets.items()
        if name not in ("entities", "types", "modalities")
    }
    return Facets(
        **named,
        entities=[entity(bucket) for bucket in buckets.get("entities", ())[:size]],
        types={QuoteType(bucket["key"]): bucket["doc_count"] for bucket in buckets.get("types", ())},
        modalities={Modality(bucket["key"]): bucket["doc_count"] for bucket in buckets.get("modalities", ())},
        more=[name for name, found in buckets.items() if len(found) > size],
    )


def histogram(aggregation: dict[str, Any]) -> Histogram:
    """Bars of days, or of the next longer interval that gives at most a hundred; also those without any quote."""
    return bars(days_of(aggregation.get("days", {}))) or Histogram()


def days_of(aggregation: Mapping[str, Any]) -> list[tuple[date, int]]:
    """The days of a date histogram with their counts, in order."""
    return [
        (datetime.fromtimestamp(bucket["key"] / 1000, UTC).date(), bucket["doc_count"])
        for bucket in aggregation.get("buckets", ())
    ]


def bars(
    days: Sequence[tuple[date, int]], interval: "Interval | None" = None, *, most: int | None = None
) -> Histogram | None:
    """The bars of the counts of days, which are in order; None where there would be more than `most`."""
    if not days:
        return Histogram(interval=interval or "day")
    chosen = interval or _interval(days[0][0], days[-1][0])
    counts: dict[date, int] = {}
    at = _begin(days[0][0], chosen)
    while at <= days[-1][0]:
        counts[at] = 0
        if most is not None and len(counts) > most:
            return None
        at = _next(at, chosen)
    for day, count in days:
        counts[_begin(day, chosen)] += count
    return Histogram(interval=chosen, bars=[Bar(start=start, count=count) for start, count in counts.items()])


Interval = Literal["day", "week", "month", "year"]


def aligned(all_days: Sequence[Sequence[tuple[date, int]]]) -> list[Histogram]:
    """The bars of several counts of days, all with the same interval, from the first day of any to the last."""
    every = [day for days in all_days for day, _ in days]
    if not every:
        return [Histogram() for _ in all_days]
    first, last = min(every), max(every)
    chosen = _interval(first, last)
    return [bars([(first, 0), *days, (last, 0)], chosen) or Histogram() for days in all_days]


def _interval(first: date, last: date) -> Interval:
    days = (last - first).days + 1
    lengths: list[tuple[Interval, int]] = [("day", 1), ("week", 7), ("month", 30)]
    return next((name for name, length in lengths if days <= _MOST_BARS * length), "year")


def _begin(day: date, interval: Interval) -> date:
    match interval:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def _next(start: date, interval: Interval) -> date:
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval]
    return _begin(start + timedelta(days=longest), interval)


def entity(bucket: Mapping[str, Any]) -> EntityCount:
    """The bucket of an entity's key."""
    id, label, name = str(bucket["key"]).split("\t", 2)
    return EntityCount(id=id, label=label, name=name, count=bucket["doc_count"])


def name_counts(aggregation: dict[str, Any]) -> list[Named]:
    """The buckets of an aggregation by id, with their names; the most frequent first."""
    return [
        Named(id=bucket["key"], name=name_of(bucket), count=bucket["doc_count"])
        for bucket in aggregation.get("buckets", ())
    ]


def name_of(bucket: Mapping[str, Any]) -> str:
    """The most frequent name in the bucket of an id; the id where there is none."""
    names = bucket.get("name", {}).get("buckets")
    return str(names[0]["key"] if names else bucket["key"])


def writing(answer: Mapping[str, Any], since: datetime, until: datetime) -> Writing:
    """What was written lately, every hour between the two moments in its place; articles without a time count not."""
    found = answer.get("aggregations", {})
    counted = {
        int(bucket["key"] // 1000): bucket["doc_count"]
        for bucket in found.get("lately", {}).get("hours", {}).get("buckets", ())
    }
    first, last = int(since.timestamp()) // _HOUR * _HOUR, int(until.timestamp())
    sources = [hit["_source"] for hit in answer["hits"]["hits"]]
    return Writing(
        articles=answer["hits"]["total"]["value"],
        copies=found.get("copies", {}).get("doc_count", 0),
        hours=[(datetime.fromtimestamp(at, UTC), counted.get(at, 0)) for at in range(first, last + 1, _HOUR)],
        latest=[
            Steps(**{name: datetime.fromisoformat(source[name]).timestamp() for name in Steps.model_fields})
            for source in sources
            if Steps.model_fields.keys() <= source.keys()
        ],
    )
