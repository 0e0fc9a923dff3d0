"""Reads a name that signs a quoted span: “…” — Ann Lee, mayor of Orrin."""

import re

from pipeline.text.quotes.candidate import QuoteCandidate, Rule
from pipeline.text.quotes.detection.labels import token_range
from pipeline.text.quotes.quoted_words import reports
from pipeline.text.quotes.tokens import TokenTable

_SIGNATURE = re.compile(
    r"""[>\s]*(?:—|–|--|-|(?P<bracket>\())\s*
        (?P<name>[A-ZÀ-Þ][\w.'’-]*(?:[ ](?:[A-ZÀ-Þ][\w.'’-]*|of|the|de|la|van|von|al|bin)){0,5})
        (?P<told>,?[ ].*?|)(?(bracket)\))[.\s]*$""",
    re.VERBOSE,
)
_LONGEST_SIGNATURE = 120  # characters of a line that is a dash and a name
_LONGEST_NAME = 200  # characters of a name behind a dash, with what is told of it


def signed_below(table: TokenTable, gap: int) -> QuoteCandidate | None:
    """A line of its own below the quote that is a dash and a name."""
    count = len(table.start)
    while gap < count and (table.tag[gap] == "_SP" or table.lower[gap] == ">"):
        gap += 1
    if gap >= count or table.paragraph[gap] < 0:
        return None
    start, end = table.paragraphs[table.paragraph[gap]]
    return signature(table, gap, start, end) if end - start <= _LONGEST_SIGNATURE else None


def signature(table: TokenTable, gap: int, start: int, end: int) -> QuoteCandidate | None:
    """The name behind a dash or in brackets, with or without what is told of it: — Ann Lee, mayor of Orrin."""
    match = _SIGNATURE.match(table.text, start, min(end, start + _LONGEST_NAME))
    if match is None or match.end() != end:
        return None
    if not table.tokens_between(match.start("name"), match.end("name")):
        return None
    told = match["told"]
    if told and not told.startswith(",") and not (told.istitle() or told.startswith((" in ", " on ", " at ", " ("))):
        return None
    first, last = token_range(table, match.start("name"), match.end("name"))
    if any(reports(table, token) for token in table.tokens_between(match.end("name"), end)):
        return None
    if match["bracket"] and not (told.startswith(",") or table.entity[last] == "PERSON"):
        return None
    return QuoteCandidate([], Rule.SIGNED, gap, last, named=(first, last))
