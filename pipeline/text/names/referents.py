"""Whom and what an article names: each referent once, with all its mentions, its gender and its roles.

A surname, a first name, an acronym or a business without its legal form is a mention of the full name that fits it, if
there is only one. If two fit, the short form is a referent of its own that both may be meant by.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.text import countries
from pipeline.text.names.person_name import (
    FEMALE_TITLES,
    HONOURS,
    MALE_TITLES,
    PARTICLES,
    REGAL,
    SUFFIXES,
    gender_of,
    is_title,
    key,
)
from pipeline.text.names.name_spans import ORG, PERSON, NameSpan, find_spans, is_business
from pipeline.text.quotes.lexicon.grammar import BEFORE_PLACES, HE_OR_HIMSELF, PROPER, SHE_OR_HERSELF, SUBJECTS
from pipeline.text.quotes.lexicon.nouns import INSTITUTIONS, KIN, LEGAL_FORMS, ROLES, role
from pipeline.text.quotes.tokens import TokenTable

MANY = 300
"""Names of an article; where it has more, a mention stands for one of those that are named near it."""

_NEAR = 1000  # mentions of names before and behind a place that are near it
_ALIKE = 100  # full names with one word that a shorter name may stand for
_ADDED = 5  # words at the end of a business's name that a shorter form leaves out
_HONORIFIC = frozenset("mr mrs ms miss dr prof sir dame lord lady mister madam".split())
_NO_WORDS = frozenset({"POS", "_SP", "HYPH", "``", "''", ":", "-LRB-", "-RRB-"})
"""Tags of what may stand in a name and is no word of it."""
_SMALL = frozenset("the a an of and for in on & de du la".split())


@dataclass(slots=True, eq=False)
class Referent:
    """A person, body or place that the article names.

    Attributes:
        name: the name as the article first writes it in full.
        label: PERSON, ORG, GPE or NORP; "?" for somebody without a name.
        words: the name's words as names are compared (`person_name.key`).
        mentions: the last token of each mention.
        gender: "he" or "she", where the article or a first name tells.
        roles: what the article says it is: a noun and all words of its phrase.
        shared_by: the referents that a short form may stand for, where it fits several.
        company: whether its name is a business's.
        full_mentions: the last token of each mention with more than one word.
    """

    name: str
    label: str
    words: list[str]
    mentions: list[int] = field(default_factory=list)
    gender: str | None = None
    roles: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    shared_by: tuple["Referent", ...] = ()
    company: bool = False
    full_mentions: list[int] = field(default_factory=list)


class Referents:
    """The referents of one article.

    Attributes:
        all: the referents, those with the longest names first.
        by_token: whose name a token belongs to.
        spans: all mentions in order.
    """

    def __init__(self, table: TokenTable) -> None:
        self.table = table
        self.all: list[Referent] = []
        self.by_token: dict[int, Referent] = {}
        self._by_words: dict[tuple[str, ...], list[Referent]] = defaultdict(list)
        self._by_edge: dict[str, list[Referent]] = defaultdict(list)  # first and last word of a name
        self._by_inner: dict[str, list[Referent]] = defaultdict(list)  # words between a person's first and last
        self._by_start: dict[tuple[str, ...], list[Referent]] = defaultdict(list)  # of businesses
        self._by_initials: dict[str, list[Referent]] = defaultdict(list)
        self.spans = find_spans(table)
        self._places = {table.lower[a] for a, b, label in self.spans if a == b and a and label == "GPE"
                        and table.lower[a - 1] in BEFORE_PLACES}  # fmt: skip
        self._bracketed = _bracketed(table, self.spans)
        # Full names first: a surname may come before its full name.
        for first, last, label in sorted(self.spans, key=lambda s: (s[0] - s[1], s[0])):
            self._add(first, last, label)
        self._order = {id(referent): number for number, referent in enumerate(self.all)}
        self._firsts = [first for first, _, _ in self.spans]
        for referent in self.all:
            referent.mentions.sort()
            if referent.label == PERSON and referent.gender is None:
                referent.gender = self._gender_by_pronoun(referent)

    def near(self, token: int) -> list[Referent]:
        """Those who may be meant at a token: all, or in an article with very many names those named near it."""
        if len(self.all) <= MANY:
            return self.all
        number = bisect_left(self._firsts, token)
        spans = self.spans[max(0, number - _NEAR) : number + _NEAR]
        named = {id(p): p for _, last, _ in spans if (p := self.by_token.get(last)) is not None}
        return sorted(named.values(), key=lambda p: self._order[id(p)])

    def of_word(self, word: str) -> list[Referent]:
        """Those whose names begin or end with a word."""
        return self._by_edge.get(word, [])

    def spans_within(self, first: int, last: int) -> list[NameSpan]:
        """The mentions of names that lie between two tokens, both included."""
        spans = self.spans[bisect_left(self._firsts, first) : bisect_left(self._firsts, last + 1)]
        return [span for span in spans if span[1] <= last]

    def _enter(self, referent: Referent) -> None:
        self.all.append(referent)
        words = referent.words
        self._by_words[tuple(words)].append(referent)
        kept = [w for w in words if w not in SUFFIXES]
        for word in {words[0], words[-1], *kept[:1], *kept[-1:]}:
            if len(self._by_edge[word]) < _ALIKE:
                self._by_edge[word].append(referent)
        if referent.label == PERSON:
            for word in words[1:-1]:
                if word not in PARTICLES and len(word) > 1 and len(self._by_inner[word]) < _ALIKE:
                    self._by_inner[word].append(referent)
        if referent.label != ORG or len(words) < 2:
            return
        for initials in _initials(words):
            self._by_initials[initials].append(referent)
        for length in range(len(words) - 1, max(0, len(words) - 1 - _ADDED), -1):
            if not is_business(words[length]):
                break
            self._by_start[tuple(words[:length])].append(referent)

    def _add(self, first: int, last: int, label: str) -> None:
        table = self.table
        written = [
            table.lower[t] for t in range(first, last + 1) if table.tag[t] not in _NO_WORDS and table.lower[t] != "-"
        ]
        titles = [key(w) for w in written if key(w) in _HONORIFIC]
        if first and is_title(table.lower[first - 1]):
            titles.append(key(table.lower[first - 1]))
        words = [k for w in written if (k := key(w)) not in _HONORIFIC and k != "the" and k]
        words = [re.sub(r"'s$", "", w) for w in words]
        if not words:
            return
        referent = self._known(words, label, titles, first)
        if referent is None and label == "?":
            return
        if referent is None:
            name = self._written(first, last, label)
            if label == PERSON and len(words) == 1 and titles and titles[-1] in REGAL:
                name = f"{table.word(first - 1)} {name}"  # Pope Francis is not Francis.
            referent = Referent(name, label, words)
            self._enter(referent)
        referent.mentions.append(last)
        referent.company |= label == ORG and any(is_business(w) for w in words[1:])
        if len(words) > 1:
            referent.full_mentions.append(last)
        for token in range(first, last + 1):
            self.by_token[token] = referent
        self._add_roles(referent, first, last)
        if referent.label == PERSON and not referent.shared_by:
            if last + 1 < len(table.lower) and table.lower[last + 1] == "," and self._is_they(first, last):
                referent.gender = "they"
            self._gender(referent, titles)

    def _written(self, first: int, last: int, label: str) -> str:
        """The name as the article has it, without what does not belong to it."""
        table = self.table
        while first < last and (key(table.lower[first]) in _HONORIFIC or table.lower[first] == "the"):
            first += 1
        while last > first and (
            table.tag[last] == "POS"
            or (label == PERSON and key(table.lower[last]) in HONOURS)
            or (label == ORG and table.lower[last] in LEGAL_FORMS | {","})
        ):
            last -= 1
        return re.sub(r"['’]s$", "", " ".join(table.text[table.start[first] : table.end[last]].split()))

    def _add_roles(self, referent: Referent, first: int, last: int) -> None:
        """What the sentence says that the one named `first:last` is."""
        table = self.table
        for start in range(first - 1, max(-1, first - 6), -1):
            # Titles before the name: "Foreign Minister Ann Lee", "flight director Ann Lee".
            if table.tag[start] not in PROPER | {"NN"} or table.head[start] not in range(first - 5, last + 1):
                break
            if table.lower[start] in ROLES:
                near = range(max(0, start - 3), first)
                words = {table.lower[token] for token in near if table.tag[token] in PROPER | {"NN", "JJ"}}
                referent.roles.append((role(table.lower[start]), frozenset(words)))
        for noun in self._nouns_said_of(first, last):
            if self.by_token.get(noun, referent) is referent:
                referent.roles.append((role(table.lower[noun]), frozenset(self._phrase(noun))))

    def _nouns_said_of(self, first: int, last: int) -> Iterator[int]:
        """The nouns that the sentence puts beside a name or says that it is."""
        table = self.table
        inside = range(first, last + 1)
        head = next((token for token in inside if table.head[token] == token or table.head[token] not in inside), None)
        if head is None:
            return
        above = table.head[head]
        if table.dep[head] == "appos" and table.tag[above][:2] == "NN":
            yield above
        for child in table.children[head]:
            if table.dep[child] == "appos" and child > last:
                yield child
            if table.dep[child] == "relcl":
                yield from _attributes(table, child)
        if table.dep[head] == "nsubj":
            yield from _attributes(table, above)

    def _phrase(self, noun: int) -> set[str]:
        """The words of a noun's phrase: its adjectives and compounds, and the nouns behind "of", "at" or "for"."""
        table = self.table
        children = table.children[noun]
        words = {table.lower[child] for child in children if table.tag[child][:2] in {"NN", "JJ"}}
        for child in children:
            if table.lower[child] in {"of", "at", "for"}:
                words |= {table.lower[below] for below in table.children[child] if table.dep[below] == "pobj"}
        return words | {table.lower[noun]}

    def _is_they(self, first: int, last: int) -> bool:
        """Whether what is told right behind a name says that "they" is its pronoun."""
        table = self.table
        kids = (kid for token in range(first, last + 1) for kid in table.children[token] if kid > last)
        behind = [table.lower[t] for kid in kids if table.dep[kid] in {"relcl", "appos", "acl"}
                  for t in range(table.left_edge[kid], table.right_edge[kid] + 1)]  # fmt: skip
        named = any("they" in word.split("/") for word in behind) and bool({"pronoun", "pronouns"} & set(behind))
        return named or bool({"nonbinary", "non-binary", "enby"} & set(behind))

    def _gender(self, referent: Referent, titles: list[str]) -> None:
        if referent.gender == "they":
            return
        told = {w for _, phrase in referent.roles for w in phrase} | set(titles)
        if told & (MALE_TITLES | {"husband", "son", "uncle", "nephew", "widower", "man", "boy", "businessman"}):
            referent.gender = "he"
        elif told & (FEMALE_TITLES | {"wife", "daughter", "aunt", "niece", "widow", "woman", "girl", "businesswoman"}):
            referent.gender = "she"
        elif referent.gender is None and (len(referent.words) > 1 or told & KIN):
            referent.gender = {"male": "he", "female": "she", None: None}[gender_of(referent.words[0])]

    def _gender_by_pronoun(self, referent: Referent) -> str | None:
        """What a sentence tells that names nobody else and goes on with pronouns of one gender."""
        table = self.table
        for mention in referent.mentions:
            if table.dep[mention] not in SUBJECTS or table.quoted_span[mention] >= 0:
                continue
            token, genders = mention + 1, set()
            while token < len(table.sentence) and table.sentence[token] == table.sentence[mention]:
                other = self.by_token.get(token)
                if table.quoted_span[token] >= 0 or (
                    other is not None and other is not referent and other.label == PERSON
                ):
                    break
                if table.lower[token] in HE_OR_HIMSELF | SHE_OR_HERSELF:
                    genders.add("he" if table.lower[token] in HE_OR_HIMSELF else "she")
                token += 1
            if len(genders) == 1:
                return genders.pop()
        return None

    def _known(self, words: list[str], label: str, titles: list[str], first: int) -> Referent | None:
        for referent in self._by_words[tuple(words)]:
            if referent.label == label or "?" in {referent.label, label} or len(words) > 1:
                return referent
        if label in {PERSON, "?"} or self._may_be_surname(words, first):
            kept = [w for w in words if w not in SUFFIXES]
            alike = self.of_word(kept[-1]) if kept else []
            fitting = [p for p in alike if p.label == PERSON and not p.shared_by and _fits(words, p)]
            if len(fitting) > 1:
                fitting = _by_titles(fitting, titles) or fitting
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                return self._shared(words, fitting)
            inner = self._by_inner.get(words[0], ()) if len(words) == 1 else ()
            if len(inner) == 1:
                return inner[0]
            for referent in self.of_word(words[0]):
                # A person whom the recogniser took for an organisation, known by the surname later.
                two = (
                    referent.label == ORG
                    and len(referent.words) == 2
                    and not referent.company
                    and label in {"?", PERSON}
                )
                if two and len(words) == 1 and words[0] == referent.words[-1] and words[0] not in INSTITUTIONS:
                    referent.label = PERSON
                    return referent
        return self._organisation(words, label, first) if label != PERSON else None

    def _may_be_surname(self, words: list[str], first: int) -> bool:
        if len(words) > 1 and not set(words) & PARTICLES and "-" not in words:
            return False
        before = self.table.lower[first - 1] if first else ""
        return before not in BEFORE_PLACES | {"the"} and not countries.find(words[0])

    def _shared(self, words: list[str], fitting: list[Referent]) -> Referent:
        for referent in self._by_words[tuple(words)]:
            if referent.shared_by:
                return referent
        referent = Referent(" ".join(w.capitalize() for w in words), PERSON, words, shared_by=tuple(fitting))
        self._enter(referent)
        return referent

    def _organisation(self, words: list[str], label: str, first: int) -> Referent | None:
        joined = "".join(words)
        written = self.table.word(first)
        if len(words) == 1 and (written.isupper() or "." in written) and len(joined) > 1:
            if (named := self._bracketed.get(joined)) is not None:
                return self.by_token.get(named)
            fits = [p for p in self._by_initials[joined] if p.label == ORG]
            return fits[0] if len(fits) == 1 else None
        if self.table.lower[first] in self._places and len(words) == 1:
            return None
        fits = [p for p in self._by_start[tuple(words)] if p.label == ORG]
        return fits[0] if len(fits) == 1 and label in {ORG, "?", "GPE", "NORP"} else None


def _fits(words: list[str], referent: Referent) -> bool:
    kept = [w for w in words if w not in SUFFIXES]
    theirs = [w for w in referent.words if w not in SUFFIXES]
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


def _by_titles(fitting: list[Referent], titles: list[str]) -> list[Referent]:
    """Those whose gender or role the titles before the surname tell: "Mr. Stendhal", "Senator Price"."""
    for title in titles:
        gender = "he" if title in MALE_TITLES else "she" if title in FEMALE_TITLES else None
        alike = [p for p in fitting if gender and p.gender == gender]
        alike = alike or [p for p in fitting if any(title in phrase for _, phrase in p.roles)]
        if alike:
            return alike
    return []


def _initials(words: list[str]) -> set[str]:
    kept = [w for w in words if w not in LEGAL_FORMS and w + "." not in LEGAL_FORMS and w]
    return {"".join(w[0] for w in kept), "".join(w[0] for w in kept if w not in _SMALL)}


def _attributes(table: TokenTable, verb: int) -> list[int]:
    """The nouns that a form of "be" gives its subject."""
    if table.lower[verb] not in {"is", "was", "are", "were", "be", "been", "became", "becomes"}:
        return []
    return [k for k in table.children[verb] if table.dep[k] == "attr" and table.lower[k] in ROLES]


def _bracketed(table: TokenTable, spans: list[NameSpan]) -> dict[str, int]:
    """Acronyms that stand in brackets behind a name, with a token of that name."""
    acronyms = {}
    for first, last, _ in spans:
        inside = last + 2
        if inside + 1 < len(table.lower) and table.lower[last + 1] == "(" and table.lower[inside + 1] == ")":
            short = table.word(inside)
            if last > first and short.isupper() and len(short) > 1:
                acronyms[key(short)] = last
    return acronyms
