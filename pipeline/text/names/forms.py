"""Reads how names are written and shortened: their words, their legal forms, their acronyms."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pipeline.text.names.person_name import HONOURS, SUFFIXES, is_title, key, without_possessive
from pipeline.text.quotes.lexicon.nouns import BUSINESS_NAMES, LEGAL_FORMS

LONGEST = 300
"""Characters of a name, at the most; a longer one is nobody's and stays as it is."""

_LEGAL_FORM = re.compile(
    r",?\s+(?:inc|corp|corporation|incorporated|ltd|limited|plc|llc|llp|lp|gmbh|ag|sa|s\.a|nv|bv|oyj|ab|asa|spa|co)\.?$",
    re.IGNORECASE,
)
_SOFT_FORMS = BUSINESS_NAMES | LEGAL_FORMS | frozenset("holding & and co".split())
"""Words at the end of a business's name that a shorter form leaves out."""

_MOST_SOFT = 5  # of them
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)
_SMALL = frozenset("of for the and in on to a an & de la du des y und".split())
_ACRONYM = re.compile(r"(?:[A-Z]\.?){2,9}s?|[A-Z][A-Za-z&]*[A-Z]")
_BRACKETED = re.compile(r"\(\s*([A-Z][A-Za-z&.]{1,9})\s*\)")
_BLANKS = re.compile(r"\s+")
_PARTS = re.compile(r"[\s–—-]+")
_MARKS = ",;:()[]“”\"‘’'"


class PersonParts(NamedTuple):
    """The parts of a person's name.

    Attributes:
        text: the name as written, without titles and honours.
        words: its words as names are compared (`person_name.key`), without the suffix; a double name gives two.
        titles: the titles before it, as names are compared.
        suffix: what tells a son from his father ("jr"), or "".
    """

    text: str
    words: tuple[str, ...]
    titles: tuple[str, ...]
    suffix: str


def surface(mention: str) -> str:
    """A mention on one line, without a leading article or a final possessive."""
    return _surface(mention) if len(mention) <= LONGEST else _surface.__wrapped__(mention)


@lru_cache(maxsize=16384)  # of short ones only: who writes names of megabytes must not fill the memory
def _surface(mention: str) -> str:
    return _ARTICLE.sub("", without_possessive(_BLANKS.sub(" ", mention.strip()))).strip()


@lru_cache(maxsize=16384)
def name_words(name: str) -> tuple[str, ...]:
    """The words of a name."""
    return tuple(word for part in _PARTS.split(surface(name)) if (word := key(without_possessive(part.strip(_MARKS)))))


@lru_cache(maxsize=16384)
def person_parts(name: str) -> PersonParts:
    """The parts of a person's name: "Senator Marco Rubio's" has the title senator and is called Marco Rubio."""
    written = surface(name).split(" ")
    titles = []
    while len(written) > 1 and is_title(written[0].strip(_MARKS)):
        titles.append(key(written.pop(0).strip(_MARKS)))
    while len(written) > 1 and key(written[-1].strip(_MARKS)) in HONOURS:
        written.pop()
    text = " ".join(written).rstrip(",")
    words = name_words(text)
    suffix = words[-1] if len(words) > 1 and words[-1] in SUFFIXES else ""
    return PersonParts(text, words[:-1] if suffix else words, tuple(titles), suffix)


@lru_cache(maxsize=4096)
def organisation(name: str) -> str:
    """The name of a body without its legal form and without its acronym in brackets."""
    bracketed = _BRACKETED.sub("", name).strip()
    shorter = _LEGAL_FORM.sub("", bracketed or name)
    return shorter or name


def shorter_forms(name: str) -> Iterator[str]:
    """What is left of a body's name without the soft forms at its end, in small letters: "arden" of Arden Group."""
    words = name.casefold().split()
    for length in range(len(words) - 1, max(0, len(words) - 1 - _MOST_SOFT), -1):
        if words[length] not in _SOFT_FORMS:
            break
        yield " ".join(words[:length])


@lru_cache(maxsize=4096)
def acronym(text: str) -> str:
    """The letters of an acronym; "" where the text is none."""
    return text.replace(".", "") if _ACRONYM.fullmatch(text.replace(" ", "")) else ""


def bracketed_acronym(name: str) -> str:
    """The acronym that a name gives in brackets: "IMF"; "" where it gives none."""
    found = _BRACKETED.search(name) if "(" in name else None
    return found[1].replace(".", "") if found else ""


@lru_cache(maxsize=4096)
def initials(name: str) -> frozenset[str]:
    """The initials of a name, with its small words and without; a word in capitals gives all its letters."""
    words = [word for word in _PARTS.split(name.replace("&", "and")) if word]
    letters = [word if word.isupper() and len(word) <= 4 else word[:1].upper() for word in words]
    without = [letter for word, letter in zip(words, letters, strict=True) if word.lower() not in _SMALL]
    return frozenset(form for form in ("".join(without), "".join(letters)) if len(form) > 1)
