"""How often each cue in each frame reports speech: measured counts, no text, read from `cues.tsv`.

A row says: of `n` candidates that this rule made with this cue, `found` were quotes in the annotators' eyes and `right`
had the right speaker too. A row with the cue `*` counts all cues of the rule. Rare cues lean on the rule's own rate.
`benchmarks/cue_rates.py` makes the table.
"""

from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from math import exp, log
from typing import NamedTuple

FLOOR = 0.36
"""Candidates whose cue and frame are quotes less often than this are left out: about half of the F1 aimed at."""

_WEIGHT = 10.0  # how many cases the rule's own rate counts for, beside the cue's


_PRIOR = 12.0  # how many cases that tell nothing stand beside a sign's own


def moved(chance: float, base: float, signs: Iterable[tuple[float, int, int]]) -> float:
    """A chance after what signs tell: each moves the odds by how much commoner a hit is with it than without.

    Args:
        chance: the chance before, between 0 and 1.
        base: the share of hits among all cases.
        signs: how much of its odds each brings (they depend on each other), its cases, and the hits among them.
    """
    odds = log(chance / (1 - chance))
    for share, cases, hits in signs:
        here = (hits + _PRIOR * base) / (cases + _PRIOR)
        odds += share * (log(here / (1 - here)) - log(base / (1 - base)))
    return 1 / (1 + exp(-odds))


class Rate(NamedTuple):
    """Chances of a candidate: that it is a quote, and that it is one with the right speaker."""

    found: float
    right: float


@lru_cache(maxsize=1)
def table() -> dict[tuple[str, str], tuple[int, int, int]]:
    """The counts, read once."""
    rows = {}
    source = resources.files(__package__).joinpath("cues.tsv")
    for line in source.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "rule\t")):
            rule, cue, n, found, right = line.split("\t")
            rows[rule, cue] = (int(n), int(found), int(right))
    return rows


def rate(rule: str, cue: str | None) -> Rate:
    """The measured chances of this rule with this cue's lemma, smoothed; even chances for a rule nobody measured."""
    counts = table()
    n, found, right = counts.get((rule, "*"), (0, 0, 0))
    prior = Rate((found + 1) / (n + 2), (right + 1) / (n + 2))
    n, found, right = counts.get((rule, cue or ""), (0, 0, 0))
    return Rate(
        (found + _WEIGHT * prior.found) / (n + _WEIGHT),
        (right + _WEIGHT * prior.right) / (n + _WEIGHT),
    )
