"""Finds which name a mention stands for: surnames, roles, organisations, possessives, pronouns, inside one article.

Antecedents are scored by nearness, grammar, who spoke last, gender and number; the mention takes the name of the best.
Where nothing fits, or two fit equally well, the mention stays as it is written: a name is never a guess.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import exp

from pipeline.models import Resolution
from pipeline.text.names.antecedents import Antecedents
from pipeline.text.names.name_index import GPE, ORG, PERSON, UNKNOWN, Referent, named_id
from pipeline.text.names.namesakes import named_near
from pipeline.text.names.person_name import PARTICLES, is_title
from pipeline.text.names.presence import Scored, clear
from pipeline.text.names.referents import Referents
from pipeline.text.names.role_holders import AGED
from pipeline.text.names.unnamed import ARTICLE, introduction
from pipeline.text.quotes.lexicon.grammar import HE, IT, PROPER, SHE, SUBJECTS, THEY
from pipeline.text.quotes.lexicon.nouns import EPITHETS, KIN, PEOPLE, ROLES, role

_HE_OR_SHE = HE | SHE
_TOLD = frozenset({"him", "her"})
_SURE = 1.5
"""By how much somebody must be likelier than the next to have been told something: log odds."""

_PRONOUNS = HE | SHE | THEY | IT | {"i", "we", "you", "who", "one"}
_WHOSE = re.compile(r"^(?:its|his|her|their|our)\s+", re.IGNORECASE)  # its managing director, Ann Lee
_AGE_FIRST = re.compile(r"^\d{1,3}(?:, (?!of\b)|$|, of\b.*)")
_ONE_OF = re.compile(r"^of [^,]+, (?:the|an?) (?=[^,]+$)")  # one of them, a baker
_FROM = re.compile(r"(?:of|from|in|at) ")
_BRINGS_IN = SUBJECTS | {"dobj", "dative", "pobj", "ROOT"}
_ADDING = frozenset({"added", "adds", "continued", "continues"})
_UNNAMED = ROLES | KIN
_JOINED = frozenset({PERSON, ORG, GPE})
"""What a mention may name together."""

_BY_PRONOUN = {"his": "he", "her": "she", "their": "they", "its": "it"}


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """What a mention was resolved to.

    Attributes:
        name: the name.
        resolution: how it was found.
        confidence: how sure that is, from 0 to 1.
        title: the title that the mention gives.
        affiliation: the body or place that the mention gives.
        options: the names that the mention may have stood for, with their shares of 1.
        label: what the name is the name of (PERSON, ORG, GPE, NORP); None where the article does not name it.
    """

    name: str
    resolution: Resolution
    confidence: float
    title: str | None = None
    affiliation: str | None = None
    options: tuple[tuple[str, float], ...] = ()
    label: str | None = None

    @property
    def id(self) -> str:
        """The id of the entity of that name; of a speaker without a name where the article does not name it."""
        return named_id(self.name, self.label)


class NameResolver:
    """The names of one article, and who has spoken so far in it."""

    def __init__(self, referents: Referents) -> None:
        self.table = referents.table
        self.antecedents = Antecedents(referents)
        self.presence = self.antecedents.presence
        self.by_token = self.antecedents.by_token

    def resolve(self, head: int, first: int, last: int) -> ResolvedName:
        """The name for the mention `first:last` with that head."""
        table = self.table
        text = " ".join(table.text[table.start[first] : table.end[last]].split())
        word = table.lower[head]
        own = self._own(head, first, last)
        if own is not None and own.label != "NORP" and not (own.label != PERSON and word in EPITHETS):
            return self._named(own, head, first, last, text)
        if (word in _PRONOUNS or word in _BY_PRONOUN) and first == last:
            word = _BY_PRONOUN.get(word, word)
            return self._chosen(head, self.antecedents.of_pronoun(head, word), Resolution.PRONOUN, text, 0.75)
        return self._nominal(head, first, last, text)

    def hearer_named(self, head: int, text: str, speaker: str) -> str | None:
        """The name of the one person whom "him", "her" or a surname stands for, to whom something is said.

        Args:
            head: the head of the words that tell to whom.
            text: those words.
            speaker: who says it, and is not told it.
        """
        table = self.table
        named = self.by_token.get(head)
        if named is not None:
            own = text.removesuffix(table.word(head)).split()  # told Mr. Lee
            alone = all(map(is_title, own)) and named.label == PERSON and not named.shared_by
            return named.name if alone and text.endswith(table.word(head)) else None
        if table.lower[head] not in _TOLD:
            return None
        word = table.lower[head]
        scored = [one for one in self.antecedents.of_pronoun(head, word) if one[1].name != speaker]
        if not scored or scored[0][1].label != PERSON or scored[0][1].shared_by:
            return None
        sure = len(scored) == 1 or scored[0][0] - scored[1][0] >= _SURE
        joined = any(self._are_joined(scored[0][1], other, head) for _, other in scored[1:])
        return scored[0][1].name if sure and not joined else None

    def _are_joined(self, one: Referent, other: Referent, head: int) -> bool:
        """Whether the last names of two people before a token stand side by side: Ann Lee and Mia Orr."""
        numbers = bisect_left(one.mentions, head), bisect_left(other.mentions, head)
        if not all(numbers):
            return False
        first, second = sorted((one.mentions[numbers[0] - 1], other.mentions[numbers[1] - 1]))
        return self.table.dep[second] == "conj" and self.table.head[second] == first

    def carried(self, first: int, low: int) -> tuple[int, ResolvedName | None]:
        """Who speaks in marks at `first` with no cue: the only one whom the sentence before, from `low`, is about.

        Gives the token of the mention too; -1 where the sentence names several people, so that none is the one.
        """
        table = self.table
        outside = [t for t in range(low, first) if table.quoted_span[t] < 0]
        persons = {id(p) for t in outside if (p := self.by_token.get(t)) and p.label == PERSON}
        if len(persons) > 1:
            return -1, None
        subject = next((t for t in outside if table.dep[t] in SUBJECTS), None)
        if subject is None:
            return first, None
        if table.lower[subject] in _HE_OR_SHE and not persons:
            named = self.resolve(subject, subject, subject)
            carried = ResolvedName(named.name, Resolution.CARRIED, 0.5, options=named.options, label=named.label)
            return subject, carried if named.confidence > 0.5 else None
        referent = self.by_token.get(subject)
        if referent is None or referent.label != PERSON or referent.shared_by:
            return subject, None
        self.presence.speaks(subject, referent)
        options = ((referent.name, 1.0),)
        return subject, ResolvedName(referent.name, Resolution.CARRIED, 0.6, options=options, label=referent.label)

    def _own(self, head: int, first: int, last: int) -> Referent | None:
        """The person or body that the mention names itself."""
        table = self.table
        own = self.by_token.get(head)
        if own is not None and own.label == PERSON:
            return own
        inside = [t for t in range(first, last + 1) if (p := self.by_token.get(t)) and p.label == PERSON]
        linked = [
            t for t in inside
            if table.head[t] == head or table.head[table.head[t]] == head or self._is_beside_place(t, head)
        ]  # fmt: skip
        poss = {k for k in table.children[head] if table.dep[k] == "poss"}
        # A name before a noun only says what kind it is: "a Trump adviser" is not Trump.
        kind = table.tag[head] in {"NN", "NNS"}
        linked = [t for t in linked if t not in poss and table.head[t] not in poss and (t > head or not kind)
                  and table.dep[t] in {"appos", "compound", "nmod", "flat"}]  # fmt: skip
        return self.by_token[linked[-1]] if linked else own or self._body_beside(head, last)

    def _body_beside(self, head: int, last: int) -> Referent | None:
        """The body that two commas set off behind what a body can be: the operator, Vale Rail, said."""
        table = self.table
        if table.tag[head] != "NN" or table.lower[head] in PEOPLE:
            return None
        for kid in table.children[head]:
            named = self.by_token.get(kid)
            if head < kid <= last and table.dep[kid] == "appos" and named is not None and named.label == ORG:
                return named if table.lower[head + 1] == "," else None
        return None

    def _is_beside_place(self, token: int, head: int) -> bool:
        """Whether a name behind "the mayor of Velm," is the mayor's, though the parse hung it on the place."""
        table = self.table
        place = table.head[token]
        beside = table.dep[token] == "appos" and table.dep[place] == "pobj" and table.tag[place] in PROPER
        return beside and table.head[table.head[place]] == head and table.lower[head] in ROLES

    def _named(self, own: Referent, head: int, first: int, last: int, text: str) -> ResolvedName:
        table = self.table
        if own.shared_by:
            near = named_near(table, own, head)
            if (spoken := self.presence.last_spoken) is not None and spoken[1] in own.shared_by:
                near.append(spoken[1])
            if len({id(one) for one in near}) != 1:
                shares = _shares([(0.0, p) for p in own.shared_by])
                return ResolvedName(own.name, Resolution.NAMED, 0.5, options=shares, label=own.label)
            own = near[0]
        together = self._together(own, head, first, last)
        self.presence.speaks(head, own)
        if len(together) > 1:
            names = [self._full_name(p) or p.name for p in together]
            joined = f"{', '.join(names[:-1])} and {names[-1]}"
            return ResolvedName(joined, Resolution.NAMED, 0.9, options=tuple((name, 1.0) for name in names))
        title, affiliation = self._around(own, first, last)
        confidence = 0.97 if len(own.words) > 1 else 0.9
        name = self._full_name(own) or own.name
        return ResolvedName(name, Resolution.NAMED, confidence, title, affiliation, ((name, 1.0),), own.label)

    def _together(self, own: Referent, head: int, first: int, last: int) -> list[Referent]:
        """Those whom a mention names together, in order: Ann Lee, her sister Mia and the mayor, Bo Orr."""
        named = [self._named_at(token, last) for token in (head, *self._joined(head, first, last))]
        together = [(one, is_human) for one, is_human in named if one is not None and one.label in _JOINED]
        if len(together) < 2:
            together = [(one, one.label == PERSON) for one in self._listed(first, last)]
        alike = len({is_human for _, is_human in together}) == 1
        people = list({id(one): one for one, _ in together}.values())
        return people if alike and own in people else [own]

    def _named_at(self, token: int, last: int) -> tuple[Referent | None, bool]:
        """Whom a noun of a mention names, or whose name stands beside it, and whether that is a person."""
        table = self.table
        named = self.by_token.get(token)
        if named is None and table.tag[token] == "NN":
            beside = (kid for kid in table.children[token] if token < kid <= last and table.dep[kid] == "appos")
            named = next((self.by_token[kid] for kid in beside if kid in self.by_token), None)
        return named, named is not None and (named.label == PERSON or table.lower[token] in PEOPLE)

    def _listed(self, first: int, last: int) -> list[Referent]:
        """Those named in a mention that is nothing but names, commas and "and", whatever the parse makes of it."""
        table = self.table
        if "and" not in table.lower[first : last + 1]:
            return []
        names = self.antecedents.referents.spans_within(first, last)
        inside = {token for begin, end, _ in names for token in range(begin, end + 1)}
        between = [table.lower[token] for token in range(first, last + 1) if token not in inside]
        if "and" not in between or set(between) - {"and", ","} or any(label not in _JOINED for *_, label in names):
            return []
        return [named for _, end, _ in names if (named := self.by_token.get(end)) is not None]

    def _joined(self, head: int, first: int, last: int) -> Iterator[int]:
        """The heads of those who are named beside the first: Ann Lee, Bo Orr and Cy Tarn."""
        for kid in self.table.children[head]:
            if self.table.dep[kid] == "conj" and first <= kid <= last:
                yield kid
                yield from self._joined(kid, first, last)

    def _full_name(self, own: Referent) -> str | None:
        """ "Her father, Thomas": the only full name with that first name."""
        if own.label != PERSON or len(own.words) != 1:
            return None
        full = {
            p.name
            for p in self.antecedents.referents.of_word(own.words[0])
            if p.label == PERSON and p.words[0] == own.words[0] and p.words[1:]
        }
        return full.pop() if len(full) == 1 else None

    def _nominal(self, head: int, first: int, last: int, text: str) -> ResolvedName:
        table = self.table
        noun = table.lower[head]
        possessor = next((k for k in table.children[head] if table.dep[k] == "poss" and first <= k < head), None)
        definite = table.lower[first] == "the" or possessor is not None
        unnamed = self._unnamed_holder(head, first, last)
        if definite:
            scored = self.antecedents.holders(head, first, last, noun)
            if self._are_rivals(scored, head, noun):
                unnamed, scored = None, []
            if scored and (unnamed is None or self._is_named_behind(scored[0][1], unnamed, head)):
                return self._chosen(head, scored, Resolution.NOMINAL, text, 0.7)
        if possessor is not None:
            owned = self.by_token.get(self._behind(possessor))
            inside = owned is not None and owned is self.by_token.get(possessor)  # the Women's Cup organisers
            owner = None if inside else self._owner(possessor, first)
            if owner is not None:
                rest = table.text[table.start[self._behind(possessor)] : table.end[last]]
                name = f"{owner}'s {' '.join(rest.split())}"
                return ResolvedName(name, Resolution.NOMINAL, 0.75, affiliation=owner, options=((name, 1.0),))
        if (told := self._who_goes_on(head, first, noun)) is not None:
            self.presence.speaks(head, told)
            return ResolvedName(told.name, Resolution.NOMINAL, 0.6, options=((told.name, 1.0),), label=told.label)
        if first == last and (bare := self.antecedents.bare_name(head)) is not None:
            self.presence.speaks(head, bare)
        if unnamed is not None:
            text = introduction(table, unnamed)
        elif (apart := self._told_beside(head, last)) is not None:
            text = table.text[table.start[first] : table.end[apart - 2]]
        plain = _ONE_OF.sub("", ARTICLE.sub("", text))
        return ResolvedName(plain, Resolution.NOMINAL, 0.85, options=((plain, 1.0),))

    def _told_beside(self, head: int, last: int) -> int | None:
        """The first token of what a comma sets off behind a name that no recogniser knows: Ines Calloway, the mayor."""
        table = self.table
        if table.tag[head] not in PROPER or any(table.dep[child] == "conj" for child in table.children[head]):
            return None
        beside = (child for child in table.children[head] if head < child <= last and table.dep[child] == "appos")
        first = next((table.left_edge[child] for child in beside), None)
        return first if first == head + 2 and table.lower[head + 1] == "," else None

    def _unnamed_holder(self, head: int, first: int, last: int) -> int | None:
        """Whom "the official" goes on with: the only one without a name whom the article called so before, in full."""
        table = self.table
        if table.lower[first] != "the" or table.tag[head] != "NN" or table.lower[head] not in _UNNAMED:
            return None
        known = self._introduced.get(table.lower[head], [])
        if bisect_left(known, head) != 1:
            return None
        told = set(table.lower[table.left_edge[known[0]] : known[0]])
        own = {table.lower[token] for token in range(first + 1, last + 1) if token != head}
        return known[0] if own <= told else None

    @cached_property
    def _introduced(self) -> dict[str, list[int]]:
        """By role, the nouns that bring in somebody without a name: "a senior official, who …"."""
        table = self.table
        found: dict[str, list[int]] = defaultdict(list)
        for token, noun in enumerate(table.lower):
            if noun not in _UNNAMED or table.tag[token] != "NN" or table.quoted_span[token] >= 0:
                continue
            opens = table.lower[table.left_edge[token]] in {"a", "an", "another"}
            if opens and table.dep[token] in _BRINGS_IN and not self._tells_of_name(token):
                found[noun].append(token)
        return found

    def _tells_of_name(self, noun: int) -> bool:
        """Whether a name stands beside a noun: "an official, Ann Lee"."""
        beside = (t for t in range(noun + 1, min(noun + 5, len(self.table.lower))))
        named = next((self.by_token.get(t) for t in beside if self.table.tag[t] in PROPER), None)
        kids = any(self.by_token.get(kid) for kid in self.table.children[noun] if self.table.dep[kid] == "appos")
        return kids or (named is not None and named.label == PERSON and self.table.lower[noun + 1] == ",")

    def _are_rivals(self, scored: Scored, head: int, noun: str) -> bool:
        """Whether two people hold a role who were named last in one paragraph, and neither has spoken last."""
        people = [one for _, one in scored[:2] if any(held == role(noun) for held, _ in one.roles)]
        if len(people) < 2 or people[0] is people[1]:
            return False
        if self.presence.last_spoken is not None and self.presence.last_spoken[1] in people:
            return False
        one, other = (p.mentions[bisect_left(p.mentions, head) - 1] for p in people)
        return self.table.paragraph[one] == self.table.paragraph[other]

    @staticmethod
    def _is_named_behind(referent: Referent, token: int, head: int) -> bool:
        """Whether somebody is named between two tokens."""
        number = bisect_left(referent.mentions, head)
        return number > 0 and referent.mentions[number - 1] > token

    def _who_goes_on(self, head: int, first: int, noun: str) -> Referent | None:
        """The last speaker of the paragraph, whom "the researcher added" and "the aide also mocked" call by a role."""
        table, last = self.table, self.presence.last_spoken
        if last is None or table.lower[first] != "the" or noun not in ROLES or last[1].label != PERSON:
            return None
        verb = table.head[head]
        adds = table.lower[verb] in _ADDING or any(
            table.lower[k] in {"also", "then"} and k < verb for k in table.children[verb]
        )
        here = table.paragraph[last[0]] == table.paragraph[head]
        return last[1] if adds and here and not last[1].roles else None

    def _behind(self, possessor: int) -> int:
        table = self.table
        after = possessor + 1
        return after + 1 if table.tag[after] == "POS" else after

    def _owner(self, possessor: int, first: int) -> str | None:
        """The name behind "his", "the mayor's", "Quist's" in front of a noun."""
        table = self.table
        word = table.lower[possessor]
        if word in _BY_PRONOUN:
            scored = self.antecedents.of_pronoun(possessor, word)
            return scored[0][1].name if scored and clear(scored) else None
        own = self.by_token.get(possessor)
        if own is not None:
            return own.name if not own.shared_by and own.label in {PERSON, ORG} else None
        if table.lower[first] == "the":
            scored = self.antecedents.holders(possessor, table.left_edge[possessor], possessor, word)
            return scored[0][1].name if scored and clear(scored) else None
        return None

    def _chosen(self, head: int, scored: Scored, how: Resolution, text: str, confidence: float) -> ResolvedName:
        options = _shares(scored)
        if not scored or not clear(scored):
            name = text if how is Resolution.PRONOUN else ARTICLE.sub("", text)
            return ResolvedName(name, how, 0.3, options=options)
        referent = scored[0][1]
        self.presence.speaks(head, referent)
        table = self.table
        told = "he" if table.lower[head] in HE else "she" if table.lower[head] in SHE else None
        if referent.gender is None and told:
            referent.gender = told
        label = None if referent.label == UNKNOWN else referent.label
        return ResolvedName(referent.name, how, confidence, options=options, label=label)

    def _around(self, referent: Referent, first: int, last: int) -> tuple[str | None, str | None]:
        """The title and the affiliation that a mention gives beside the name."""
        table = self.table
        name = [t for t in range(first, last + 1) if self.by_token.get(t) is referent]
        if not name or first == last:
            return None, None
        before = table.text[table.start[first] : table.start[name[0]]].strip(" ,")
        title = AGED.sub("", _WHOSE.sub("", ARTICLE.sub("", before))).strip(" ,")
        if title.endswith(("'s", "’s")) or title.lower() in PARTICLES:
            title = ""  # whose, not what: "the institute's Ann Lee"
        if not title and name[-1] + 2 <= last and table.lower[name[-1] + 1] == ",":
            shared_by = table.text[table.start[name[-1] + 2] : table.end[last]]
            title = ARTICLE.sub("", _AGE_FIRST.sub("", shared_by))
            title = "" if _FROM.match(title) else title  # "Ann Lee, of Velm," tells where from, not what.
        place = next(
            ((a, b) for a, b, label in self.antecedents.referents.spans_within(first, last)
             if label in {"ORG", "GPE", "NORP"} and a not in name
             and table.lower[a] != "state"), None)  # fmt: skip
        affiliation = table.text[table.start[place[0]] : table.end[place[1]]] if place else None
        if affiliation:
            affiliation = re.sub(r"^(?:the )|['’]s$", "", affiliation)
        if place is None and title and table.lower[first] in _BY_PRONOUN:
            affiliation = self._owner(first, first) if table.lower[first] == "its" else None
        return title or None, affiliation


def _shares(scored: Scored) -> tuple[tuple[str, float], ...]:
    """The five best, each with its share: e to the power of its score, over the sum of those."""
    best = scored[:5]
    weights = [exp(score - best[0][0]) for score, _ in best]
    return tuple((p.name, round(w / sum(weights), 2)) for (_, p), w in zip(best, weights, strict=True))
