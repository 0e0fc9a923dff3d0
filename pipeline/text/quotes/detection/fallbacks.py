"""Wider frames, tried where a cue has none of its own: each is rare or unsure, and its measured rate decides.

A cue whose clause the parser lost; any verb that governs marked words (“mocked his ‘soft’ plan”); a label before a line
(“Poll: …”).
"""

import re

from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.candidate import QuoteCandidate, is_titled, quoted_words, sentence_bounds, trimmed
from pipeline.text.quotes.detection.clause_end import ClauseBounds, best_boundary, boundaries
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import FINITE, TokenTable

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


def fallbacks(table: TokenTable, taken: set[int], cued: set[int | None]) -> list[QuoteCandidate]:
    """The quotes of wider frames; `taken` are marked stretches that are quotes, `cued` cues that have their content."""
    found: list[QuoteCandidate | None] = []
    for verb, word in enumerate(table.lower):
        if verb in cued or table.quoted_span[verb] >= 0:
            continue
        tag = table.tag[verb]
        if tag[:2] == "VB":
            cue = VERBS.get(word)
            if cue is not None and cue.clause and not cue.weak:
                found.append(_rest(table, verb, taken))
            found.append(_governed(table, verb, taken))
    found.extend(_labels(table, taken))
    return [candidate for candidate in found if candidate is not None]


def _draft(
    table: TokenTable, taken: set[int], first: int, edge: int, rule: str, cue: int, subject: int | None, group: str
) -> QuoteCandidate | None:
    _, high = sentence_bounds(table, cue)
    if first > high:
        return None
    bounds = ClauseBounds(first, min(edge, high), high, group, cue)
    last = best_boundary(table, first, boundaries(table, bounds))
    if any(table.quoted_span[t] in taken for t in range(first, last + 1)):
        return None
    span = trimmed(table, first, last)
    if span is None or span[1] - span[0] < 4:
        return None
    if any(table.quoted_span[t] >= 0 for t in range(first, last + 1)):
        rule += " with marks"
    return QuoteCandidate([span], rule, 0.5, cue, cue, subject, bounds=bounds)


def _rest(table: TokenTable, verb: int, taken: set[int]) -> QuoteCandidate | None:
    """All that follows a cue whose clause the parser has hung elsewhere."""
    _, high = sentence_bounds(table, verb)
    after = verb + 1
    if after >= high or table.quoted_span[after] >= 0:
        return None
    subject = subject_of(table, verb)
    if subject is None or subject > verb:
        return None
    that = next((t for t in range(after, min(high, after + 14)) if table.lower[t] == "that"), None)
    if that is None and (table.tag[after] not in _STARTS or table.lower[after] in {"of", "to", "in", "on", "at"}):
        return None
    first = that if that is not None else after
    if not any(table.tag[t] in FINITE for t in range(first, high + 1)):
        return None
    rule = "rest, that" if that is not None else "rest"
    return _draft(table, taken, first, max(table.right_edge[verb], first), rule, verb, subject, "clause")


def _governed(table: TokenTable, verb: int, taken: set[int]) -> QuoteCandidate | None:
    """What a verb of any meaning governs, where marked words stand in it."""
    for kid in table.children[verb]:
        governed = table.dep[kid] in _GOVERNED or (table.dep[kid] == "prep" and table.lower[kid] in _GOVERNED_AFTER)
        if kid < verb or not governed or table.sentence[kid] != table.sentence[verb]:
            continue
        left = table.left_edge[kid]
        inside = sum(
            table.quoted_span[t] >= 0 and table.word(t).isalpha() for t in range(left, table.right_edge[kid] + 1)
        )
        if left <= verb or inside < _WORDS:
            continue
        marked = next(t for t in range(left, table.right_edge[kid] + 1) if table.quoted_span[t] >= 0)
        subject = subject_of(table, verb)
        if subject is None or table.lower[marked - 1] in _TITLED or table.lower[max(marked - 2, 0)] in _TITLED:
            return None
        dep = table.dep[kid] if table.dep[kid] != "prep" else "prep " + table.lower[kid]
        first = kid + 1 if table.dep[kid] == "prep" and table.lower[kid] not in {"as"} else left
        if first == marked and is_titled(quoted_words(table, table.quoted_span[marked])):
            return None
        return _draft(table, taken, first, table.right_edge[kid], "governed " + dep, verb, subject, "phrase")
    return None


def _labels(table: TokenTable, taken: set[int]) -> list[QuoteCandidate]:
    """“Poll: the race is close”: a headline that opens with a name and a colon."""
    found = []
    for number, (start, end) in enumerate(table.paragraphs[:_HEAD]):
        label = _LABEL.match(table.text, start, end)
        if label is None:
            continue
        tokens = table.tokens_between(label.end(), end)
        if not len(tokens) or any(table.quoted_span[t] in taken for t in tokens):
            continue
        colon = table.token_at(label.end() - 2)
        names = [t for t in table.paragraph_tokens(number) if t < colon]
        span = trimmed(table, tokens[0], tokens[-1])
        if span and names and table.lower[colon] == ":":
            found.append(QuoteCandidate([span], "label", 0.5, colon, colon, names[-1]))
    return found
