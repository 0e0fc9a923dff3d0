"""Elasticsearch's answers as results. Highlights become offsets: no text is ever taken for markup."""

import re
from typing import Any

from pipeline.search.queries import CLOSE, OPEN
from pipeline.search.results import Facets, Named, QuoteHit

Ranges = list[tuple[int, int]]

_MARKS = re.compile(f"([{OPEN}{CLOSE}])")


def hit(found: dict[str, Any]) -> QuoteHit:
    """One hit of a search for quotes."""
    source = found["_source"]
    highlight = found.get("highlight", {})
    said, said_ranges = ranges(_first(highlight, "said"))
    headline, headline_ranges = ranges(_first(highlight, "headline"))
    context, context_ranges = ranges(_first(highlight, "context_text"))
    segments = [(start, end) for start, end in source["segments"]]
    spoken = said_ranges if said == source["said"] else []
    document = source | {
        "matches": onto_text(spoken, segments),
        "headline_matches": headline_ranges if headline == source.get("headline") else [],
        "context": context,
        "context_matches": context_ranges,
    }
    return QuoteHit.model_validate(document)


def ranges(highlighted: str) -> tuple[str, Ranges]:
    """The text without the marks of the highlighter, and the offsets of what stood between them."""
    plain, found = [], []
    length, opened = 0, -1
    for piece in _MARKS.split(highlighted):
        if piece == OPEN:
            opened = length
        elif piece == CLOSE:
            if 0 <= opened < length:
                found.append((opened, length))
            opened = -1
        else:
            plain.append(piece)
            length += len(piece)
    return "".join(plain), found


def onto_text(said: Ranges, segments: Ranges) -> Ranges:
    """Offsets into the spoken pieces joined by spaces, as offsets into the quote's whole text."""
    found, at, first = [], 0, segments[0][0]
    for start, end in segments:
        shift = start - first - at
        for one, other in said:
            begin, finish = max(one, at), min(other, at + end - start)
            if begin < finish:
                found.append((begin + shift, finish + shift))
        at += end - start + 1
    return found


def facets(aggregations: dict[str, Any]) -> Facets:
    """The speakers, sources and types of the quotes found."""
    return Facets(
        speakers=named(aggregations.get("speakers", {})),
        sources=named(aggregations.get("sources", {})),
        types={bucket["key"]: bucket["doc_count"] for bucket in aggregations.get("types", {}).get("buckets", ())},
    )


def named(aggregation: dict[str, Any]) -> list[Named]:
    """Buckets by id with their names, most frequent first."""
    return [
        Named(id=bucket["key"], name=_name(bucket), count=bucket["doc_count"])
        for bucket in aggregation.get("buckets", ())
    ]


def _name(bucket: dict[str, Any]) -> str:
    names = bucket["name"]["buckets"]
    return str(names[0]["key"] if names else bucket["key"])


def _first(highlight: dict[str, list[str]], field: str) -> str:
    return highlight.get(field, [""])[0]
