"""Counts of cases by sign: those that held, and those expected to by the signs counted before (pipeline's `counts`)."""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.text.quotes.counts import ALWAYS, Count, Sign, share

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
        sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
        for (_, hit), signs, known in zip(cases, shown, odds, strict=True):
            if kind in signs:
                row, expected = sums[signs[kind]], share({ALWAYS: known}, ())
                for column, number in enumerate((1, hit, expected, expected * (1 - expected))):
                    row[column] += number
        found = {sign: Count(int(row[0]), int(row[1]), row[2], row[3]) for sign, row in sums.items() if row[0] >= least}
        rows |= {(kind, sign): row for sign, row in found.items()}
        for number, signs in enumerate(shown):
            if kind in signs and signs[kind] in found:
                odds[number] += found[signs[kind]].shift
    return rows
