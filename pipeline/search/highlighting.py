"""Finds the words of a search in a text, by the same terms by which Elasticsearch found it.

The offsets are those of the text as it was written, whatever accents, apostrophes and endings the words have there.
"""

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from pipeline import terms
from pipeline.search.query_parser import Term

Range = tuple[int, int]

MAX_CHARACTERS = 100_000
"""Words behind these are not marked."""

PASSAGE = 160
"""About how many characters of a paragraph are shown around the words that were found."""


_PIECE = re.compile(r"\S+")


class _Token(NamedTuple):
    term: str
    stem: str
    start: int
    end: int


def matches(text: str, wanted: Sequence[Term]) -> list[Range]:
    """Where words that are wanted stand in the text: in order, and none within another."""
    if not wanted or not text:
        return []
    if all(map(_is_plain, wanted)):
        return _merged(set(_of_plain(text, wanted)))
    tokens = _tokens(text)
    found = {place for term in wanted for place in _find(term, tokens)}
    return _merged(found)


def passage(text: str, found: Sequence[Range]) -> tuple[str, list[Range]]:
    """The part of a text with the most of what was found, and what was found in it; empty where nothing was found."""
    if not found:
        return "", []
    best = max(found, key=lambda one: (sum(1 for other in found if 0 <= other[0] - one[0] < PASSAGE), -one[0]))
    room = max(0, PASSAGE - (best[1] - best[0])) // 3
    begin = 0 if best[0] <= room else _word_begin(text, best[0] - room)
    end = len(text) if len(text) - begin <= PASSAGE else max(best[1], _word_end(text, begin + PASSAGE))
    inside = [(start - begin, finish - begin) for start, finish in found if begin <= start and finish <= end]
    return text[begin:end], inside


def _is_plain(term: Term) -> bool:
    """Whether it is one word, as written."""
    return len(term.terms) == 1 and term.near is None and not term.prefix and not term.fuzzy


def _of_plain(text: str, wanted: Sequence[Term]) -> Iterable[Range]:
    """Where the words stand: as `_find` says, in less time, and most searches have no other terms."""
    own = {term.terms[0] for term in wanted}
    stems = {terms.stem(term) for term in own}
    for piece in _PIECE.finditer(text[:MAX_CHARACTERS]):
        if _has(piece.group(), own, stems):
            for word in terms.words(piece.group()):
                if any(term in own or terms.stem(term) in stems for term in word.terms):
                    yield piece.start() + word.start, piece.start() + word.end


def _has(piece: str, own: AbstractSet[str], stems: AbstractSet[str]) -> bool:
    """Whether any of the terms, or a word with such a stem, is in a piece without white space."""
    made, stemmed = terms.of_piece(piece)
    if made in own or stemmed in stems:
        return True
    return " " in made and not (own.isdisjoint(made.split()) and stems.isdisjoint(stemmed.split()))


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(term, terms.stem(term), word.start, word.end)
        for word in terms.words(text[:MAX_CHARACTERS])
        for term in word.terms
    ]


def _find(term: Term, tokens: list[_Token]) -> Iterable[Range]:
    if term.near is not None:
        return _near(term, tokens)
    if len(term.terms) > 1:
        return _phrase(term, tokens)
    return (_range([token]) for token in tokens if _fits(term, term.terms[0], token, last=True))


def _fits(term: Term, wanted: str, token: _Token, *, last: bool) -> bool:
    if term.prefix and last:
        return token.term.startswith(wanted)
    if term.fuzzy:
        return token.term[:1] == wanted[:1] and distance(token.term, wanted, term.fuzzy) <= term.fuzzy
    return token.stem == terms.stem(wanted) or token.term == wanted


def _phrase(term: Term, tokens: list[_Token]) -> Iterable[Range]:
    length = len(term.terms)
    for at in range(len(tokens) - length + 1):
        piece = tokens[at : at + length]
        if all(
            _fits(term, wanted, token, last=number == length - 1)
            for number, (wanted, token) in enumerate(zip(term.terms, piece, strict=True))
        ):
            yield _range(piece)


def _near(term: Term, tokens: list[_Token]) -> Iterable[Range]:
    """The words where they stand near each other, each by itself."""
    reach = len(term.terms) + (term.near or 0)
    stems = set(map(terms.stem, term.terms))
    places = [at for at, token in enumerate(tokens) if token.stem in stems]
    for at in places:
        window = [place for place in places if at <= place < at + reach]
        if {tokens[place].stem for place in window} == stems:
            yield from (_range([tokens[place]]) for place in window)


def _range(piece: Sequence[_Token]) -> Range:
    return piece[0].start, piece[-1].end


def _merged(found: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(found, key=lambda one: (one[0], -one[1])):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _word_begin(text: str, at: int) -> int:
    space = text.find(" ", at)
    return space + 1 if 0 <= space < at + PASSAGE // 4 else at


def _word_end(text: str, at: int) -> int:
    space = text.rfind(" ", 0, at)
    return space if space > at - PASSAGE // 4 else at


def distance(one: str, other: str, most: int) -> int:
    """How many letters must be changed, added, dropped or swapped; more than `most` where that is more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and right == one[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
