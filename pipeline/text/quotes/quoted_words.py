"""Tells what the words between quotation marks look like: a sentence, a title, an end."""

import re

from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable

_WORD = re.compile(r"\w[\w'’-]*")


def quoted_words(table: TokenTable, number: int) -> list[str]:
    """The words within a quoted span, without punctuation."""
    return _WORD.findall(" ".join(table.text[start:end] for start, end in table.quoted_spans[number].inner))


def first_character(table: TokenTable, number: int) -> str:
    """The first character inside the marks."""
    return table.text[table.quoted_spans[number].inner[0][0]]


def ending_of(table: TokenTable, number: int) -> str:
    """The last character inside the marks, nested marks aside: what ends “He said ‘no,’”."""
    inner = table.text[slice(*table.quoted_spans[number].inner[-1])].rstrip("'’‘\"”“ \u00a0")
    return inner[-1:] or "'"


def is_titled(words: list[str]) -> bool:
    """Whether words are written as the titles of books, songs and films are: “The Salt Ledger”."""
    return sum(word[0].isupper() for word in words) > 0.7 * len(words)


def is_sentence(table: TokenTable, number: int) -> bool:
    """Whether quoted words look like a sentence: three or more, a capital, an end; not the title of a work."""
    span = table.quoted_spans[number]
    opening = first_character(table, number)
    words = quoted_words(table, number)
    ends = ending_of(table, number) in ".!?…,—-" or not span.closed or table.text[span.end : span.end + 1] in ".!?"
    titled = is_titled(words) and len(words) < 9
    return len(words) >= 3 and ends and not titled and (opening.isupper() or not opening.isalpha())


def reports(table: TokenTable, token: int) -> bool:
    """Whether a token outside marks is a verb that reports speech."""
    passing = token and table.lower[token - 1] == "being"  # “That being said, …”
    return table.lower[token] in VERBS and table.tag[token][:2] == "VB" and table.quoted_span[token] < 0 and not passing
