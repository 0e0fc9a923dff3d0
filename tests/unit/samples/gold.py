"""What should be read out of the sample articles (tests/fixtures/samples.gold.json), and how a reading is scored.

A quote is found if the characters of its spoken pieces and of the labelled ones overlap by 0.8 (Jaccard).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipeline.models import Quote
from pipeline.samples import articles

FILE = Path(__file__).parents[2] / "fixtures" / "samples.gold.json"
FOUND = 0.8


@dataclass(frozen=True)
class GoldQuote:
    """A quote as a person labelled it: words of the body, not offsets."""

    type: str
    segments: list[str]
    speaker: str
    mention: str
    cue: str | None = None
    addressee: str | None = None
    medium: str | None = None
    date_mention: str | None = None
    said_on: str | None = None
    carried: bool = False

    def day(self) -> date | None:
        return date.fromisoformat(self.said_on) if self.said_on else None


@dataclass(frozen=True)
class GoldArticle:
    """A sample article's quotes, and what is none."""

    url: str
    body: str
    quotes: list[GoldQuote]
    never: list[str] = field(default_factory=list)
    inscriptions: list[str] = field(default_factory=list)
    borderline: list[str] = field(default_factory=list)

    def characters(self, snippets: Sequence[str]) -> frozenset[int]:
        """Offsets of the snippets' characters in the body; each snippet is there exactly once."""
        result: set[int] = set()
        for snippet in snippets:
            assert self.body.count(snippet) == 1, f"{self.url}: {self.body.count(snippet)} times {snippet!r}"
            start = self.body.index(snippet)
            result.update(range(start, start + len(snippet)))
        return frozenset(result)


def load() -> list[GoldArticle]:
    """The labels, each with the body of its article."""
    bodies = {article.url: article.body for article in articles()}
    records = json.loads(FILE.read_text(encoding="utf-8"))["articles"]
    return [
        GoldArticle(**(record | {"body": bodies[record["url"]], "quotes": [GoldQuote(**q) for q in record["quotes"]]}))
        for record in records
    ]


def spoken(quote: Quote) -> frozenset[int]:
    """Offsets of the characters of the quote's pieces."""
    return frozenset(offset for start, end in quote.segments for offset in range(start, end))


def overlap(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)


def pairs(article: GoldArticle, quotes: Sequence[Quote]) -> Iterator[tuple[GoldQuote, Quote | None]]:
    """Each labelled quote with the one that was found for it, or None."""
    pieces = [(quote, spoken(quote)) for quote in quotes]
    for wanted in article.quotes:
        characters = article.characters(wanted.segments)
        best = max(pieces, key=lambda one: overlap(one[1], characters), default=None)
        yield wanted, best[0] if best and overlap(best[1], characters) >= FOUND else None


def same_name(one: str | None, other: str | None) -> bool:
    """Equal but for case, the kind of apostrophe and a determiner before it."""
    return _plain(one) == _plain(other)


def _plain(name: str | None) -> str | None:
    if name is None:
        return None
    return re.sub(r"^(the|an?|its|his|her|their|one) ", "", name.casefold().replace("’", "'")).strip(" ,")
