"""Turns Elasticsearch's answers into results. Highlights become offsets, so that text never counts as markup."""

import re
from typing import Any

from pipeline.search.queries import CLOSE, OPEN
from pipeline.search.results import Facets, Named, QuoteHit

Ranges = list[tuple[int, int]]

_MARKS = re.compile(f"([{OPEN}{CLOSE}])")


def quote_hit(hit: dict[str, Any]) -> QuoteHit:
    """One hit of a search for quotes."""
    source = hit["_source"]
    highlight = hit.get("highlight", {})
    said, said_ranges = split_highlights(_first(highlight, "said"))
    headline, headline_ranges = split_highlights(_first(highlight, "headline"))
    context, context_ranges = split_highlights(_first(highlight, "context_text"))
    segments = [(start, end) for start, end in source["segments"]]
    spoken = said_ranges if said == source["said"] else []
    document = source | {
        "matches": map_to_text(spoken, segments),
        "headline_matches": headline_ranges if headline == source.get("headline") else [],
        "context": context,
        "context_matches": context_ranges,
    }
    return QuoteHit.model_validate(document)


def split_highlights(highlighted: str) -> tuple[str, Ranges]:
    """The text without the highlighter's marks, and the offsets of the highlighted pieces."""
    plain, highlighted_ranges = [], []
    length, opened = 0, -1
    for piece in _MARKS.split(highlighted):
        if piece == OPEN:
            opened = length
        elif piece == CLOSE:
            if 0 <= opened < length:
                highlighted_ranges.append((opened, length))
            opened = -1
        else:
            plain.append(piece)
            length += len(piece)
    return "".join(plain), highlighted_ranges


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


def facets(aggregations: dict[str, Any]) -> Facets:
    """The counts of speakers, sources and types."""
    return Facets(
        speakers=name_counts(aggregations.get("speakers", {})),
        sources=name_counts(aggregations.get("sources", {})),
        types={bucket["key"]: bucket["doc_count"] for bucket in aggregations.get("types", {}).get("buckets", ())},
    )


def name_counts(aggregation: dict[str, Any]) -> list[Named]:
    """The buckets of an aggregation by id, with their names; the most frequent first."""
    return [
        Named(id=bucket["key"], name=_name(bucket), count=bucket["doc_count"])
        for bucket in aggregation.get("buckets", ())
    ]


def _name(bucket: dict[str, Any]) -> str:
    names = bucket["name"]["buckets"]
    return str(names[0]["key"] if names else bucket["key"])


def _first(highlight: dict[str, list[str]], field: str) -> str:
    return highlight.get(field, [""])[0]
