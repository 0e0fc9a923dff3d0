"""Finds which of an article's referents a name stands for.

A surname, a first name, an acronym or a business without its legal form is a mention of the full name that fits it
best, if there is only one. If two fit equally, the short form is a referent of its own that both may be meant by.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pipeline.identity import name_id
from pipeline.text import countries
from pipeline.text.names.forms import (
    LONGEST,
    acronym,
    bracketed_acronym,
    initials,
    name_words,
    organisation,
    person_parts,
    shorter_forms,
    surface,
)
from pipeline.text.names.person_name import FEMALE_TITLES, MALE_TITLES, PARTICLES, REGAL, pronoun_of
from pipeline.text.quotes.lexicon.nouns import INSTITUTIONS

PERSON, ORG, GPE, NORP = "PERSON", "ORG", "GPE", "NORP"
UNKNOWN = "?"
"""The label of what may be a surname, and of somebody without a name."""

_ALIKE = 100  # referents with one word in their names that a shorter name may stand for


@dataclass(slots=True, eq=False)
class Referent:
    """A person, body or place that the article names: the chain of its mentions and what they tell.

    Attributes:
        name: its canonical name in the article.
        label: PERSON, ORG, GPE or NORP; "?" for somebody without a name.
        words: the name's words as names are compared (`person_name.key`).
        suffix: what tells a son from his father ("jr"), or "".
        mentions: the last token of each mention.
        gender: "he", "she" or "they", where the article or a first name tells.
        roles: what the article says it is: a noun and all words of its phrase.
        shared_by: the referents that a short form may stand for, where it fits several.
        company: whether its name is a business's.
        full_mentions: the last token of each mention with more than one word.
        forms: how often each form of the full name is written.
    """

    name: str
    label: str
    words: tuple[str, ...] = ()
    suffix: str = ""
    mentions: list[int] = field(default_factory=list)
    gender: str | None = None
    roles: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    shared_by: tuple["Referent", ...] = ()
    company: bool = False
    full_mentions: list[int] = field(default_factory=list)
    forms: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of the entity and of the speaker of that name."""
        return named_id(self.name, None if self.label == UNKNOWN else self.label)


@lru_cache(maxsize=16384)
def named_id(name: str, label: str | None) -> str:
    """The id of an entity or a speaker; without a label it is no name, and is known among speakers only."""
    return name_id(label or "speaker", name)


class Mention(NamedTuple):
    """A name as it is written.

    Attributes:
        text: the name, without article and possessive.
        label: what it was taken for.
        words: its words as names are compared.
        titles: the titles before it.
        suffix: what tells a son from his father, or "".
        in_place: whether the words before it make it a place's, or an article goes before it.
    """

    text: str
    label: str
    words: tuple[str, ...]
    titles: tuple[str, ...] = ()
    suffix: str = ""
    in_place: bool = False

    @classmethod
    def of(cls, text: str, label: str, titles: tuple[str, ...] = (), *, in_place: bool = False) -> "Mention":
        """The mention with that text; a country has the words of its one name."""
        clean = surface(text)
        return _mention(clean, label, titles, in_place) if len(clean) <= LONGEST else cls(clean, label, ())


@lru_cache(maxsize=4096)
def _mention(clean: str, label: str, titles: tuple[str, ...], in_place: bool) -> Mention:
    if label in {GPE, ORG} and (country := countries.find(clean)) is not None:
        return Mention(country.name, GPE, name_words(country.name), in_place=in_place)
    if label in {PERSON, UNKNOWN}:
        parts = person_parts(clean)
        return Mention(parts.text, label, parts.words, titles + parts.titles, parts.suffix, in_place)
    clean = organisation(clean) if label == ORG else clean
    return Mention(clean, label, name_words(clean), titles, in_place=in_place)


class NameIndex:
    """The referents of one article, found by any form of their names.

    Attributes:
        all: the referents in the order in which they were added.
    """

    def __init__(self) -> None:
        self.all: list[Referent] = []
        self._by_words: dict[tuple[str, ...], list[Referent]] = defaultdict(list)
        self._by_edge: dict[str, list[Referent]] = defaultdict(list)  # first and last word of a name
        self._by_inner: dict[str, list[Referent]] = defaultdict(list)  # words between a person's first and last
        self._by_short: dict[str, list[Referent]] = defaultdict(list)  # of bodies, without soft forms
        self._by_initials: dict[str, list[Referent]] = defaultdict(list)
        self._bracketed: dict[str, Referent] = {}

    def add(self, mention: Mention, at: int | None = None) -> Referent | None:
        """The referent of a mention: one that is known, or a new one; None for what is no name of anybody known.

        Args:
            mention: the name as it is written.
            at: its last token, where that is known.
        """
        if not mention.words:
            return None
        referent = self.find(mention, at)
        if referent is None and mention.label != UNKNOWN:
            referent = Referent(_name(mention), mention.label, mention.words, mention.suffix)
            referent.gender = gender_told(mention)
            self._enter(referent)
        if referent is not None and not referent.shared_by:
            self._count_form(referent, mention)
        return referent

    def find(self, mention: Mention, at: int | None = None) -> Referent | None:
        """The referent that a mention stands for, where the article has one that fits best; `at` as for `add`."""
        if mention.label == GPE and _may_be_surname(mention) and (person := self._person(mention)) is not None:
            return person  # Washington said, where Walter Washington has been named.
        for referent in self._by_words.get(mention.words, ()):
            label = referent.label == mention.label or UNKNOWN in (referent.label, mention.label)
            several = len(mention.words) > 1
            if (label or several) and not (several and _is_other(mention, referent)):
                return referent
        if mention.label in {PERSON, UNKNOWN} or _may_be_surname(mention):
            person = self._person(mention)
            if person is not None:
                return person
        return self._body(mention, at) if mention.label != PERSON else None

    def of_word(self, word: str) -> list[Referent]:
        """Those whose names begin or end with a word."""
        return self._by_edge.get(word, [])

    def abbreviate(self, short: str, referent: Referent) -> None:
        """Note that an acronym stands in brackets behind a name."""
        self._bracketed.setdefault(short, referent)

    def _enter(self, referent: Referent) -> None:
        self.all.append(referent)
        words = referent.words
        self._by_words[words].append(referent)
        for word in {words[0], words[-1]}:
            if len(self._by_edge[word]) < _ALIKE:
                self._by_edge[word].append(referent)
        if referent.label == PERSON:
            for word in words[1:-1]:
                if word not in PARTICLES and len(word) > 1 and len(self._by_inner[word]) < _ALIKE:
                    self._by_inner[word].append(referent)
        if referent.label == ORG and " " in referent.name:
            for letters in initials(referent.name):
                self._by_initials[letters].append(referent)
            for form in shorter_forms(referent.name):
                self._by_short[form].append(referent)

    def _count_form(self, referent: Referent, mention: Mention) -> None:
        if referent.label == ORG and (short := bracketed_acronym(mention.text)):
            self.abbreviate(short, referent)
        if referent.label != PERSON or len(mention.words) < 2:
            return
        if mention.words[0] == referent.words[0] and mention.suffix == referent.suffix:
            referent.forms[mention.text] = referent.forms.get(mention.text, 0) + 1

    def _person(self, mention: Mention) -> Referent | None:
        fitting = self._best(mention)
        if len(fitting) > 1:
            fitting = _by_titles(fitting, mention.titles) or fitting
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            return self._shared(mention, fitting)
        for referent in self.of_word(mention.words[0]) if mention.label in {UNKNOWN, PERSON} else ():
            # A person whom the recogniser took for an organisation, known by the surname later.
            two = referent.label == ORG and len(referent.words) == 2 and not referent.company
            surname = len(mention.words) == 1 and mention.words[0] == referent.words[-1]
            if two and surname and mention.words[0] not in INSTITUTIONS:
                referent.label = PERSON
                return referent
        return None

    def _best(self, mention: Mention) -> list[Referent]:
        """The people whom the mention fits best."""
        ranks: dict[int, list[Referent]] = defaultdict(list)
        inner = self._by_inner.get(mention.words[0], []) if len(mention.words) == 1 else []
        for referent in dict.fromkeys([*self.of_word(mention.words[-1]), *inner]):
            if referent.label == PERSON and not referent.shared_by:
                rank = _rank(mention, referent)
                if rank is not None:
                    ranks[rank].append(referent)
        return ranks[min(ranks)] if ranks else []

    def _shared(self, mention: Mention, fitting: list[Referent]) -> Referent:
        for referent in self._by_words.get(mention.words, ()):
            if referent.shared_by:
                return referent
        referent = Referent(mention.text, PERSON, mention.words, shared_by=tuple(fitting))
        self._enter(referent)
        return referent

    def _body(self, mention: Mention, at: int | None) -> Referent | None:
        letters = acronym(mention.text)
        if letters:
            if (named := self._bracketed.get(letters)) is not None:
                return named
            fits = self._by_initials.get(letters, [])
            return fits[0] if len(fits) == 1 else None
        if mention.in_place and mention.label == GPE:
            return None
        fits = [referent for referent in self._by_short.get(mention.text.casefold(), ()) if referent.label == ORG]
        return fits[0] if len(fits) == 1 else self._of_first_word(mention, at)

    def _of_first_word(self, mention: Mention, at: int | None) -> Referent | None:
        """The only business of whose name a body's name is the first word: Vale, where Vale Marine was named before.

        Words taken into a name by mistake, “Vale shouted”, make no longer name of it.
        """
        if mention.label != ORG or len(mention.words) != 1:
            return None
        longer = [
            one for one in self.of_word(mention.words[0]) if len(one.words) > 1 and one.words[0] == mention.words[0]
        ]
        alone = len(longer) == 1 and longer[0].label == ORG
        if not alone or INSTITUTIONS & set(longer[0].words) or longer[0].name.split()[-1][0].islower():
            return None
        named_before = at is None or not longer[0].full_mentions or longer[0].full_mentions[0] < at
        return longer[0] if named_before else None


def settle_names(referents: list[Referent]) -> None:
    """Call each person by the form that the article writes most often in full, or else first."""
    for referent in referents:
        if referent.forms and not referent.shared_by:
            referent.name = max(referent.forms, key=referent.forms.__getitem__)


def gender_told(mention: Mention) -> str | None:
    """The pronoun that a mention's titles or else its first name tell."""
    if mention.label != PERSON:
        return None
    for title in mention.titles:
        if title in FEMALE_TITLES:
            return "she"
        if title in MALE_TITLES:
            return "he"
    return pronoun_of(mention.words[0]) if len(mention.words) > 1 else None


def _name(mention: Mention) -> str:
    title = mention.titles[-1] if mention.titles else ""
    if mention.label == PERSON and len(mention.words) == 1 and title in REGAL:
        return f"{title.capitalize()} {mention.text}"  # Pope Francis is not Francis.
    return mention.text


def _is_other(mention: Mention, referent: Referent) -> bool:
    """Whether a suffix tells two people apart: Harry Belden is not Harry Belden Jr., though Belden may be."""
    differs = mention.suffix != referent.suffix and referent.label == PERSON
    return differs and (bool(mention.suffix) or mention.words == referent.words)


@lru_cache(maxsize=4096)
def _may_be_surname(mention: Mention) -> bool:
    if mention.in_place or (mention.label == NORP and len(mention.words) > 1):
        return False
    if len(mention.words) > 1 and not set(mention.words) & PARTICLES and not _is_double(mention.text):
        return False
    return not countries.find(mention.text)


def _is_double(text: str) -> bool:
    return " " not in text and any(dash in text for dash in "-–")


def _rank(mention: Mention, referent: Referent) -> int | None:
    """How well a mention fits a person, best first; None where it does not."""
    words, theirs = mention.words, referent.words
    if _is_other(mention, referent):
        return None
    told = gender_told(mention) if mention.titles else None
    if told and referent.gender in {"he", "she"} and told != referent.gender:
        return None
    junior = 1 if referent.suffix and not mention.suffix else 0
    if words == theirs:
        return 0
    if len(words) > 1 and len(theirs) > 1 and words[-1] == theirs[-1] and _alike(words, theirs):
        return 2 + junior
    if len(theirs) > len(words) and theirs[-len(words) :] == words:
        return 4 + junior
    if len(words) == 1 and len(theirs) > 1:
        return (6 if words[0] == theirs[0] else 8) + junior
    return None


def _alike(words: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether first and middle names go together: one may be left out, or be an initial of the other's."""
    if not _same_name(words[0], theirs[0]):
        return False
    between, other = words[1:-1], theirs[1:-1]
    return not between or not other or any(_same_name(a, b) for a in between for b in other)


def _same_name(one: str, other: str) -> bool:
    return one == other or (1 in {len(one), len(other)} and one[0] == other[0])


def _by_titles(fitting: list[Referent], titles: tuple[str, ...]) -> list[Referent]:
    """Those whose gender or role the titles before the surname tell: "Mr. Stendhal", "Senator Price"."""
    for title in titles:
        gender = "he" if title in MALE_TITLES else "she" if title in FEMALE_TITLES else None
        alike = [p for p in fitting if gender and p.gender == gender]
        alike = alike or [p for p in fitting if any(title in phrase for _, phrase in p.roles)]
        if alike:
            return alike
    return []
