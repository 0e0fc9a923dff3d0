"""Turns text into the terms that a search compares: words without case, accents and apostrophes, and their stems.

What is written to an index and what somebody types go through the same functions, so that a search finds the same on
every Elasticsearch, whichever of its analysis modules are there. The indices hold the terms as words with spaces
between (`pipeline.sink.documents`); the text itself stays as it was written.

A word becomes terms in these steps:

1. Unicode's compatibility forms become plain ones (NFKD after folding of case): ﬁ → fi, Ａ → a.
2. Accents and points are dropped from Latin, Greek, Cyrillic, Hebrew and Arabic letters: Łódź → lodz. Other scripts
   keep their marks, which there are vowels.
3. Invisible characters, such as the soft hyphen, are dropped.
4. A possessive ending is dropped, and so are other apostrophes, whatever sign they are: Kenya’s → kenya, O'Brien →
   obrien. French and Italian articles become words of their own: l’Élysée → l elysee.
5. Abbreviations lose their stops, and numbers the signs between their thousands: U.S. → us, 1,200.50 → 1200.50.

The stem of a term is that of Snowball's English stemmer: warnings → warn.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import regex
import snowballstemmer

LONGEST = 100
"""The most characters of a term; Elasticsearch cuts words after 255."""

_REMEMBERED, _PIECES = 40, 15_000
"""The most characters of a text's piece, or of a name, whose terms are remembered, and of how many pieces at the least;
twice as many, the most, take some 8 MB, 2,000 names half of one."""

_LONGEST_WORD = 10 * LONGEST
"""The most characters of a word that its terms are made of."""

_LONG, _AT_ONCE = 2**18, 2**15
"""Characters of a text, and of a piece, that is cut, and of the parts that a text is cut into: each word of a part
takes a hundred bytes while its terms are made."""

_APOSTROPHES = "'’‘ʼ′＇`´‛ʹʻ"
_SINGLE = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # written without spaces: each letter is a word
_LETTER = rf"[[\p{{L}}\p{{N}}]--[{_SINGLE}]]"
_FOLLOWING = r"[\p{M}\p{Cf}]*"
# One set, and few repeats of more than that: regex takes a hundred bytes for each, and a word may have megabytes.
_LETTERS = rf"{_LETTER}[[\p{{L}}\p{{N}}\p{{M}}\p{{Cf}}]--[{_SINGLE}]]*+"
_MOST_JOINED = 50
_WORD = regex.compile(
    rf"""(?V1)
      [{_SINGLE}]{_FOLLOWING}
    | (?<![\p{{L}}\p{{N}}])\p{{L}}(?:\.\p{{L}}(?![\p{{L}}\p{{N}}])){{1,{_MOST_JOINED}}}
      (?:\.?[{_APOSTROPHES}]s(?![\p{{L}}\p{{N}}]))?
    | (?<![\p{{L}}\p{{N}}])[A-Za-z](?:\+\+|\#)(?![\p{{L}}\p{{N}}])
    | {_LETTERS}(?:(?:[{_APOSTROPHES}]|(?<=\p{{N}})[.,](?=\p{{N}})){_LETTERS}){{0,{_MOST_JOINED}}}
    """,
    regex.VERBOSE,
)
_ABBREVIATION = regex.compile(r"\p{L}\p{M}*(?:\.\p{L}\p{M}*)+\.?")
_LANGUAGE = regex.compile(r"[a-z]+(?:\+\+|#)")
_ENGLISH_NUMBER = regex.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_EUROPEAN_NUMBER = regex.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_ARTICLE = regex.compile(r"([cdjlmnst]|\w*qu|d?all|dell|nell|sull|un)'([aeiouh].*)")
_PART = regex.compile(r"[^\W_]+(?:\.\d+[^\W_]*)*(?:\p{M}+[^\W_]*)*")
_WITHOUT_MARKS = 0x0900
"""Letters before this code point (Latin, Greek, Cyrillic, Hebrew, Arabic) lose their marks; Devanagari begins here."""

_AROUND = ".,;:!?()[]\"“”„«»'‘’-–—…"
"""Signs that stand before and behind words and that are of no word there."""

_PLAIN = str.maketrans(
    {
        "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t",
        "ŋ": "n", "ĸ": "k", "ƒ": "f", "ə": "e", "ß": "ss", "ĳ": "ij", "ς": "σ", "ـ": "",
        **dict.fromkeys(_APOSTROPHES, "'"),
    }
)  # fmt: skip

_stemmer = snowballstemmer.stemmer("english")


class Word(NamedTuple):
    """A word of a text: `text[start:end]`, and the terms that it becomes."""

    start: int
    end: int
    terms: tuple[str, ...]


def words(text: str) -> Iterator[Word]:
    """The words of a text, in order. What has neither letters nor digits is no word."""
    for match in _WORD.finditer(text):
        start, end = match.span()
        fold = _fold if end - start <= _REMEMBERED else _fold.__wrapped__
        if terms := fold(text[start : min(end, start + _LONGEST_WORD)]):
            yield Word(start, end, terms)


def fold(text: str) -> tuple[str, ...]:
    """The terms of a text, in order."""
    return tuple(folded(text).split())


def folded(text: str) -> str:
    """The terms of a text, with spaces between: as an index holds a name, and as a name is compared."""
    return _of_name(text) if len(text) <= _REMEMBERED else indexed(text)[0]


@lru_cache(maxsize=50_000)
def stem(term: str) -> str:
    """The stem of a term. What is not written in English letters stays as it is."""
    if not (term.isascii() and term.isalpha()):
        return term
    return str(_stemmer.stemWord(term))


def indexed(text: str) -> tuple[str, str]:
    """The terms of a text, and their stems, as an index holds them: with spaces between."""
    # No word reaches over white space, nor does what is before or behind it tell of a word: each piece is for itself.
    pieces = map(indexed, _parts(text)) if len(text) > _LONG else map(of_piece, text.split())
    made = list(pieces)
    return " ".join([terms for terms, _ in made if terms]), " ".join([stems for _, stems in made if stems])


def _parts(text: str) -> Iterator[str]:
    """A long text cut at white space where there is some."""
    start = 0
    while start < len(text):
        end = start + _AT_ONCE
        last = min(len(text), start + _LONG)
        while end < last and not text[end].isspace():
            end += 1
        yield text[start:end]
        start = end


class _Pieces(dict[str, tuple[str, str]]):
    """The terms and stems of the latest short pieces of text; getting them is as quick as from a dict.

    It holds `_PIECES` of them, and as many before those, which it takes up again where they are asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[str, tuple[str, str]] = {}

    def __missing__(self, piece: str) -> tuple[str, str]:
        if len(piece) > _REMEMBERED:
            return _make(piece)
        made = self._before.get(piece) or _make(piece)
        if len(self) >= _PIECES:
            self._before = dict(self)
            self.clear()
        self[piece] = made
        return made


def _make(piece: str) -> tuple[str, str]:
    word = piece.strip(_AROUND)
    if len(word) <= _REMEMBERED and word.isascii() and word.isalnum():  # nearly nine of ten; the same, more quickly
        term = piece if word == piece and word.islower() else word.lower()
        stemmed = stem(term)
        return term, term if stemmed == term else stemmed  # one text in memory where they are the same
    terms = [term for word in words(piece) for term in word.terms]
    return " ".join(terms), " ".join(map(stem, terms))


of_piece = _Pieces().__getitem__
"""The same as `indexed`, of a piece of text without white space; those of the latest pieces are remembered."""
_of_name = lru_cache(maxsize=2_000)(lambda name: indexed(name)[0])  # articles name the same people again and again


@lru_cache(maxsize=20_000)
def _fold(word: str) -> tuple[str, ...]:
    if word.isascii() and word.isalnum():
        return (word.lower()[:LONGEST],)
    plain = _plain(word)
    if _LANGUAGE.fullmatch(plain):
        return (plain,)
    plain = plain.removesuffix("'s")
    if _ABBREVIATION.fullmatch(plain):
        plain = plain.replace(".", "")
    elif _ENGLISH_NUMBER.fullmatch(plain):
        plain = plain.replace(",", "")
    elif _EUROPEAN_NUMBER.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    pieces = article.groups() if (article := _ARTICLE.fullmatch(plain)) else (plain,)
    return tuple(part[:LONGEST] for piece in pieces for part in _PART.findall(piece.replace("'", "").replace("⁄", " ")))


def _plain(word: str) -> str:
    """The word without case, accents and invisible characters."""
    kept, base = [], 0
    for character in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold()).translate(_PLAIN):
        category = unicodedata.category(character)
        if category == "Cf":
            continue
        if category[0] != "M":
            base = ord(character)
        elif base < _WITHOUT_MARKS:
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))
