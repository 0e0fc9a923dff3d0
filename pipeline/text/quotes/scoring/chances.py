"""How likely a candidate is a quote, and one with the right speaker, by its signs.

`quotes.tsv` counts candidates, `speakers.tsv` the speakers of those that are quotes; see
`pipeline.text.quotes.scoring.evidence`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.text.quotes.scoring import evidence
from pipeline.text.quotes.scoring.evidence import Sign

FLOOR = 0.36
"""Candidates that are quotes less often than this are left out: about half of the F1 aimed at."""


class Chance(NamedTuple):
    """Chances of a candidate: that it is a quote, and that it is one with the right speaker."""

    found: float
    right: float


def chance(signs: Sequence[Sign]) -> Chance:
    """The chances of a candidate with these signs."""
    tables = evidence.tables()
    found = evidence.share(tables.quotes, signs)
    return Chance(found, found * evidence.share(tables.speakers, signs))
