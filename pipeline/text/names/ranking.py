"""Ranks whom a pronoun may mean: a sum of shifts, one for each thing that is true of the two.

`pronoun_counts.tsv` counts, over pronouns whose annotators tell whom they mean (`benchmarks/pronouns.py`), how often
the one who is meant had a feature, how often that was expected by all other features, and the variance of that number.
From these a feature moves the log odds as Peto's one-step odds ratio does, by observed minus expected over the
variance. The features tell where somebody was mentioned last, as what, how often, what the gender tells, and how the
words above the pronoun bind it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from pipeline.text.names.name_index import PERSON, UNKNOWN, Referent
from pipeline.text.names.person_name import pronoun_of
from pipeline.text.quotes.lexicon.grammar import BEFORE_PLACES, SUBJECTS
from pipeline.text.quotes.lexicon.nouns import KIN
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.tokens import TokenTable
from pipeline.text.word_lists import read_rows

PRIOR_VARIANCE = 10.0
"""Variance of cases that tell nothing, added to a feature's own, so that rare features move little."""

ALL, GAP = "all", "GAP"
"""The cases that a row counts: all, or what GAP's show besides, which are nearest to news."""


class Count(NamedTuple):
    """How often a candidate with a feature is the one meant, among the pronouns that have one.

    Attributes:
        cases: the pronouns.
        meant: how often a candidate with the feature is meant; where several may be, their share.
        expected: how often that is expected by the other features.
        variance: the variance of that number.
    """

    cases: int
    meant: float
    expected: float
    variance: float

    @property
    def shift(self) -> float:
        """By how much the feature moves log odds."""
        return (self.meant - self.expected) / (self.variance + PRIOR_VARIANCE)


Counts = Mapping[tuple[str, str], Count]
"""The rows of a table by the cases that they count and the feature."""


def shifts(counts: Counts) -> dict[str, float]:
    """By how much each feature moves log odds: by its row of all cases and that of GAP's."""
    moved: dict[str, float] = defaultdict(float)
    for (_, feature), count in counts.items():
        moved[feature] += count.shift
    return dict(moved)


def _read() -> Counts:
    rows = read_rows("pipeline.text.names", "pronoun_counts.tsv")
    return {(cases, feature): Count(int(number), *map(float, figures)) for cases, feature, number, *figures in rows}


SHIFTS = shifts(_read())

_ROLES = {
    "nsubj": "subject", "nsubjpass": "subject", "dobj": "object", "dative": "object", "pobj": "behind preposition",
    "poss": "owner", "conj": "joined", "compound": "part", "nmod": "part", "agent": "object",
    "attr": "object",
}  # fmt: skip
_CLAUSES = frozenset({"ccomp", "xcomp", "advcl", "relcl", "acl", "conj", "pcomp", "csubj", "parataxis", "appos"})
_DEEPEST = 12  # words above a pronoun whose subjects are looked at
_MENTIONS = 12  # of somebody, that are read for what they tell of him


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
        is_only: whether nobody else among the candidates is known to have the pronoun's gender.
        is_leftmost: whether no other candidate stands before it in the sentence of its last mention.
        is_last_subject: whether no other candidate has been a subject since.
    """

    referent: Referent
    last: int
    named: int
    following: int
    count: int
    rank: int
    is_first: bool
    is_most: bool = False
    is_only: bool = False
    is_leftmost: bool = False
    is_last_subject: bool = False


class Ranking:
    """The scores of one article's pronouns and people."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self._known: dict[tuple[int, str | None, str | None], float] = {}

    def score(self, pronoun: int, gender: str | None, candidate: Candidate) -> float:
        """The log odds, but for a constant, that a pronoun means somebody."""
        referent = candidate.referent
        key = id(referent), referent.gender, gender
        if key not in self._known:
            self._known[key] = _sum(_of_referent(self._table, referent, gender))
        return self._known[key] + _sum(_of_both(self._table, pronoun, candidate))


def _sum(found: Iterator[str]) -> float:
    return sum(map(SHIFTS.get, found, repeat(0.0)))


def features(table: TokenTable, pronoun: int, gender: str | None, candidate: Candidate) -> Iterator[str]:
    """What is true of a pronoun and somebody whom it may mean."""
    yield from _of_referent(table, candidate.referent, gender)
    yield from _of_both(table, pronoun, candidate)


def _of_both(table: TokenTable, pronoun: int, candidate: Candidate) -> Iterator[str]:
    yield f"rank {min(candidate.rank, 4)}"
    yield f"count {min(candidate.count, 5)}"
    if candidate.is_first:
        yield "named first"
    if candidate.is_most:
        yield "named most"
    if candidate.is_only:
        yield "only of gender"
    mine = _ROLES.get(table.dep[pronoun], "other")
    if candidate.following >= 0:
        yield from _following(table, pronoun, mine, candidate)
    if candidate.last < 0:
        yield "only behind"
        return
    yield from _before(table, pronoun, mine, candidate)
    yield from _above(table, pronoun, mine, candidate.last, "")


def _of_referent(table: TokenTable, referent: Referent, gender: str | None) -> Iterator[str]:
    """What is true of somebody, whatever the pronoun's place."""
    told = "known" if referent.gender == gender and referent.label != UNKNOWN else "unknown"
    yield f"gender {told}, {referent.label}"
    yield f"gender {told}, {gender}"
    yield f"label {referent.label} {min(len(referent.words), 2)}"
    yield f"named {min(len(referent.mentions), 6)}"
    if referent.company:
        yield "company"
    if told == "unknown" and referent.words:
        several = min(len(referent.words), 2)
        yield f"ends {referent.words[0][-1]} {several}, {gender}"
        yield f"ends {referent.words[0][-2:]} {several}, {gender}"
    if len(referent.words) == 1 and (given := pronoun_of(referent.words[0])) is not None:
        yield f"given name {'fits' if given == gender else 'is not of'} {gender}"
    kind = "person" if referent.label == PERSON else "other"
    for trait in {trait for mention in referent.mentions[:_MENTIONS] for trait in _traits(table, referent, mention)}:
        yield f"{kind} {trait}"


def _traits(table: TokenTable, referent: Referent, mention: int) -> Iterator[str]:
    """What a mention's place in its sentence tells: whether it is somebody's or something's."""
    dep, above = table.dep[mention], table.head[mention]
    if dep == "nsubj":
        yield "speaks" if table.lower[above] in VERBS else "acts"
    if dep == "poss":
        yield "has kin" if table.lower[above] in KIN else "owns"
    if dep == "pobj" and table.lower[above] in BEFORE_PLACES:
        yield f"behind {table.lower[above]}"
    elif dep == "pobj":
        yield "behind other"
    if dep in {"compound", "nmod"}:
        yield "is a part"
    if dep == "dobj":
        yield "is object"
    if dep == "conj":
        yield "is joined"
    first = mention - len(referent.words) + 1
    before = table.lower[first - 1] if first > 0 else ""
    if before in {"the", "a", "an"}:
        yield "has an article"
    after = table.lower[mention + 1] if mention + 1 < len(table.lower) else ""
    if after == "(":
        yield "before brackets"


def _before(table: TokenTable, pronoun: int, mine: str, candidate: Candidate) -> Iterator[str]:
    last = candidate.last
    away = min(3, table.sentence[pronoun] - table.sentence[last])
    near = min(away, 2)
    role = _role(table, last)
    yield f"sentences {away}"
    yield f"role {role}, sentences {near}"
    if away < 2:
        yield f"roles {mine}, {role}, sentences {away}"
    name_away = min(3, table.sentence[pronoun] - table.sentence[candidate.named]) if candidate.named >= 0 else 4
    yield f"name {name_away}"
    if candidate.named != last:
        yield f"by pronoun {away}"
        yield f"by pronoun, role {role}"
        if table.lower[last] == table.lower[pronoun]:
            yield f"same pronoun {min(away, 1)}"
    if candidate.is_leftmost:
        yield f"leftmost {near}"
    if candidate.is_last_subject:
        yield f"last subject {near}, {mine}"
    yield f"depth {_depth(table, last)}, {min(away, 1)}"
    if table.opens_sentence(table.left_edge[last]):
        yield f"opens {near}"
    if last == table.head[last] or table.dep[table.head[last]] == "ROOT":
        yield f"main clause, {role}"
    gap = pronoun - last
    yield f"gap {gap.bit_length()}"
    if (table.quoted_span[last] >= 0) != (table.quoted_span[pronoun] >= 0):
        yield "across marks"
    if table.dep[last] == "poss" or (role == "behind preposition" and table.lower[table.head[last]] == "of"):
        yield f"of a {_ROLES.get(table.dep[_top(table, last)], 'other')}"


def _depth(table: TokenTable, token: int) -> int:
    depth = 0
    while depth < 6 and table.head[token] != token:
        token, depth = table.head[token], depth + 1
    return depth


def _role(table: TokenTable, token: int) -> str:
    """What a mention is in its sentence: beside another, it is what that is."""
    if table.dep[token] == "appos":
        token = table.head[token]
    role = _ROLES.get(table.dep[token], "other")
    return "joined " + _ROLES.get(table.dep[table.head[token]], "other") if role == "joined" else role


def _top(table: TokenTable, token: int) -> int:
    above = table.head[token]
    return table.head[above] if table.dep[token] == "pobj" else above


def _above(table: TokenTable, pronoun: int, mine: str, mention: int, where: str) -> Iterator[str]:
    """How a mention stands to the words above the pronoun."""
    if table.sentence[pronoun] != table.sentence[mention]:
        return
    if mine == "owner" and table.left_edge[table.head[pronoun]] <= mention <= table.right_edge[table.head[pronoun]]:
        yield f"{where}owned"
        return
    node, path = pronoun, ""
    for _ in range(_DEEPEST):
        above = table.head[node]
        if above == node:
            break
        if table.head[mention] == above and table.dep[mention] in SUBJECTS and mention != node:
            yield f"{where}subject above, {mine}"
            yield f"{where}subject above{path}, {mine}"
            return
        if above == mention:
            yield f"{where}below {table.dep[node]}, {mine}"
            return
        if table.dep[above] in _CLAUSES and path.count(" ") < 3:
            alone = not any(table.dep[kid] in SUBJECTS for kid in table.children[above])
            path += f" {table.dep[above]}{0 if alone else ''}"
        node = above
    if table.head[mention] == table.head[pronoun]:
        yield f"{where}beside, {mine}"
    yield f"{where}elsewhere, {mine}"


def _following(table: TokenTable, pronoun: int, mine: str, candidate: Candidate) -> Iterator[str]:
    """How the first name behind the pronoun stands to it."""
    where = "behind, " if candidate.last < 0 else "again, "
    following = candidate.following
    away = min(2, table.sentence[following] - table.sentence[pronoun])
    role = _role(table, following)
    yield f"{where}{away}"
    yield f"{where}{away}, {role}"
    if away == 0:
        yield f"{where}roles {mine}, {role}"
        verb = table.head[pronoun]
        if mine == "subject" and table.left_edge[verb] <= following <= table.right_edge[verb]:
            yield f"{where}governed"
        opens, _ = table.sentence_bounds(pronoun)
        if pronoun - opens < 4:
            yield f"{where}pronoun opens"
        yield from _above(table, pronoun, mine, following, where)
