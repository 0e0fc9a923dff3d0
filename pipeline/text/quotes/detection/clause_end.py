"""Finds where a reported clause ends: the boundaries where it can, and how often clauses were seen to end at such ones.

Between a clause's first word and the end of its sentence there are a few boundaries where it can stop: before
", who …", behind a closing mark, before "and vowed …", where the parser's clause stops. Each has features: the
punctuation there, the word that follows, whether the parser's clause goes on over it, how quotation marks lie around
it, how many verbs are still ahead, whether an "and" joins the next one to the cue (“said it was late and left”).
`scoring/ends.tsv` counts how often clauses that came as far as a boundary with each feature ended there. The boundary
chosen is the one that agrees, in 85 % of the characters, with the likeliest ones.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.text.quotes.candidate import ClauseBounds
from pipeline.text.quotes.lexicon.grammar import (
    BEHIND_LINK,
    BOUNDARY_LINKS,
    BOUNDARY_MEDIA,
    FINITE,
    NOUN_TAGS,
    PAUSE_SIGNS,
    SUBJECTS,
    TIMES,
)
from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.scoring import evidence
from pipeline.text.quotes.scoring.evidence import Feature
from pipeline.text.quotes.tokens import TokenTable

_CONJUNCTIONS = frozenset({"and", "but", "or"})
_MEDIUM_PREPOSITIONS = frozenset({"in", "on", "at", "during"})
_OPEN_PHRASE = frozenset({"IN", "TO", "DT", "PRP$"})  # no clause ends in a preposition without its object
_LINKS = BOUNDARY_LINKS | _CONJUNCTIONS | _MEDIUM_PREPOSITIONS
"""Words before which a clause may end though nothing sets them off."""
_CLAUSE_LINKS = frozenset(
    "after although as because before if since that though unless when where which while who".split()
)
_TENSES = {"VBD": "past", "VBN": "past", "VBZ": "present", "VBP": "present", "MD": "modal"}
_SAME_FORM = {"VBN": "VBD"}  # taggers take the one for the other
_NOMINAL_SUBJECTS = SUBJECTS | {"expl"}
_NOUN_PHRASE = NOUN_TAGS | {"DT", "JJ", "CD", "PRP$", "JJR", "JJS"}
_NAMING = NOUN_TAGS | {"CD"}  # what these say belongs to one article, not to the language
_TAG_LINKS = {
    **dict.fromkeys(_NOUN_PHRASE, "noun"), "VBG": "VBG", "VBN": "VBN", "MD": "verb", "PRP": "pronoun", "EX": "pronoun",
    "IN": "prep", "TO": "to", "RB": "adverb", "POS": "pos",
}  # fmt: skip
_STEPS = (0, 1, 2, 3, 5, 8, 13, 21, 34)  # numbers count as the next of these, or as more
_NAMES_OF_STEPS = [str(next(step for step in _STEPS if number <= step)) for number in range(_STEPS[-1] + 1)]
_ALIKE = 0.85  # part of the longer of two clauses that the shorter covers where their ends count as one


class Boundary(NamedTuple):
    """A boundary where a clause can end: its last token if it does, and its features; the sentence's end has none."""

    last: int
    features: tuple[Feature, ...] = ()


class End(NamedTuple):
    """Where a clause ends: its last token, and the probability that it ends there or so near that it makes no odds."""

    last: int
    probability: float


class _Lookahead(NamedTuple):
    """Tokens of the sentence from the clause's first word on, by what they are, and the clause's own verb."""

    finite: list[int]
    commas: list[int]
    cues: list[int]
    quoted: list[int]
    main: int


class _Gap(NamedTuple):
    """A boundary between two words.

    Attributes:
        start: the first token that is left out if the clause ends here.
        token: the next word.
        pause: the punctuation between them.
        closing: whether a quoted span ends here.
        link: the kind of the next word.
        inside: how the parser's clause lies over it: in, out, edge or broken.
    """

    start: int
    token: int
    pause: str
    closing: bool
    link: str
    inside: str


def boundaries(table: TokenTable, bounds: ClauseBounds) -> list[Boundary]:
    """The boundaries where a clause can end, in order; the last is the sentence's end."""
    high = bounds.sentence_end
    ahead = _look_ahead(table, range(bounds.first, high + 1))
    root = _root(table, min(bounds.parse_end, high))
    result: list[Boundary] = []
    for start, token in _between_words(table, bounds):
        gap = _gap(table, bounds, start, token, root)
        if gap is not None:
            result.append(Boundary(start - 1, _features(table, bounds, ahead, gap, len(result))))
    result.append(Boundary(high))
    return result


def _between_words(table: TokenTable, bounds: ClauseBounds) -> Iterator[tuple[int, int]]:
    """Where a clause may end: the first token that is left out if it does, and the next word, behind the pause.

    Between most words there is nothing that could be an end; those are passed over.
    """
    high, span, tag, lower, entity = bounds.sentence_end, table.quoted_span, table.tag, table.lower, table.entity
    token = bounds.first + 1
    while token <= high:
        if span[token - 1] >= 0 and span[token] == span[token - 1]:
            token += 1  # Nothing ends inside quotation marks.
            continue
        start = token
        while (
            token <= high
            and span[token] < 0
            and (tag[token] == "_SP" or (lower[token] in PAUSE_SIGNS and not _joins_words(table, token)))
        ):
            token += 1
        if token > high or tag[token] == ".":
            break
        links = lower[token] in _LINKS or entity[token] in TIMES
        if links or token > start or span[start - 1] >= 0 or start - 1 == bounds.parse_end:
            yield start, token
        token += 1


def _gap(table: TokenTable, bounds: ClauseBounds, start: int, token: int, root: int) -> _Gap | None:
    """The boundary before a token, or None where no clause can end."""
    if start - 1 < bounds.verb:
        return None  # It would lack its verb.
    pause = ""
    for between in range(start, token):
        if sign := PAUSE_SIGNS.get(table.lower[between]):
            pause = sign
            break
    number = table.quoted_span[start - 1]
    if number >= 0:  # “a good man,” and said: the pause stands within the marks.
        pause = pause or PAUSE_SIGNS.get(table.text[table.quoted_spans[number].inner[-1][1] - 1], "")
    elif not pause and table.tag[start - 1] in _OPEN_PHRASE:
        return None
    edge = start - 1 <= bounds.parse_end < token
    link = _link(table, token, bounds.sentence_end)
    if not (pause or number >= 0 or edge or _is_boundary_link(link)):
        return None
    inside = "in" if token <= bounds.parse_end else "out" if _root(table, token) == root else "broken"
    if inside == "out" and edge:
        inside = "edge"
    return _Gap(start, token, pause, number >= 0, link, inside)


def _is_boundary_link(link: str) -> bool:
    return link in BOUNDARY_LINKS or link == "time" or link.startswith(("and", "but", "or"))


def _look_ahead(table: TokenTable, tokens: range) -> _Lookahead:
    finite = [token for token in tokens if table.tag[token] in FINITE]
    return _Lookahead(
        finite,
        commas=[token for token in tokens if table.lower[token] == ","],
        cues=_within(table.speech_words, tokens),
        quoted=_within(table.marked, tokens),
        main=next((token for token in finite if table.quoted_span[token] < 0), tokens.stop - 1),
    )


def _within(in_order: list[int], tokens: range) -> list[int]:
    return in_order[bisect_left(in_order, tokens.start) : bisect_left(in_order, tokens.stop)]


def _still_ahead(tokens: list[int], first: int) -> int:
    """How many of the tokens, which are in order, are still to come at the first of them."""
    return len(tokens) - bisect_left(tokens, first)


def _features(
    table: TokenTable, bounds: ClauseBounds, ahead: _Lookahead, gap: _Gap, before: int
) -> tuple[Feature, ...]:
    """The features of a boundary with that many before it, in the order in which they are counted."""
    start, token, pause, closing, link, inside = gap
    cue, high, tag = bounds.cue, bounds.sentence_end, table.tag
    verbs = f"{min(3, _still_ahead(ahead.finite, token))} {pause} {'marked' if closing else ''} {link}"
    joins = _joins(table, token, cue, ahead.main)
    return (
        ("last tag", tag[start - 1]),
        ("content", bounds.kind),
        ("pause", pause or "none"),
        ("next word", tag[token] if tag[token] in _NAMING else table.lower[token]),
        ("goes on", f"{joins or link} {_following_word(table, token, high)}"),
        ("places before", _step(before)),
        ("cue", table.lower[cue]),
        ("cues ahead", _step(_still_ahead(ahead.cues, token))),
        ("joins", joins or "nothing"),
        ("link", link),
        ("next dependency", table.dep[token]),
        ("length", _step(start - 1 - bounds.first)),
        ("parse", inside),
        ("ahead", verbs),
        ("beyond the parse", ("+" if start > bounds.parse_end else "-") + _step(abs(bounds.parse_end - start + 1))),
        ("frame", f"{pause} {link} {inside}"),
        ("commas ahead", _step(_still_ahead(ahead.commas, token))),
        ("marks", _marks(table, ahead, gap)),
        ("tenses", _tenses(table, cue, ahead, gap)),
        ("cue's form", f"{tag[cue]} {table.dep[cue]}"),
        ("hangs on", _hangs_on(table, bounds, ahead, gap)),
    )


def _hangs_on(table: TokenTable, bounds: ClauseBounds, ahead: _Lookahead, gap: _Gap) -> str:
    """The word that the parser hangs those behind the boundary on: the cue, the clause's verb or another before it."""
    token, head = gap.token, table.head
    if table.dep[token] == "cc":
        return "cc"  # what it joins is told by "joins" and "tenses"
    while (above := head[token]) >= gap.token and above != token:
        token = above
    if above == token:
        return f"nothing {table.dep[token]}"
    own = bounds.verb if bounds.verb >= 0 else ahead.main
    if above == bounds.cue:
        apart = gap.pause and bounds.kind == "clause" and table.dep[token] == "dobj"
        which = "cue, apart" if apart else "cue"  # “said it would be built, a plan that …”: the clause is its object
    elif above == own:
        which = "own verb"
    elif above < bounds.first:
        which = "before"
    else:
        near = "near " if above == gap.start - 1 else ""
        which = near + table.tag[above][:2]
    return f"{table.dep[token]} {which}"


def _tenses(table: TokenTable, cue: int, ahead: _Lookahead, gap: _Gap) -> str:
    """The tenses of the cue, of the clause's verb and of the next clause's: “said it was late, but boats still run”."""
    if not gap.link.endswith("clause") and gap.link not in _CLAUSE_LINKS:
        return "no clause"
    number = bisect_left(ahead.finite, gap.token)
    if number == len(ahead.finite) or ahead.main >= gap.token:
        return "no verb"
    verbs = (cue, ahead.main, ahead.finite[number])
    return " ".join(_TENSES.get(table.tag[verb], "none") for verb in verbs)


def _marks(table: TokenTable, ahead: _Lookahead, gap: _Gap) -> str:
    """How quoted words lie around the boundary."""
    last = ahead.quoted[-1] if ahead.quoted else -1
    if gap.token <= last:
        cued = any(_is_cue(table, token) for token in range(gap.token, last))
        return ("closed, " if gap.closing else "") + ("cue ahead" if cued else "ahead")
    if gap.closing:
        return "closed"
    return "behind" if ahead.quoted else "none"


def _step(number: int) -> str:
    return _NAMES_OF_STEPS[number] if number <= _STEPS[-1] else "more"


def _joins_words(table: TokenTable, token: int) -> bool:
    """Whether a token is a hyphen, and no dash."""
    return table.lower[token] == "-" and not table.text[table.start[token] - 1].isspace()


def _root(table: TokenTable, token: int) -> int:
    while table.head[token] != token:
        token = table.head[token]
    return token


def _is_cue(table: TokenTable, token: int) -> bool:
    return table.quoted_span[token] < 0 and _is_speech_verb(table, token)


def _is_speech_verb(table: TokenTable, token: int) -> bool:
    return table.lower[token] in VERBS and table.tag[token][:2] == "VB"


def _following_word(table: TokenTable, token: int, high: int) -> str:
    """What follows the word behind the boundary, or behind the verb that an "and" joins: “and warned that”."""
    joined = table.lower[token] in _CONJUNCTIONS
    token += 2 if joined and token < high and table.tag[token + 1][:2] == "VB" else 1
    if token > high:
        return "nothing"
    return table.lower[token] if table.lower[token] in BEHIND_LINK else table.tag[token]


def _joins(table: TokenTable, token: int, cue: int, main: int) -> str:
    """The verb to which an "and" joins the next, by form: the cue or the clause's own (“said it was late and left”)."""
    verb = min(token + 1, len(table.tag) - 1)
    if table.lower[token] not in _CONJUNCTIONS or table.tag[verb][:2] != "VB":
        return ""
    form = _form(table, verb)
    to_cue = form == _form(table, cue)
    to_own = main < token and form == _form(table, main)
    speech = "cue" if _is_cue(table, verb) else "verb"
    which = "either" if to_cue and to_own else "the cue" if to_cue else "its own" if to_own else "nothing"
    return f"{speech} to {which}"


def _form(table: TokenTable, verb: int) -> str:
    return _SAME_FORM.get(table.tag[verb], table.tag[verb])


def _link(table: TokenTable, token: int, high: int) -> str:
    """The kind of word that would go on behind the boundary."""
    word, tag = table.lower[token], table.tag[token]
    if table.quoted_span[token] >= 0:
        return "marked"
    if word in _CONJUNCTIONS and token < high:
        return f"{word} {_conjunct(table, token, high)}".strip()
    if _begins_time(table, token, high):
        return "time"
    if word in _MEDIUM_PREPOSITIONS and _begins_medium(table, token, high):
        return "medium"
    if word in BOUNDARY_LINKS:
        return word
    return _TAG_LINKS.get(tag, "verb" if tag[:2] == "VB" else "other")


def _conjunct(table: TokenTable, token: int, high: int) -> str:
    """What an "and" joins: a cue, another verb, a "that" clause, a clause, or something else ("")."""
    following = token + 1
    while following < high and table.tag[following] in {"RB", "MD"}:
        following += 1
    if _is_speech_verb(table, following):
        return "cue"
    if table.tag[following][:2] == "VB":
        return "verb"
    if table.lower[following] == "that":
        return "that"
    near = range(token + 1, min(high, token + 9) + 1)
    return "clause" if any(table.dep[t] in _NOMINAL_SUBJECTS for t in near) else ""


def _begins_time(table: TokenTable, token: int, high: int) -> bool:
    if table.lower[token] in _MEDIUM_PREPOSITIONS and token < high and table.entity[token + 1] in TIMES:
        return True
    begins = table.entity[token] in TIMES and table.entity[token - 1] not in TIMES
    return begins and table.tag[token - 1] not in {"IN", "DT"}


def _begins_medium(table: TokenTable, token: int, high: int) -> bool:
    return any(table.lower[near] in BOUNDARY_MEDIA for near in range(token + 1, min(high, token + 6) + 1))


def boundary_probability(boundary: Boundary) -> float:
    """How likely a clause that has come as far as this boundary ends here."""
    return evidence.probability(evidence.tables().ends, boundary.features) if boundary.features else 1.0


def best_end(table: TokenTable, bounds: ClauseBounds) -> End:
    """The end of the clause: of all boundaries the one near which most of the probability lies."""
    options = boundaries(table, bounds)
    if len(options) == 1:
        return End(options[0].last, 1.0)
    start = table.start[bounds.first]
    left = 1.0
    probabilities: list[float] = []
    for boundary in options:
        here = left * boundary_probability(boundary)
        probabilities.append(here)
        left -= here
    lengths = [table.end[boundary.last] - start for boundary in options]
    shortest = [_ALIKE * length for length in lengths]
    best, most = 0, (-1.0, -1.0)
    for number, length in enumerate(lengths):
        near = slice(bisect_left(lengths, shortest[number]), bisect_right(shortest, length))
        likely = (sum(probabilities[near]), probabilities[number])
        if likely > most:
            best, most = number, likely
    return End(options[best].last, most[0])
