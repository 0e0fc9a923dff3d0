"""Makes the aggregations by which quotes are counted: facets, days, and the most frequent names.

Elasticsearch answers a request that asks for counts alone from its cache, as long as nothing new is in an index and the
request is the same to the letter. So nothing here depends on a page or on the moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pipeline.search.parameters import FACET_SIZE

Facet = Literal[
    "speakers", "entities", "addressees", "sources", "types", "cues", "modalities", "languages", "media"
]  # fmt: skip
"""What the quotes found are counted by."""

FIELDS: dict[Facet, tuple[str, str | None, str]] = {
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

FACETS: tuple[Facet, ...] = tuple(FIELDS)
BY_DAY = {"date_histogram": {"field": "published", "calendar_interval": "day", "min_doc_count": 1}}
_FEW = 1000  # quotes whose values are counted one by one
_EARLIEST_BAR = "1900-01-01"
_AHEAD = timedelta(days=3)  # how far in the future, from the beginning of today, the bars of a histogram end


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a search beside its quotes."""

    facets: tuple[Facet, ...] = ()
    facet_size: int = FACET_SIZE
    histogram: bool = False


def facet_values(name: Facet, size: int) -> dict[str, Any]:
    """The aggregation of the values of a facet, the most frequent first."""
    field, name_field, _ = FIELDS[name]
    return named(field, name_field, size) if name_field else {"terms": {"field": field, "size": size}}


def named(id_field: str, name_field: str, size: int) -> dict[str, Any]:
    """An aggregation by id, with the most frequent name of each."""
    name = {"terms": {"field": name_field, "size": 1}}
    return {"terms": {"field": id_field, "size": size}, "aggs": {"name": name}}


def days(aggregation: dict[str, Any]) -> dict[str, Any]:
    """An aggregation, under the name `days`, over quotes whose date can be believed."""
    return {"filter": _believable(), "aggs": {"days": aggregation}}


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


def _believable() -> dict[str, Any]:
    """The condition that a date can be believed. It is the same all day, so that Elasticsearch can keep an answer."""
    end = datetime.now(UTC).date() + _AHEAD
    return {"range": {"published": {"gte": _EARLIEST_BAR, "lt": end.isoformat()}}}
