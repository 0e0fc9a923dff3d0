"""Counts of cases by sign: those that held, and those expected to by the signs counted before (pipeline's `counts`)."""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.text.quotes.scoring.evidence import ALWAYS, Count, Sign, share_of

Case = tuple[Sequence[Sign], bool]
"""The signs of a case, each kind at most once, and whether it holds."""


def count(cases: Sequence[Case], *, least: int) -> dict[Sign, Count]:
    """A row for all cases and one for each sign of `least` cases or more.

    Kinds are counted one by one, as the case that has most of them orders them: what is expected of the cases with a
    sign is what all cases and the kinds before it promise.
    """
    held = sum(hit for _, hit in cases)
    always = Count(len(cases), held, held, held * (len(cases) - held) / max(1, len(cases)))
    rows, odds = {ALWAYS: always}, [always.base] * len(cases)
    kinds = [kind for kind, _ in max((signs for signs, _ in cases), key=len, default=())]
    shown = [dict(signs) for signs, _ in cases]
    for kind in kinds:
        groups: dict[str, list[tuple[bool, float]]] = defaultdict(list)
        for (_, hit), signs, known in zip(cases, shown, odds, strict=True):
            if kind in signs:
                groups[signs[kind]].append((hit, share_of(known)))
        found = {sign: _row(group) for sign, group in groups.items() if len(group) >= least}
        rows |= {(kind, sign): row for sign, row in found.items()}
        for number, signs in enumerate(shown):
            if kind in signs and signs[kind] in found:
                odds[number] += found[signs[kind]].shift
    return rows


def _row(group: Sequence[tuple[bool, float]]) -> Count:
    """The row of cases, of which each held or not and was expected to with a chance."""
    held, expected = sum(hit for hit, _ in group), sum(chance for _, chance in group)
    return Count(len(group), held, expected, sum(chance * (1 - chance) for _, chance in group))
