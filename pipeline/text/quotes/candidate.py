"""A draft: words that may be a quote, before anything is decided; and where its characters begin and end."""

import re
from dataclasses import dataclass, field

from pipeline.text.quotes.detection.clause_end import ClauseBounds
from pipeline.text.quotes.tokens import TokenTable

_LEAD = frozenset({"that", ",", ":", "--", "-", "—", "–"})


@dataclass(slots=True)
class QuoteCandidate:
    """A quote before its speaker has a name: character segments, tokens of the cue and of the speaker's head."""

    segments: list[tuple[int, int]]
    rule: str
    score: float
    cue: int | None = None
    cue_last: int | None = None
    subject: int | None = None
    carried: bool = False
    quoted_spans: list[int] = field(default_factory=list)
    features: tuple[tuple[str, str], ...] = ()
    bounds: ClauseBounds | None = None
    """Of the last segment."""


def trimmed(table: TokenTable, first: int, last: int) -> tuple[int, int] | None:
    """The characters of the tokens, without the punctuation, space and marks that frame them; None if nothing is left.

    An end within a marked stretch moves behind it; marks that frame the whole stay outside.
    """
    while first <= last and (table.lower[first] in _LEAD or table.tag[first] == "_SP"):
        first += 1
    while last >= first and (table.tag[last] in {"_SP", ",", ":", "."} or table.lower[last] in {"--", "-"}):
        last -= 1
    if last < first:
        return None
    start, end = table.start[first], table.end[last]
    region = table.quoted_span[last]
    if region >= 0:
        marked = table.quoted_spans[region]
        end = max(end, marked.end)
        if marked.start >= start and not marked.closed:
            end = marked.inner[-1][1]
        if marked.start == start or table.quoted_span[first] == region:
            start, end = marked.inner[0][0] if marked.start == start else start, marked.inner[-1][1]
    elif table.quoted_span[first] >= 0:
        start = min(start, table.quoted_spans[table.quoted_span[first]].start)
    return (start, end) if end > start else None


def sentence_bounds(table: TokenTable, token: int) -> tuple[int, int]:
    """The first and last token of the sentence around a token."""
    return table.sentence_bounds(token)


def quoted_words(table: TokenTable, number: int) -> list[str]:
    """The words within a marked stretch, without punctuation."""
    return re.findall(r"\w[\w'’-]*", " ".join(table.text[a:b] for a, b in table.quoted_spans[number].inner))


def is_titled(words: list[str]) -> bool:
    """Whether words are written as the titles of books, songs and films are: “The Salt Ledger”."""
    return sum(word[0].isupper() for word in words) > 0.7 * len(words)
