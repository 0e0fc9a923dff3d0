"""Finds who holds the role, or which body is of the kind, that "the …" names."""

import re

from pipeline.text.names.descriptions import FORMER
from pipeline.text.names.name_index import NORP, ORG, PERSON, Referent
from pipeline.text.names.presence import Presence, Scored, best_first
from pipeline.text.names.referents import Referents
from pipeline.text.quotes.lexicon.nouns import (
    ALSO_CALLED,
    COMPANIES,
    EPITHETS,
    FEMALE_NOUNS,
    INSTITUTIONS,
    MALE_NOUNS,
    role,
)

AGED = re.compile(r"\d{1,3}-year-old")
_BODIES = COMPANIES | INSTITUTIONS
_PUBLIC_BODIES = INSTITUTIONS - COMPANIES
_ANY_BODY = frozenset({"group", "organisation", "organization", "body"})
_LOOSE = frozenset({"former", "outgoing", "new", "old", "then", "late", "embattled", "ex", "acting", "own", "the"})
_DEPUTY = frozenset({"deputy", "vice", "shadow", "assistant"})
"""Words that make a role another: the mayor is not the deputy mayor."""

_LEADERS = frozenset({"boss", "coach", "manager"})
_OF_LEADERS = frozenset({"assistant", "caretaker", "chief", "executive", "head", "interim", "new", "player"})
_ELECTED = frozenset({"senator", "congressman", "congresswoman", "governor", "representative"})
_MODIFIERS = frozenset({"NN", "NNP", "NNS", "JJ"})
_BEFORE_NAME = 4  # tokens between a nation's word and the name that it tells of
_NATIONS = ("an", "i")
"""What names of nations end in that are not those of many: the Norwegian, the Iraqi; not the British, the Swiss."""


class RoleHolders:
    """Who holds which role in one article."""

    def __init__(self, referents: Referents, presence: Presence) -> None:
        self._table = referents.table
        self._referents = referents
        self._presence = presence

    def of(self, head: int, first: int, last: int, noun: str) -> Scored:
        """Who holds the role, or which body is of the kind, that "the …" names; best first.

        Args:
            head: the noun's token.
            first: the mention's first token.
            last: the mention's last token.
            noun: the noun in small letters.
        """
        table = self._table
        modifiers = {table.lower[t] for t in range(first, last + 1)
                     if t != head and table.tag[t] in _MODIFIERS} - _LOOSE  # fmt: skip
        modifiers -= {w for w in modifiers if table.tag[head][:2] == "NN" and w.endswith("-year-old")}
        near = [one for one in self._referents.near(head) if not one.shared_by]
        scored = self._told(near, head, first, noun, modifiers)
        if not scored and noun in _LEADERS and modifiers:
            scored = self._leading(near, head, noun, modifiers)
        if not scored and table.lower[first] == "the" and self._is_epithet(head, first, last, noun, modifiers):
            scored = self._fitting(near, head, noun)
        scored = best_first(self._of_today(scored, noun, first, last))
        if not scored and noun in COMPANIES and not modifiers:
            scored = best_first(self._subject_bodies(near, head, noun))
        return scored

    def _told(self, near: list[Referent], head: int, first: int, noun: str, modifiers: set[str]) -> Scored:
        """Those whom the article says to hold the role, and the bodies that it says or calls to be of the kind."""
        table, held = self._table, role(noun)
        before = set(table.lower[first:head])
        people, bodies = table.tag[head] != "NNS", noun in _BODIES
        scored: Scored = []
        for referent in near:
            is_person = referent.label == PERSON
            if not referent.mentions or not (people if is_person else bodies):
                continue
            is_held = any(held == told and modifiers <= words and not _DEPUTY & words - {noun} - before
                          for told, words in referent.roles)  # fmt: skip
            if is_held or (not is_person and _is_called(referent, noun, modifiers)):
                more = 0.0 if is_person else 0.3 * referent.company
                scored.append((self._presence.score(referent, head) + more, referent))
        return scored

    def _leading(self, near: list[Referent], head: int, noun: str, modifiers: set[str]) -> Scored:
        """Who leads what "the Dunmore boss" names, as its manager or coach."""
        team = modifiers - _LEADERS - _OF_LEADERS
        scored: Scored = []
        for referent in near:
            if referent.label != PERSON or not referent.mentions:
                continue
            led = [
                words for held, words in referent.roles if _LEADERS & words or (noun == "boss" and held == role(noun))
            ]
            told = (words - _LEADERS - _OF_LEADERS - set(referent.words) for words in led)
            if any(words and words <= team for words in told):
                scored.append((self._presence.score(referent, head), referent))
        return scored

    def _is_epithet(self, head: int, first: int, last: int, noun: str, modifiers: set[str]) -> bool:
        """Whether "the …" may be anybody: the Democrat, the Ohio senator, the 19-year-old, the Norwegian."""
        table = self._table
        if noun in EPITHETS or (noun in _ELECTED and modifiers):
            return True
        return bool(AGED.search(table.text, table.start[first], table.end[last])) or self._is_of_nation(head, first)

    def _is_of_nation(self, head: int, first: int) -> bool:
        """Whether "the Norwegian" is one person: somebody whom the article has not called so before without a name."""
        table = self._table
        noun = table.lower[head]
        single = head == first + 1 and table.tag[head] in {"NN", "NNP", "JJ"} and noun.endswith(_NATIONS)
        if not single or table.entity[head] != NORP:
            return False
        return all(self._is_of_person(token) for token in range(head) if table.lower[token] == noun)

    def _is_of_person(self, token: int) -> bool:
        """Whether a nation's word tells of a name behind it: the Norwegian skier Ann Lee."""
        table, by_token = self._table, self._referents.by_token
        behind = token + 1
        while behind not in by_token and table.tag[behind] in {"NN", "JJ"} and behind < token + _BEFORE_NAME:
            behind += 1
        named = by_token.get(behind)
        return named is not None and named.label == PERSON

    def _fitting(self, near: list[Referent], head: int, noun: str) -> Scored:
        """The people whose gender goes with an epithet; only those whom the article calls so, where it does."""
        gender = "he" if noun in MALE_NOUNS else "she" if noun in FEMALE_NOUNS else None
        scored = [(self._presence.score(p, head), p) for p in near if p.label == PERSON
                  and (gender is None or p.gender in {None, gender})]  # fmt: skip
        told = [one for one in scored if any(noun in words for _, words in one[1].roles)]
        return told or scored  # the Norwegian is the Norwegian skier

    def _of_today(self, scored: Scored, noun: str, first: int, last: int) -> Scored:
        """Those who hold a role today, or for "the former governor" once; all where that is everybody or nobody."""
        past = not FORMER.isdisjoint(self._table.lower[first : last + 1])
        fits = [one for one in scored
                if past == all(FORMER & words for held, words in one[1].roles if held == role(noun))]  # fmt: skip
        return fits or scored

    def _subject_bodies(self, near: list[Referent], head: int, noun: str) -> Scored:
        """The businesses that the article is about, where none has the word in its name."""
        return [(self._presence.score(p, head), p) for p in near if p.label == ORG
                and (noun in _ANY_BODY or _PUBLIC_BODIES.isdisjoint(p.words))]  # fmt: skip


def _is_called(referent: Referent, noun: str, modifiers: set[str]) -> bool:
    """Whether a body's name says that it is of a kind."""
    if not modifiers.issubset(referent.words):
        return False
    if noun in referent.words or not ALSO_CALLED.get(noun, frozenset()).isdisjoint(referent.words):
        return True
    return noun in COMPANIES and referent.company
