"""Names of people: their parts, and what they tell."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pipeline.text.names.given_names import FEMALE, MALE
from pipeline.text.word_lists import read_words

Gender = Literal["female", "male"]

_TITLES = read_words("pipeline.text.names", "titles.txt")
FEMALE_TITLES, MALE_TITLES = _TITLES["female"], _TITLES["male"]
REGAL = _TITLES["regal"]
"""Titles that are part of the name: Pope Francis is not Francis."""

TITLES = (FEMALE_TITLES | MALE_TITLES | REGAL | _TITLES["other"]) - _TITLES["not titles"]
"""Words before a name that are not part of it, in small letters and without a full stop."""

PARTICLES = _TITLES["particles"]
SUFFIXES = _TITLES["suffixes"]
HONOURS = SUFFIXES - {"ii", "iii", "iv", "jr", "sr"}
"""Suffixes that tell an honour, a degree or an office, and are not part of the name."""

_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’]|['’]S)$")
_INITIAL = re.compile(r"(?:\w\.)+\w?|[A-ZÀ-Þ]\.?")


def without_possessive(text: str) -> str:
    """The text without a final 's or, after an s, a final apostrophe."""
    return _POSSESSIVE.sub("", text.rstrip())


@lru_cache(maxsize=16384)
def key(word: str) -> str:
    """The word as names are compared: no accents, no case, no full stops, no "al-" before it."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    plain = plain.casefold().replace(".", "").replace("’", "'")
    return re.sub(r"^(?:al|el|as|ash|ad|an)-(?=\w)", "", plain)


@dataclass(frozen=True)
class PersonName:
    """A person's name in its parts, as written; parts that are not there are empty.

    A lone word is taken as the family name: news calls people by it.
    """

    titles: tuple[str, ...] = ()
    given: str = ""
    middle: tuple[str, ...] = ()
    particles: tuple[str, ...] = ()
    family: str = ""
    suffix: str = ""

    @property
    def full(self) -> str:
        """The name without its titles, save those that belong to it ("Pope Francis")."""
        regal = self.titles[-1:] if self.titles and key(self.titles[-1]) in REGAL and not self.given else ()
        return " ".join(part for part in (*regal, *self.words, self.suffix) if part)

    @property
    def words(self) -> tuple[str, ...]:
        """Given, middle and family names with their particles, in order."""
        return tuple(part for part in (self.given, *self.middle, *self.particles, self.family) if part)

    @property
    def is_full(self) -> bool:
        """Whether there is a given name besides the family name, or a title that stands for one."""
        return bool(self.given) or (bool(self.titles) and key(self.titles[-1]) in REGAL)

    @property
    def gender(self) -> Gender | None:
        """What the titles or else the given name tell; None where they tell nothing."""
        for title in self.titles:
            if key(title) in FEMALE_TITLES:
                return "female"
            if key(title) in MALE_TITLES:
                return "male"
        return gender_of(self.given)


def gender_of(given: str) -> Gender | None:
    """Whether a given name is borne almost only by women or almost only by men; None where it is not known."""
    plain = key(given).partition("-")[0]
    if plain in FEMALE:
        return "female"
    return "male" if plain in MALE else None


def parse(text: str) -> PersonName:
    """The parts of a person's name: "Senator Marco Rubio's" has the title Senator, given Marco, family Rubio."""
    words = [word.strip(',;:()[]“”"') for word in without_possessive(text.strip()).split()]
    words = [word for word in words if word]
    suffix = ""
    while len(words) > 1 and key(words[-1]) in SUFFIXES:
        suffix = f"{words.pop()} {suffix}".strip()
    first = 0
    while first < len(words) - 1 and is_title(words[first]):
        first += 1
    titles, words = tuple(words[:first]), words[first:]
    if not words:
        return PersonName(titles=titles, suffix=suffix)
    start = len(words) - 1
    while start > 0 and key(words[start - 1]) in PARTICLES and (start > 1 or not words[0][:1].isupper() or titles):
        start -= 1
    if start == 1 and key(words[0]) in PARTICLES:
        start = 0
    before = words[:start]
    return PersonName(
        titles=titles,
        given=before[0] if before else "",
        middle=tuple(before[1:]),
        particles=tuple(words[start:-1]),
        family=words[-1],
        suffix=suffix,
    )


def is_initial(word: str) -> bool:
    """Whether a word of a name is an initial or a few of them: "J.", "J.R.R."."""
    return bool(_INITIAL.fullmatch(word))


def is_title(word: str) -> bool:
    """Whether a word can stand before a name without being part of it: Senator, Mr., vice-president."""
    plain = key(word)
    return plain in TITLES or (plain.startswith("vice-") and plain[5:] in TITLES)
