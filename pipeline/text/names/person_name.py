"""Reads people's names: titles, particles, suffixes, and what first names tell."""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

from pipeline.text.names.given_names import FEMALE, MALE
from pipeline.text.word_lists import read_rows, read_words

Gender = Literal["female", "male"]

_TITLES = read_words("pipeline.text.names", "titles.txt")
FEMALE_TITLES, MALE_TITLES = _TITLES["female"], _TITLES["male"]
REGAL = _TITLES["regal"]
"""Titles that are part of the name: Pope Francis is not Francis."""

TITLES = (FEMALE_TITLES | MALE_TITLES | REGAL | _TITLES["other"]) - _TITLES["not titles"]
"""Words before a name that are not part of it, in small letters and without a full stop."""

RANKS = dict(read_rows("pipeline.text.names", "ranks.tsv"))
"""The words of abbreviated titles that say what somebody is: "ds" is a detective sergeant."""

PARTICLES = _TITLES["particles"]
SUFFIXES = _TITLES["suffixes"]
HONOURS = SUFFIXES - {"ii", "iii", "iv", "jr", "sr"}
"""Suffixes that tell an honour, a degree or an office, and are not part of the name."""

_PRONOUNS = {"female": "she", "male": "he"}
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’]|['’]S)$")


def without_possessive(text: str) -> str:
    """The text without a final 's or, after an s, a final apostrophe."""
    return _POSSESSIVE.sub("", text.rstrip())


@lru_cache(maxsize=16384)
def key(word: str) -> str:
    """The word as names are compared: no accents, no case, no full stops, no "al-" before it."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    plain = plain.casefold().replace(".", "").replace("’", "'")
    return re.sub(r"^(?:al|el|as|ash|ad|an)-(?=\w)", "", plain)


@lru_cache(maxsize=16384)
def gender_of(given: str) -> Gender | None:
    """Whether a given name is borne almost only by women or almost only by men; None where it is not known."""
    plain = key(given).partition("-")[0]
    if plain in FEMALE:
        return "female"
    return "male" if plain in MALE else None


def pronoun_of(given: str) -> str | None:
    """The pronoun, "he" or "she", that a given name tells; None where it tells none."""
    return _PRONOUNS.get(gender_of(given) or "")


@lru_cache(maxsize=16384)
def is_title(word: str) -> bool:
    """Whether a word can stand before a name without being part of it: Senator, Mr., vice-president."""
    plain = key(word)
    return plain in TITLES or (plain.startswith("vice-") and plain[5:] in TITLES)
