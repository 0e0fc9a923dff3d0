"""How likely a pronoun means somebody: a sum of weights, one for each thing that is true of the two.

The weights are those of a conditional logistic regression over a pronoun's candidates (`benchmarks/pronouns.py`), in
`pronoun_weights.tsv`. They weigh where somebody was mentioned last, as what, how often, and what the gender tells.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.text.names.name_index import UNKNOWN, Referent
from pipeline.text.quotes.lexicon.grammar import SUBJECTS
from pipeline.text.quotes.tokens import TokenTable
from pipeline.text.word_lists import read_rows

WEIGHTS = {feature: float(weight) for feature, weight in read_rows("pipeline.text.names", "pronoun_weights.tsv")}

_ROLES = {
    "nsubj": "subject", "nsubjpass": "subject", "dobj": "object", "dative": "object", "pobj": "behind preposition",
    "poss": "owner", "conj": "joined", "compound": "part", "nmod": "part", "agent": "object",
    "attr": "object",
}  # fmt: skip
_DEEPEST = 12  # words above a pronoun whose subjects are looked at


@dataclass(slots=True)
class Candidate:
    """Somebody whom a pronoun may mean.

    Attributes:
        referent: who.
        last: the last token of the last mention before the pronoun, a name or a pronoun; -1 where there is none.
        named: the last token of the last name before the pronoun; -1 where there is none.
        following: the last token of the first name behind the pronoun; -1 where that was not looked for.
        count: mentions before the pronoun.
        rank: how many others were mentioned later.
        is_first: whether no person is named before.
        is_most: whether nobody else among the candidates is mentioned as often.
    """

    referent: Referent
    last: int
    named: int
    following: int
    count: int
    rank: int
    is_first: bool
    is_most: bool = False


def score(table: TokenTable, pronoun: int, gender: str | None, candidate: Candidate) -> float:
    """The log odds, but for a constant, that a pronoun means somebody."""
    return sum(WEIGHTS.get(feature, 0.0) for feature in features(table, pronoun, gender, candidate))


def features(table: TokenTable, pronoun: int, gender: str | None, candidate: Candidate) -> Iterator[str]:
    """What is true of a pronoun and somebody whom it may mean."""
    referent = candidate.referent
    told = "known" if referent.gender == gender and referent.label != UNKNOWN else "unknown"
    yield f"gender {told}, {referent.label}"
    yield f"label {referent.label} {min(len(referent.words), 2)}"
    if referent.company:
        yield "company"
    yield f"rank {min(candidate.rank, 4)}"
    yield f"count {min(candidate.count, 5)}"
    if candidate.is_first:
        yield "named first"
    if candidate.is_most:
        yield "named most"
    if candidate.last < 0:
        yield from _behind(table, pronoun, candidate)
        return
    mine = _ROLES.get(table.dep[pronoun], "other")
    yield from _before(table, pronoun, mine, candidate)
    yield from _above(table, pronoun, mine, candidate.last)


def _before(table: TokenTable, pronoun: int, mine: str, candidate: Candidate) -> Iterator[str]:
    last = candidate.last
    away = min(3, table.sentence[pronoun] - table.sentence[last])
    role = _role(table, last)
    yield f"sentences {away}"
    yield f"role {role}, sentences {min(away, 2)}"
    if away < 2:
        yield f"roles {mine}, {role}, sentences {away}"
    name_away = min(3, table.sentence[pronoun] - table.sentence[candidate.named]) if candidate.named >= 0 else 4
    yield f"name {name_away}"
    if candidate.named != last:
        yield f"by pronoun {away}"
        yield f"by pronoun, role {role}"
        if table.lower[last] == table.lower[pronoun]:
            yield f"same pronoun {min(away, 1)}"
    if table.opens_sentence(table.left_edge[last]):
        yield f"opens {min(away, 2)}"
    if last == table.head[last] or table.dep[table.head[last]] == "ROOT":
        yield f"main clause, {role}"
    gap = pronoun - last
    yield f"gap {gap.bit_length()}"
    if (table.quoted_span[last] >= 0) != (table.quoted_span[pronoun] >= 0):
        yield "across marks"
    if table.dep[last] == "poss" or (role == "behind preposition" and table.lower[table.head[last]] == "of"):
        yield f"of a {_ROLES.get(table.dep[_top(table, last)], 'other')}"


def _role(table: TokenTable, token: int) -> str:
    """What a mention is in its sentence: beside another, it is what that is."""
    if table.dep[token] == "appos":
        token = table.head[token]
    role = _ROLES.get(table.dep[token], "other")
    return "joined " + _ROLES.get(table.dep[table.head[token]], "other") if role == "joined" else role


def _top(table: TokenTable, token: int) -> int:
    above = table.head[token]
    return table.head[above] if table.dep[token] == "pobj" else above


def _above(table: TokenTable, pronoun: int, mine: str, last: int) -> Iterator[str]:
    """How the last mention stands to the words above the pronoun."""
    if table.sentence[pronoun] != table.sentence[last]:
        return
    node = pronoun
    for depth in range(_DEEPEST):
        above = table.head[node]
        if above == node:
            break
        if table.head[last] == above and table.dep[last] in SUBJECTS and last != node:
            own = depth == 0 if mine != "owner" else depth == 1
            yield f"subject {'of its verb' if own else 'above'}, {mine}"
            return
        if above == last:
            yield f"below, {mine}"
            return
        node = above
    if table.head[last] == table.head[pronoun]:
        yield f"beside, {mine}"


def _behind(table: TokenTable, pronoun: int, candidate: Candidate) -> Iterator[str]:
    """Somebody who is named behind the pronoun only."""
    yield "only behind"
    if candidate.following < 0:
        return
    away = min(2, table.sentence[candidate.following] - table.sentence[pronoun])
    role = _role(table, candidate.following)
    yield f"behind {away}"
    yield f"behind {away}, {role}"
    if away == 0:
        mine = _ROLES.get(table.dep[pronoun], "other")
        yield f"behind, roles {mine}, {role}"
        opens, _ = table.sentence_bounds(pronoun)
        if table.dep[candidate.following] in SUBJECTS and table.head[candidate.following] == table.head[
                table.head[table.head[pronoun]]]:  # fmt: skip
            yield "behind, subject above"
        if pronoun - opens < 4:
            yield "behind, pronoun opens"
