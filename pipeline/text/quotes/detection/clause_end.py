"""Where a reported clause ends: the places where it can, and how often clauses were seen to end at such places.

Between a clause's first word and the end of its sentence there are a few places where it can stop: before ", who …",
behind a closing mark, before "and vowed …", where the parser's clause stops. Each place has signs: the punctuation
there, the word that follows, whether the parser's clause goes on over it, how quotation marks lie around it, how many
verbs are still ahead, whether an "and" joins the next one to the cue (“she said it was late and left”). `ends.tsv`
counts how often clauses that had come as far as a place with each sign ended there. The end chosen is the one that
agrees, in 85 % of the characters, with the likeliest ends.
"""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.scoring import evidence
from pipeline.text.quotes.scoring.evidence import Feature
from pipeline.text.quotes.tokens import FINITE, TokenTable

_LINKS = frozenset(
    """which who whom whose where when that while as after before because since if unless although though until but and
    or so including such according despite compared with in on at for to by from not even especially during about
    without than""".split()
)
_FOLLOWING = frozenset({"that", "to", "he", "she", "it", "they", "the", "his", "her", "their", "not", "for", "as"})
_PAST = {"VBN": "VBD"}  # taggers take the one for the other
_NOUNS = frozenset({"DT", "NN", "NNS", "NNP", "NNPS", "JJ", "CD", "PRP$", "JJR", "JJS"})
_NAMING = frozenset({"NN", "NNS", "NNP", "NNPS", "CD"})  # what these say belongs to one article, not to the language
_PAUSES = {",": ",", "--": "-", "—": "-", "–": "-", "-": "-", ";": ";", ":": ":", "(": "(", "-LRB-": "("}
_MEDIA = frozenset(
    """interview statement speech email letter tweet post message debate conference appearance call report article
    briefing rally event hearing memo meeting""".split()
)
_TIMES = frozenset({"DATE", "TIME"})
_ALIKE = 0.85  # part of the longer of two clauses that the shorter covers where their ends count as one
_STEPS = (0, 1, 2, 3, 5, 8, 13, 21, 34)  # numbers count as the next of these, or as more


class ClauseBounds(NamedTuple):
    """How far a clause may go: what is asked for its end."""

    first: int
    """Its first token."""
    edge: int
    """The last token of the parser's clause."""
    high: int
    """The last token of the sentence that a reader sees."""
    group: str
    """The kind of content, "clause" or "phrase"."""
    cue: int


class Boundary(NamedTuple):
    """A place where a clause can end: its last token if it does, and its signs; the end of the sentence has none."""

    last: int
    features: tuple[Feature, ...] = ()


class _Lookahead(NamedTuple):
    """Tokens of the sentence from the clause's first word on, by what they are."""

    finite: list[int]
    commas: list[int]
    cues: list[int]
    marked: list[int]
    main: int
    """The clause's own verb, or the sentence's last token where it has none."""


class _Gap(NamedTuple):
    """A place between two words: the first token that would be left out, the next word, and what stands between."""

    start: int
    token: int
    pause: str
    closing: bool
    link: str
    inside: str


def boundaries(table: TokenTable, bounds: ClauseBounds) -> list[Boundary]:
    """The places where a clause can end, in order; the last is the sentence's end."""
    first, edge, high = bounds.first, bounds.edge, bounds.high
    region = table.quoted_span
    ahead = _look_ahead(table, range(first, high + 1))
    root = _root(table, min(edge, high))
    found: list[Boundary] = []
    token = first + 1
    while token <= high:
        if region[token - 1] >= 0 and region[token] == region[token - 1]:
            token += 1  # nothing ends inside marks
            continue
        start, pause = token, ""
        while token <= high and region[token] < 0 and (_pauses(table, token) or table.tag[token] == "_SP"):
            pause = pause or _PAUSES.get(table.lower[token], "")
            token += 1
        if token > high or table.tag[token] == ".":
            break
        closing = region[start - 1] >= 0
        if closing:  # “a good man,” and said: the pause stands within the marks
            pause = pause or _PAUSES.get(table.text[table.quoted_spans[region[start - 1]].inner[-1][1] - 1], "")
        inside = "in" if token <= edge else "out" if _root(table, token) == root else "broken"
        stops = start - 1 <= edge < token
        if stops and inside == "out":
            inside = "edge"
        link = _link(table, token, high)
        if pause or closing or stops or link in _LINKS or link.startswith(("and", "but", "or")) or link == "time":
            stop = _Gap(start, token, pause, closing, link, inside)
            found.append(Boundary(start - 1, _features(table, bounds, ahead, stop, len(found))))
        token += 1
    found.append(Boundary(high))
    return found


def _look_ahead(table: TokenTable, tokens: range) -> _Lookahead:
    finite = [t for t in tokens if table.tag[t] in FINITE]
    return _Lookahead(
        finite,
        [t for t in tokens if table.lower[t] == ","],
        [t for t in tokens if table.lower[t] in VERBS],
        [t for t in tokens if table.quoted_span[t] >= 0],
        next((t for t in finite if table.quoted_span[t] < 0), tokens.stop - 1),
    )


def _left_of(tokens: list[int], first: int) -> int:
    """How many of the tokens, which are in order, are still to come at the first of them."""
    return len(tokens) - bisect_left(tokens, first)


def _features(
    table: TokenTable, bounds: ClauseBounds, ahead: _Lookahead, stop: _Gap, before: int
) -> tuple[Feature, ...]:
    """The signs of a place with that many places before it, in the order in which they are counted."""
    start, token, pause, closing, link, inside = stop
    cue, high, tag = bounds.cue, bounds.high, table.tag
    verbs = f"{min(3, _left_of(ahead.finite, token))} {pause} {'marked' if closing else ''} {link}"
    joins = _joins(table, token, cue, ahead.main)
    return (
        ("last tag", tag[start - 1]),
        ("content", bounds.group),
        ("pause", pause or "none"),
        ("next word", tag[token] if tag[token] in _NAMING else table.lower[token]),
        ("goes on", f"{joins or link} {_follows(table, token, high)}"),
        ("places before", _step(before)),
        ("cue", table.lower[cue]),
        ("cues ahead", _step(_left_of(ahead.cues, token))),
        ("joins", joins or "nothing"),
        ("link", link),
        ("next dependency", table.dep[token]),
        ("length", _step(start - 1 - bounds.first)),
        ("parse", inside),
        ("ahead", verbs),
        ("beyond the parse", ("+" if start > bounds.edge else "-") + _step(abs(bounds.edge - start + 1))),
        ("frame", f"{pause} {link} {inside}"),
        ("commas ahead", _step(_left_of(ahead.commas, token))),
        ("marks", _marks(table, ahead, stop)),
        ("cue's form", f"{tag[cue]} {table.dep[cue]}"),
    )


def _marks(table: TokenTable, ahead: _Lookahead, stop: _Gap) -> str:
    """How marked words lie around the place."""
    last = ahead.marked[-1] if ahead.marked else -1
    if stop.token <= last:
        cued = any(_cues(table, t) for t in range(stop.token, last))
        return ("closed, " if stop.closing else "") + ("cue ahead" if cued else "ahead")
    if stop.closing:
        return "closed"
    return "behind" if ahead.marked else "none"


def _step(number: int) -> str:
    return str(next((step for step in _STEPS if number <= step), "more"))


def _pauses(table: TokenTable, token: int) -> bool:
    word = table.lower[token]
    return word in _PAUSES and (word != "-" or table.text[table.start[token] - 1].isspace())


def _root(table: TokenTable, token: int) -> int:
    while table.head[token] != token:
        token = table.head[token]
    return token


def _cues(table: TokenTable, token: int) -> bool:
    return table.quoted_span[token] < 0 and table.lower[token] in VERBS and table.tag[token][:2] == "VB"


def _follows(table: TokenTable, token: int, high: int) -> str:
    """What follows the word behind the place, or behind the verb that an "and" joins: “and warned that”."""
    joined = table.lower[token] in {"and", "but", "or"}
    token += 2 if joined and token < high and table.tag[token + 1][:2] == "VB" else 1
    if token > high:
        return "nothing"
    return table.lower[token] if table.lower[token] in _FOLLOWING else table.tag[token]


def _joins(table: TokenTable, token: int, cue: int, main: int) -> str:
    """To which verb an "and" joins the next, by form: the cue or the clause's own (“said it was late and left”)."""
    verb = min(token + 1, len(table.tag) - 1)
    if table.lower[token] not in {"and", "but", "or"} or table.tag[verb][:2] != "VB":
        return ""
    form = _PAST.get(table.tag[verb], table.tag[verb])
    to_cue = form == _PAST.get(table.tag[cue], table.tag[cue])
    to_own = main < token and form == _PAST.get(table.tag[main], table.tag[main])
    speech = "cue" if _cues(table, verb) else "verb"
    which = "either" if to_cue and to_own else "the cue" if to_cue else "its own" if to_own else "nothing"
    return f"{speech} to {which}"


def _link(table: TokenTable, token: int, high: int) -> str:
    """The kind of word that would go on behind the place."""
    word, tag = table.lower[token], table.tag[token]
    if table.quoted_span[token] >= 0:
        return "marked"
    if word in {"and", "but", "or"} and token < high:
        following = token + 1
        while following < high and table.tag[following] in {"RB", "MD"}:
            following += 1
        if table.lower[following] in VERBS and table.tag[following][:2] == "VB":
            return word + " cue"
        if table.tag[following][:2] == "VB":
            return word + " verb"
        if table.lower[following] == "that":
            return word + " that"
        near = range(token + 1, min(high, token + 9) + 1)
        if any(table.dep[t] in {"nsubj", "nsubjpass", "expl"} for t in near):
            return word + " clause"
        return word
    if (word in {"on", "in", "at", "during"} and token < high and table.entity[token + 1] in _TIMES) or (
        table.entity[token] in _TIMES
        and table.entity[token - 1] not in _TIMES
        and table.tag[token - 1] not in {"IN", "DT"}
    ):
        return "time"
    if word in {"in", "on", "at", "during"}:
        near = range(token + 1, min(high, token + 6) + 1)
        if any(table.lower[t] in _MEDIA for t in near):
            return "medium"
    if word in _LINKS:
        return word
    if tag in {"VBG", "VBN"}:
        return tag
    if tag[:2] == "VB" or tag == "MD":
        return "verb"
    if tag in {"PRP", "EX"}:
        return "pronoun"
    if tag in _NOUNS:
        return "noun"
    return {"IN": "prep", "TO": "to", "RB": "adverb", "POS": "pos"}.get(tag, "other")


def boundary_probability(boundary: Boundary) -> float:
    """How likely a clause that has come as far as this place ends here."""
    return evidence.probability(evidence.tables().ends, boundary.features) if boundary.features else 1.0


def best_boundary(table: TokenTable, first: int, found: list[Boundary]) -> int:
    """The last token of the clause: of all ends the one near which the most chance lies."""
    if len(found) == 1:
        return found[0].last
    start = table.start[first]
    left = 1.0
    chances: list[float] = []
    for boundary in found:
        chances.append(left * boundary_probability(boundary))
        left -= chances[-1]
    widths = [table.end[boundary.last] - start for boundary in found]
    shorter = [_ALIKE * width for width in widths]
    best, most = 0, (-1.0, -1.0)
    for number, width in enumerate(widths):
        near = slice(bisect_left(widths, _ALIKE * width), bisect_right(shorter, width))
        here = (sum(chances[near]), chances[number])
        if here > most:
            best, most = number, here
    return found[best].last
