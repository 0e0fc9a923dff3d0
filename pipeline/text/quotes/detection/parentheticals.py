"""Finds cues beside what they report: “The plan, he said, is dead”, “The plan is dead, said Ms. Berg, the mayor”.

Parsers often lose such sentences, above all where quotation marks stand in them. So the words are read as they stand:
between two pauses there is a subject and a cue, or a cue and its subject, and nothing that could be another clause.
"""

from typing import NamedTuple

from pipeline.text.quotes.attribution.cue_subject import noun_beside, subject_of
from pipeline.text.quotes.candidate import ClauseBounds, QuoteCandidate, Rule, RuleFlag, trimmed
from pipeline.text.quotes.detection.clause_end import best_end
from pipeline.text.quotes.detection.sentence_around import tail_behind, tells_of_speaker
from pipeline.text.quotes.lexicon.grammar import (
    ADJUNCT_OPENERS,
    COMMA_AND_DASHES,
    FINITE,
    FINITE_VERBS,
    HELPERS,
    NOUN_TAGS,
    TIMES,
)
from pipeline.text.quotes.lexicon.speech_verbs import ASKING, VERBS
from pipeline.text.quotes.tokens import TokenTable

_NOMINAL = NOUN_TAGS | {"PRP", "CD"}
_SUBJECT = _NOMINAL | frozenset("DT JJ JJR JJS PRP$ POS RB CC WP FW HYPH VBN VBG PDT NFP".split())
_LINKING = frozenset({"of", "for", "from", "in", "at", "with", "on", "who"})
_LONGEST = 24  # tokens of a cue's clause before its verb
_SENTENCE = 6  # words that are a sentence before “, said Lee”, though the tagger sees no verb in them


class _CueClause(NamedTuple):
    """The clause of a cue: its speaker's head and its last token."""

    subject: int
    last: int


def parentheticals(table: TokenTable, taken: set[int], cued: set[int | None]) -> list[QuoteCandidate]:
    """The candidates whose cue stands behind them or in their middle.

    Args:
        table: the article.
        taken: the quoted spans that are quotes already.
        cued: the cues that have their content already.
    """
    candidates = []
    for verb, word in enumerate(table.lower):
        frame = VERBS.get(word)
        if frame is None or not frame.clause or frame.weak or table.quoted_span[verb] >= 0 or verb in cued:
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
    clause = _inverted_clause(table, verb, high) if inverted else _plain_clause(table, verb, front, high)
    if clause is None:
        return None
    left = range(low, _without_pauses(table, low, front - 1) + 1)
    span = trimmed(table, low, left.stop - 1)
    if span is None or any(table.quoted_span[token] in taken for token in left):
        return None
    candidate = QuoteCandidate([span], Rule.FINAL, verb, clause.subject)
    if inverted:
        candidate.flags |= RuleFlag.INVERTED
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
        candidate.flags |= RuleFlag.BEFORE_MARKS
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
        if table.tag[before] not in _SUBJECT and word not in _LINKING and word not in HELPERS:
            return None
        token = before
    return None


def _plain_clause(table: TokenTable, verb: int, front: int, high: int) -> _CueClause | None:
    """A subject and its cue, with what says where and when."""
    subject = subject_of(table, verb)
    if subject is None or not front <= subject < verb:
        nouns = [token for token in range(front, verb) if table.tag[token] in _NOMINAL]
        if not nouns:
            return None
        subject = nouns[-1]
    if table.tag[front] in {"CC", "IN", "WDT", "RB"} and table.lower[front] not in {"others", "both"}:
        return None
    last = _behind_adjunct(table, _behind_addressee(table, verb, high), high)
    if last is None or (last < high and table.quoted_span[last + 1] >= 0):
        return None
    return _CueClause(subject, last)


def _behind_addressee(table: TokenTable, verb: int, high: int) -> int | None:
    """The last token of the cue and whom it was said to; None where an object follows that nobody is told."""
    addressed = VERBS[table.lower[verb]].addressed
    if not addressed and not (verb < high and table.tag[verb + 1] in {"PRP", "NNP", "NNS"}):
        return verb
    if not addressed and table.entity[verb + 1] not in TIMES:
        return None
    last = verb
    while last < high and table.tag[last + 1] in _NOMINAL | {"DT", "JJ", "POS"} and table.quoted_span[last + 1] < 0:
        last += 1
    return last


def _behind_adjunct(table: TokenTable, last: int | None, high: int) -> int | None:
    """The last token of what says where and when behind a cue; None where something else follows."""
    if last is None or last >= high or _ends_clause(table, last + 1):
        return last
    following = last + 1
    adjunct = table.lower[following] in ADJUNCT_OPENERS or table.tag[following] in {"RB", "VBG"}
    if not adjunct and table.entity[following] not in TIMES:
        return None
    if table.lower[following] == "to" and table.tag[min(following + 1, high)] == "VB":
        return None
    while last < high and not _ends_clause(table, last + 1):
        last += 1
        if table.tag[last] in FINITE or table.lower[last] in {"that", ":", ";"}:
            return None
    return last


def _ends_clause(table: TokenTable, token: int) -> bool:
    return table.lower[token] in COMMA_AND_DASHES or table.quoted_span[token] >= 0


def _inverted_clause(table: TokenTable, verb: int, high: int) -> _CueClause | None:
    """A cue and its subject, with what is told of the subject between commas."""
    if verb >= high or table.tag[verb + 1] not in _NOMINAL | {"DT", "JJ", "PRP$"}:
        return None
    subject = subject_of(table, verb)
    if subject is not None and _has_aside_before(table, subject, verb):
        return None  # “Lee, the mayor, told the Echo, that …”: what stands before the cue is its subject.
    if subject is None or not verb < subject <= high:
        subject = noun_beside(table, verb, verb, high + 1)
    if subject is None or subject < verb:
        return None
    for token in range(subject + 1, high + 1):
        if table.quoted_span[token] >= 0:
            # After a noun it is what the clause is about: “Lee, the mayor, said the plan ‘has no friends’”.
            return None if table.tag[token - 1] in _NOMINAL else _CueClause(subject, token - 1)
        if table.lower[token] in COMMA_AND_DASHES and token < high:
            ahead = token + 1
            goes_on = table.tag[ahead] in FINITE or tail_behind(table, ahead, high) is not None
            if table.quoted_span[ahead] >= 0 or goes_on or table.lower[ahead] == "that":
                return _CueClause(subject, token)
        elif _begins_other_clause(table, subject, token):
            return None
    return _CueClause(subject, high)


def _begins_other_clause(table: TokenTable, subject: int, token: int) -> bool:
    """Whether a word behind the subject belongs to a clause that says nothing of the subject."""
    if table.lower[token] == "that":
        return True
    relative = any(table.lower[between] in {"who", "which", "whose"} for between in range(subject, token))
    return table.tag[token] in FINITE and not relative


def _has_aside_before(table: TokenTable, subject: int, verb: int) -> bool:
    """Whether only what is told of the subject between commas stands between it and its cue."""
    own = table.head[subject] == verb and table.right_edge[subject] == verb - 1
    return own and subject + 2 < verb and table.lower[subject + 1] == ","
