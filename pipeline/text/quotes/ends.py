"""Where a reported clause ends: the places where it can, and how often clauses were seen to end at such places.

Between a clause's first word and the end of its sentence there are a few places where it can stop: before ", who …",
behind a closing mark, before "and vowed …", where the parser's clause stops. Each place has a frame: the punctuation
there, the word that follows, whether the parser's clause goes on over it, and how quotation marks lie around it.
`ends.tsv` says how often clauses that came as far as such a place ended there. Besides, a place has signs: how many
verbs are still ahead, and whether the next one has the cue's form (“she said it was late and left”). They move the odds
that the frame gives. The end chosen is the one that agrees, in 85 % of the characters, with the likeliest ends.
`benchmarks/cue_rates.py` makes the table.
"""

from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from pipeline.text.quotes import rates
from pipeline.text.quotes.cues import VERBS
from pipeline.text.quotes.sheet import FINITE, Sheet

_LINKS = frozenset(
    """which who whom whose where when that while as after before because since if unless although though until but and
    or so including such according despite compared with in on at for to by from not even especially during about
    without than""".split()
)
_NOUNS = frozenset({"DT", "NN", "NNS", "NNP", "NNPS", "JJ", "CD", "PRP$", "JJR", "JJS"})
_PAUSES = {",": ",", "--": "-", "—": "-", "–": "-", "-": "-", ";": ";", ":": ":", "(": "(", "-LRB-": "("}
_MEDIA = frozenset(
    """interview statement speech email letter tweet post message debate conference appearance call report article
    briefing rally event hearing memo meeting""".split()
)
_TIMES = frozenset({"DATE", "TIME"})
_WEIGHT = 8.0  # how many cases the wider frame's rate counts for
_SHARES = {"ahead": 0.6, "form": 0.3}
"""How much of its odds a sign brings, as signs and frames overlap."""


class Reach(NamedTuple):
    """How far a clause may go: what is asked for its end."""

    first: int
    """Its first token."""
    edge: int
    """The last token of the parser's clause."""
    high: int
    """The last token of the sentence that a reader sees."""
    group: str
    """The kind of content, "clause" or "phrase"; it is part of the frames."""
    cue: int


class Place(NamedTuple):
    """A place where a clause can end: its last token if it does, the frame, and the signs."""

    last: int
    group: str
    pause: str
    link: str
    inside: str
    marks: str
    signs: tuple[tuple[str, str], ...] = ()


def places(sheet: Sheet, reach: Reach) -> list[Place]:
    """The places where a clause can end, in order; the last is the sentence's end."""
    first, edge, high, group, cue = reach
    found: list[Place] = []
    verbs = [t for t in range(first, high + 1) if sheet.tag[t] in FINITE]
    main = next((t for t in verbs if sheet.region[t] < 0), high)  # the clause's own verb
    root = _root(sheet, min(edge, high))
    marks_seen = False
    region = sheet.region
    marked_ahead = max((t for t in range(first, high + 1) if region[t] >= 0), default=-1)
    token = first + 1
    while token <= high:
        before = token - 1
        marks_seen = marks_seen or region[before] >= 0
        if region[before] >= 0 and region[token] == region[before]:
            token += 1  # nothing ends inside marks
            continue
        start, pause = token, ""
        while token <= high and region[token] < 0 and (_pauses(sheet, token) or sheet.tag[token] == "_SP"):
            pause = pause or _PAUSES.get(sheet.lower[token], "")
            token += 1
        if token > high or sheet.tag[token] == ".":
            break
        closing = region[start - 1] >= 0
        if closing:  # “a good man,” and said: the pause stands within the marks
            pause = pause or _PAUSES.get(sheet.text[sheet.marked[region[start - 1]].inner[-1][1] - 1], "")
        inside = "in" if token <= edge else "out" if _root(sheet, token) == root else "broken"
        stops = start - 1 <= edge < token
        if stops and inside == "out":
            inside = "edge"
        link = _link(sheet, token, high)
        if pause or closing or stops or link in _LINKS or link.startswith(("and", "but", "or")) or link == "time":
            if token <= marked_ahead:
                cued = any(_cues(sheet, t) for t in range(token, marked_ahead))
                marks = ("closed, " if closing else "") + ("cue ahead" if cued else "ahead")
            elif closing:
                marks = "closed"
            else:
                marks = "behind" if marks_seen else "none"
            ahead = f"{min(3, sum(t >= token for t in verbs))} {pause} {'marked' if closing else ''} {link}"
            own = sheet.tag[main] if main < token else "none"
            form = f"{_form(sheet, token, high, pause, sheet.tag[cue])} {own} {sheet.tag[cue]}"
            shown = (("ahead", ahead), ("form", form))
            found.append(Place(start - 1, group, pause, link, inside, marks, shown))
        token += 1
    found.append(Place(high, group, ".", "", "", ""))
    return found


def _pauses(sheet: Sheet, token: int) -> bool:
    word = sheet.lower[token]
    return word in _PAUSES and (word != "-" or sheet.text[sheet.start[token] - 1].isspace())


def _root(sheet: Sheet, token: int) -> int:
    while sheet.head[token] != token:
        token = sheet.head[token]
    return token


def _cues(sheet: Sheet, token: int) -> bool:
    return sheet.region[token] < 0 and sheet.lower[token] in VERBS and sheet.tag[token][:2] == "VB"


def _form(sheet: Sheet, token: int, high: int, pause: str, cue: str) -> str:
    """The word that goes on behind the place by its form, "same" if it is the cue's; behind an "and" what it joins."""
    before = pause
    if sheet.lower[token] in {"and", "but", "or"}:
        before = sheet.lower[token]
        token = min(token + 1, high)
        while token < high and sheet.tag[token] in {"RB", "MD"}:
            token += 1
    return f"{before} {'same' if sheet.tag[token] == cue else sheet.tag[token]}"


def _link(sheet: Sheet, token: int, high: int) -> str:
    """The kind of word that would go on behind the place."""
    word, tag = sheet.lower[token], sheet.tag[token]
    if sheet.region[token] >= 0:
        return "marked"
    if word in {"and", "but", "or"} and token < high:
        following = token + 1
        while following < high and sheet.tag[following] in {"RB", "MD"}:
            following += 1
        if sheet.lower[following] in VERBS and sheet.tag[following][:2] == "VB":
            return word + " cue"
        if sheet.tag[following][:2] == "VB":
            return word + " verb"
        if sheet.lower[following] == "that":
            return word + " that"
        near = range(token + 1, min(high, token + 9) + 1)
        if any(sheet.dep[t] in {"nsubj", "nsubjpass", "expl"} for t in near):
            return word + " clause"
        return word
    if (word in {"on", "in", "at", "during"} and token < high and sheet.ent[token + 1] in _TIMES) or (
        sheet.ent[token] in _TIMES and sheet.ent[token - 1] not in _TIMES and sheet.tag[token - 1] not in {"IN", "DT"}
    ):
        return "time"
    if word in {"in", "on", "at", "during"}:
        near = range(token + 1, min(high, token + 6) + 1)
        if any(sheet.lower[t] in _MEDIA for t in near):
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


def frames(place: Place) -> tuple[tuple[str, ...], ...]:
    """The frame and the wider ones that it leans on, narrowest first; the keys of the table."""
    _, group, pause, link, inside, marks, _ = place
    return (
        (group, pause, link, inside, marks),
        (group, pause, link, inside, "*"),
        (group, pause, "*", inside, marks),
        (group, "*", "*", inside, "*"),
    )


ALL = ("sign", "*", "*", "*", "*")
"""The row that counts all places."""


def sign_row(kind: str, sign: str) -> tuple[str, ...]:
    """The key of a sign in the table."""
    return ("sign", kind, sign, "*", "*")


def rows(place: Place) -> tuple[tuple[str, ...], ...]:
    """All rows of the table in which a place counts."""
    return (*frames(place), ALL, *(sign_row(*sign) for sign in place.signs))


@lru_cache(maxsize=1)
def table() -> dict[tuple[str, ...], tuple[int, int]]:
    """The counts by frame, read once."""
    rows = {}
    source = resources.files(__package__).joinpath("ends.tsv")
    for line in source.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "content\t")):
            *frame, n, ended = line.split("\t")
            rows[tuple(frame)] = (int(n), int(ended))
    return rows


def chance(place: Place) -> float:
    """How likely a clause that has come as far as this place ends here."""
    if place.pause == ".":
        return 1.0
    counts = table()
    rate = 0.3
    for frame in reversed(frames(place)):
        n, ended = counts.get(frame, (0, 0))
        rate = (ended + _WEIGHT * rate) / (n + _WEIGHT)
    n, ended = counts.get(ALL, (0, 0))
    signs = ((_SHARES[kind], *counts.get(sign_row(kind, sign), (0, 0))) for kind, sign in place.signs)
    return rates.moved(rate, (ended + 1) / (n + 2), signs)


def choose(sheet: Sheet, first: int, found: list[Place]) -> int:
    """The last token of the clause: of all ends the one near which the most chance lies."""
    if len(found) == 1:
        return found[0].last
    start = sheet.start[first]
    left = 1.0
    chances = []
    for place in found:
        here = left * chance(place)
        chances.append((sheet.end[place.last] - start, here, place.last))
        left -= here
    best = max(
        chances, key=lambda one: (sum(p for w, p, _ in chances if min(w, one[0]) >= 0.85 * max(w, one[0])), one[1])
    )
    return best[2]
