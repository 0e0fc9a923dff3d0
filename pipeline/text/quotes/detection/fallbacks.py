"""Wider frames, tried where a cue has none of its own: each is rare or unsure, and its measured rate decides.

A cue whose clause the parser lost; any verb that governs marked words (“mocked his ‘soft’ plan”); a label before a line
(“Poll: …”).
"""

import re

from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import Draft, is_titled, marked_words, stretch_range, trimmed
from pipeline.text.quotes.detection.clause_end import Reach, choose, places
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, Sheet

_STARTS = frozenset(
    {"DT", "PRP", "PRP$", "NN", "NNS", "NNP", "NNPS", "JJ", "CD", "EX", "IN", "VBG", "JJR", "WRB", "WP"}
)
_GOVERNED = frozenset({"ccomp", "xcomp", "dobj", "oprd"})
_GOVERNED_AFTER = frozenset({"as", "for", "against", "about"})
_WORDS = 2  # a single marked word that no cue governs is a scare quote
_TITLED = frozenset(
    "headed headlined titled entitled subtitled captioned named dubbed nicknamed labelled labeled branded".split()
)  # the marked words behind these are a title or a name
_HEAD = 3  # headlines are among the first lines; further down such a line is a list or a transcript
_LABEL = re.compile(r"(?:[A-Z][\w.'’&-]*(?: [A-Z][\w.'’&-]*){0,4}|[A-Z]): (?=\S)")


def wider(sheet: Sheet, taken: set[int], cued: set[int | None]) -> list[Draft]:
    """The quotes of wider frames; `taken` are marked stretches that are quotes, `cued` cues that have their content."""
    found: list[Draft | None] = []
    for verb, word in enumerate(sheet.lower):
        if verb in cued or sheet.region[verb] >= 0:
            continue
        tag = sheet.tag[verb]
        if tag[:2] == "VB":
            cue = VERBS.get(word)
            if cue is not None and cue.clause and not cue.weak:
                found.append(_rest(sheet, verb, taken))
            found.append(_governed(sheet, verb, taken))
    found.extend(_labels(sheet, taken))
    return [draft for draft in found if draft is not None]


def _draft(
    sheet: Sheet, taken: set[int], first: int, edge: int, rule: str, cue: int, subject: int | None, group: str
) -> Draft | None:
    _, high = stretch_range(sheet, cue)
    if first > high:
        return None
    reach = Reach(first, min(edge, high), high, group, cue)
    last = choose(sheet, first, places(sheet, reach))
    if any(sheet.region[t] in taken for t in range(first, last + 1)):
        return None
    span = trimmed(sheet, first, last)
    if span is None or span[1] - span[0] < 4:
        return None
    if any(sheet.region[t] >= 0 for t in range(first, last + 1)):
        rule += " with marks"
    return Draft([span], rule, 0.5, cue, cue, subject, reach=reach)


def _rest(sheet: Sheet, verb: int, taken: set[int]) -> Draft | None:
    """All that follows a cue whose clause the parser has hung elsewhere."""
    _, high = stretch_range(sheet, verb)
    after = verb + 1
    if after >= high or sheet.region[after] >= 0:
        return None
    subject = subject_of(sheet, verb)
    if subject is None or subject > verb:
        return None
    that = next((t for t in range(after, min(high, after + 14)) if sheet.lower[t] == "that"), None)
    if that is None and (sheet.tag[after] not in _STARTS or sheet.lower[after] in {"of", "to", "in", "on", "at"}):
        return None
    first = that if that is not None else after
    if not any(sheet.tag[t] in FINITE for t in range(first, high + 1)):
        return None
    rule = "rest, that" if that is not None else "rest"
    return _draft(sheet, taken, first, max(sheet.right[verb], first), rule, verb, subject, "clause")


def _governed(sheet: Sheet, verb: int, taken: set[int]) -> Draft | None:
    """What a verb of any meaning governs, where marked words stand in it."""
    for kid in sheet.kids[verb]:
        governed = sheet.dep[kid] in _GOVERNED or (sheet.dep[kid] == "prep" and sheet.lower[kid] in _GOVERNED_AFTER)
        if kid < verb or not governed or sheet.stretch[kid] != sheet.stretch[verb]:
            continue
        left = sheet.left[kid]
        inside = sum(sheet.region[t] >= 0 and sheet.word(t).isalpha() for t in range(left, sheet.right[kid] + 1))
        if left <= verb or inside < _WORDS:
            continue
        marked = next(t for t in range(left, sheet.right[kid] + 1) if sheet.region[t] >= 0)
        subject = subject_of(sheet, verb)
        if subject is None or sheet.lower[marked - 1] in _TITLED or sheet.lower[max(marked - 2, 0)] in _TITLED:
            return None
        dep = sheet.dep[kid] if sheet.dep[kid] != "prep" else "prep " + sheet.lower[kid]
        first = kid + 1 if sheet.dep[kid] == "prep" and sheet.lower[kid] not in {"as"} else left
        if first == marked and is_titled(marked_words(sheet, sheet.region[marked])):
            return None
        return _draft(sheet, taken, first, sheet.right[kid], "governed " + dep, verb, subject, "phrase")
    return None


def _labels(sheet: Sheet, taken: set[int]) -> list[Draft]:
    """“Poll: the race is close”: a headline that opens with a name and a colon."""
    found = []
    for number, (start, end) in enumerate(sheet.lines[:_HEAD]):
        label = _LABEL.match(sheet.text, start, end)
        if label is None:
            continue
        tokens = sheet.tokens(label.end(), end)
        if not len(tokens) or any(sheet.region[t] in taken for t in tokens):
            continue
        colon = sheet.at(label.end() - 2)
        names = [t for t in sheet.para_tokens(number) if t < colon]
        span = trimmed(sheet, tokens[0], tokens[-1])
        if span and names and sheet.lower[colon] == ":":
            found.append(Draft([span], "label", 0.5, colon, colon, names[-1]))
    return found
