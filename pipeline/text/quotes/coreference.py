"""Which name a mention stands for: surnames, roles, organisations, possessives and pronouns, inside one article.

Candidates are scored by nearness, grammar, who spoke last, gender and number; the best takes the mention. Where nothing
fits, or two fit equally well, the mention stays as it is written: a name is never a guess.
"""

import re
from dataclasses import dataclass
from math import exp

from pipeline.models import Resolution
from pipeline.text.quotes.lexicon import ALSO_CALLED, COMPANY, INSTITUTIONS, KIN, ROLES, role
from pipeline.text.quotes.people import People, Person
from pipeline.text.quotes.sheet import Sheet
from pipeline.text.quotes.spans import ORG, PERSON

_HE, _SHE = frozenset({"he", "him", "his"}), frozenset({"she", "her", "hers"})
_THEY, _IT = frozenset({"they", "them", "their", "theirs"}), frozenset({"it", "its"})
_PRONOUNS = _HE | _SHE | _THEY | _IT | {"i", "we", "you", "who", "one"}
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_LOOSE = frozenset({"former", "outgoing", "new", "old", "then", "late", "embattled", "ex", "acting", "own", "the"})
_ARTICLE = re.compile(r"^(?:the|a|an|one|another) ", re.IGNORECASE)
_AGED = re.compile(r"\d{1,3}-year-old")
_CLEAR = 0.25
"""How much better than the next the best candidate must be."""
_BY_PRONOUN = {"his": "he", "her": "she", "their": "they", "its": "it"}

Scored = list[tuple[float, Person]]


@dataclass(frozen=True, slots=True)
class Named:
    """What a mention was resolved to; `candidates` are the names that stood to choose, with their shares of 1."""

    name: str
    resolution: Resolution
    confidence: float
    title: str | None = None
    affiliation: str | None = None
    candidates: tuple[tuple[str, float], ...] = ()


class Names:
    """The names of one article, and who has spoken so far in it."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.people = People(sheet)
        self.by_token = self.people.by_token
        self.history: list[tuple[int, Person]] = []
        self._groups: dict[str, Person] = {}

    def resolve(self, head: int, first: int, last: int) -> Named:
        """The name for the mention `first:last` with that head."""
        sheet = self.sheet
        text = " ".join(sheet.text[sheet.start[first] : sheet.end[last]].split())
        word = sheet.lower[head]
        own = self._own(head, first, last)
        if own is not None:
            return self._named(own, head, first, last, text)
        if word in _PRONOUNS and first == last:
            return self._chosen(head, self._antecedents(head, word), Resolution.PRONOUN, text, 0.75)
        return self._nominal(head, first, last, text)

    def carried(self, first: int, low: int) -> tuple[int, Named | None]:
        """Who speaks in marks at `first` with no cue: the only one whom the sentence before, from `low`, is about.

        Gives the token of the mention too; -1 where the sentence names several people, so that none is the one.
        """
        sheet = self.sheet
        outside = [t for t in range(low, first) if sheet.region[t] < 0]
        found = {id(p) for t in outside if (p := self.by_token.get(t)) and p.label == PERSON}
        if len(found) > 1:
            return -1, None
        subject = next((t for t in outside if sheet.dep[t] in _SUBJECTS), None)
        if subject is None:
            return first, None
        if sheet.lower[subject] in _HE | _SHE and not found:
            named = self.resolve(subject, subject, subject)
            carried = Named(named.name, Resolution.CARRIED, 0.5, candidates=named.candidates)
            return subject, carried if named.confidence > 0.5 else None
        person = self.by_token.get(subject)
        if person is None or person.label != PERSON or person.behind:
            return subject, None
        self.history.append((subject, person))
        return subject, Named(person.name, Resolution.CARRIED, 0.6, candidates=((person.name, 1.0),))

    def _own(self, head: int, first: int, last: int) -> Person | None:
        """The person or body that the mention names itself."""
        sheet = self.sheet
        own = self.by_token.get(head)
        if own is not None and own.label == PERSON:
            return own
        inside = [t for t in range(first, last + 1) if (p := self.by_token.get(t)) and p.label == PERSON]
        linked = [t for t in inside if sheet.head[t] == head or sheet.head[sheet.head[t]] == head]
        poss = {k for k in sheet.kids[head] if sheet.dep[k] == "poss"}
        linked = [t for t in linked if t not in poss and sheet.head[t] not in poss
                  and sheet.dep[t] in {"appos", "compound", "nmod", "flat"}]  # fmt: skip
        return self.by_token[linked[-1]] if linked else own

    def _named(self, own: Person, head: int, first: int, last: int, text: str) -> Named:
        sheet = self.sheet
        if own.behind:
            near = [(p, t) for p in own.behind for t in p.fulls if t < head and sheet.para[t] == sheet.para[head]]
            near += [(p, t) for t, p in self.history[-1:] if p in own.behind]
            if len({id(p) for p, _ in near}) != 1:
                shares = _shares([(0.0, p) for p in own.behind])
                return Named(own.name, Resolution.NAMED, 0.5, candidates=shares)
            own = near[0][0]
        others = [self.by_token[t] for k in sheet.kids[head] if sheet.dep[k] == "conj" and first <= k <= last
                  for t in (k,) if t in self.by_token and self.by_token[t] is not own]  # fmt: skip
        self.history.append((head, own))
        if others and own.label == PERSON and all(p.label == PERSON for p in others):
            names = [p.name for p in (own, *others)]
            joined = f"{', '.join(names[:-1])} and {names[-1]}"
            return Named(joined, Resolution.NAMED, 0.9, candidates=tuple((name, 1.0) for name in names))
        title, affiliation = self._around(own, first, last)
        confidence = 0.97 if len(own.words) > 1 else 0.9
        name = own.name
        if own.label == PERSON and len(own.words) == 1:
            name = self._full_name(own) or name
        return Named(name, Resolution.NAMED, confidence, title, affiliation, ((name, 1.0),))

    def _full_name(self, own: Person) -> str | None:
        """ "Her father, Thomas": the only full name with that first name."""
        full = {p.name for p in self.people.all if p.label == PERSON and p.words[0] == own.words[0] and p.words[1:]}
        return full.pop() if len(full) == 1 else None

    def _nominal(self, head: int, first: int, last: int, text: str) -> Named:
        sheet = self.sheet
        noun = sheet.lower[head]
        possessor = next((k for k in sheet.kids[head] if sheet.dep[k] == "poss" and first <= k < head), None)
        definite = sheet.lower[first] == "the" or possessor is not None
        if definite or _AGED.search(text):
            scored = self._holders(head, first, last, noun)
            if scored:
                return self._chosen(head, scored, Resolution.NOMINAL, text, 0.7)
        if possessor is not None:
            owner = self._owner(possessor, first)
            if owner is not None:
                rest = sheet.text[sheet.start[self._behind(possessor)] : sheet.end[last]]
                name = f"{owner}'s {' '.join(rest.split())}"
                return Named(name, Resolution.NOMINAL, 0.75, affiliation=owner, candidates=((name, 1.0),))
        plain = _ARTICLE.sub("", text)
        return Named(plain, Resolution.NOMINAL, 0.85, candidates=((plain, 1.0),))

    def _behind(self, possessor: int) -> int:
        sheet = self.sheet
        after = possessor + 1
        return after + 1 if sheet.tag[after] == "POS" else after

    def _owner(self, possessor: int, first: int) -> str | None:
        """The name behind "his", "the mayor's", "Quist's" in front of a noun."""
        sheet = self.sheet
        word = sheet.lower[possessor]
        if word in _BY_PRONOUN:
            scored = self._antecedents(possessor, word)
            return scored[0][1].name if scored and _clear(scored) else None
        own = self.by_token.get(possessor)
        if own is not None:
            return own.name if not own.behind and own.label in {PERSON, ORG} else None
        if sheet.lower[first] == "the":
            scored = self._holders(possessor, sheet.left[possessor], possessor, word)
            return scored[0][1].name if scored and _clear(scored) else None
        return None

    def _holders(self, head: int, first: int, last: int, noun: str) -> Scored:
        """Who holds the role, or which body is of the kind, that "the …" names; best first."""
        sheet = self.sheet
        modifiers = {sheet.lower[t] for t in range(first, last + 1)
                     if t != head and sheet.tag[t] in {"NN", "NNP", "NNS", "JJ"}} - _LOOSE  # fmt: skip
        modifiers -= {w for w in modifiers if sheet.tag[head][:2] == "NN" and w.endswith("-year-old")}
        scored: Scored = []
        kind = noun in COMPANY or noun in INSTITUTIONS
        for person in self.people.all:
            if person.behind or not person.places:
                continue
            held = any(role(noun) == held and modifiers <= words for held, words in person.roles)
            if person.label == PERSON and held:
                scored.append((self._score(person, head), person))
            elif kind and person.label != PERSON and (held or self._is_called(person, noun, modifiers)):
                scored.append((self._score(person, head) + 0.3 * person.company, person))
        if not scored and _AGED.search(sheet.text[sheet.start[first] : sheet.end[last]]):
            scored = [(self._score(p, head), p) for p in self.people.all if p.label == PERSON and not p.behind]
        scored = [s for s in scored if s[0] > -50]
        if kind and not scored and noun in COMPANY and not modifiers:
            # No body of that name: the business that the article is about.
            scored = [(self._score(p, head), p) for p in self.people.all if p.label == ORG
                      and not any(w in INSTITUTIONS - COMPANY for w in p.words)]  # fmt: skip
            scored = [s for s in scored if s[0] > -50]
        return sorted(scored, key=lambda s: -s[0])

    @staticmethod
    def _is_called(person: Person, noun: str, modifiers: set[str]) -> bool:
        if modifiers - set(person.words):
            return False
        if noun in person.words or set(person.words) & ALSO_CALLED.get(noun, set()):
            return True
        return noun in COMPANY and person.company

    def _score(self, person: Person, head: int) -> float:
        """How present somebody is at a mention: nearness, grammar, and whether it was they who spoke last."""
        sheet = self.sheet
        places = [t for t in person.places if t < head]
        if not places:
            return -100.0
        token = places[-1]
        paragraphs = sheet.para[head] - sheet.para[token]
        score = -2.0 * paragraphs - 0.004 * (head - token)
        subject = sheet.dep[token] in _SUBJECTS
        joined = sheet.dep[token] in {"conj", "appos"} and sheet.dep[sheet.head[token]] in _SUBJECTS
        score += 1.6 if subject or joined else 0.0
        score -= 0.7 if sheet.dep[token] in {"poss", "compound"} else 0.0
        score -= 3.0 if sheet.region[token] >= 0 else 0.0
        spoke = next((t for t, p in reversed(self.history) if p is person), None)
        if spoke is not None and spoke < head:
            here = max(0, sheet.para[head] - sheet.para[spoke])
            score += 1.2 / (1 + here)
            if self.history[-1][1] is person:
                score += 1.5 + 1.5 * min(2, max(0, paragraphs - here))
        return score

    def _antecedents(self, head: int, word: str) -> Scored:
        """Whom a pronoun may stand for, best first."""
        if word in _THEY or word in _IT:
            return self._things(head, plural=word in _THEY)
        gender = "he" if word in _HE else "she" if word in _SHE else None
        if gender is None and word != "who":
            return []
        scored: Scored = []
        for person in self.people.all:
            if person.label != PERSON or person.behind or (person.gender and gender and person.gender != gender):
                continue
            score = self._score(person, head)
            if score > -50:
                scored.append((score + (0.8 if person.gender == gender else 0), person))
        scored += self._unnamed(head, gender)
        return sorted(scored, key=lambda s: -s[0])

    def _unnamed(self, head: int, gender: str | None) -> Scored:
        """ "A neighbour watched. She said …": people whom the article never names, in the same paragraph."""
        sheet = self.sheet
        found: Scored = []
        for token in sheet.para_tokens(sheet.para[head]) if sheet.para[head] >= 0 else ():
            if token >= head:
                break
            if sheet.tag[token] != "NN" or sheet.dep[token] not in _SUBJECTS or sheet.region[token] >= 0:
                continue
            first = sheet.left[token]
            new = sheet.lower[first] in {"a", "an", "one", "another"}
            if not new or sheet.lower[token] not in ROLES | KIN or sheet.lower[token] in INSTITUTIONS:
                continue
            found.append((1.4 - 0.004 * (head - token), self._group(token, first, gender)))
        return found

    def _things(self, head: int, *, plural: bool) -> Scored:
        """ "They" and "it": the nearest subject that is many, or a body."""
        sheet = self.sheet
        scored: Scored = []
        low = head
        while low and sheet.para[low - 1] >= sheet.para[head] - 1 and head - low < 120:
            low -= 1
        for token in range(low, head):
            if sheet.dep[token] not in _SUBJECTS or sheet.region[token] >= 0:
                continue
            if sheet.stretch[token] == sheet.stretch[head]:
                continue
            many = sheet.tag[token] in {"NNS", "NNPS"} or any(sheet.dep[k] == "conj" for k in sheet.kids[token])
            named = self.by_token.get(token)
            body = (named is not None and named.label in {ORG, "GPE"}) or sheet.lower[token] in INSTITUTIONS | COMPANY
            if plural != (many and not body) and not (plural and body):
                continue
            if not plural and not body:
                continue
            score = -2.0 * (sheet.para[head] - sheet.para[token]) - 0.02 * (head - token)
            score += -0.5 if plural and body else 0.0
            scored.append((score, named if named is not None and not many else self._thing(token)))
        return sorted(scored, key=lambda s: -s[0])

    def _thing(self, token: int) -> Person:
        sheet = self.sheet
        first, last = sheet.left[token], token
        for kid in sheet.kids[token]:
            if kid > token and sheet.dep[kid] in {"conj", "cc"} and sheet.region[kid] < 0:
                last = max(last, sheet.right[kid])
        if sheet.lower[first] == "the" and last == token:
            scored = self._holders(token, first, last, sheet.lower[token])
            if scored and _clear(scored):
                return scored[0][1]
        return self._group(last, first, None)

    def _group(self, last: int, first: int, gender: str | None) -> Person:
        """Somebody without a name, known by the words of the mention."""
        sheet = self.sheet
        name = _ARTICLE.sub("", " ".join(sheet.text[sheet.start[first] : sheet.end[last]].split()))
        return self._groups.setdefault(name, Person(name, "?", [], gender=gender))

    def _chosen(self, head: int, scored: Scored, how: Resolution, text: str, confidence: float) -> Named:
        candidates = _shares(scored)
        if not scored or not _clear(scored):
            name = text if how is Resolution.PRONOUN else _ARTICLE.sub("", text)
            return Named(name, how, 0.3, candidates=candidates)
        person = scored[0][1]
        self.history.append((head, person))
        sheet = self.sheet
        told = "he" if sheet.lower[head] in _HE else "she" if sheet.lower[head] in _SHE else None
        if person.gender is None and told:
            person.gender = told
        return Named(person.name, how, confidence, candidates=candidates)

    def _around(self, person: Person, first: int, last: int) -> tuple[str | None, str | None]:
        """The title and the affiliation that a mention gives beside the name."""
        sheet = self.sheet
        name = [t for t in range(first, last + 1) if self.by_token.get(t) is person]
        if not name:
            return None, None
        before = sheet.text[sheet.start[first] : sheet.start[name[0]]].strip(" ,")
        title: str | None = re.sub(r"^(?:the|a|an) ", "", before, flags=re.IGNORECASE) if before else None
        if not title and name[-1] + 2 <= last and sheet.lower[name[-1] + 1] == ",":
            title = re.sub(r"^(?:the|a|an) ", "", sheet.text[sheet.start[name[-1] + 2] : sheet.end[last]])
        place = next(
            ((a, b) for a, b, label in self.people.spans
             if label in {"ORG", "GPE", "NORP"} and first <= a and b <= last and a not in name), None)  # fmt: skip
        affiliation = sheet.text[sheet.start[place[0]] : sheet.end[place[1]]] if place else None
        if affiliation:
            affiliation = re.sub(r"^(?:the )|['’]s$", "", affiliation)
        if place is None and title and sheet.lower[first] in _BY_PRONOUN:
            affiliation = self._owner(first, first) if sheet.lower[first] == "its" else None
        return title or None, affiliation


def _shares(scored: Scored) -> tuple[tuple[str, float], ...]:
    """The five best, each with its share: e to the power of its score, over the sum of those."""
    best = scored[:5]
    weights = [exp(score - best[0][0]) for score, _ in best]
    return tuple((p.name, round(w / sum(weights), 2)) for (_, p), w in zip(best, weights, strict=True))


def _clear(scored: Scored) -> bool:
    """Whether the best candidate is better than the next by enough."""
    return len(scored) < 2 or scored[0][1] is scored[1][1] or scored[0][0] - scored[1][0] >= _CLEAR
