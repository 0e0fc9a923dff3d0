"""Cues aside of what they report: “The plan, he said, is dead”, “The plan is dead, said Ms. Berg, the mayor.”

Parsers often lose such sentences, above all where marks stand in them. So this reads the words as they stand: between
two pauses there is a subject and a cue, or a cue and its subject, and nothing else that a sentence could live on.
"""

from pipeline.text.quotes.attribution.cue_subject import beside, subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, sentence_bounds, trimmed
from pipeline.text.quotes.detection.clause_end import ClauseBounds, best_boundary, boundaries
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, TokenTable

_PAUSES = frozenset({",", "--", "—", "–"})
_NOMINAL = frozenset({"NN", "NNS", "NNP", "NNPS", "PRP", "CD"})
_SUBJECT = _NOMINAL | {
    "DT",
    "JJ",
    "JJR",
    "JJS",
    "PRP$",
    "POS",
    "RB",
    "CC",
    "WP",
    "FW",
    "HYPH",
    "VBN",
    "VBG",
    "PDT",
    "NFP",
}
_LINKING = frozenset({"of", "for", "from", "in", "at", "with", "on", "who"})
_HELPERS = frozenset({"has", "have", "had", "'s", "also", "then", "later", "would", "will"})
_WHERE = frozenset("in on at during after before as from to with when while via through earlier later late".split())
_ASKING = frozenset("ask propose pledge promise point advise vow inquire hint".split())
_LONGEST = 24
_SENTENCE = 6  # words that are a sentence before “, said Lee”, though the tagger sees no verb in them


def parentheticals(table: TokenTable, taken: set[int], cued: set[int | None]) -> list[QuoteCandidate]:
    """The quotes whose cue stands behind them or in their middle.

    Args:
        sheet: the article.
        taken: marked stretches that are quotes already.
        cued: cues that have their content already.
    """
    found = []
    for verb, word in enumerate(table.lower):
        if (
            table.quoted_span[verb] >= 0
            or verb in cued
            or (cue := VERBS.get(word)) is None
            or not cue.clause
            or cue.weak
        ):
            continue
        if table.tag[verb] in {"VBD", "VBZ", "VBP"} and cue.lemma not in _ASKING:
            candidate = _aside(table, verb, taken)
            if candidate:
                found.append(candidate)
    return found


def _aside(table: TokenTable, verb: int, taken: set[int]) -> QuoteCandidate | None:
    low, high = sentence_bounds(table, verb)
    while high > low and (table.tag[high] in {"_SP", "."}):
        high -= 1
    front = _front(table, verb, low)
    if front is None or front <= low:
        return None
    if front == verb:
        subject, back, rule = _inverted(table, verb, high)
    else:
        subject, back, rule = _plain(table, verb, front, high)
    if subject is None or back is None:
        return None
    left_last = front - 1
    while left_last > low and (table.lower[left_last] in _PAUSES and table.quoted_span[left_last] < 0):
        left_last -= 1
    left = range(low, left_last + 1)
    if any(table.quoted_span[t] in taken for t in left):
        return None
    segments = []
    span = trimmed(table, low, left_last)
    if span is None:
        return None
    segments.append(span)
    bounds = None
    if back < high:
        first = back + 1
        while (
            first < high
            and (table.lower[first] in _PAUSES or table.tag[first] == "_SP")
            and table.quoted_span[first] < 0
        ):
            first += 1
        if any(table.quoted_span[t] in taken for t in range(first, high + 1)):
            rule += " before marks"
            if table.quoted_span[first] not in taken:
                return None
        else:
            rule = "mediate" if rule == "final" else "inverted mediate"
            bounds = ClauseBounds(first, high, high, "aside", verb)
            last = best_boundary(table, first, boundaries(table, bounds))
            behind = trimmed(table, first, last)
            if behind:
                segments.append(behind)
    elif not any(table.tag[t] in FINITE for t in left) and (rule == "final" or len(left) < _SENTENCE):
        return None
    return QuoteCandidate(segments, rule, 0.8, verb, verb, subject, bounds=bounds)


def _front(table: TokenTable, verb: int, low: int) -> int | None:
    """The first token behind the pause before the cue's own clause."""
    token = verb
    while token > low and verb - token < _LONGEST:
        before = token - 1
        if table.quoted_span[before] >= 0:
            ending = table.text[table.quoted_spans[table.quoted_span[before]].inner[-1][1] - 1]
            return token if ending in ",?!—–-" else None
        if table.lower[before] in _PAUSES:
            return token
        tag = table.tag[before]
        if tag not in _SUBJECT and table.lower[before] not in _LINKING and table.lower[before] not in _HELPERS:
            return None
        token = before
    return None


def _plain(table: TokenTable, verb: int, front: int, high: int) -> tuple[int | None, int | None, str]:
    """A subject and its cue, with what says where and when."""
    subject = subject_of(table, verb)
    if subject is None or not front <= subject < verb:
        nouns = [t for t in range(front, verb) if table.tag[t] in _NOMINAL]
        if not nouns:
            return None, None, ""
        subject = nouns[-1]
    if table.tag[front] in {"CC", "IN", "WDT", "RB"} and table.lower[front] not in {"others", "both"}:
        return None, None, ""
    back = verb
    if VERBS[table.lower[verb]].addressed or (verb < high and table.tag[verb + 1] in {"PRP", "NNP", "NNS"}):
        if not VERBS[table.lower[verb]].addressed and table.entity[verb + 1] not in {"DATE", "TIME"}:
            return None, None, ""
        while back < high and table.tag[back + 1] in _NOMINAL | {"DT", "JJ", "POS"} and table.quoted_span[back + 1] < 0:
            back += 1
    if back < high and table.lower[back + 1] not in _PAUSES and table.quoted_span[back + 1] < 0:
        adjunct = table.lower[back + 1] in _WHERE or table.tag[back + 1] in {"RB", "VBG"}
        if not adjunct and table.entity[back + 1] not in {"DATE", "TIME"}:
            return None, None, ""
        if table.lower[back + 1] == "to" and table.tag[min(back + 2, high)] == "VB":
            return None, None, ""
        while back < high and table.lower[back + 1] not in _PAUSES and table.quoted_span[back + 1] < 0:
            back += 1
            if table.tag[back] in FINITE or table.lower[back] in {"that", ":", ";"}:
                return None, None, ""
    if back < high and table.quoted_span[back + 1] >= 0:
        return None, None, ""
    return subject, back, "final"


def _inverted(table: TokenTable, verb: int, high: int) -> tuple[int | None, int | None, str]:
    """A cue and its subject, with what is told of it between commas."""
    if verb >= high or table.tag[verb + 1] not in _NOMINAL | {"DT", "JJ", "PRP$"}:
        return None, None, ""
    subject = subject_of(table, verb)
    if subject is None or not verb < subject <= high:
        subject = beside(table, verb, verb, high + 1)
    if subject is None or subject < verb:
        return None, None, ""
    token = subject
    while token < high:
        token += 1
        if table.quoted_span[token] >= 0:
            if table.tag[token - 1] in _NOMINAL:
                # it is what the clause is about: “Lee, the mayor, said the plan ‘has no friends’”
                return None, None, ""
            return subject, token - 1, "inverted final"
        if table.lower[token] in _PAUSES and token < high:
            ahead = token + 1
            if table.quoted_span[ahead] >= 0:
                return subject, token, "inverted final"
            if table.tag[ahead] in FINITE or table.lower[ahead] == "that":
                return subject, token, "inverted final"
            continue
        told = any(table.lower[t] in {"who", "which", "whose"} for t in range(subject, token))
        if (table.tag[token] in FINITE and not told) or table.lower[token] == "that":
            return None, None, ""
    return subject, high, "inverted final"
