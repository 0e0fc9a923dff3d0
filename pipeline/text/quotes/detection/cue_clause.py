"""Reads the clause of a cue between two pauses as its words stand: she said on Monday; says Ann Lee, the mayor."""

from typing import NamedTuple

from pipeline.text.quotes.attribution.cue_subject import noun_beside, subject_of
from pipeline.text.quotes.lexicon.grammar import (
    ADJUNCT_OPENERS,
    COMMA_AND_DASHES,
    FINITE,
    HELPERS,
    NOUN_TAGS,
    TAILS,
    TIMES,
)
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable

_NOMINAL = NOUN_TAGS | {"PRP", "CD"}
_OPENS_SUBJECT = _NOMINAL | {"DT", "JJ", "PRP$"}
_SUBJECT = _NOMINAL | frozenset("DT JJ JJR JJS PRP$ POS RB CC WP FW HYPH VBN VBG PDT NFP".split())
_LINKING = frozenset({"of", "for", "from", "in", "at", "with", "on", "who"})
_LONGEST_TAIL = 8  # tokens of a tail


class CueClause(NamedTuple):
    """The clause of a cue: its speaker's head and its last token."""

    subject: int
    last: int


def stands_before_cue(table: TokenTable, token: int) -> bool:
    """Whether a word may stand between the pause and a cue: it belongs to a subject, or it helps the cue."""
    word = table.lower[token]
    return table.tag[token] in _SUBJECT or word in _LINKING or word in HELPERS


def plain_clause(table: TokenTable, verb: int, front: int, high: int) -> CueClause | None:
    """A subject and its cue, with what says where and when; None where it is something else.

    Args:
        table: the article.
        verb: the cue's token.
        front: the first token of its clause.
        high: the last token that the clause can have.
    """
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
    return CueClause(subject, last)


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


def inverted_clause(table: TokenTable, verb: int, high: int) -> CueClause | None:
    """A cue and its subject, with what is told of the subject between commas; None where it is something else.

    Args:
        table: the article.
        verb: the cue's token.
        high: the last token that the clause can have.
    """
    if verb >= high or table.tag[verb + 1] not in _OPENS_SUBJECT:
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
            return None if table.tag[token - 1] in _NOMINAL else CueClause(subject, token - 1)
        if table.lower[token] in COMMA_AND_DASHES and token < high:
            ahead = token + 1
            goes_on = table.tag[ahead] in FINITE or tail_behind(table, ahead, high) is not None
            if table.quoted_span[ahead] >= 0 or goes_on or table.lower[ahead] == "that":
                return CueClause(subject, token)
        elif _begins_other_clause(table, subject, token):
            return None
    return CueClause(subject, high)


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


def tail_behind(table: TokenTable, first: int, high: int) -> int | None:
    """The first token of a few words behind the cue that belong before it: The dam will hold, insists Lee, for now.

    Args:
        table: the article.
        first: the token behind the cue.
        high: the sentence's last token.
    """
    while first <= high and table.lower[first] == ",":
        first += 1
    last = high
    while last > first and table.tag[last] in {".", "_SP"}:
        last -= 1
    if table.lower[first - 1] != "," or not 0 < last - first < _LONGEST_TAIL:
        return None
    words = " ".join(table.lower[first : last + 1]) + " "
    opens = any(words.startswith(f"{tail} ") for tail in TAILS)
    return first if opens and not any(table.tag[token] in FINITE for token in range(first, last + 1)) else None
