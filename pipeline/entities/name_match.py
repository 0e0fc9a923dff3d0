"""Scores how likely two names are names of one person or thing, and says why.

The words of the two names are aligned, each with at most one of the other. Words agree where they are equal, sound
alike, differ by a slip of the pen, are short forms of each other, or one is the other's initial. Words that only the
longer name has cost little; where both names have a word that the other has not, they contradict each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from jellyfish import metaphone
from rapidfuzz.distance import OSA, Indel

from pipeline.entities import names
from pipeline.entities.names import ParsedName, Word

SAME = 0.8
"""The score from which on two names are taken for the same."""

_EQUAL, _SOUND, _NICK, _INITIAL = 1.0, 0.95, 0.88, 0.85
_PARTICLE_WEIGHT, _INITIAL_WEIGHT = 0.2, 0.4
_EXTRA = 0.12  # of the score, for words that one name has more
_CONTRADICTION = 0.55  # at the most, where each name has a word that the other has not
_SUFFIX = 0.98  # of the score is left where one name alone has "Jr."
_LETTERS_A_SLIP = 3.5
_MIN_FUZZY = 0.7


@dataclass(frozen=True)
class NameMatch:
    """How well two names agree, from 0 to 1, and what agrees and what does not."""

    score: float
    why: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the names are taken for the same."""
        return self.score >= SAME


@lru_cache(maxsize=262144)
def compare(one: str, other: str, *, person: bool = True) -> NameMatch:
    """Compares two names of persons, or of things. Symmetric."""
    if one > other:
        one, other = other, one
    pairs = product(*(names.forms(name, person=person) for name in (one, other)))
    return max((compare_parsed(*pair) for pair in pairs), key=lambda match: match.score)


def contradict(one: ParsedName, other: ParsedName) -> bool:
    """Whether two names of two words each are names of two, which is found out much sooner than how alike they are.

    Only where they have nothing else, such as a nickname in quotation marks; else it is False.
    """
    if len(one.words) != 2 or len(other.words) != 2 or any(word.particle for word in (*one.words, *other.words)):
        return False
    (first, second), (third, fourth) = one.words, other.words
    in_order = _agree(second, fourth)[0] and _agree(first, third)[0]
    return not in_order and not (_agree(first, fourth)[0] and _agree(second, third)[0])


def compare_parsed(one: ParsedName, other: ParsedName) -> NameMatch:
    """Compares two names that are in words already."""
    if not one.words or not other.words:
        return NameMatch(0.0, ("a name has no words",))
    if one.suffix and other.suffix and one.suffix != other.suffix:
        return NameMatch(0.3, ("one is a junior or a namesake of the other",))
    if one.plain == other.plain:
        return NameMatch(1.0, ("the same words",))
    best = max(_joined(one, other), _aligned(*_rejoined(one, other)), key=lambda match: match.score)
    if bool(one.suffix) != bool(other.suffix):
        best = NameMatch(best.score * _SUFFIX, (*best.why, "one has a suffix such as Jr."))
    return best


def _joined(one: ParsedName, other: ParsedName) -> NameMatch:
    """Compares them without spaces: "Jin Tao" and "Jintao", "Abd al-Rahman" and "Abdulrahman"."""
    first, second = ("".join(word.text for word in name.words) for name in (one, other))
    if len(one.words) == len(other.words) or min(len(first), len(second)) < 6:
        return NameMatch(0.0)
    distance = OSA.distance(first, second, score_cutoff=2)
    if distance == 0:
        return NameMatch(0.98, ("the same letters, spaced in another way",))
    sounds = ("".join(word.sound for word in name.words) for name in (one, other))
    if len(set(sounds)) == 1:
        return NameMatch(0.92, ("they sound the same, spaced in another way",))
    if distance <= 1 and min(len(first), len(second)) >= 8:
        return NameMatch(0.88, ("nearly the same letters, spaced in another way",))
    return NameMatch(0.0)


def _rejoined(one: ParsedName, other: ParsedName) -> tuple[list[Word], list[Word]]:
    """The words of both, those joined that the other name writes as one: "Patr ushev", "Mohammad Hasni"."""
    return _rejoin(one, other), _rejoin(other, one)


def _rejoin(name: ParsedName, other: ParsedName) -> list[Word]:
    words = list(name.words)
    whole = {word.sound for word in other.words if len(word.sound) > 3}
    at = 0
    while at + 1 < len(words) and whole:
        joined = names.join(words[at], words[at + 1])
        if joined.sound in whole and words[at].sound not in whole and words[at + 1].sound not in whole:
            words[at : at + 2] = [joined]
        at += 1
    return words


def _aligned(one: list[Word], other: list[Word]) -> NameMatch:
    left, right = dict(enumerate(one)), dict(enumerate(other))
    why: list[str] = []
    order: list[tuple[int, int]] = []
    total = weights = 0.0
    initials = full = 0
    for similarity, at, to, how in sorted(_pairs(one, other), key=lambda pair: (-pair[0], abs(pair[1] - pair[2]))):
        if at not in left or to not in right:
            continue
        first, second = left.pop(at), right.pop(to)
        weight = min(_weight(first), _weight(second))
        total += weight * similarity
        weights += weight
        full += weight >= 1
        initials += how == "initial"
        if weight >= 1:
            order.append((at, to))
        why.append(f"{first.original} = {second.original}" + (f" ({how})" if how else ""))
    if not full:
        return NameMatch(0.0, ("no word agrees",))
    extra, missing = ([word for word in side.values() if not word.particle] for side in (left, right))
    why += [f"{word.original} alone" for word in (*extra, *missing)]
    lonely = [sum(map(_weight, side)) for side in (extra, missing)]
    score = total / weights - min(0.18, _EXTRA * max(lonely) / weights)
    if all(lonely):
        score = min(score, _CONTRADICTION)
        why.append("each has a word that the other has not")
    elif _turned(one, other, order):
        score = min(score, _CONTRADICTION)
        why.append("the son of one has the father's name in the other")
    elif full == 1 and max(len(one), len(other)) > 1:
        # A surname, or a given name, says little; with an initial a little more.
        score = min(score, 0.82 - 0.02 * max(lonely) if initials and max(lonely) < 1 else 0.6)
        why.append("only one word agrees" + (" in full" if initials else ""))
    return NameMatch(round(max(0.0, score), 4), tuple(why))


def _turned(one: list[Word], other: list[Word], order: list[tuple[int, int]]) -> bool:
    """Whether the words before and after "bin" have changed places: Salman bin Muhammad, Muhammad bin Salman."""
    middles = [names.patronymic(words) for words in (one, other)]
    if None in middles:
        return False
    here, there = (middle or 0 for middle in middles)
    return any((at < here) != (to < there) for at, to in order)


def _pairs(one: list[Word], other: list[Word]) -> Iterator[tuple[float, int, int, str]]:
    for at, first in enumerate(one):
        for to, second in enumerate(other):
            similarity, how = _agree(first, second)
            if similarity:
                yield similarity, at, to, how


def _weight(word: Word) -> float:
    if word.particle:
        return _PARTICLE_WEIGHT
    return _INITIAL_WEIGHT if word.initial else 1.0


@lru_cache(maxsize=262144)
def _agree(first: Word, second: Word) -> tuple[float, str]:
    """How well two words agree, 0 where they do not, and by what."""
    if first.script == second.script and names.is_ideographic(first.script):
        return (_EQUAL, "") if first.original == second.original else (0.0, "")
    if first.text == second.text:
        return _EQUAL, ""
    if first.particle or second.particle:
        return (
            (0.9, "particle") if first.particle and second.particle and first.text[0] == second.text[0] else (0.0, "")
        )
    if first.initial or second.initial:
        return (_INITIAL, "initial") if first.text[0] == second.text[0] else (0.0, "")
    if names.is_far(first.script) != names.is_far(second.script):
        return _agree_consonants(first, second)
    if first.sound == second.sound:
        return _SOUND, "sound"
    if second.text in names.short_forms(first.text) or first.text in names.short_forms(second.text):
        return _NICK, "short form"
    return _agree_letters(first, second)


def _agree_consonants(first: Word, second: Word) -> tuple[float, str]:
    similarity = Indel.normalized_similarity(*(word.skeleton.replace("l", "r") for word in (first, second)))
    return (0.8 + 0.15 * similarity, "consonants") if similarity >= 0.8 else (0.0, "")


def _agree_letters(first: Word, second: Word) -> tuple[float, str]:
    longest = max(len(first.text), len(second.text))
    slips = int(longest / _LETTERS_A_SLIP)
    distance = min(
        OSA.distance(first.text, second.text, score_cutoff=slips),
        OSA.distance(first.sound, second.sound, score_cutoff=slips) + 0.5,
    )
    if distance > slips:
        return 0.0, ""
    similarity = 1 - distance / longest
    if similarity < _MIN_FUZZY:
        return 0.0, ""
    alike = bool(first.sound[:1] == second.sound[:1]) and metaphone(first.text) == metaphone(second.text)
    return (max(similarity, 0.92), "sound") if alike else (similarity, "letters")
