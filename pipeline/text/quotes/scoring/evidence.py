"""Reads counts from annotated news: observed and expected positives of each feature, and the probabilities they give.

A feature is a kind and a class. Its row counts the cases with it, those that held (a candidate was a quote, had the
right speaker, a clause ended there), and how many were expected to hold by the features counted before it, with the
variance of that number. From these a feature moves the log odds as Peto's one-step odds ratio does: by observed minus
expected, over the variance (Yusuf and others, Progress in Cardiovascular Diseases 27, 1985, 335-371).

`ends.tsv` counts the boundaries of clauses, `quotes.tsv` candidates, `speakers.tsv` the speakers of those that are
quotes. They hold no text. `benchmarks/quote_tables.py` makes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from itertools import repeat
from math import exp, log, sqrt
from typing import NamedTuple

Feature = tuple[str, str]
Shifts = Mapping[Feature, float]
"""By how much each feature moves log odds; features that are not there move nothing."""

BIAS: Feature = ("always", "")
"""The feature that everything has: its row counts all cases."""

MIN_PROBABILITY = 0.36
"""Candidates that are quotes less often than this are left out: about half of the F1 aimed at."""

PRIOR_VARIANCE = 2.0
"""Variance of cases that tell nothing, added to a feature's own, so that rare features move little."""

SHRINKAGE = 0.8
"""Part of its shift that a feature brings, as features counted later say some of it again."""


UNSEEN = SHRINKAGE**2 / PRIOR_VARIANCE
"""The variance of the shift of a feature that was never counted."""

CAUTION = 0.5
"""By how many standard deviations of what its features leave in doubt a confidence is lowered.

With this, of publishers that no table knows, even the one that keeps least keeps about what is promised.
"""


class Count(NamedTuple):
    """A row: cases with the feature, those that held, how many were expected to, and the variance of that."""

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
        """By how much the feature moves log odds."""
        return SHRINKAGE * (self.positives - self.expected) / (self.variance + PRIOR_VARIANCE)

    @property
    def doubt(self) -> float:
        """The variance of `shift`: how little its cases tell."""
        return SHRINKAGE**2 / (self.variance + PRIOR_VARIANCE)


class Weight(NamedTuple):
    """What a feature tells of a candidate.

    Attributes:
        quote: by how much it moves the log odds that the candidate is a quote.
        speaker: by how much it moves the log odds that a quote has the right speaker.
        quote_doubt: the variance of `quote`.
        speaker_doubt: the variance of `speaker`.
    """

    quote: float = 0.0
    speaker: float = 0.0
    quote_doubt: float = UNSEEN
    speaker_doubt: float = UNSEEN


_NO_WEIGHT = Weight()


@dataclass(frozen=True)
class Tables:
    """What the tables say of boundaries of clauses, of candidates, and of the speakers of those that are quotes."""

    ends: Shifts
    quotes: Shifts
    speakers: Shifts
    doubts: tuple[Shifts, Shifts] = ({}, {})
    """The variance of each feature's shift, of quotes and of speakers."""

    @cached_property
    def weights(self) -> dict[Feature, Weight]:
        """All that the tables of quotes and speakers say of each feature, so that it is looked up once."""
        columns = ((self.quotes, 0.0), (self.speakers, 0.0), (self.doubts[0], UNSEEN), (self.doubts[1], UNSEEN))
        features = {feature for column, _ in columns for feature in column}
        return {feature: Weight(*(column.get(feature, none) for column, none in columns)) for feature in features}


class Probabilities(NamedTuple):
    """Of a candidate: that it is a quote, and that it is one with the right speaker."""

    quote: float
    right: float


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables, read once."""
    return of_counts(*(read(f"{name}.tsv") for name in ("ends", "quotes", "speakers")))


def of_counts(
    ends: Mapping[Feature, Count], quotes: Mapping[Feature, Count], speakers: Mapping[Feature, Count]
) -> Tables:
    """The tables of these rows."""
    return Tables(shifts(ends), shifts(quotes), shifts(speakers), (doubts(quotes), doubts(speakers)))


def read(name: str) -> dict[Feature, Count]:
    """The rows of a table by feature."""
    rows = {}
    source = resources.files(__package__).joinpath(name)
    for line in source.read_text(encoding="utf-8").splitlines()[1:]:
        kind, value, cases, positives, expected, variance = line.split("\t")
        rows[kind, value] = Count(int(cases), int(positives), float(expected), float(variance))
    return rows


def shifts(rows: Mapping[Feature, Count]) -> dict[Feature, float]:
    """By how much the feature of each row moves log odds; the bias gives the log odds of all cases."""
    return {feature: row.base if feature == BIAS else row.shift for feature, row in rows.items()}


def doubts(rows: Mapping[Feature, Count]) -> dict[Feature, float]:
    """The variance of the shift of each feature; nothing is doubted of the bias."""
    return {feature: row.doubt for feature, row in rows.items() if feature != BIAS}


def probability(moves: Shifts, features: Iterable[Feature]) -> float:
    """The probability that a case with these features holds; a half where nothing was counted."""
    return sigmoid(moves.get(BIAS, 0.0) + sum(map(moves.get, features, repeat(0.0))))


def sigmoid(log_odds: float) -> float:
    """The probability, between 0 and 1, of log odds."""
    return 1 / (1 + exp(-log_odds))


def probabilities(features: Sequence[Feature]) -> Probabilities:
    """The probabilities of a candidate with these features."""
    base, weights = _weights(features)
    quote = sigmoid(base.quote + sum([weight.quote for weight in weights]))
    return Probabilities(quote, quote * sigmoid(base.speaker + sum([weight.speaker for weight in weights])))


def confidence(features: Sequence[Feature]) -> float:
    """The probability of a quote with the right speaker that its features warrant at the least.

    A feature that few cases had may be worth less elsewhere than it was where it was counted, so the log odds are
    lowered by what their features leave in doubt; those never seen leave most.
    """
    base, weights = _weights(features)
    quote = base.quote + sum([weight.quote for weight in weights])
    speaker = base.speaker + sum([weight.speaker for weight in weights])
    quote -= CAUTION * sqrt(sum([weight.quote_doubt for weight in weights]))
    speaker -= CAUTION * sqrt(sum([weight.speaker_doubt for weight in weights]))
    return sigmoid(quote) * sigmoid(speaker)


def _weights(features: Iterable[Feature]) -> tuple[Weight, list[Weight]]:
    """The weight of all candidates, and the weights of these features."""
    get = tables().weights.get
    return get(BIAS, _NO_WEIGHT), [get(feature, _NO_WEIGHT) for feature in features]
