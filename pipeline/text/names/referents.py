"""Finds whom and what an article names: each referent once, with all its mentions, its gender and its roles."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spacy.tokens import Doc

from pipeline.text.names.descriptions import describe, gender_by_pronoun
from pipeline.text.names.label_initials import labels_in_initials, mentions_by_initials
from pipeline.text.names.name_index import (
    GPE,
    NORP,
    ORG,
    PERSON,
    UNKNOWN,
    Mention,
    NameIndex,
    Referent,
    settle_names,
)
from pipeline.text.names.name_spans import NameSpan, find_spans, is_business, is_shown_body
from pipeline.text.names.namesakes import meant_by_surname
from pipeline.text.names.person_name import HONOURS, REGAL, is_title, key
from pipeline.text.quotes.lexicon.grammar import BEFORE_PLACES, SUBJECTS
from pipeline.text.quotes.lexicon.nouns import COMPANIES, INSTITUTIONS, KIN, ROLES, role
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable, make_token_table

_NO_NAMES = (
    ROLES | KIN | INSTITUTIONS | COMPANIES
    | frozenset({"everybody", "everyone", "nobody", "somebody", "someone", "anyone", "nothing", "one"})
)  # fmt: skip
"""Words that are nobody's surname."""

MANY = 300
"""Names of an article; where it has more, a mention stands for one of those that are named near it."""

_BEHIND_NAME = HONOURS | {","}
_NO_SURNAMES = frozenset({"GPE", "NORP", "DATE"})
_NEAR = 1000  # mentions of names before and behind a place that are near it


class Named(NamedTuple):
    """A mention of a referent.

    Attributes:
        first: the name's first token.
        last: the name's last token.
        referent: whom it names.
        is_sure: whether its own words tell that it is a name, or only that somebody is known by it.
    """

    first: int
    last: int
    referent: Referent
    is_sure: bool


class Referents:
    """The referents of one article.

    Attributes:
        index: the referents by their names.
        by_token: whose name a token belongs to.
        spans: all mentions in order.
        named: whom each of the spans names, and where its name stands without titles and possessives.
        surnames: by word, what may be somebody's surname that the article has nowhere in full.
        tokens: the last token of each mention of a referent or such a surname, in order.
        named_at: whom each of those tokens names.
    """

    def __init__(self, table: TokenTable) -> None:
        self.table = table
        self.index = NameIndex()
        self.by_token: dict[int, Referent] = {}
        initials = labels_in_initials(table)
        self.spans = _with_initials(find_spans(table), initials)
        self._places = _places(table, self.spans)
        self._bounds: list[tuple[int, int]] = []
        self._subjects = [token for token, dep in enumerate(table.dep) if dep == "nsubj"]
        self.named: list[Named | None] = [None] * len(self.spans)
        mentions = [self._mention(number) for number in range(len(self.spans))]
        mentions = _by_majority(_titled(_shown_bodies(table, mentions, self.spans)))
        mentions = _by_initials(table, mentions, self.spans, initials)
        # Full names first: a surname may come before its full name, and what may be one before both.
        order = sorted((m.label == UNKNOWN, -len(m.words), number) for number, m in enumerate(mentions))
        for _, _, number in order:
            self._add(mentions[number], number)
        self._settle_shared(mentions)
        self._order = {id(referent): number for number, referent in enumerate(self.all)}
        self._firsts = [first for first, _, _ in self.spans]
        settle_names(self.all)
        self.surnames = self._surnames()
        in_order = [(named.last, named.referent) for named in self.named if named is not None]
        in_order += [(token, referent) for referent in self.surnames.values() for token in referent.mentions]
        in_order += self._by_role()
        in_order.sort(key=lambda mention: mention[0])
        self.tokens = [token for token, _ in in_order]
        self.named_at = [referent for _, referent in in_order]
        for referent in self.all:
            referent.mentions.sort()
            if referent.label == PERSON and referent.gender is None:
                referent.gender = gender_by_pronoun(table, self.by_token, referent)

    @property
    def all(self) -> list[Referent]:
        """The referents, those with the longest names first."""
        return self.index.all

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
        return self.index.of_word(word)

    def spans_within(self, first: int, last: int) -> list[NameSpan]:
        """The mentions of names that lie between two tokens, both included."""
        spans = self.spans[bisect_left(self._firsts, first) : bisect_left(self._firsts, last + 1)]
        return [span for span in spans if span[1] <= last]

    def _surnames(self) -> dict[str, Referent]:
        """What may be surnames of people whom the recogniser missed: names by their capitals alone."""
        table = self.table
        found: dict[str, Referent] = {}
        names = zip(self.spans, self.named, strict=True)
        tokens = [last for (first, last, label), named in names if named is None and label == UNKNOWN and first == last]
        tokens += [token for token in self._speaking() if token not in self.by_token]
        for token in sorted(set(tokens)):
            word = table.word(token)
            alone = table.left_edge[token] == token and table.dep[token] not in {"compound", "nmod", "amod"}
            if alone and word.istitle() and len(word) > 2 and table.lower[token] not in _NO_NAMES:
                found.setdefault(word, Referent(word, UNKNOWN, (key(word),))).mentions.append(token)
        return found

    def _by_role(self) -> list[tuple[int, Referent]]:
        """The subjects that are a role which only one person holds, who was named before: "the centre-half stopped"."""
        table = self.table
        holders: dict[str, list[tuple[Referent, frozenset[str]]]] = defaultdict(list)
        for referent in self.all:
            if referent.label == PERSON and not referent.shared_by:
                for held, words in referent.roles:
                    holders[held].append((referent, words))
        found = []
        for token in self._subjects:
            if role(noun := table.lower[token]) not in holders or not table.word(token).islower():
                continue
            first = table.left_edge[token]
            if table.lower[first] != "the" or token in self.by_token or table.quoted_span[token] >= 0:
                continue
            if table.tag[token] not in {"NN", "NNP"}:
                continue
            told = {table.lower[t] for t in range(first + 1, token) if table.tag[t][:2] in {"NN", "JJ"}}
            fitting = {id(one): one for one, words in holders[role(noun)] if told <= words}
            if len(fitting) == 1 and (one := next(iter(fitting.values()))).mentions[0] < token:
                found.append((token, one))
        return found

    def _speaking(self) -> Iterator[int]:
        """The subjects of verbs of speech that may be names by their capitals."""
        table = self.table
        for token in self._subjects:
            speaks = table.lower[table.head[token]] in VERBS
            if speaks and table.tag[token] in {"NN", "NNP"} and table.entity[token] not in _NO_SURNAMES:
                yield token

    def _mention(self, number: int) -> Mention:
        table = self.table
        first, last, label = self.spans[number]
        before = table.lower[first - 1] if first else ""
        titles = (key(before),) if is_title(before) else ()
        if titles and titles[0] in REGAL and not table.word(first - 1)[0].isupper():
            titles = ()
        apart = before == "the" and table.dep[last] not in {"compound", "nmod", "poss"}
        speaks = table.dep[last] in SUBJECTS and table.lower[table.head[last]] in VERBS
        place = label == GPE and table.lower[first] in self._places and not speaks
        in_place = before in BEFORE_PLACES or apart or place
        text = table.text[table.start[first] : table.end[last]]
        while first < last and ((label == PERSON and is_title(table.lower[first])) or table.lower[first] == "the"):
            first += 1
        while last > first and (
            table.tag[last] == "POS" or (label == PERSON and key(table.lower[last]) in _BEHIND_NAME)
        ):
            last -= 1
        self._bounds.append((first, last))
        return Mention.of(text, label, titles, in_place=in_place)

    def _settle_shared(self, mentions: list[Mention]) -> None:
        """Give each surname that several have to the one whom it must mean there, if there is one."""
        for number, named in enumerate(self.named):
            if named is None or not named.referent.shared_by:
                continue
            shared = named.referent
            meant = meant_by_surname(self.table, shared, named.first, named.last)
            if meant is None:
                continue
            first, last, _ = self.spans[number]
            self.named[number] = named._replace(referent=meant)
            shared.mentions.remove(last)
            meant.mentions.append(last)
            self.by_token.update(dict.fromkeys(range(first, last + 1), meant))
            describe(self.table, self.by_token, meant, mentions[number], (first, last))

    def _add(self, mention: Mention, number: int) -> None:
        table = self.table
        first, last, label = self.spans[number]
        referent = self.index.add(mention, last)
        if referent is None:
            return
        self.named[number] = Named(*self._bounds[number], referent, is_sure=label != UNKNOWN)
        referent.mentions.append(last)
        referent.company |= mention.label == ORG and any(is_business(w) for w in mention.words[1:])
        if len(mention.words) > 1:
            referent.full_mentions.append(last)
        for token in range(first, last + 1):
            self.by_token[token] = referent
        inside = last + 2
        if inside + 1 < len(table.lower) and table.lower[last + 1] == "(" and table.lower[inside + 1] == ")":
            short = table.word(inside)
            if last > first and short.isupper() and len(short) > 1:
                self.index.abbreviate(short.replace(".", ""), referent)
        describe(table, self.by_token, referent, mention, (first, last))


def find_referents(doc: Doc) -> Referents:
    """The referents of a parsed article."""
    return Referents(make_token_table(doc))


def _places(table: TokenTable, spans: list[NameSpan]) -> set[str]:
    """The words that the article uses as a place's name: in Velm."""
    single = [(table.lower[first], first, label) for first, last, label in spans if first == last]
    people = Counter(word for word, _, label in single if label == PERSON)
    places = Counter(word for word, first, label in single
                     if label == GPE and first and table.lower[first - 1] in BEFORE_PLACES)  # fmt: skip
    return {word for word, count in places.items() if count > people[word]}


def _titled(mentions: list[Mention]) -> list[Mention]:
    """The mentions with a title and a surname for the person's that they are, whatever the recogniser took them for."""
    surnames = {mention.words[-1] for mention in mentions if mention.label == PERSON and len(mention.words) > 1}
    known = []
    for mention in mentions:
        if mention.label != PERSON and mention.words and mention.words[-1] in surnames:
            person = Mention.of(mention.text, PERSON, mention.titles, in_place=mention.in_place)
            titled = person.titles and not REGAL & set(person.titles)
            if len(person.words) == 1 and titled:
                mention = person
        known.append(mention)
    return known


def _shown_bodies(table: TokenTable, mentions: list[Mention], spans: list[NameSpan]) -> list[Mention]:
    """The mentions with a body's for each name that a sentence shows to be one, though it was taken for a person's."""
    shown = {
        mention.words
        for mention, (first, last, _) in zip(mentions, spans, strict=True)
        if mention.label in {PERSON, ORG, UNKNOWN} and mention.words and is_shown_body(table, first, last)
    }
    if not shown:
        return mentions
    told = {mention.words for mention in mentions if mention.label == PERSON and mention.titles}
    return [
        Mention.of(mention.text, ORG, in_place=mention.in_place)
        if mention.label in {PERSON, UNKNOWN} and mention.words in shown - told
        else mention
        for mention in mentions
    ]


def _with_initials(spans: list[NameSpan], initials: Iterable[int]) -> list[NameSpan]:
    """The spans with one for each label that is written in initials."""
    apart = set(initials)
    if not apart:
        return spans
    others = (span for span in spans if not apart & set(range(span[0], span[1] + 1)))
    return sorted([*others, *((token, token, UNKNOWN) for token in apart)])


def _by_initials(
    table: TokenTable, mentions: list[Mention], spans: list[NameSpan], initials: dict[int, str]
) -> list[Mention]:
    """The mentions with the person's for each label that is written in initials, where one person has them."""
    if not initials:
        return mentions
    meant = mentions_by_initials(table, mentions)
    return [
        meant.get(initials[first], mention) if first in initials else mention
        for (first, _, _), mention in zip(spans, mentions, strict=True)
    ]


def _by_majority(mentions: list[Mention]) -> list[Mention]:
    """The mentions with one label for the same words, but that a person and a place may have one name."""
    votes: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for mention in mentions:
        if mention.label != UNKNOWN and mention.words and not mention.in_place:
            labels = votes[mention.words]
            labels[mention.label] = labels.get(mention.label, 0) + 1
    contested = {words: labels for words, labels in votes.items() if len(labels) > 1}
    if not contested:
        return mentions
    return [
        _voted(mention, contested[mention.words]) if mention.words in contested else mention for mention in mentions
    ]


def _voted(mention: Mention, votes: dict[str, int]) -> Mention:
    if mention.label == UNKNOWN or (mention.in_place and mention.label == GPE):
        return mention
    # Where as many speak for either, a person is likelier than a body, and that than a place.
    winner = max(votes, key=lambda label: (votes[label], -[PERSON, ORG, GPE, NORP].index(label)))
    return mention._replace(label=winner)
