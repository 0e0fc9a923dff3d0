"""Antecedents: who may be meant by a role, a kind of body or a pronoun, each with a score.

The score counts nearness, grammar, who spoke last, gender and number.
"""

import re
from bisect import bisect_left
from functools import cached_property

from pipeline.text.names.name_index import ORG, PERSON, UNKNOWN, Referent
from pipeline.text.names.referents import Referents
from pipeline.text.quotes.lexicon.grammar import HE, IT, SHE, SUBJECTS, THEY
from pipeline.text.quotes.lexicon.nouns import (
    ALSO_CALLED,
    COMPANIES,
    EPITHETS,
    FEMALE_NOUNS,
    INSTITUTIONS,
    KIN,
    MALE_NOUNS,
    ROLES,
    role,
)
from pipeline.text.quotes.lexicon.speech_verbs import VERBS

ARTICLE = re.compile(r"^(?:the|a|an|one|another) ", re.IGNORECASE)
AGED = re.compile(r"\d{1,3}-year-old")
_MAIN = frozenset({"ROOT", "conj"})
_LOOSE = frozenset({"former", "outgoing", "new", "old", "then", "late", "embattled", "ex", "acting", "own", "the"})
_ELECTED = frozenset({"senator", "congressman", "congresswoman", "governor", "representative"})
_ANY_BODY = frozenset({"group", "organisation", "organization", "body"})
LONGEST_PARAGRAPH = 1000  # tokens before a pronoun in which somebody without a name is looked for
_NO_NAMES = (
    ROLES | KIN | INSTITUTIONS | COMPANIES
    | frozenset({"everybody", "everyone", "nobody", "somebody", "someone", "anyone", "nothing", "one"})
)  # fmt: skip
_NO_SURNAMES = frozenset({"GPE", "NORP", "DATE"})
_NEW_TOPIC = 3.0  # for the subject of the sentence between the last speech and the pronoun
_CLEAR = 0.25
"""How much better than the next the best antecedent must be."""

Scored = list[tuple[float, Referent]]


def clear(scored: Scored) -> bool:
    """Whether the best antecedent is better than the next by enough."""
    return len(scored) < 2 or scored[0][1] is scored[1][1] or scored[0][0] - scored[1][0] >= _CLEAR


class Antecedents:
    """Who is present in one article, and who has spoken so far (`last_spoken`: token and speaker)."""

    def __init__(self, referents: Referents) -> None:
        self.table = referents.table
        self.referents = referents
        self.by_token = self.referents.by_token
        self.last_spoken: tuple[int, Referent] | None = None
        self._spoken: dict[int, int] = {}  # the token at which each person spoke last
        self._groups: dict[str, Referent] = {}
        self.own: list[tuple[int, int]] = []  # offsets of the quote whose speaker is looked for
        self._reported: set[int] = set()  # tokens of the quotes so far

    def reports(self, segments: list[tuple[int, int]]) -> None:
        """A quote has been read: whom it names is less likely to speak next."""
        for start, end in segments:
            self._reported.update(self.table.tokens_between(start, end))

    def speaks(self, token: int, referent: Referent) -> None:
        """Note that a referent has spoken, by the mention at a token."""
        self.last_spoken = token, referent
        self._spoken[id(referent)] = token

    def _aged(self, first: int, last: int) -> bool:
        return bool(AGED.search(self.table.text[self.table.start[first] : self.table.end[last]]))

    def holders(self, head: int, first: int, last: int, noun: str) -> Scored:
        """Who holds the role, or which body is of the kind, that "the …" names; best first."""
        table = self.table
        modifiers = {table.lower[t] for t in range(first, last + 1)
                     if t != head and table.tag[t] in {"NN", "NNP", "NNS", "JJ"}} - _LOOSE  # fmt: skip
        modifiers -= {w for w in modifiers if table.tag[head][:2] == "NN" and w.endswith("-year-old")}
        scored: Scored = []
        kind = noun in COMPANIES or noun in INSTITUTIONS
        near = self.referents.near(head)
        for referent in near:
            if referent.shared_by or not referent.mentions:
                continue
            is_held = any(role(noun) == held and modifiers <= words for held, words in referent.roles)
            if referent.label == PERSON and is_held and table.tag[head] != "NNS":
                scored.append((self._score(referent, head), referent))
            elif kind and referent.label != PERSON and (is_held or self._is_called(referent, noun, modifiers)):
                scored.append((self._score(referent, head) + 0.3 * referent.company, referent))
        called = noun in EPITHETS or (noun in _ELECTED and modifiers) or self._aged(first, last)
        if not scored and called and table.lower[first] == "the":
            gender = "he" if noun in MALE_NOUNS else "she" if noun in FEMALE_NOUNS else None
            scored = [(self._score(p, head), p) for p in near if p.label == PERSON and not p.shared_by
                      and (gender is None or p.gender in {None, gender})]  # fmt: skip
        scored = [s for s in scored if s[0] > -50]
        if kind and not scored and noun in COMPANIES and not modifiers:
            # No body of that name: the business that the article is about.
            scored = [(self._score(p, head), p) for p in near if p.label == ORG
                      and (noun in _ANY_BODY or not any(w in INSTITUTIONS - COMPANIES for w in p.words))]  # fmt: skip
            scored = [s for s in scored if s[0] > -50]
        return sorted(scored, key=lambda s: -s[0])

    @staticmethod
    def _is_called(referent: Referent, noun: str, modifiers: set[str]) -> bool:
        if modifiers - set(referent.words):
            return False
        if noun in referent.words or set(referent.words) & ALSO_CALLED.get(noun, set()):
            return True
        return noun in COMPANIES and referent.company

    def _score(self, referent: Referent, head: int) -> float:
        """How present somebody is at a mention: nearness, grammar, and whether it was they who spoke last."""
        table = self.table
        number = bisect_left(referent.mentions, head)
        while number and self._in_own_quote(referent.mentions[number - 1]):
            number -= 1
        if not number:
            return -100.0
        token = referent.mentions[number - 1]
        if table.sentence[token] == table.sentence[head] and token in self._reported and number == 1:
            return -100.0  # named only in what the same sentence reports before
        paragraphs = table.paragraph[head] - table.paragraph[token]
        sentences = min(4, table.sentence[head] - table.sentence[token]) if not paragraphs or paragraphs == 1 else 4
        score = -2.0 * paragraphs - 0.004 * (head - token) - 0.3 * sentences
        subject = table.dep[token] in SUBJECTS
        joined = table.dep[token] in {"conj", "appos"} and table.dep[table.head[token]] in SUBJECTS
        score += 1.6 if subject or joined else 0.0
        score -= 0.7 if table.dep[token] in {"poss", "compound"} else 0.0
        score -= 3.0 if table.quoted_span[token] >= 0 or token in self._reported else 0.0
        score += _NEW_TOPIC if subject and self._is_new_topic(token, head) else 0.0
        spoke = self._spoken.get(id(referent))
        if spoke is not None and spoke < head:
            here = max(0, table.paragraph[head] - table.paragraph[spoke])
            score += 1.2 / (1 + here)
            if self.last_spoken is not None and self.last_spoken[1] is referent:
                score += 1.5 + 1.5 * min(2, max(0, paragraphs - here))
        return score

    def _in_own_quote(self, token: int) -> bool:
        return any(start <= self.table.start[token] < end for start, end in self.own)

    def _is_new_topic(self, token: int, head: int) -> bool:
        """Whether the sentence before a mention, in its paragraph, is about somebody who has not spoken since."""
        table = self.table
        if self.last_spoken is None or token <= self.last_spoken[0] or table.quoted_span[token] >= 0:
            return False
        verb = table.head[token]
        main = table.dep[verb] == "ROOT" and table.lower[verb] not in VERBS
        here = table.paragraph[token] == table.paragraph[head] == table.paragraph[self.last_spoken[0]]
        return main and here and table.sentence[head] - table.sentence[token] == 1

    def bare_name(self, token: int) -> Referent | None:
        """Who a surname is that the article has nowhere in full: “Okafor spoke. He said …”."""
        table = self.table
        if table.dep[token] != "nsubj" or table.lower[table.head[token]] not in VERBS or token in self._reported:
            return None
        if table.left_edge[token] != token or table.tag[token] not in {"NNP", "NN"} or not table.word(token).istitle():
            return None
        own = self.by_token.get(token)
        if own is not None and (own.label == PERSON or own.company or len(own.words) > 1):
            return None
        if table.entity[token] in _NO_SURNAMES or table.lower[token] in _NO_NAMES:
            return None
        return self._groups.setdefault(table.word(token), Referent(table.word(token), UNKNOWN))

    @cached_property
    def _speaking(self) -> list[int]:
        """The subjects with a capital of verbs of speech."""
        table = self.table
        return [
            token for token, dep in enumerate(table.dep)
            if dep == "nsubj" and table.lower[table.head[token]] in VERBS and table.word(token)[0].isupper()
        ]  # fmt: skip

    def _bare_names(self, head: int, gender: str | None) -> Scored:
        """The surnames without a full name that speak in this paragraph or the one before."""
        table = self.table
        scored: Scored = []
        line = table.paragraph[head]
        speaking = self._speaking
        for token in speaking[bisect_left(speaking, head - LONGEST_PARAGRAPH) : bisect_left(speaking, head)]:
            if not 0 <= line - table.paragraph[token] <= 1 or line < 0:
                continue
            if table.quoted_span[token] >= 0 or (referent := self.bare_name(token)) is None:
                continue
            if referent.gender not in {None, gender}:
                continue
            score = 1.6 - 2.0 * (line - table.paragraph[token]) - 0.004 * (head - token)
            score -= 0.3 * min(4, table.sentence[head] - table.sentence[token])
            if self.last_spoken is not None and self.last_spoken[1] is referent:
                score += 2.7
            scored = [*(other for other in scored if other[1] is not referent), (score, referent)]
        return scored

    def of_pronoun(self, head: int, word: str) -> Scored:
        """Whom a pronoun may stand for, best first."""
        if word in THEY:
            singular = [(self._score(p, head), p) for p in self.referents.near(head) if p.gender == "they"]
            scored = [one for one in singular if one[0] > -50]
            return sorted([*scored, *self._things(head, plural=True)], key=lambda s: -s[0])
        if word in IT:
            return self._things(head, plural=False)
        gender = "he" if word in HE else "she" if word in SHE else None
        if gender is None and word != "who":
            return []
        scored = []
        for referent in self.referents.near(head):
            if (
                referent.label != PERSON
                or referent.shared_by
                or (referent.gender and gender and referent.gender != gender)
            ):
                continue
            score = self._score(referent, head)
            if score > -50:
                scored.append((score + (0.8 if referent.gender == gender else 0), referent))
        scored += self._unnamed(head, gender) + self._bare_names(head, gender)
        return sorted(scored, key=lambda s: -s[0])

    def _unnamed(self, head: int, gender: str | None) -> Scored:
        """ "A neighbour watched. She said …": people whom the article never names, in the same paragraph."""
        table = self.table
        unnamed: Scored = []
        low = table.paragraph_tokens(table.paragraph[head]).start if table.paragraph[head] >= 0 else head
        for token in range(max(low, head - LONGEST_PARAGRAPH), head):
            if table.tag[token] != "NN" or table.dep[token] not in SUBJECTS or table.quoted_span[token] >= 0:
                continue
            first = table.left_edge[token]
            new = table.lower[first] in {"a", "an", "one", "another"} and table.dep[table.head[token]] in _MAIN
            if not new or table.lower[token] not in ROLES | KIN or table.lower[token] in INSTITUTIONS:
                continue
            unnamed.append((0.9 - 0.004 * (head - token), self._group(token, first, gender)))
        return unnamed

    def _things(self, head: int, *, plural: bool) -> Scored:
        """ "They" and "it": the nearest subject that is many, or a body."""
        table = self.table
        scored: Scored = []
        low = head
        while low and table.paragraph[low - 1] >= table.paragraph[head] - 1 and head - low < 120:
            low -= 1
        for token in range(low, head):
            if table.dep[token] not in SUBJECTS or table.quoted_span[token] >= 0:
                continue
            if table.sentence[token] == table.sentence[head]:
                continue
            many = table.tag[token] in {"NNS", "NNPS"} or any(table.dep[k] == "conj" for k in table.children[token])
            named = self.by_token.get(token)
            body = (named is not None and named.label in {ORG, "GPE"}) or table.lower[token] in INSTITUTIONS | COMPANIES
            if plural != (many and not body) and not (plural and body):
                continue
            if not plural and not body:
                continue
            score = -2.0 * (table.paragraph[head] - table.paragraph[token]) - 0.02 * (head - token)
            score += -0.5 if plural and body else 0.0
            scored.append((score, named if named is not None and not many else self._thing(token)))
        return sorted(scored, key=lambda s: -s[0])

    def _thing(self, token: int) -> Referent:
        table = self.table
        first, last = table.left_edge[token], token
        for kid in table.children[token]:
            if kid > token and table.dep[kid] in {"conj", "cc"} and table.quoted_span[kid] < 0:
                last = max(last, table.right_edge[kid])
        if table.lower[first] == "the" and last == token:
            scored = self.holders(token, first, last, table.lower[token])
            if scored and clear(scored):
                return scored[0][1]
        return self._group(last, first, None)

    def _group(self, last: int, first: int, gender: str | None) -> Referent:
        """Somebody without a name, known by the words of the mention."""
        table = self.table
        name = ARTICLE.sub("", " ".join(table.text[table.start[first] : table.end[last]].split()))
        return self._groups.setdefault(name, Referent(name, UNKNOWN, gender=gender))
