"""Reads a verb of speech in its sentence: its frame, its subject, and how far its content can go."""

from typing import NamedTuple

from pipeline.text.quotes.attribution.cue_subject import subject_of
from pipeline.text.quotes.lexicon.grammar import COMMON, FINITE, FINITE_VERBS
from pipeline.text.quotes.lexicon.speech_verbs import CALLING, VERBS, VerbFrame
from pipeline.text.quotes.tokens import TokenTable

_CONDITION = 4  # tokens between "anonymity" and what it is asked for
_NEAR = 12  # tokens between a verb that calls something and the quoted words that say what
_IN_LIST = frozenset({",", "and", "or", "a", "an", "the", "who", "that", "is", "was", "are", "were"})


def is_mistagged(table: TokenTable, token: int) -> bool:
    """Whether a cue with a "that" clause was taken for a noun: a few note that …"""
    frame = VERBS.get(table.lower[token]) if table.tag[token] in COMMON and table.head[token] == token else None
    if frame is None or not frame.clause or token + 1 >= len(table.lower) or table.lower[token + 1] != "that":
        return False
    clauses = (child for child in table.children[token] if table.dep[child] == "ccomp")
    return noun_before(table, token) is not None and any(table.left_edge[child] == token + 1 for child in clauses)


def noun_before(table: TokenTable, cue: int) -> int | None:
    """The plural noun or the "few" right before a cue that was taken for a noun."""
    before = cue - 1
    plural = before >= 0 and (table.tag[before] == "NNS" or table.lower[before] in {"few", "many", "some", "others"})
    return before if plural and table.quoted_span[before] < 0 else None


class Cue(NamedTuple):
    """A speech verb in its sentence.

    Attributes:
        verb: its token.
        frame: the frames it takes.
        subject: the head token of its speaker.
        passive: whether it is passive.
        low: the first token of its sentence.
        high: the last token that its content can have.
        called: the last quoted token that says what a thing is called: “called the plan ‘a gift’”.
    """

    verb: int
    frame: VerbFrame
    subject: int | None
    passive: bool
    low: int
    high: int
    called: int | None


def cue_of(table: TokenTable, verb: int, frame: VerbFrame) -> Cue | None:
    """A verb of speech with its speaker and the reach of its content; None where it reports nothing.

    Args:
        table: the article.
        verb: the verb's token.
        frame: the frames that the verb takes.
    """
    low, high = table.bounds_inside(verb)
    if _is_compared(table, verb) or _is_on_condition(table, verb, low):
        return None
    if table.dep[verb] in {"advcl", "acl", "relcl"} and _last_above(table, verb) > table.right_edge[verb]:
        high = min(high, table.right_edge[verb])  # The sentence's own clause follows.
    subject = noun_before(table, verb) if table.tag[verb] in COMMON else subject_of(table, verb)
    dependencies = {table.dep[child] for child in table.children[verb]}
    passive = "auxpass" in dependencies
    asked = (
        subject is None
        and table.tag[verb] == "VBN"
        and table.dep[verb] == "advcl"
        and not dependencies & {"aux", "auxpass"}
    )
    if asked and (frame.lemma != "ask" or "ccomp" not in dependencies):
        return None  # "Asked about the pit, …": whoever is asked does not speak there.
    if subject is None and table.tag[verb] == "VBN" and table.dep[verb] == "acl" and not passive:
        return None  # "a song called “The Ferry” for his mother"
    if subject is None and not passive and not asked and table.tag[verb] in FINITE_VERBS | {"VBG"}:
        subject = _subject_to_the_left(table, verb, low)
    called = last_called(table, verb) if subject is not None and frame.lemma in CALLING else None
    return Cue(verb, frame, subject, passive, low, high, called)


def _is_compared(table: TokenTable, verb: int) -> bool:
    """Whether a clause of speech is only compared with or talked about: taller than maps say; how doctors say it is."""
    opening = table.left_edge[verb]
    if table.dep[verb] == "csubj" and table.tag[opening] == "WRB":
        return True
    return opening < verb and table.lower[opening] == "than"


def _is_on_condition(table: TokenTable, verb: int, low: int) -> bool:
    """Whether a verb only tells for what somebody stays unnamed: insisted on anonymity to describe the fire."""
    if table.tag[verb] not in {"VB", "VBG"}:
        return False
    return any(table.lower[token] == "anonymity" for token in range(max(low, verb - _CONDITION), verb))


def _subject_to_the_left(table: TokenTable, verb: int, low: int) -> int | None:
    for token in range(verb - 1, low - 1, -1):
        subject = table.dep[token] == "nsubj" and table.quoted_span[token] < 0
        if subject and table.lower[token] not in {"it", "which", "that"}:
            return token
    return None


def _last_above(table: TokenTable, verb: int) -> int:
    """The last token among those above the verb in the tree."""
    token, last = verb, verb
    while table.head[token] != token:
        token = table.head[token]
        last = max(last, token)
    return last


def last_called(table: TokenTable, verb: int) -> int | None:
    """The last of the quoted words that say what a thing is called: “called the plan ‘a gift’”."""
    _, high = table.sentence_bounds(verb)
    for token in range(verb + 1, min(high, verb + _NEAR) + 1):
        if table.tag[token] in FINITE or table.tag[token] == "VB" or table.lower[token] in {";", ":"}:
            return None  # “called Lee, the old mayor, a ‘fool’” has no other verb
        number = table.quoted_span[token]
        if number >= 0:
            return _last_of_list(table, token, high)
    return None


def _last_of_list(table: TokenTable, first: int, high: int) -> int:
    """The last token of quoted words and of those that a list joins to them: a “cheat,” a “bully” and a “fool.”"""
    last = token = first
    while token <= high:
        if table.quoted_span[token] >= 0:
            last = token
        elif table.lower[token] not in _IN_LIST and table.tag[token] != "_SP":
            break
        token += 1
    return last
