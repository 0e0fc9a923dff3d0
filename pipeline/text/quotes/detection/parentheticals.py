"""Cues aside of what they report: “The plan, he said, is dead”, “The plan is dead, said Ms. Berg, the mayor.”

Parsers often lose such sentences, above all where marks stand in them. So this reads the words as they stand: between
two pauses there is a subject and a cue, or a cue and its subject, and nothing else that a sentence could live on.
"""

from pipeline.text.quotes.attribution.cue_subject import beside, subject_of
from pipeline.text.quotes.candidate import Draft, stretch_range, trimmed
from pipeline.text.quotes.detection.clause_end import Reach, choose, places
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, Sheet

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


def asides(sheet: Sheet, taken: set[int], cued: set[int | None]) -> list[Draft]:
    """The quotes whose cue stands behind them or in their middle.

    Args:
        sheet: the article.
        taken: marked stretches that are quotes already.
        cued: cues that have their content already.
    """
    found = []
    for verb, word in enumerate(sheet.lower):
        if sheet.region[verb] >= 0 or verb in cued or (cue := VERBS.get(word)) is None or not cue.clause or cue.weak:
            continue
        if sheet.tag[verb] in {"VBD", "VBZ", "VBP"} and cue.lemma not in _ASKING:
            draft = _aside(sheet, verb, taken)
            if draft:
                found.append(draft)
    return found


def _aside(sheet: Sheet, verb: int, taken: set[int]) -> Draft | None:
    low, high = stretch_range(sheet, verb)
    while high > low and (sheet.tag[high] in {"_SP", "."}):
        high -= 1
    front = _front(sheet, verb, low)
    if front is None or front <= low:
        return None
    if front == verb:
        subject, back, rule = _inverted(sheet, verb, high)
    else:
        subject, back, rule = _plain(sheet, verb, front, high)
    if subject is None or back is None:
        return None
    left_last = front - 1
    while left_last > low and (sheet.lower[left_last] in _PAUSES and sheet.region[left_last] < 0):
        left_last -= 1
    left = range(low, left_last + 1)
    if any(sheet.region[t] in taken for t in left):
        return None
    segments = []
    span = trimmed(sheet, low, left_last)
    if span is None:
        return None
    segments.append(span)
    reach = None
    if back < high:
        first = back + 1
        while first < high and (sheet.lower[first] in _PAUSES or sheet.tag[first] == "_SP") and sheet.region[first] < 0:
            first += 1
        if any(sheet.region[t] in taken for t in range(first, high + 1)):
            rule += " before marks"
            if sheet.region[first] not in taken:
                return None
        else:
            rule = "mediate" if rule == "final" else "inverted mediate"
            reach = Reach(first, high, high, "aside", verb)
            last = choose(sheet, first, places(sheet, reach))
            behind = trimmed(sheet, first, last)
            if behind:
                segments.append(behind)
    elif not any(sheet.tag[t] in FINITE for t in left) and (rule == "final" or len(left) < _SENTENCE):
        return None
    return Draft(segments, rule, 0.8, verb, verb, subject, reach=reach)


def _front(sheet: Sheet, verb: int, low: int) -> int | None:
    """The first token behind the pause before the cue's own clause."""
    token = verb
    while token > low and verb - token < _LONGEST:
        before = token - 1
        if sheet.region[before] >= 0:
            ending = sheet.text[sheet.marked[sheet.region[before]].inner[-1][1] - 1]
            return token if ending in ",?!—–-" else None
        if sheet.lower[before] in _PAUSES:
            return token
        tag = sheet.tag[before]
        if tag not in _SUBJECT and sheet.lower[before] not in _LINKING and sheet.lower[before] not in _HELPERS:
            return None
        token = before
    return None


def _plain(sheet: Sheet, verb: int, front: int, high: int) -> tuple[int | None, int | None, str]:
    """A subject and its cue, with what says where and when."""
    subject = subject_of(sheet, verb)
    if subject is None or not front <= subject < verb:
        nouns = [t for t in range(front, verb) if sheet.tag[t] in _NOMINAL]
        if not nouns:
            return None, None, ""
        subject = nouns[-1]
    if sheet.tag[front] in {"CC", "IN", "WDT", "RB"} and sheet.lower[front] not in {"others", "both"}:
        return None, None, ""
    back = verb
    if VERBS[sheet.lower[verb]].addressed or (verb < high and sheet.tag[verb + 1] in {"PRP", "NNP", "NNS"}):
        if not VERBS[sheet.lower[verb]].addressed and sheet.ent[verb + 1] not in {"DATE", "TIME"}:
            return None, None, ""
        while back < high and sheet.tag[back + 1] in _NOMINAL | {"DT", "JJ", "POS"} and sheet.region[back + 1] < 0:
            back += 1
    if back < high and sheet.lower[back + 1] not in _PAUSES and sheet.region[back + 1] < 0:
        adjunct = sheet.lower[back + 1] in _WHERE or sheet.tag[back + 1] in {"RB", "VBG"}
        if not adjunct and sheet.ent[back + 1] not in {"DATE", "TIME"}:
            return None, None, ""
        if sheet.lower[back + 1] == "to" and sheet.tag[min(back + 2, high)] == "VB":
            return None, None, ""
        while back < high and sheet.lower[back + 1] not in _PAUSES and sheet.region[back + 1] < 0:
            back += 1
            if sheet.tag[back] in FINITE or sheet.lower[back] in {"that", ":", ";"}:
                return None, None, ""
    if back < high and sheet.region[back + 1] >= 0:
        return None, None, ""
    return subject, back, "final"


def _inverted(sheet: Sheet, verb: int, high: int) -> tuple[int | None, int | None, str]:
    """A cue and its subject, with what is told of it between commas."""
    if verb >= high or sheet.tag[verb + 1] not in _NOMINAL | {"DT", "JJ", "PRP$"}:
        return None, None, ""
    subject = subject_of(sheet, verb)
    if subject is None or not verb < subject <= high:
        subject = beside(sheet, verb, verb, high + 1)
    if subject is None or subject < verb:
        return None, None, ""
    token = subject
    while token < high:
        token += 1
        if sheet.region[token] >= 0:
            if sheet.tag[token - 1] in _NOMINAL:
                # it is what the clause is about: “Lee, the mayor, said the plan ‘has no friends’”
                return None, None, ""
            return subject, token - 1, "inverted final"
        if sheet.lower[token] in _PAUSES and token < high:
            ahead = token + 1
            if sheet.region[ahead] >= 0:
                return subject, token, "inverted final"
            if sheet.tag[ahead] in FINITE or sheet.lower[ahead] == "that":
                return subject, token, "inverted final"
            continue
        told = any(sheet.lower[t] in {"who", "which", "whose"} for t in range(subject, token))
        if (sheet.tag[token] in FINITE and not told) or sheet.lower[token] == "that":
            return None, None, ""
    return subject, high, "inverted final"
