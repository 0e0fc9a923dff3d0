"""Which name a mention stands for: surnames, roles, organisations, possessives and pronouns, inside one article.

Candidates are scored by nearness, grammar, who spoke last, gender and number; the best takes the mention. Where nothing
fits, or two fit equally well, the mention stays as it is written: a name is never a guess.
"""

import re
from dataclasses import dataclass
from math import exp

from pipeline.models import Resolution
from pipeline.text.names.person_name import PARTICLES
from pipeline.text.quotes.attribution.antecedents import (
    AGED,
    ARTICLE,
    HE,
    IT,
    SHE,
    SUBJECTS,
    THEY,
    Candidates,
    Scored,
    clear,
)
from pipeline.text.quotes.attribution.name_spans import ORG, PERSON
from pipeline.text.quotes.attribution.people import Person
from pipeline.text.quotes.lexicon.nouns import EPITHETS
from pipeline.text.quotes.tokens import Sheet

_PRONOUNS = HE | SHE | THEY | IT | {"i", "we", "you", "who", "one"}
_WHOSE = re.compile(r"^(?:its|his|her|their|our)\s+", re.IGNORECASE)  # its managing director, Ann Lee
_AGE_FIRST = re.compile(r"^\d{1,3}(?:, (?!of\b)|$|, of\b.*)")
_BY_PRONOUN = {"his": "he", "her": "she", "their": "they", "its": "it"}


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
        self.candidates = Candidates(sheet)
        self.by_token = self.candidates.by_token

    def resolve(self, head: int, first: int, last: int) -> Named:
        """The name for the mention `first:last` with that head."""
        sheet = self.sheet
        text = " ".join(sheet.text[sheet.start[first] : sheet.end[last]].split())
        word = sheet.lower[head]
        own = self._own(head, first, last)
        if own is not None and own.label != "NORP" and not (own.label != PERSON and word in EPITHETS):
            return self._named(own, head, first, last, text)
        if word in _PRONOUNS and first == last:
            return self._chosen(head, self.candidates.antecedents(head, word), Resolution.PRONOUN, text, 0.75)
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
        subject = next((t for t in outside if sheet.dep[t] in SUBJECTS), None)
        if subject is None:
            return first, None
        if sheet.lower[subject] in HE | SHE and not found:
            named = self.resolve(subject, subject, subject)
            carried = Named(named.name, Resolution.CARRIED, 0.5, candidates=named.candidates)
            return subject, carried if named.confidence > 0.5 else None
        person = self.by_token.get(subject)
        if person is None or person.label != PERSON or person.behind:
            return subject, None
        self.candidates.speaks(subject, person)
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
        # A name before a noun only says what kind it is: "a Trump adviser" is not Trump.
        kind = sheet.tag[head] in {"NN", "NNS"}
        linked = [t for t in linked if t not in poss and sheet.head[t] not in poss and (t > head or not kind)
                  and sheet.dep[t] in {"appos", "compound", "nmod", "flat"}]  # fmt: skip
        return self.by_token[linked[-1]] if linked else own

    def _named(self, own: Person, head: int, first: int, last: int, text: str) -> Named:
        sheet = self.sheet
        if own.behind:
            near = [(p, t) for p in own.behind for t in p.fulls if t < head and sheet.para[t] == sheet.para[head]]
            if (spoken := self.candidates.last_spoken) is not None and spoken[1] in own.behind:
                near.append((spoken[1], spoken[0]))
            if len({id(p) for p, _ in near}) != 1:
                shares = _shares([(0.0, p) for p in own.behind])
                return Named(own.name, Resolution.NAMED, 0.5, candidates=shares)
            own = near[0][0]
        others = [self.by_token[t] for k in sheet.kids[head] if sheet.dep[k] == "conj" and first <= k <= last
                  for t in (k,) if t in self.by_token and self.by_token[t] is not own]  # fmt: skip
        self.candidates.speaks(head, own)
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
        full = {
            p.name
            for p in self.candidates.people.of_word(own.words[0])
            if p.label == PERSON and p.words[0] == own.words[0] and p.words[1:]
        }
        return full.pop() if len(full) == 1 else None

    def _nominal(self, head: int, first: int, last: int, text: str) -> Named:
        sheet = self.sheet
        noun = sheet.lower[head]
        possessor = next((k for k in sheet.kids[head] if sheet.dep[k] == "poss" and first <= k < head), None)
        definite = sheet.lower[first] == "the" or possessor is not None
        if definite:
            scored = self.candidates.holders(head, first, last, noun)
            if scored:
                return self._chosen(head, scored, Resolution.NOMINAL, text, 0.7)
        if possessor is not None:
            owner = self._owner(possessor, first)
            if owner is not None:
                rest = sheet.text[sheet.start[self._behind(possessor)] : sheet.end[last]]
                name = f"{owner}'s {' '.join(rest.split())}"
                return Named(name, Resolution.NOMINAL, 0.75, affiliation=owner, candidates=((name, 1.0),))
        plain = ARTICLE.sub("", text)
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
            scored = self.candidates.antecedents(possessor, word)
            return scored[0][1].name if scored and clear(scored) else None
        own = self.by_token.get(possessor)
        if own is not None:
            return own.name if not own.behind and own.label in {PERSON, ORG} else None
        if sheet.lower[first] == "the":
            scored = self.candidates.holders(possessor, sheet.left[possessor], possessor, word)
            return scored[0][1].name if scored and clear(scored) else None
        return None

    def _chosen(self, head: int, scored: Scored, how: Resolution, text: str, confidence: float) -> Named:
        candidates = _shares(scored)
        if not scored or not clear(scored):
            name = text if how is Resolution.PRONOUN else ARTICLE.sub("", text)
            return Named(name, how, 0.3, candidates=candidates)
        person = scored[0][1]
        self.candidates.speaks(head, person)
        sheet = self.sheet
        told = "he" if sheet.lower[head] in HE else "she" if sheet.lower[head] in SHE else None
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
        title = AGED.sub("", _WHOSE.sub("", ARTICLE.sub("", before))).strip(" ,")
        if title.endswith(("'s", "’s")) or title.lower() in PARTICLES:
            title = ""  # whose, not what: "the institute's Ann Lee"
        if not title and name[-1] + 2 <= last and sheet.lower[name[-1] + 1] == ",":
            behind = sheet.text[sheet.start[name[-1] + 2] : sheet.end[last]]
            title = ARTICLE.sub("", _AGE_FIRST.sub("", behind))
        place = next(
            ((a, b) for a, b, label in self.candidates.people.spans_within(first, last)
             if label in {"ORG", "GPE", "NORP"} and a not in name
             and sheet.lower[a] != "state"), None)  # fmt: skip
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
