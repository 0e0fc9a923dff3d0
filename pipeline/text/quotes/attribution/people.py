"""Whom and what an article names: each name once, with all its mentions, its gender and its roles.

A surname, a first name, an acronym or a business without its legal form is a mention of the
full name, if a single full name fits best; if two fit, it is a mention of its own that both stand behind.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from pipeline.text import countries
from pipeline.text.names.person_name import (
    FEMALE_TITLES,
    MALE_TITLES,
    PARTICLES,
    REGAL,
    SUFFIXES,
    gender_of,
    is_title,
    key,
)
from pipeline.text.quotes.attribution.name_spans import BEFORE_PLACES, ORG, PERSON, find_spans, is_business
from pipeline.text.quotes.lexicon.nouns import INSTITUTIONS, KIN, LEGAL_FORMS, ROLES, role
from pipeline.text.quotes.tokens import Sheet

MANY = 300
"""Names of an article; where it has more, a mention stands for one of those that are named near it."""

_NEAR = 1000  # mentions of names before and behind a place that are near it
_ALIKE = 100  # full names with one word that a shorter name may stand for
_ADDED = 5  # words at the end of a business's name that a shorter form leaves out
_HONORIFIC = frozenset("mr mrs ms miss dr prof sir dame lord lady mister madam".split())
_SMALL = frozenset("the a an of and for in on & de du la".split())
_HE, _SHE = frozenset({"he", "him", "his", "himself"}), frozenset({"she", "her", "hers", "herself"})
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})


@dataclass(slots=True, eq=False)
class Person:
    """Someone or something the article names. `words` are the name's, as names are compared (`names.key`).

    `roles` are (noun, all words of its phrase); `behind` are those who share a name that fits several of them.
    """

    name: str
    label: str
    words: list[str]
    places: list[int] = field(default_factory=list)
    gender: str | None = None
    roles: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    behind: tuple["Person", ...] = ()
    company: bool = False
    fulls: list[int] = field(default_factory=list)

    @property
    def surname(self) -> list[str]:
        """The family name's words, with particles, without suffixes."""
        kept = [w for w in self.words if w not in SUFFIXES]
        start = max(0, len(kept) - 1)
        while start > 1 and kept[start - 1] in PARTICLES:
            start -= 1
        return kept[start:]


class People:
    """The names of one article; `by_token` says whose name a token belongs to, `spans` are all mentions in order."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.all: list[Person] = []
        self.by_token: dict[int, Person] = {}
        self._by_words: dict[tuple[str, ...], list[Person]] = defaultdict(list)
        self._by_edge: dict[str, list[Person]] = defaultdict(list)  # first and last word of a name
        self._by_start: dict[tuple[str, ...], list[Person]] = defaultdict(list)  # of businesses
        self._by_initials: dict[str, list[Person]] = defaultdict(list)
        self.spans = find_spans(sheet)
        self._places = {sheet.lower[a] for a, b, label in self.spans if a == b and a and label == "GPE"
                        and sheet.lower[a - 1] in BEFORE_PLACES}  # fmt: skip
        self._bracketed = _bracketed(sheet, self.spans)
        # Full names first: a surname may come before its full name.
        for first, last, label in sorted(self.spans, key=lambda s: (s[0] - s[1], s[0])):
            self._add(first, last, label)
        self._order = {id(person): number for number, person in enumerate(self.all)}
        self._firsts = [first for first, _, _ in self.spans]
        for person in self.all:
            person.places.sort()
            if person.label == PERSON and person.gender is None:
                person.gender = self._gender_by_pronoun(person)

    def near(self, token: int) -> list[Person]:
        """Those who may be meant at a token: all, or in an article with very many names those named near it."""
        if len(self.all) <= MANY:
            return self.all
        number = bisect_left(self._firsts, token)
        spans = self.spans[max(0, number - _NEAR) : number + _NEAR]
        named = {id(p): p for _, last, _ in spans if (p := self.by_token.get(last)) is not None}
        return sorted(named.values(), key=lambda p: self._order[id(p)])

    def of_word(self, word: str) -> list[Person]:
        """Those whose names begin or end with a word."""
        return self._by_edge.get(word, [])

    def spans_within(self, first: int, last: int) -> list[tuple[int, int, str]]:
        """The mentions of names that lie between two tokens, both included."""
        found = self.spans[bisect_left(self._firsts, first) : bisect_left(self._firsts, last + 1)]
        return [span for span in found if span[1] <= last]

    def _enter(self, person: Person) -> None:
        self.all.append(person)
        words = person.words
        self._by_words[tuple(words)].append(person)
        kept = [w for w in words if w not in SUFFIXES]
        for word in {words[0], words[-1], *kept[:1], *kept[-1:]}:
            if len(self._by_edge[word]) < _ALIKE:
                self._by_edge[word].append(person)
        if person.label != ORG or len(words) < 2:
            return
        for initials in _initials(words):
            self._by_initials[initials].append(person)
        for length in range(len(words) - 1, max(0, len(words) - 1 - _ADDED), -1):
            if not is_business(words[length]):
                break
            self._by_start[tuple(words[:length])].append(person)

    def _add(self, first: int, last: int, label: str) -> None:
        sheet = self.sheet
        written = [sheet.lower[t] for t in range(first, last + 1) if sheet.tag[t] not in {"POS", "_SP", "HYPH"}]
        titles = [key(w) for w in written if key(w) in _HONORIFIC]
        if first and is_title(sheet.lower[first - 1]):
            titles.append(key(sheet.lower[first - 1]))
        words = [k for w in written if (k := key(w)) not in _HONORIFIC and k != "the" and k]
        words = [re.sub(r"'s$", "", w) for w in words]
        if not words:
            return
        person = self._known(words, label, titles, first)
        if person is None and label == "?":
            return
        if person is None:
            name = self._written(first, last, label)
            if label == PERSON and len(words) == 1 and titles and titles[-1] in REGAL:
                name = f"{sheet.word(first - 1)} {name}"  # Pope Francis is not Francis.
            person = Person(name, label, words)
            self._enter(person)
        person.places.append(last)
        person.company |= label == ORG and any(is_business(w) for w in words[1:])
        if len(words) > 1:
            person.fulls.append(last)
        for token in range(first, last + 1):
            self.by_token[token] = person
        self._roles(person, first, last)
        if person.label == PERSON and not person.behind:
            self._gender(person, titles)

    def _written(self, first: int, last: int, label: str) -> str:
        """The name as the article has it, without what does not belong to it."""
        sheet = self.sheet
        while first < last and (key(sheet.lower[first]) in _HONORIFIC or sheet.lower[first] == "the"):
            first += 1
        while last > first and (
            sheet.tag[last] == "POS" or (label == ORG and sheet.lower[last] in LEGAL_FORMS | {","})
        ):
            last -= 1
        return re.sub(r"['’]s$", "", " ".join(sheet.text[sheet.start[first] : sheet.end[last]].split()))

    def _roles(self, person: Person, first: int, last: int) -> None:
        sheet = self.sheet
        for start in range(first - 1, max(-1, first - 6), -1):
            # Titles before the name: "Foreign Minister Ann Lee", "flight director Ann Lee".
            if sheet.tag[start] not in {"NN", "NNP", "NNPS"} or sheet.head[start] not in range(first - 5, last + 1):
                break
            if sheet.lower[start] in ROLES:
                near = range(max(0, start - 3), first)
                words = {sheet.lower[t] for t in near if sheet.tag[t] in {"NN", "NNP", "JJ", "NNPS"}}
                person.roles.append((role(sheet.lower[start]), frozenset(words)))
        inside = range(first, last + 1)
        heads = [t for t in inside if sheet.head[t] == t or sheet.head[t] not in inside]
        nouns = []
        for token in heads[:1]:
            above = sheet.head[token]
            if sheet.dep[token] == "appos" and sheet.tag[above][:2] == "NN":
                nouns.append(above)
            for kid in sheet.kids[token]:
                if sheet.dep[kid] == "appos" and kid > last:
                    nouns.append(kid)
                if sheet.dep[kid] == "relcl":
                    nouns += _attributes(sheet, kid)
            if sheet.dep[token] == "nsubj":
                nouns += _attributes(sheet, above)
        for noun in nouns:
            if noun in self.by_token and self.by_token[noun] is not person:
                continue
            phrase = {sheet.lower[noun]} | {
                sheet.lower[k] for k in sheet.kids[noun] if sheet.tag[k][:2] in {"NN", "JJ"}
            }
            phrase |= {sheet.lower[o] for k in sheet.kids[noun] if sheet.lower[k] in {"of", "at", "for"}
                       for o in sheet.kids[k] if sheet.dep[o] == "pobj"}  # fmt: skip
            person.roles.append((role(sheet.lower[noun]), frozenset(phrase)))

    def _gender(self, person: Person, titles: list[str]) -> None:
        told = {w for _, phrase in person.roles for w in phrase} | set(titles)
        if told & (MALE_TITLES | {"husband", "son", "uncle", "nephew", "widower", "man", "boy", "businessman"}):
            person.gender = "he"
        elif told & (FEMALE_TITLES | {"wife", "daughter", "aunt", "niece", "widow", "woman", "girl", "businesswoman"}):
            person.gender = "she"
        elif person.gender is None and (len(person.words) > 1 or told & KIN):
            person.gender = {"male": "he", "female": "she", None: None}[gender_of(person.words[0])]

    def _gender_by_pronoun(self, person: Person) -> str | None:
        """What a sentence tells that names nobody else and goes on with pronouns of one gender."""
        sheet = self.sheet
        for place in person.places:
            if sheet.dep[place] not in _SUBJECTS or sheet.region[place] >= 0:
                continue
            token, genders = place + 1, set()
            while token < len(sheet.stretch) and sheet.stretch[token] == sheet.stretch[place]:
                other = self.by_token.get(token)
                if sheet.region[token] >= 0 or (other is not None and other is not person and other.label == PERSON):
                    break
                if sheet.lower[token] in _HE | _SHE:
                    genders.add("he" if sheet.lower[token] in _HE else "she")
                token += 1
            if len(genders) == 1:
                return genders.pop()
        return None

    def _known(self, words: list[str], label: str, titles: list[str], first: int) -> Person | None:
        for person in self._by_words[tuple(words)]:
            if person.label == label or "?" in {person.label, label} or len(words) > 1:
                return person
        if label in {PERSON, "?"} or self._may_be_surname(words, first):
            kept = [w for w in words if w not in SUFFIXES]
            alike = self.of_word(kept[-1]) if kept else []
            found = [p for p in alike if p.label == PERSON and not p.behind and _fits(words, p)]
            if len(found) > 1:
                found = _by_titles(found, titles) or found
            if len(found) == 1:
                return found[0]
            if found:
                return self._shared(words, found)
            for person in self.of_word(words[0]):
                # A person whom the recogniser took for an organisation, known by the surname later.
                two = person.label == ORG and len(person.words) == 2 and not person.company and label in {"?", PERSON}
                if two and len(words) == 1 and words[0] == person.words[-1] and words[0] not in INSTITUTIONS:
                    person.label = PERSON
                    return person
        return self._organisation(words, label, first) if label != PERSON else None

    def _may_be_surname(self, words: list[str], first: int) -> bool:
        if len(words) > 1 and not set(words) & PARTICLES and "-" not in words:
            return False
        before = self.sheet.lower[first - 1] if first else ""
        return before not in BEFORE_PLACES | {"the"} and not countries.find(words[0])

    def _shared(self, words: list[str], found: list[Person]) -> Person:
        for person in self._by_words[tuple(words)]:
            if person.behind:
                return person
        person = Person(" ".join(w.capitalize() for w in words), PERSON, words, behind=tuple(found))
        self._enter(person)
        return person

    def _organisation(self, words: list[str], label: str, first: int) -> Person | None:
        joined = "".join(words)
        written = self.sheet.word(first)
        if len(words) == 1 and (written.isupper() or "." in written) and len(joined) > 1:
            if (named := self._bracketed.get(joined)) is not None:
                return self.by_token.get(named)
            fits = [p for p in self._by_initials[joined] if p.label == ORG]
            return fits[0] if len(fits) == 1 else None
        if self.sheet.lower[first] in self._places and len(words) == 1:
            return None
        fits = [p for p in self._by_start[tuple(words)] if p.label == ORG]
        return fits[0] if len(fits) == 1 and label in {ORG, "?", "GPE", "NORP"} else None


def _fits(words: list[str], person: Person) -> bool:
    kept = [w for w in words if w not in SUFFIXES]
    theirs = [w for w in person.words if w not in SUFFIXES]
    if not kept or len(theirs) < 2:
        return False
    if len(kept) == 1:
        return kept[0] in {theirs[-1], theirs[0]}
    if kept == theirs[-len(kept) :]:
        return True
    return theirs[-1] == kept[-1] and (
        kept[0] == theirs[0] or (len(kept[0]) == 1 and theirs[0].startswith(kept[0])) or (
            len(theirs[0]) == 1 and kept[0].startswith(theirs[0]))
    )  # fmt: skip


def _by_titles(found: list[Person], titles: list[str]) -> list[Person]:
    """Those whose gender or role the titles before the surname tell: "Mr. Stendhal", "Senator Price"."""
    for title in titles:
        gender = "he" if title in MALE_TITLES else "she" if title in FEMALE_TITLES else None
        alike = [p for p in found if gender and p.gender == gender]
        alike = alike or [p for p in found if any(title in phrase for _, phrase in p.roles)]
        if alike:
            return alike
    return []


def _initials(words: list[str]) -> set[str]:
    kept = [w for w in words if w not in LEGAL_FORMS and w + "." not in LEGAL_FORMS and w]
    return {"".join(w[0] for w in kept), "".join(w[0] for w in kept if w not in _SMALL)}


def _attributes(sheet: Sheet, verb: int) -> list[int]:
    """The nouns that a form of "be" gives its subject."""
    if sheet.lower[verb] not in {"is", "was", "are", "were", "be", "been", "became", "becomes"}:
        return []
    return [k for k in sheet.kids[verb] if sheet.dep[k] == "attr" and sheet.lower[k] in ROLES]


def _bracketed(sheet: Sheet, spans: list[tuple[int, int, str]]) -> dict[str, int]:
    """Acronyms that stand in brackets behind a name, with a token of that name."""
    found = {}
    for first, last, _ in spans:
        sign = last + 2
        if sign + 1 < len(sheet.lower) and sheet.lower[last + 1] == "(" and sheet.lower[sign + 1] == ")":
            short = sheet.word(sign)
            if last > first and short.isupper() and len(short) > 1:
                found[key(short)] = last
    return found
