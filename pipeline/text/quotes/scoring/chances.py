"""How likely a candidate is a quote, and one with the right speaker, by its signs.

`quotes.tsv` counts candidates, `speakers.tsv` the speakers of those that are quotes; see
`pipeline.text.quotes.scoring.evidence`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.text.quotes.scoring import evidence
from pipeline.text.quotes.scoring.evidence import Feature

MIN_PROBABILITY = 0.36
"""Candidates that are quotes less often than this are left out: about half of the F1 aimed at."""


class Probabilities(NamedTuple):
    """Chances of a candidate: that it is a quote, and that it is one with the right speaker."""

    found: float
    right: float


def probabilities(features: Sequence[Feature]) -> Probabilities:
    """The chances of a candidate with these signs."""
    tables = evidence.tables()
    found = evidence.probability(tables.quotes, features)
    return Probabilities(found, found * evidence.probability(tables.speakers, features))
