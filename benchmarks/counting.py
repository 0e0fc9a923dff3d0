"""Counts cases by sign: those that held, and those expected to by the signs counted before (pipeline's `counts`)."""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.text.quotes.scoring.evidence import BIAS, Count, Feature, sigmoid

Case = tuple[Sequence[Feature], bool]
"""The signs of a case, each kind at most once, and whether it holds."""


def count(cases: Sequence[Case], *, least: int) -> dict[Feature, Count]:
    """A row for all cases and one for each sign of `least` cases or more.

    Kinds are counted one by one, as the case that has most of them orders them: what is expected of the cases with a
    sign is what all cases and the kinds before it promise.
    """
    positives = sum(hit for _, hit in cases)
    always = Count(len(cases), positives, positives, positives * (len(cases) - positives) / max(1, len(cases)))
    rows, odds = {BIAS: always}, [always.base] * len(cases)
    kinds = [kind for kind, _ in max((features for features, _ in cases), key=len, default=())]
    shown = [dict(features) for features, _ in cases]
    for kind in kinds:
        groups: dict[str, list[tuple[bool, float]]] = defaultdict(list)
        for (_, hit), features, known in zip(cases, shown, odds, strict=True):
            if kind in features:
                groups[features[kind]].append((hit, sigmoid(known)))
        found = {feature: _row(group) for feature, group in groups.items() if len(group) >= least}
        rows |= {(kind, feature): row for feature, row in found.items()}
        for number, features in enumerate(shown):
            if kind in features and features[kind] in found:
                odds[number] += found[features[kind]].shift
    return rows


def _row(group: Sequence[tuple[bool, float]]) -> Count:
    """The row of cases, of which each held or not and was expected to with a chance."""
    positives, expected = sum(hit for hit, _ in group), sum(promised for _, promised in group)
    return Count(len(group), positives, expected, sum(p * (1 - p) for _, p in group))
