"""Who may be meant by a role, a kind of body or a pronoun, each with a score.

What counts is nearness, grammar, who spoke last, gender and number.
"""

import re
from bisect import bisect_left

from pipeline.text.quotes.attribution.name_spans import ORG, PERSON
from pipeline.text.quotes.attribution.people import People, Person
from pipeline.text.quotes.lexicon.nouns import (
    ALSO_CALLED,
    COMPANY,
    EPITHETS,
    FEMALE_NOUNS,
    INSTITUTIONS,
    KIN,
    MALE_NOUNS,
    ROLES,
    role,
)
from pipeline.text.quotes.tokens import Sheet

HE, SHE = frozenset({"he", "him", "his"}), frozenset({"she", "her", "hers"})
THEY, IT = frozenset({"they", "them", "their", "theirs"}), frozenset({"it", "its"})
SUBJECTS = frozenset({"nsubj", "nsubjpass"})
ARTICLE = re.compile(r"^(?:the|a|an|one|another) ", re.IGNORECASE)
AGED = re.compile(r"\d{1,3}-year-old")
_MAIN = frozenset({"ROOT", "conj"})
_LOOSE = frozenset({"former", "outgoing", "new", "old", "then", "late", "embattled", "ex", "acting", "own", "the"})
_ELECTED = frozenset({"senator", "congressman", "congresswoman", "governor", "representative"})
_ANY_BODY = frozenset({"group", "organisation", "organization", "body"})
LONGEST_PARAGRAPH = 1000  # tokens before a pronoun in which somebody without a name is looked for
_CLEAR = 0.25
"""How much better than the next the best candidate must be."""

Scored = list[tuple[float, Person]]


def clear(scored: Scored) -> bool:
    """Whether the best candidate is better than the next by enough."""
    return len(scored) < 2 or scored[0][1] is scored[1][1] or scored[0][0] - scored[1][0] >= _CLEAR


class Candidates:
    """Who is present in one article, and who has spoken so far (`last_spoken`: token and speaker)."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.people = People(sheet)
        self.by_token = self.people.by_token
        self.last_spoken: tuple[int, Person] | None = None
        self._spoken: dict[int, int] = {}  # the token at which each person spoke last
        self._groups: dict[str, Person] = {}

    def speaks(self, token: int, person: Person) -> None:
        """Somebody has spoken, by the mention at a token."""
        self.last_spoken = token, person
        self._spoken[id(person)] = token

    def _aged(self, first: int, last: int) -> bool:
        return bool(AGED.search(self.sheet.text[self.sheet.start[first] : self.sheet.end[last]]))

    def holders(self, head: int, first: int, last: int, noun: str) -> Scored:
        """Who holds the role, or which body is of the kind, that "the …" names; best first."""
        sheet = self.sheet
        modifiers = {sheet.lower[t] for t in range(first, last + 1)
                     if t != head and sheet.tag[t] in {"NN", "NNP", "NNS", "JJ"}} - _LOOSE  # fmt: skip
        modifiers -= {w for w in modifiers if sheet.tag[head][:2] == "NN" and w.endswith("-year-old")}
        scored: Scored = []
        kind = noun in COMPANY or noun in INSTITUTIONS
        near = self.people.near(head)
        for person in near:
            if person.behind or not person.places:
                continue
            held = any(role(noun) == held and modifiers <= words for held, words in person.roles)
            if person.label == PERSON and held and sheet.tag[head] != "NNS":
                scored.append((self._score(person, head), person))
            elif kind and person.label != PERSON and (held or self._is_called(person, noun, modifiers)):
                scored.append((self._score(person, head) + 0.3 * person.company, person))
        called = noun in EPITHETS or (noun in _ELECTED and modifiers) or self._aged(first, last)
        if not scored and called and sheet.lower[first] == "the":
            gender = "he" if noun in MALE_NOUNS else "she" if noun in FEMALE_NOUNS else None
            scored = [(self._score(p, head), p) for p in near if p.label == PERSON and not p.behind
                      and (gender is None or p.gender in {None, gender})]  # fmt: skip
        scored = [s for s in scored if s[0] > -50]
        if kind and not scored and noun in COMPANY and not modifiers:
            # No body of that name: the business that the article is about.
            scored = [(self._score(p, head), p) for p in near if p.label == ORG
                      and (noun in _ANY_BODY or not any(w in INSTITUTIONS - COMPANY for w in p.words))]  # fmt: skip
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
        number = bisect_left(person.places, head)
        if not number:
            return -100.0
        token = person.places[number - 1]
        paragraphs = sheet.para[head] - sheet.para[token]
        sentences = min(4, sheet.stretch[head] - sheet.stretch[token]) if not paragraphs or paragraphs == 1 else 4
        score = -2.0 * paragraphs - 0.004 * (head - token) - 0.3 * sentences
        subject = sheet.dep[token] in SUBJECTS
        joined = sheet.dep[token] in {"conj", "appos"} and sheet.dep[sheet.head[token]] in SUBJECTS
        score += 1.6 if subject or joined else 0.0
        score -= 0.7 if sheet.dep[token] in {"poss", "compound"} else 0.0
        score -= 3.0 if sheet.region[token] >= 0 else 0.0
        spoke = self._spoken.get(id(person))
        if spoke is not None and spoke < head:
            here = max(0, sheet.para[head] - sheet.para[spoke])
            score += 1.2 / (1 + here)
            if self.last_spoken is not None and self.last_spoken[1] is person:
                score += 1.5 + 1.5 * min(2, max(0, paragraphs - here))
        return score

    def antecedents(self, head: int, word: str) -> Scored:
        """Whom a pronoun may stand for, best first."""
        if word in THEY or word in IT:
            return self._things(head, plural=word in THEY)
        gender = "he" if word in HE else "she" if word in SHE else None
        if gender is None and word != "who":
            return []
        scored: Scored = []
        for person in self.people.near(head):
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
        low = sheet.para_tokens(sheet.para[head]).start if sheet.para[head] >= 0 else head
        for token in range(max(low, head - LONGEST_PARAGRAPH), head):
            if sheet.tag[token] != "NN" or sheet.dep[token] not in SUBJECTS or sheet.region[token] >= 0:
                continue
            first = sheet.left[token]
            new = sheet.lower[first] in {"a", "an", "one", "another"} and sheet.dep[sheet.head[token]] in _MAIN
            if not new or sheet.lower[token] not in ROLES | KIN or sheet.lower[token] in INSTITUTIONS:
                continue
            found.append((0.9 - 0.004 * (head - token), self._group(token, first, gender)))
        return found

    def _things(self, head: int, *, plural: bool) -> Scored:
        """ "They" and "it": the nearest subject that is many, or a body."""
        sheet = self.sheet
        scored: Scored = []
        low = head
        while low and sheet.para[low - 1] >= sheet.para[head] - 1 and head - low < 120:
            low -= 1
        for token in range(low, head):
            if sheet.dep[token] not in SUBJECTS or sheet.region[token] >= 0:
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
            scored = self.holders(token, first, last, sheet.lower[token])
            if scored and clear(scored):
                return scored[0][1]
        return self._group(last, first, None)

    def _group(self, last: int, first: int, gender: str | None) -> Person:
        """Somebody without a name, known by the words of the mention."""
        sheet = self.sheet
        name = ARTICLE.sub("", " ".join(sheet.text[sheet.start[first] : sheet.end[last]].split()))
        return self._groups.setdefault(name, Person(name, "?", [], gender=gender))
