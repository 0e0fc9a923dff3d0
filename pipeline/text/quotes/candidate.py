"""A draft: words that may be a quote, before anything is decided; and where its characters begin and end."""

import re
from dataclasses import dataclass, field

from pipeline.text.quotes.detection.clause_end import Reach
from pipeline.text.quotes.tokens import Sheet

_LEAD = frozenset({"that", ",", ":", "--", "-", "—", "–"})


@dataclass(slots=True)
class Draft:
    """A quote before its speaker has a name: character segments, tokens of the cue and of the speaker's head."""

    segments: list[tuple[int, int]]
    rule: str
    score: float
    cue: int | None = None
    cue_last: int | None = None
    subject: int | None = None
    carried: bool = False
    regions: list[int] = field(default_factory=list)
    signs: tuple[tuple[str, str], ...] = ()
    reach: Reach | None = None
    """Of the last segment."""


def trimmed(sheet: Sheet, first: int, last: int) -> tuple[int, int] | None:
    """The characters of the tokens, without the punctuation, space and marks that frame them; None if nothing is left.

    An end within a marked stretch moves behind it; marks that frame the whole stay outside.
    """
    while first <= last and (sheet.lower[first] in _LEAD or sheet.tag[first] == "_SP"):
        first += 1
    while last >= first and (sheet.tag[last] in {"_SP", ",", ":", "."} or sheet.lower[last] in {"--", "-"}):
        last -= 1
    if last < first:
        return None
    start, end = sheet.start[first], sheet.end[last]
    region = sheet.region[last]
    if region >= 0:
        marked = sheet.marked[region]
        end = max(end, marked.end)
        if marked.start >= start and not marked.closed:
            end = marked.inner[-1][1]
        if marked.start == start or sheet.region[first] == region:
            start, end = marked.inner[0][0] if marked.start == start else start, marked.inner[-1][1]
    elif sheet.region[first] >= 0:
        start = min(start, sheet.marked[sheet.region[first]].start)
    return (start, end) if end > start else None


def stretch_range(sheet: Sheet, token: int) -> tuple[int, int]:
    """The first and last token of the sentence around a token."""
    return sheet.sentence(token)


def marked_words(sheet: Sheet, number: int) -> list[str]:
    """The words within a marked stretch, without punctuation."""
    return re.findall(r"\w[\w'’-]*", " ".join(sheet.text[a:b] for a, b in sheet.marked[number].inner))


def is_titled(words: list[str]) -> bool:
    """Whether words are written as the titles of books, songs and films are: “The Salt Ledger”."""
    return sum(word[0].isupper() for word in words) > 0.7 * len(words)
