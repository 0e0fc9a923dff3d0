"""Chooses which candidates are taken: the likely ones, and of those that say the same words the better one."""

from collections import defaultdict

from pipeline.text.quotes.candidate import QuoteCandidate, Rule, RuleFlag
from pipeline.text.quotes.scoring.evidence import MIN_PROBABILITY, confidence, probabilities
from pipeline.text.quotes.tokens import TokenTable

_BY_GRAMMAR = frozenset({Rule.RELATIVE})
"""Rules that go by grammar alone: more than half of what they find is right, whatever the other features say.

So does what a clause points back at.
"""

_CLAUSES = frozenset({Rule.CLAUSE, Rule.THAT_CLAUSE})
_UNSURE_END = 0.75
"""Part of the least probability that a clause needs behind its cue: it is a report, though its end may be unsure."""

_OUTER = 0.4
"""The probability from which what somebody reports is not taken apart: “Ross said Lee had said …” is Ross's."""


def select(
    table: TokenTable, candidates: list[QuoteCandidate], min_probability: float = MIN_PROBABILITY
) -> list[QuoteCandidate]:
    """The candidates that are taken for quotes, by their first words; they get their scores and confidences.

    Args:
        table: the article.
        candidates: all of its candidates, with their features.
        min_probability: the least probability of being a quote. Whole quoted sentences are always kept.
    """
    likely = []
    for candidate in candidates:
        probability = probabilities(candidate.features)
        candidate.score = probability.right
        least = min_probability * (_UNSURE_END if candidate.rule in _CLAUSES else 1)
        if _is_certain(candidate) or _is_by_grammar(candidate) or probability.quote >= least:
            likely.append(candidate)
    kept = _without_overlaps(table, _without_inner(table, likely))
    for candidate in kept:
        candidate.confidence = confidence(candidate.features)
    return sorted(kept, key=lambda candidate: candidate.segments[0])


def _is_certain(candidate: QuoteCandidate) -> bool:
    """Whether marks or a line of a transcript leave no doubt that somebody says the words."""
    return bool(candidate.quoted_spans) or candidate.rule is Rule.TURN


def _is_by_grammar(candidate: QuoteCandidate) -> bool:
    return candidate.rule in _BY_GRAMMAR or RuleFlag.POINTED_AT in candidate.flags


def _without_inner(table: TokenTable, candidates: list[QuoteCandidate]) -> list[QuoteCandidate]:
    """The candidates without those that are reported inside another one, with their cue and speaker."""
    by_sentence: dict[int, list[QuoteCandidate]] = defaultdict(list)
    for candidate in candidates:
        for sentence in _sentences(table, *candidate.segments[0]):
            by_sentence[sentence].append(candidate)

    def is_inner(candidate: QuoteCandidate) -> bool:
        if candidate.quoted_spans or candidate.cue is None:
            return False
        return any(_reports(table, outer, candidate) for outer in by_sentence[table.sentence[candidate.cue]])

    return [candidate for candidate in candidates if not is_inner(candidate)]


def _reports(table: TokenTable, outer: QuoteCandidate, candidate: QuoteCandidate) -> bool:
    """Whether the outer candidate reports that somebody said the other."""
    if candidate is outer or candidate.cue is None or candidate.subject is None or outer.score < _OUTER:
        return False
    begin, end = outer.segments[0]
    words = (offset for segment in candidate.segments for offset in segment)
    return all(begin <= at <= end for at in (table.start[candidate.cue], table.start[candidate.subject], *words))


def _without_overlaps(table: TokenTable, candidates: list[QuoteCandidate]) -> list[QuoteCandidate]:
    """The candidates without those that say over half of what a better one says, or share its cue the wrong way."""
    kept: list[QuoteCandidate] = []
    taken: dict[int, list[tuple[int, int]]] = defaultdict(list)  # segments by sentence
    by_cue: dict[int | None, list[QuoteCandidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=_rank):
        segments = [(number, segment) for segment in candidate.segments for number in _sentences(table, *segment)]
        overlaps = any(_overlap(segment, other) for number, segment in segments for other in taken[number])
        if overlaps or any(_is_swapped(table, candidate, other) for other in by_cue[candidate.cue]):
            continue
        kept.append(candidate)
        by_cue[candidate.cue].append(candidate)
        for number, segment in segments:
            taken[number].append(segment)
    return kept


def _rank(candidate: QuoteCandidate) -> tuple[bool, bool, bool, float, int]:
    """Whole quoted sentences first; last what a verb governs that is no cue: “an ad that urges voters to …”."""
    length = candidate.segments[-1][1] - candidate.segments[0][0]
    is_governed = candidate.rule.is_governed
    return not _is_certain(candidate), not candidate.reports_sentence, is_governed, -candidate.score, -length


def _sentences(table: TokenTable, start: int, end: int) -> range:
    """The numbers of the sentences that hold some of the characters."""
    return range(table.sentence[table.token_at(start)], table.sentence[table.token_at(end - 1)] + 1)


def _overlap(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether one segment says over half of what the other says."""
    (a, b), (c, d) = first, second
    return min(b, d) - max(a, c) > 0.5 * min(b - a, d - c)


def _is_swapped(table: TokenTable, first: QuoteCandidate, second: QuoteCandidate) -> bool:
    """Whether of two candidates with one cue one says who speaks in the other: “The plan, said Keller, is dead”."""
    return first.cue is not None and (_says(table, first, second.subject) or _says(table, second, first.subject))


def _says(table: TokenTable, candidate: QuoteCandidate, subject: int | None) -> bool:
    return subject is not None and any(start <= table.start[subject] < end for start, end in candidate.segments)
