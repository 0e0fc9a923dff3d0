"""One name for one thing within an article: "Rubio" is Marco Rubio there, "HMRC" HM Revenue and Customs.

A short form takes the full name only where a single full name fits it best; where two fit equally it stays as it is.
Entities and speakers get their ids here, so that they are equal.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from spacy.tokens import Doc, Span

from pipeline.identity import name_id
from pipeline.text import countries
from pipeline.text.names.person_name import REGAL, PersonName, is_initial, is_title, key, parse, without_possessive

PERSON = "PERSON"
PLACES = frozenset({"GPE", "LOC"})

_LEGAL_FORM = re.compile(
    r",?\s+(?:inc|corp|corporation|incorporated|ltd|limited|plc|llc|llp|lp|gmbh|ag|sa|s\.a|nv|bv|oyj|ab|asa|spa|co)\.?$",
    re.IGNORECASE,
)
_SOFT_FORM = frozenset("group holdings holding company international industries technologies & and co".split())
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)
_SMALL = frozenset("of for the and in on to a an & de la du des y und".split())
_ACRONYM = re.compile(r"(?:[A-Z]\.?){2,9}s?|[A-Z][A-Za-z&]*[A-Z]")
_BRACKETED = re.compile(r"\(\s*([A-Z][A-Za-z&.]{1,9})\s*\)")
_LONGEST = 300  # characters of a mention; a longer one is nobody's name and stays as it is
_SURFACE = re.compile(r"\s+")


class CanonicalNames:
    """The names of one article; `of` says what a mention is called in it.

    Args:
        mentions: (text, label) of each mention of a name, in the order of the article; spaCy's labels.
    """

    def __init__(self, mentions: Iterable[tuple[str, str]]) -> None:
        people: list[PersonName] = []
        self._person_mentions: set[str] = set()
        self._person_names: frozenset[str] | None = None
        organisations: Counter[str] = Counter()
        for text, label in mentions:
            clean = surface(text)
            if len(clean) > _LONGEST:
                continue
            if label == PERSON:
                people.append(_parsed(clean))
                self._person_mentions.add(text)
            elif label not in PLACES and label != "NORP" and clean:
                organisations[_organisation(clean)] += 1
        self._people = _full_names(people)
        self._by_word: dict[str, list[PersonName]] = defaultdict(list)
        self._by_words: dict[tuple[str, ...], list[PersonName]] = defaultdict(list)
        for person in self._people:
            self._by_words[tuple(key(word) for word in person.words)].append(person)
            for word in {key(word) for word in person.words}:
                self._by_word[word].append(person)
        self._longer = _longer(organisations)
        self._acronyms = _acronyms(organisations)
        self._known: dict[tuple[str, str | None], str] = {}

    def of(self, mention: str, label: str | None = None) -> str:
        """The canonical name behind a mention; the mention itself, tidied, where the article has no better.

        Args:
            mention: the words, with or without titles, article, possessive.
            label: spaCy's label of the mention, where it has one. Without, people are tried before organisations.
        """
        name = self._known.get((mention, label))
        if name is None:
            name = self._known[mention, label] = self._find(surface(mention), label)
        return name

    def id_of(self, mention: str, label: str) -> str:
        """The id of an entity: of the one name that its mentions stand for."""
        return _id(label, self.of(mention, label) or mention)

    def speaker_id(self, name: str, label: str | None) -> str:
        """The id of a speaker; it is that of the entity where the article has one of that name.

        Args:
            name: the speaker's name.
            label: what the name is the name of. Without one it is no name, and its id is known among speakers only.
        """
        if label is None:
            return _id("speaker", name)
        if label == "ORG" and self.of(name, PERSON) in self._persons():
            label = PERSON  # The recogniser took some mentions of a person for an organisation's.
        return self.id_of(name, label)

    def _persons(self) -> frozenset[str]:
        if self._person_names is None:
            self._person_names = frozenset(self.of(mention, PERSON) for mention in self._person_mentions)
        return self._person_names

    def _find(self, clean: str, label: str | None) -> str:
        if len(clean) > _LONGEST:
            return clean
        if label in PLACES or label == "NORP":
            country = countries.find(clean) if label == "GPE" else None
            return country.name if country else clean
        if label == PERSON or label is None:
            name = _parsed(clean)
            candidates = self._candidates(name)
            if len(candidates) == 1:
                return candidates[0].full
            if ended := self._titled(clean):
                return ended
            if label == PERSON or candidates:
                return name.full or clean
            if country := countries.find(clean):
                return country.name
        return self._organisation_of(_organisation(clean))

    def _titled(self, clean: str) -> str | None:
        # "Secretary of State Marco Rubio", "Minister for Trade Berg": a title of several words before a known name.
        words = clean.split()
        if len(words) < 3 or not is_title(words[0]):
            return None
        for start in range(1, len(words)):
            candidates = self._candidates(_parsed(" ".join(words[start:])))
            if len(candidates) == 1:
                return candidates[0].full
        return None

    def _candidates(self, name: PersonName) -> list[PersonName]:
        # In falling order of how well they fit; only the best order that anyone reaches counts.
        if not name.words:
            return []
        words = [key(word) for word in name.words]
        # Nothing fits better than the same words. Looking there first keeps an article of very many names cheap.
        for alike in (self._by_words.get(tuple(words), ()), self._by_word.get(words[-1], ())):
            fits: dict[int, list[PersonName]] = defaultdict(list)
            for person in alike:
                if name.gender and person.gender and name.gender != person.gender:
                    continue
                rank = _fit(name, words, person)
                if rank is not None:
                    fits[rank].append(person)
            if 0 in fits:
                return fits[0]
        return fits[min(fits)] if fits else []

    def _organisation_of(self, clean: str) -> str:
        if full := self._acronyms.get(_plain_acronym(clean)):
            return full
        longer = self._longer.get(clean.casefold(), ())
        return longer[0] if len(longer) == 1 else clean


def article_names(doc: Doc) -> CanonicalNames:
    """The names of a parsed article."""
    return CanonicalNames((_with_regal_title(ent), ent.label_) for ent in doc.ents)


def _with_regal_title(ent: Span) -> str:
    """The text of an entity, with the title before it that is part of the name: Pope Francis is not Francis."""
    if ent.label_ == PERSON and len(ent) == 1 and ent.start:
        title = ent.doc[ent.start - 1].text
        if key(title) in REGAL and title[0].isupper():
            return f"{title} {ent.text}"
    return str(ent.text)


def surface(mention: str) -> str:
    """A mention on one line, without a leading article or a final possessive."""
    return _ARTICLE.sub("", without_possessive(_SURFACE.sub(" ", mention.strip()))).strip()


@lru_cache(maxsize=16384)
def _id(kind: str, name: str) -> str:
    return name_id(kind, name)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> PersonName:
    return parse(text)


def _full_names(people: Iterable[PersonName]) -> list[PersonName]:
    # "Donald J. Trump" and "Donald Trump" are one person, called as most often, and else as first.
    forms: dict[tuple[str, ...], Counter[PersonName]] = defaultdict(Counter)
    for person in people:
        if person.is_full:
            bare = PersonName(
                given=person.given,
                middle=person.middle,
                particles=person.particles,
                family=person.family,
                suffix=person.suffix,
                titles=person.titles,
            )
            forms[_identity(person)][bare] += 1
    result = []
    for counter in forms.values():
        texts: Counter[str] = Counter()
        for person, count in counter.items():
            texts[person.full] += count
        best = max(texts, key=lambda text: texts[text])
        alike = [person for person in counter if person.full == best]
        result.append(next((person for person in alike if person.gender), alike[0]))
    return result


def _identity(person: PersonName) -> tuple[str, ...]:
    middle = [key(word) for word in person.middle if not is_initial(word)]
    regal = "" if person.given else key(person.titles[-1])
    return (regal, key(person.given), *middle, *map(key, person.particles), key(person.family), key(person.suffix))


def _fit(name: PersonName, words: list[str], person: PersonName) -> int | None:
    theirs = [key(word) for word in person.words]
    if name.suffix and key(name.suffix) != key(person.suffix):
        return None
    junior = 1 if person.suffix and not name.suffix else 0
    if words == theirs:
        return 0 + junior
    if len(words) > 1 and (words[0] == theirs[0] or (is_initial(name.given) and theirs[0].startswith(words[0][:1]))):
        # The same given name (or its initial) and the same last word: only middle names differ.
        return 2 + junior if words[-1] == theirs[-1] and person.given else None
    if theirs[-len(words) :] == words:
        return 4 + junior
    if len(words) == 1 and words[0] == theirs[0]:
        return 6 + junior
    if len(words) == 1 and words[0] in theirs[1:-1]:
        return 8 + junior
    return None


@lru_cache(maxsize=4096)
def _organisation(text: str) -> str:
    bracketed = _BRACKETED.sub("", text).strip()
    shorter = _LEGAL_FORM.sub("", bracketed or text)
    return shorter or text


def _longer(organisations: Iterable[str]) -> dict[str, list[str]]:
    # The names by what is left of them without the soft forms at their ends: Arden Group by "arden".
    by_form: dict[str, list[str]] = defaultdict(list)
    for name in organisations:
        folded = name.casefold()
        at = len(folded)
        while (at := folded.rfind(" ", 0, at)) > 0 and all(word in _SOFT_FORM for word in folded[at:].split()):
            by_form[folded[:at]].append(name)
    return by_form


def _plain_acronym(text: str) -> str:
    return text.replace(".", "") if _ACRONYM.fullmatch(text.replace(" ", "")) else ""


def _acronyms(organisations: Iterable[str]) -> dict[str, str]:
    # The initials of each full name, where they are those of no other.
    by_form: dict[str, set[str]] = defaultdict(set)
    for name in organisations:
        if " " in name:
            for initials in _initials(name):
                by_form[initials].add(name)
    return {initials: names.pop() for initials, names in by_form.items() if len(names) == 1 and len(initials) > 1}


def _initials(name: str) -> Iterator[str]:
    # With the small words and without; a word in capitals gives all its letters (HM Revenue → HMR).
    words = re.split(r"[\s-]+", name.replace("&", "and"))
    letters = [word if word.isupper() and len(word) <= 4 else word[:1].upper() for word in words if word]
    without = [part for word, part in zip([w for w in words if w], letters, strict=True) if word.lower() not in _SMALL]
    yield "".join(without)
    yield "".join(letters)
