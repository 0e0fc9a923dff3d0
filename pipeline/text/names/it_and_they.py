"""Finds what "it" and "they" may mean: the nearest subject that is a body, or that is many."""

from pipeline.text.names.name_index import GPE, NORP, ORG, PERSON, Referent
from pipeline.text.names.presence import Scored, clear
from pipeline.text.names.referents import Referents
from pipeline.text.names.role_holders import RoleHolders
from pipeline.text.names.unnamed import Unnamed, introduction
from pipeline.text.quotes.lexicon.grammar import PROPER, SUBJECTS
from pipeline.text.quotes.lexicon.nouns import COMPANIES, GROUPS, INSTITUTIONS, WRITINGS

_WINDOW = 120  # tokens before a pronoun
_THINGS = INSTITUTIONS | COMPANIES | WRITINGS
_PLURALS = frozenset({"NNS", "NNPS"})
_JOINED = frozenset({"conj", "cc"})


class ItAndThey:
    """The bodies and groups that pronouns of one article may mean."""

    def __init__(self, referents: Referents, holders: RoleHolders, unnamed: Unnamed) -> None:
        self._table = referents.table
        self._by_token = referents.by_token
        self._holders = holders
        self._unnamed = unnamed

    def meant(self, head: int, *, plural: bool) -> Scored:
        """What a pronoun may mean, best first."""
        table = self._table
        scored: Scored = []
        low = head
        while low and table.paragraph[low - 1] >= table.paragraph[head] - 1 and head - low < _WINDOW:
            low -= 1
        for token in range(low, head):
            if table.dep[token] not in SUBJECTS or table.quoted_span[token] >= 0:
                continue
            if table.sentence[token] == table.sentence[head]:
                continue
            named = self._by_token.get(token)
            many, body = self._are_many(token), self._is_body(token)
            if not body and not (plural and many):
                continue
            score = -2.0 * (table.paragraph[head] - table.paragraph[token]) - 0.02 * (head - token)
            score += -0.5 if plural and body else 0.0
            scored.append((score, named if named is not None and not many else self._thing(token)))
        return sorted(scored, key=lambda s: -s[0])

    def _are_many(self, token: int) -> bool:
        """Whether a subject is several people: neighbours, the couple, the Greens, Ann Lee and Bo Marsh."""
        table, named = self._table, self._by_token.get(token)
        if table.tag[token] in _PLURALS or table.lower[token] in GROUPS:
            return True
        party = named is not None and named.label == NORP
        return party or any(table.dep[kid] == "conj" for kid in table.children[token])

    def _is_body(self, token: int) -> bool:
        """Whether a subject is what "it said" goes on with: a body, or what is written."""
        table, named = self._table, self._by_token.get(token)
        if named is not None:
            return named.label in {ORG, GPE}
        if table.lower[token] in _THINGS or table.tag[token] in PROPER:
            return True  # An unlisted name goes on with "it" only where it is no person's.
        return self._body_beside(token) is not None

    def _body_beside(self, token: int) -> Referent | None:
        """The body whose name stands beside a noun: the operator, Vale Rail."""
        table = self._table
        beside = (self._by_token.get(kid) for kid in table.children[token] if table.dep[kid] == "appos" and kid > token)
        return next((one for one in beside if one is not None and one.label == ORG), None)

    def _thing(self, token: int) -> Referent:
        """What a subject without a name of its own is called."""
        table = self._table
        if (together := self._together(token)) is not None:
            return together
        if (body := self._body_beside(token)) is not None:
            return body
        first, last = table.left_edge[token], token
        for kid in table.children[token]:
            if kid > token and table.dep[kid] in _JOINED and table.quoted_span[kid] < 0:
                last = max(last, table.right_edge[kid])
        if table.lower[first] == "the" and last == token:
            scored = self._holders.of(token, first, last, table.lower[token])
            if scored and clear(scored):
                return scored[0][1]
        if last == token and table.tag[token] == "NNS":
            return self._unnamed.called(introduction(table, token))  # residents of Mill Street
        return self._unnamed.called(" ".join(table.text[table.start[first] : table.end[last]].split()))

    def _together(self, token: int) -> Referent | None:
        """The people whom a subject names together, or who are named beside it: the couple, Ann Lee and Bo Marsh."""
        table = self._table
        beside = (kid for kid in table.children[token] if table.dep[kid] == "appos" and kid in self._by_token)
        first = token if token in self._by_token else next(beside, None)
        people = [] if first is None else [first, *(k for k in table.children[first] if table.dep[k] == "conj")]
        named = [one for one in map(self._by_token.get, people) if one is not None and one.label == PERSON]
        if len(named) < 2 or len(named) < len(people):
            return None
        return self._unnamed.called(f"{', '.join(one.name for one in named[:-1])} and {named[-1].name}")
