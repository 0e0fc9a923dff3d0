"""Finds words that report speech without a verb of speech: is adamant that …, made it clear that …."""

from pipeline.text.quotes.candidate import Rule
from pipeline.text.quotes.detection.reported_content import Content
from pipeline.text.quotes.detection.speech_cue import Cue, cue_of
from pipeline.text.quotes.lexicon.grammar import FINITE, MADE_CLEAR, MAKING, STANCES
from pipeline.text.quotes.lexicon.speech_verbs import CLAUSE_ALONE
from pipeline.text.quotes.tokens import TokenTable

_BEING = frozenset({"is", "was", "are", "were", "'s", "been", "remains", "remained", "remain"})
_NO_SPEAKERS = frozenset({"it", "that", "this", "these", "those", "which", "what", "there"})
_BETWEEN = 4  # tokens between “made” and “clear”
_TO_THAT = 6  # tokens between “clear” and its “that”


def stance_at(table: TokenTable, token: int) -> tuple[Cue, Content] | None:
    """The cue that such a word is and the clause that it reports; None where it reports nothing.

    Args:
        table: the article.
        token: a word of `STANCES` or `MADE_CLEAR`.
    """
    verb = _being(table, token) if table.lower[token] in STANCES else _making(table, token)
    cue = None if verb is None else cue_of(table, verb, CLAUSE_ALONE)
    if cue is None or cue.subject is None or cue.subject > token or table.lower[cue.subject] in _NO_SPEAKERS:
        return None
    first = _clause_behind(table, token, cue.high)
    if first is None or not any(table.tag[at] in FINITE for at in range(first, cue.high + 1)):
        return None
    return cue, Content(first, cue.high, Rule.THAT_CLAUSE)


def completed_lemma(word: str) -> str | None:
    """The lemma of a cue that ends in such a word: be adamant, make clear; None for any other word."""
    return f"be {word}" if word in STANCES else f"make {word}" if word in MADE_CLEAR else None


def _being(table: TokenTable, token: int) -> int | None:
    """The verb before such a word: is adamant; None where it denies that somebody is so."""
    verb = table.head[token]
    if table.lower[verb] not in _BEING or not verb < token or table.quoted_span[verb] >= 0:
        return None
    return None if {"not", "n't", "never"} & set(table.lower[verb - 1 : token]) else verb


def _making(table: TokenTable, token: int) -> int | None:
    """The verb that such a word completes: made clear, made it clear, let it be known."""
    for verb in range(token - 1, max(-1, token - 1 - _BETWEEN), -1):
        if table.lower[verb] in MAKING:
            return verb if table.quoted_span[verb] < 0 else None
        if table.lower[verb] not in {"it", "be"} and table.tag[verb] != "RB":
            return None
    return None


def _clause_behind(table: TokenTable, token: int, high: int) -> int | None:
    """The "that" which opens the clause."""
    for that in range(token + 1, min(high, token + _TO_THAT) + 1):
        if table.quoted_span[that] >= 0 or table.tag[that] in FINITE or table.lower[that] in {",", ";", ":"}:
            return None
        if table.lower[that] == "that" and table.tag[that] == "IN":
            return that
    return None
