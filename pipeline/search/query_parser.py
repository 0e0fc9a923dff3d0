"""Parses the words that somebody typed into terms; they are never Elasticsearch's own query language.

A person may write words (all are required), "a phrase", -word or -"a phrase" to exclude something, and the beginning of
a word with a star (`energ*`). Everything else is plain text: no operator, field name, regular expression or leading
wildcard reaches the cluster.
"""

import re
from dataclasses import dataclass

from pipeline.errors import InputError

MAX_CHARACTERS = 300
"""The most characters of a search."""

MAX_TERMS = 16
"""The most words and phrases of a search; each is a clause on every searched field."""

MAX_PHRASE_WORDS = 32
"""The most words of a phrase: positions cost more than words."""

MIN_PREFIX = 3
"""The fewest letters before a star; fewer would match half the dictionary."""

_MARKS = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
_TERM = re.compile(r'(?P<minus>-?)"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+)')


@dataclass(frozen=True)
class Term:
    """One word or phrase of a search."""

    text: str
    phrase: bool = False
    prefix: bool = False
    excluded: bool = False


def parse(words: str) -> list[Term]:
    """The terms of a search, each once, in the order they were typed.

    Raises:
        InputError: the text is too long, has too many terms, or no word at all.
    """
    if len(words) > MAX_CHARACTERS:
        raise InputError(f"Search for at most {MAX_CHARACTERS} characters; these are {len(words)}.")
    terms = dict.fromkeys(filter(None, map(_term, _TERM.finditer(words.translate(_MARKS)))))
    if len(terms) > MAX_TERMS:
        raise InputError(f"Search for at most {MAX_TERMS} words and phrases; these are {len(terms)}.")
    if words.strip() and not terms:
        raise InputError("There is no word in this search; write letters or digits.")
    return list(terms)


def _term(match: re.Match[str]) -> Term | None:
    phrase, word = match["phrase"], match["word"]
    if phrase is not None:
        text, excluded = " ".join(phrase.split()), bool(match["minus"])
        if len(text.split()) > MAX_PHRASE_WORDS:
            raise InputError(f"A phrase may have at most {MAX_PHRASE_WORDS} words.")
        return Term(text, phrase=True, excluded=excluded) if _has_word(text) else None
    excluded = word.startswith("-")
    text = word.lstrip("-")
    prefix = text.endswith("*") and sum(map(str.isalnum, text)) >= MIN_PREFIX
    text = text.strip("*")
    return Term(text, prefix=prefix, excluded=excluded) if _has_word(text) else None


def _has_word(text: str) -> bool:
    return any(map(str.isalnum, text))
