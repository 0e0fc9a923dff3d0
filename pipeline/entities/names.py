"""Cuts a name into words that can be compared, whatever its script, accents, order, hyphens and titles.

Letters are made Latin with anyascii; the nicknames are those of the nicknames data set. `romanised` undoes what
transliterations differ in: "Zelenskyy", "Zelensky" and "Зеленський" become one word.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from anyascii import anyascii
from nameparser.config.suffixes import SUFFIX_WORDS
from nameparser.config.titles import TITLES
from nicknames import NickNamer

MAX_CHARACTERS = 200
"""No more of a name is compared."""

MAX_WORDS = 12

PARTICLES = frozenset(
    "a abu al ap ar as at az bar ben bin bint d da dal das de del della den der des di do dos du e ed el en et i ibn "
    "in la las le les lo los of op san st ter the ur van vande vom von vor y z zu zum zur".split()
)
"""Words of names that are left out, added and joined at will."""

_HONORIFICS = frozenset(
    "mr mrs ms miss mx dr prof sir dame lord lady hon rev sen rep gov pres gen col capt lt sgt".split()
)
_NAMES_TOO = frozenset("king prince queen khan ali marquis earl baron duke pope saint".split())
_TITLES = frozenset(title for title in TITLES if len(title) > 2) - _NAMES_TOO
_SUFFIXES = {"jr": "2", "junior": "2", "ii": "2", "sr": "1", "senior": "1", "iii": "3", "iv": "4", "v": "5"}
_DEGREES = frozenset(SUFFIX_WORDS) | frozenset(
    "phd md esq mp mep obe kbe cbe qc kc dds cpa mba jd llb bsc msc ba ma".split()
)
_APOSTROPHES = re.compile("['’‘ʼʻ`´ʾʿ′]")
_CAMEL = re.compile(r"(?<=[a-z]{3})(?=[A-Z][a-z]{2})")
_INITIALS = re.compile(r"\b((?:\w\.){2,})")
_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile('["“”„«»(\\[].{1,40}?["“”„«»)\\]]')

_NICKNAME = re.compile('["“„«(]([^"“”„«»()]{2,20})["”“»)]')

# What one sound is written as in different transliterations, in this order.
_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"sch|sh|shch", "s"), (r"tsch|tch|ch|cz|tj", "c"), (r"kh|gh|ck|q|kk", "k"), (r"x", "ks"), (r"ph", "f"),
        (r"dzh|dj|zh", "j"), (r"th", "t"), (r"dh", "d"), (r"ts|tz", "z"), (r"h(?=[^aeiouy]|$)", ""), (r"w", "v"),
        (r"ff$|v$|f$", "v"), (r"ee|ie|iy|yi|ij|ey|ei|ai|ay", "i"), (r"oo|ou", "u"), (r"y|j(?=[^aeiou]|$)", "i"),
        (r"j", "i"), (r"e(?=[aou])|i(?=[aeou])", "i"), (r"o(?=[^aeiou]|$)", "u"), (r"e", "i"), (r"(.)\1+", r"\1"),
        (r"(?<=.)i+$", "i"),
    )
]  # fmt: skip
_SHORT = 4
_DOUBLE = re.compile(r"(.)\1+")
_VOWELS = re.compile("[aeiouywh]")
_GLUED = re.compile(r"(?<![\w.])([A-Z]{2})(?= [A-Z][a-z])")
_FAR = frozenset({"ARABIC", "HEBREW", "SYRIAC", "THAANA", "CJK", "HIRAGANA", "KATAKANA", "HANGUL"})
_IDEOGRAPHS = frozenset({"CJK", "HANGUL"})
_PATRONYMIC = frozenset({"bin", "ben", "ibn", "bint", "binti"})
_nicknamer = NickNamer()


@dataclass(frozen=True)
class Word:
    """A word of a name: in Latin lower-case letters, and as what it sounds like."""

    text: str
    sound: str
    skeleton: str
    """Its consonants."""
    script: str
    original: str
    particle: bool = False
    """Whether it may be left out."""

    @property
    def initial(self) -> bool:
        """Whether it is one letter that stands for a name."""
        return len(self.text) == 1 and self.script not in _FAR


@dataclass(frozen=True)
class ParsedName:
    """A name in words, without titles, honorifics and degrees."""

    words: tuple[Word, ...]
    suffix: str = ""
    """The number of "Jr." (2) and "III" (3); empty without."""

    @cached_property
    def key(self) -> str:
        """Equal for names that have the same words, in any order, but for accents, particles and transliteration."""
        strong = [word.sound for word in self.words if not word.particle] or [word.sound for word in self.words]
        return " ".join(sorted(strong)) + (f" {self.suffix}" if self.suffix else "")

    @cached_property
    def plain(self) -> str:
        """Its words as one text in the order they came: Latin, but for scripts in which each letter is a syllable."""
        return " ".join(word.original if word.script in _IDEOGRAPHS else word.text for word in self.words)

    @cached_property
    def strong(self) -> tuple[Word, ...]:
        """Its words without particles and initials."""
        return tuple(word for word in self.words if not word.particle and not word.initial)


@lru_cache(maxsize=65536)
def parse(name: str, *, person: bool = True) -> ParsedName:
    """The name in words. A name that has none gives none; "Last, First" is turned round; titles are left out."""
    text = unicodedata.normalize("NFKC", name[:MAX_CHARACTERS])
    text = _APOSTROPHES.sub("", _QUOTED.sub(" ", text) if len(text) > 12 else text)
    if person:
        text = _INITIALS.sub(lambda match: match.group(1).replace(".", ". "), _CAMEL.sub(" ", text))
        text = _GLUED.sub(lambda match: " ".join(match.group(1)), text)
        first, comma, rest = text.partition(",")
        if comma and rest.strip() and not _is_suffix(rest):
            text = f"{rest} {first}"
    hyphens = {match.start() - 1 for match in _WORD.finditer(text) if text[: match.start()].endswith("-")}
    tokens = list(_WORD.finditer(text))
    words = []
    for at, token in enumerate(tokens):
        # "Ben Ray Luján" and "Al Gore" begin with a name, "al-Sayed" and "bin Laden" with a particle.
        is_name = at == 0 and len(tokens) > 1 and token.end() not in hyphens and not token.group().islower()
        word = _word(token.group(), not is_name)
        if word.text:
            words.append(word)
    words = words[:MAX_WORDS]
    suffix = ""
    if person and len(words) > 1:
        words, suffix = _without_titles(words)
    return ParsedName(tuple(words), suffix)


@lru_cache(maxsize=65536)
def forms(name: str, *, person: bool = True) -> tuple[ParsedName, ...]:
    """The name in words; and where it has a nickname in quotation marks, the nickname with the last name."""
    parsed = parse(name, person=person)
    nickname = _NICKNAME.search(name[:MAX_CHARACTERS]) if person else None
    if not nickname or not parsed.words:
        return (parsed,)
    other = parse(f"{nickname.group(1)} {parsed.words[-1].original}", person=True)
    return parsed, ParsedName(other.words, parsed.suffix)


def _is_suffix(text: str) -> bool:
    return all(token in _SUFFIXES or token in _DEGREES for token in _WORD.findall(text.casefold()))


def _without_titles(words: list[Word]) -> tuple[list[Word], str]:
    while len(words) > 1 and (words[0].text in _HONORIFICS or (words[0].text in _TITLES and len(words) > 2)):
        words = words[1:]
    suffix = ""
    while len(words) > 1 and (words[-1].text in _SUFFIXES or (words[-1].text in _DEGREES and len(words) > 2)):
        suffix = _SUFFIXES.get(words[-1].text, suffix)
        words = words[:-1]
    return words, suffix


@lru_cache(maxsize=131072)
def _word(token: str, may_be_particle: bool) -> Word:
    folded = token.casefold()
    latin = "".join(char for char in anyascii(folded).casefold() if char.isalnum())
    return Word(latin, romanised(latin), _VOWELS.sub("", romanised(latin)) or latin[:1], script(token), folded,
                may_be_particle and latin in PARTICLES)  # fmt: skip


@lru_cache(maxsize=131072)
def romanised(latin: str) -> str:
    """What a Latin word sounds like, roughly: the same for the transliterations of one word.

    Of short words hardly anything is left by that, so that they stay as they are, but for y and double letters.
    """
    if len(latin) <= _SHORT:
        return _DOUBLE.sub(r"\1", latin.replace("y", "i")) or latin
    text = latin
    for pattern, sound in _SOUNDS:
        text = pattern.sub(sound, text)
    return text or latin


def script(text: str) -> str:
    """The script of the first letter: "LATIN", "CYRILLIC", "ARABIC", "CJK" …; "LATIN" where there is none."""
    for char in text:
        if char.isalpha():
            return unicodedata.name(char, "LATIN").split(" ")[0].split("-")[0]
    return "LATIN"


def is_far(script: str) -> bool:
    """Whether the script leaves vowels out, or adds them, so that only consonants can be compared with Latin."""
    return script in _FAR


def is_ideographic(script: str) -> bool:
    """Whether each letter of the script is a syllable or a word, so that one wrong letter makes another name."""
    return script in _IDEOGRAPHS


def patronymic(words: Sequence[Word]) -> int | None:
    """Where the first "bin", "ben" or "ibn" stands, with a name on each side."""
    at = next((at for at, word in enumerate(words) if at and word.text in _PATRONYMIC), None)
    return at if at is not None and at + 1 < len(words) else None


def join(first: Word, second: Word) -> Word:
    """Two words as one: "Patr ushev"."""
    return _word(first.original + second.original, False)


@lru_cache(maxsize=65536)
def short_forms(given: str) -> frozenset[str]:
    """The given name, its nicknames, and the names that it is a nickname of."""
    return frozenset({given}) | _nicknamer.nicknames_of(given) | _nicknamer.canonicals_of(given)


def fold(text: str) -> str:
    """The text in lower-case Latin letters with single spaces: equal for spellings with and without accents."""
    return " ".join(anyascii(unicodedata.normalize("NFKC", text[:MAX_CHARACTERS])).casefold().split())


@lru_cache(maxsize=65536)
def blocking_keys(name: str, *, person: bool) -> tuple[str, ...]:
    """The keys by which bearers of the same or a similar name are found; the first one is the name's own."""
    keys: dict[str, None] = {}
    for parsed in forms(name, person=person):
        if not parsed.words:
            continue
        keys[f"n:{parsed.key}"] = None
        if person:
            keys |= dict.fromkeys(_person_keys(parsed))
        elif len(parsed.words) > 1:
            keys[f"x:{acronym(parsed)}"] = None
        elif name.isupper() and 2 <= len(name) <= 8:
            keys[f"x:{parsed.plain}"] = None
    return tuple(keys)


def _person_keys(parsed: ParsedName) -> Iterator[str]:
    words = [word for word in parsed.words if not word.particle] or list(parsed.words)
    if len(words) < 2:
        yield f"w:{words[0].skeleton}"
        return
    first, last = words[0], words[-1]
    for surname, given in ((last, first), (first, last)):
        if surname.initial:
            continue
        yield f"w:{surname.skeleton}"
        letters = {romanised(form)[:1] for form in short_forms(given.text)} if not given.initial else {given.sound[:1]}
        yield from (f"g:{surname.skeleton}|{letter}" for letter in sorted(letters))


def is_proper(name: str) -> bool:
    """Whether the text is a name, and not a description such as "its developers": no word but particles is small."""
    words = [word for word in _WORD.findall(name) if word.casefold() not in PARTICLES and len(word) > 1]
    return bool(words) and not any(word.islower() for word in words)


_SMALL = frozenset("of the and for in on de la des du et & to".split())


def acronym(parsed: ParsedName) -> str:
    """The first letters of a name's words, without those of small words."""
    return "".join(word.text[0] for word in parsed.words if word.text not in _SMALL)
