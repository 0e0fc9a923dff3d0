"""Finds cues beside what they report: “The plan, he said, is dead”, “The plan is dead, said Ms. Berg, the mayor”.

Parsers often lose such sentences, above all where quotation marks stand in them. So the words are read as they stand:
between two pauses there is a subject and a cue, or a cue and its subject, and nothing that could be another clause.
"""

from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate, Rule, RuleFlag, trimmed
from pipeline.text.quotes.detection.clause_end import best_end
from pipeline.text.quotes.detection.cue_clause import inverted_clause, plain_clause, stands_before_cue
from pipeline.text.quotes.detection.sentence_around import tells_of_speaker
from pipeline.text.quotes.lexicon.grammar import COMMA_AND_DASHES, FINITE, FINITE_VERBS
from pipeline.text.quotes.lexicon.speech_verbs import ASKING, VERBS
from pipeline.text.quotes.tokens import TokenTable

_LONGEST = 24  # tokens of a cue's clause before its verb
_SENTENCE = 6  # words that are a sentence before “, said Lee”, though the tagger sees no verb in them


def parentheticals(table: TokenTable, taken: set[int], cued: set[int | None]) -> list[QuoteCandidate]:
    """The candidates whose cue stands behind them or in their middle.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
        cued: the cues that have their content already.
    """
    candidates = []
    for verb in table.speech_words:
        frame = VERBS[table.lower[verb]]
        if not frame.clause or frame.weak or table.quoted_span[verb] >= 0 or verb in cued:
            continue
        if table.tag[verb] in FINITE_VERBS and frame.lemma not in ASKING:
            candidate = _parenthetical(table, verb, taken)
            if candidate:
                candidates.append(candidate)
    return candidates


def _parenthetical(table: TokenTable, verb: int, taken: set[int]) -> QuoteCandidate | None:
    low, high = table.bounds_inside(verb, dashes=False)
    while high > low and table.tag[high] in {"_SP", "."}:
        high -= 1
    front = _clause_front(table, verb, low)
    if front is None or front <= low:
        return None
    inverted = front == verb
    clause = inverted_clause(table, verb, high) if inverted else plain_clause(table, verb, front, high)
    if clause is None:
        return None
    left = range(low, _without_pauses(table, low, front - 1) + 1)
    span = trimmed(table, low, left.stop - 1)
    if span is None or any(table.quoted_span[token] in taken for token in left):
        return None
    candidate = QuoteCandidate([span], Rule.FINAL, verb, clause.subject)
    if inverted:
        candidate.flags |= {RuleFlag.INVERTED}
    if clause.last < high and not tells_of_speaker(table, min(clause.last + 2, high)):
        return candidate if _continue_behind(table, candidate, clause.last + 1, high, taken) else None
    is_clause = any(table.tag[token] in FINITE for token in left) or (inverted and len(left) >= _SENTENCE)
    return candidate if is_clause else None


def _without_pauses(table: TokenTable, low: int, last: int) -> int:
    while last > low and table.lower[last] in COMMA_AND_DASHES and table.quoted_span[last] < 0:
        last -= 1
    return last


def _continue_behind(table: TokenTable, candidate: QuoteCandidate, first: int, high: int, taken: set[int]) -> bool:
    """Add what goes on behind the cue's clause; False where it does not belong to the candidate."""

    def is_pause(token: int) -> bool:
        return table.lower[token] in COMMA_AND_DASHES or table.tag[token] == "_SP"

    while first < high and is_pause(first) and table.quoted_span[first] < 0:
        first += 1
    if any(table.quoted_span[token] in taken for token in range(first, high + 1)):
        candidate.flags |= {RuleFlag.BEFORE_MARKS}
        return table.quoted_span[first] in taken
    assert candidate.cue is not None
    candidate.rule = Rule.MEDIATE
    candidate.bounds = ClauseBounds(first, high, high, "aside", candidate.cue)
    behind = trimmed(table, first, best_end(table, candidate.bounds).last)
    if behind and table.tag[table.token_at(candidate.segments[0][1] - 1)] == "CC":
        candidate.segments = []  # It will cost much and, says Lee, pay off.
    if behind:
        candidate.segments.append(behind)
    return True


def _clause_front(table: TokenTable, verb: int, low: int) -> int | None:
    """The first token of the cue's own clause, behind the pause before it."""
    token = verb
    while token > low and verb - token < _LONGEST:
        before = token - 1
        number = table.quoted_span[before]
        if number >= 0:
            ending = table.text[table.quoted_spans[number].inner[-1][1] - 1]
            return token if ending in ",?!—–-" else None
        word = table.lower[before]
        if word in COMMA_AND_DASHES:
            return token
        if not stands_before_cue(table, before):
            return None
        token = before
    return None
