"""Tables of counts from annotated news: how often what has a sign held, beside how often it was expected to; no text.

A sign is a kind and a class. Its row counts the cases with the sign, those that held (a candidate was a quote, had the
right speaker, a clause ended there), and how many were expected to hold by the signs that were counted before it, with
the variance of that number. From these a sign moves the log odds as Peto's one-step odds ratio does: by observed minus
expected, over the variance (Yusuf and others, Progress in Cardiovascular Diseases 27, 1985, 335-371).
`benchmarks/quote_tables.py` makes the tables.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from math import exp, log
from typing import NamedTuple

Feature = tuple[str, str]
Shifts = Mapping[Feature, float]
"""By how much each sign moves log odds; signs that are not there move nothing."""

BIAS: Feature = ("always", "")
"""The sign that everything has: its row counts all cases."""

PRIOR_VARIANCE = 2.0  # variance of cases that tell nothing, beside a sign's own: rare signs move little
SHRINKAGE = 0.8  # part of its shift that a sign brings, as signs that are counted later say some of it again


class Count(NamedTuple):
    """A row: cases with the sign, those that held, how many were expected to, and the variance of that."""

    cases: int
    positives: int
    expected: float
    variance: float

    @property
    def base(self) -> float:
        """The log odds of the cases, if nothing else is known."""
        return log((self.positives + 1) / (self.cases - self.positives + 1))

    @property
    def shift(self) -> float:
        """By how much the sign moves log odds."""
        return SHRINKAGE * (self.positives - self.expected) / (self.variance + PRIOR_VARIANCE)


class Tables(NamedTuple):
    """What all tables say: of places where clauses end, of candidates, and of the speakers of those that are quotes."""

    ends: Shifts
    quotes: Shifts
    speakers: Shifts


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables, read once."""
    return Tables(*(shifts(read(f"{name}.tsv")) for name in Tables._fields))


def read(name: str) -> dict[Feature, Count]:
    """The rows of a table by sign."""
    rows = {}
    source = resources.files(__package__).joinpath(name)
    for line in source.read_text(encoding="utf-8").splitlines()[1:]:
        kind, feature, cases, positives, expected, variance = line.split("\t")
        rows[kind, feature] = Count(int(cases), int(positives), float(expected), float(variance))
    return rows


def shifts(rows: Mapping[Feature, Count]) -> dict[Feature, float]:
    """By how much the sign of each row moves log odds, from those of all cases on."""
    return {feature: row.base if feature == BIAS else row.shift for feature, row in rows.items()}


def probability(moves: Shifts, features: Iterable[Feature]) -> float:
    """The share, between 0 and 1, of cases with these signs that hold; a half where nothing was counted."""
    return sigmoid(moves.get(BIAS, 0.0) + sum(moves.get(feature, 0.0) for feature in features))


def sigmoid(odds: float) -> float:
    """The share, between 0 and 1, that log odds stand for."""
    return 1 / (1 + exp(-odds))
