"""Which name a mention stands for: surnames, roles, acronyms and pronouns, resolved inside one article.

Candidates are the named people and organisations before the mention (and, for a surname, anywhere). A pronoun takes the
nearest candidate that fits in gender and number, speakers and subjects first; where nothing fits it stays as it is.
"""

import re
from dataclasses import dataclass, field

from pipeline.models import Resolution
from pipeline.text.names import gender_of
from pipeline.text.quotes.sheet import Sheet

_HE, _SHE = frozenset({"he", "him", "his"}), frozenset({"she", "her", "hers"})
_PRONOUNS = _HE | _SHE | {"they", "them", "it", "i", "we", "you", "who", "its", "their", "one"}
_MALE = frozenset("mr mr. sir lord king prince spokesman chairman congressman brother father son husband baron".split())
_FEMALE = frozenset(
    """mrs mrs. ms ms. miss dame lady queen princess spokeswoman chairwoman congresswoman sister mother daughter
    wife""".split()
)
_BY_NAME = {"male": "he", "female": "she", None: None}
_HONORIFIC = frozenset("mr mr. mrs mrs. ms ms. miss dr dr. sir dame lord lady".split())
_ROLE_STOP = frozenset("the a an his her their its former then u.s. us of and new".split())
_TITLES = frozenset(
    """president chancellor minister secretary senator governor mayor chairman chairwoman spokesman spokeswoman
    spokesperson director general chief king queen prince princess pope judge justice ambassador commissioner professor
    leader adviser advisor executive officer colonel captain mr mr. mrs. ms. dr. sen. rep. gov. gen. premier analyst
    economist attorney lawyer congressman congresswoman representative coach author editor founder""".split()
)
_SUFFIXES = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv"})


@dataclass(slots=True)
class Person:
    """Someone or something the article names."""

    name: str
    label: str
    words: list[str]
    places: list[int] = field(default_factory=list)
    gender: str | None = None
    roles: set[str] = field(default_factory=set)

    @property
    def last(self) -> str:
        """The surname, without suffixes."""
        kept = [w for w in self.words if w not in _SUFFIXES]
        return kept[-1] if kept else ""


@dataclass(frozen=True, slots=True)
class Named:
    """What a mention was resolved to."""

    name: str
    resolution: Resolution
    confidence: float
    title: str | None = None
    affiliation: str | None = None


class Names:
    """The names of one article."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.people: list[Person] = []
        self.by_token: dict[int, Person] = {}
        self.spans: list[tuple[int, int, str]] = _spans(sheet)
        # Full names first: a surname may come before its full name.
        for first, last, label in sorted(self.spans, key=lambda s: (s[0] - s[1], s[0])):
            self._add(first, last, label)
        for person in self.people:
            person.places.sort()
        self.history: list[tuple[int, Person]] = []

    def _add(self, first: int, last: int, label: str) -> None:
        sheet = self.sheet
        words = [sheet.lower[t] for t in range(first, last + 1) if sheet.tag[t] not in {"POS", "_SP"}]
        honorific = [w for w in words if w in _HONORIFIC]
        words = [w for w in words if w not in _HONORIFIC and w != "the"]
        if not words:
            return
        person = self._known(words, label)
        if person is None and label == "?":
            return
        if person is None:
            start = first
            while start < last and (sheet.lower[start] in _HONORIFIC or sheet.lower[start] == "the"):
                start += 1
            end = last - 1 if sheet.tag[last] == "POS" and last > start else last
            name = " ".join(sheet.text[sheet.start[start] : sheet.end[end]].split())
            person = Person(re.sub(r"['’]s$", "", name), label, words)
            self.people.append(person)
        person.places.append(last)
        for token in range(first, last + 1):
            self.by_token[token] = person
        if label != "PERSON":
            return
        before = {sheet.lower[t] for t in range(max(0, first - 2), first)} | set(honorific)
        before |= {sheet.lower[t] for t in range(max(0, first - 5), first) if sheet.tag[t] in {"NN", "NNP", "JJ"}}
        person.roles |= {sheet.lower[t] for t in range(max(0, first - 5), first) if sheet.tag[t] in {"NN", "NNP"}
                         and sheet.head[t] in range(first, last + 1)}  # fmt: skip
        for kid in (k for t in range(first, last + 1) for k in sheet.kids[t] if sheet.dep[k] == "appos"):
            person.roles |= {sheet.lower[kid]} | {sheet.lower[k] for k in sheet.kids[kid] if sheet.tag[k][:2] == "NN"}
            before.add(sheet.lower[kid])
        if before & _MALE:
            person.gender = "he"
        elif before & _FEMALE:
            person.gender = "she"
        elif person.gender is None and len(person.words) > 1:
            person.gender = _BY_NAME.get(gender_of(person.words[0]))

    def _known(self, words: list[str], label: str) -> Person | None:
        for person in self.people:
            if words == person.words:
                return person
        if len(words) == 1:
            for person in self.people:
                two = person.label == "ORG" and len(person.words) == 2 and label in {"?", "PERSON"}
                if (person.label == "PERSON" or two) and len(person.words) > 1 and words[0] == person.last:
                    person.label = "PERSON"
                    return person
        if label != "PERSON":
            joined = "".join(words).replace(".", "")
            return next((p for p in self.people if p.label == label and len(p.words) > 2 and len(words) == 1
                         and "".join(w[0] for w in p.words if w not in _ROLE_STOP) == joined), None)  # fmt: skip
        kept = [w for w in words if w not in _SUFFIXES]
        for person in self.people:
            if person.label != "PERSON" or not kept:
                continue
            if len(kept) == 1 and kept[0] in {person.last, person.words[0]}:
                return person
            same = person.last == kept[-1]
            if (
                same
                and len(kept) > 1
                and len(person.words) > 1
                and (kept[0] == person.words[0] or person.words[0].startswith(kept[0].rstrip(".")))
            ):
                return person
        return None

    def resolve(self, head: int, first: int, last: int) -> Named:
        """The name for the mention `first:last` with that head."""
        sheet = self.sheet
        text = " ".join(sheet.text[sheet.start[first] : sheet.end[last]].split())
        word = sheet.lower[head]
        inside = [t for t in range(first, last + 1) if (p := self.by_token.get(t)) and p.label == "PERSON"]
        own = self.by_token.get(head)
        if own is None or own.label != "PERSON":
            linked = [t for t in inside if sheet.head[t] == head or sheet.head[sheet.head[t]] == head]
            poss = {k for k in sheet.kids[head] if sheet.dep[k] == "poss"}
            linked = [t for t in linked if t not in poss and sheet.dep[t] in {"appos", "compound", "nmod", "flat"}]
            own = self.by_token[linked[-1]] if linked else own
        if own is not None and (own.label == "PERSON" or head in self.by_token):
            self.history.append((head, own))
            title, affiliation = self._around(own, first, last, head)
            return Named(own.name, Resolution.NAMED, 0.97 if len(own.words) > 1 else 0.9, title, affiliation)
        if word in _PRONOUNS and first == last:
            found = self._pronoun(head, word)
            if found:
                self.history.append((head, found))
                return Named(found.name, Resolution.PRONOUN, 0.75)
            return Named(text, Resolution.PRONOUN, 0.3)
        return self._nominal(head, first, last, text)

    def _nominal(self, head: int, first: int, last: int, text: str) -> Named:
        sheet = self.sheet
        plain = re.sub(r"^(?:the|a|an|one|another) ", "", text, flags=re.IGNORECASE)
        if sheet.lower[first] == "the" and last == head:
            role = sheet.lower[head]
            for token, person in sorted(
                ((t, p) for p in self.people if role in p.roles for t in p.places if t < head), key=lambda x: -x[0]
            ):
                self.history.append((token, person))
                return Named(person.name, Resolution.NOMINAL, 0.7)
        return Named(plain, Resolution.NOMINAL, 0.85)

    def _pronoun(self, head: int, word: str) -> Person | None:
        sheet = self.sheet
        gender = "he" if word in _HE else "she" if word in _SHE else None
        if gender is None and word not in {"who"}:
            return None
        best: tuple[float, Person] | None = None
        recent = {id(p): t for t, p in self.history}
        for person in self.people:
            if person.label != "PERSON" or (person.gender and gender and person.gender != gender):
                continue
            places = [t for t in person.places if t < head]
            if not places:
                continue
            token = places[-1]
            paragraphs = sheet.para[head] - sheet.para[token]
            score = -2.0 * paragraphs - 0.004 * (head - token)
            if sheet.dep[token] in {"nsubj", "nsubjpass"}:
                score += 1.6
            if sheet.dep[token] in {"poss", "compound"}:
                score -= 0.7
            if sheet.region[token] >= 0:
                score -= 3
            spoke = recent.get(id(person))
            if spoke is not None and spoke < head:
                score += 1.2 / (1 + max(0, sheet.para[head] - sheet.para[spoke]))
                if self.history and self.history[-1][1] is person:
                    score += 1.5
                    score += 1.5 * min(2, max(0, paragraphs - (sheet.para[head] - sheet.para[spoke])))
            score += 0.8 if person.gender == gender else 0
            if best is None or score > best[0]:
                best = (score, person)
        if best is None:
            return None
        if best[1].gender is None and gender:
            best[1].gender = gender
        return best[1]

    def _around(self, person: Person, first: int, last: int, head: int) -> tuple[str | None, str | None]:
        sheet = self.sheet
        name = [t for t in range(first, last + 1) if self.by_token.get(t) is person]
        if not name:
            return None, None
        before = sheet.text[sheet.start[first] : sheet.start[name[0]]].strip(" ,")
        title: str | None = re.sub(r"^(?:the|a|an) ", "", before, flags=re.IGNORECASE) if before else None
        if not title and name[-1] + 2 <= last and sheet.lower[name[-1] + 1] == ",":
            title = re.sub(r"^(?:the|a|an) ", "", sheet.text[sheet.start[name[-1] + 2] : sheet.end[last]])
        place = next(
            ((a, b) for a, b, label in self.spans
             if label in {"ORG", "GPE", "NORP"} and first <= a and b <= last and a not in name), None)  # fmt: skip
        affiliation = sheet.text[sheet.start[place[0]] : sheet.end[place[1]]] if place else None
        if affiliation:
            affiliation = re.sub(r"^(?:the )|['’]s$", "", affiliation)
        return title or None, affiliation


def _spans(sheet: Sheet) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    token, count = 0, len(sheet.ent)
    while token < count:
        label = sheet.ent[token]
        if label not in {"PERSON", "ORG", "GPE", "NORP"}:
            if not label and sheet.tag[token] == "NNP":
                spans.append((token, token, "?"))  # a surname that the recogniser missed, perhaps
            token += 1
            continue
        last = token
        while last + 1 < count and sheet.ent[last + 1] == label and not sheet.ent_begin[last + 1]:
            last += 1
        while label == "PERSON" and last > token and sheet.tag[last] in {"VBD", "VBZ", "VBG", "DT", ",", "_SP"}:
            last -= 1
        titled = token and sheet.lower[token - 1] in _TITLES and sheet.tag[token - 1] in {"NN", "NNP"}
        if (
            label in {"ORG", "GPE"}
            and last > token
            and titled
            and all(sheet.tag[t] == "NNP" for t in range(token, last + 1))
        ):
            label = "PERSON"
        spans.append((token, last, label))
        token = last + 1
    return spans
