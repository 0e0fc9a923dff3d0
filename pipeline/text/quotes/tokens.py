"""The parsed article as plain lists: what the rules read.

spaCy's token objects are slow to make; the rules look at every token many times. One pass turns the parse into lists by
token number. Nothing here is decided; only the heads of white space are left out of the tree.
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np
from spacy.attrs import (  # type: ignore[import-not-found]
    DEP,
    ENT_IOB,
    ENT_TYPE,
    HEAD,
    IDX,
    LENGTH,
    LOWER,
    TAG,
)
from spacy.tokens import Doc

from pipeline.text.quotes.quotation_marks import Marked, find_marked, paragraphs

FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
"""The tags of finite verbs."""

_DATELINE = re.compile(
    r"""(?:
        [A-Z][A-Z.'’-]{2,}(?:[ ][A-Z][A-Z.'’-]+){0,3}(?:,[ ][A-Z][\w.'’ -]{1,30}?)?  # HANOI, Vietnam
        (?:[ ]?\([A-Z][\w ./-]{1,20}\))?(?:,[ ][A-Z][a-z]+\.?[ ]\d{1,2})?  # (AP), March 12
        |(?:[A-Z][\w.'’-]+[ ]){0,3}(?:[A-Z][\w.'’-]+,?[ ])?\([A-Z][\w ./-]{1,20}\)  # Orrin (Reuters); (CNN)
    )[ \u00a0]*(?:—|–|--|-)[ \u00a0]*(?=[A-Z"“‘'])""",
    re.VERBOSE,
)
LONGEST_SENTENCE = 400
"""Tokens of a sentence, at the most; a longer one, which nobody writes, is read as several. What is done in a sentence
takes time by the square of its length."""

_TERMINAL = frozenset({".", "!", "?", "…", "...", "!!", "?!", "!?", "???", "!!!", "??"})


@dataclass(slots=True)
class Sheet:
    """Lists by token number; `region` is the number of the marked stretch around the token or -1."""

    text: str
    start: list[int]
    end: list[int]
    lower: list[str]
    tag: list[str]
    dep: list[str]
    head: list[int]
    kids: list[list[int]]
    left: list[int]
    right: list[int]
    ent: list[str]
    ent_begin: list[bool]
    para: list[int]
    region: list[int]
    marked: list[Marked]
    lines: list[tuple[int, int]]
    stretch: list[int] = field(default_factory=list)
    bounds: list[tuple[int, int]] = field(default_factory=list)
    """The first and last token of each sentence, by its number in `stretch`."""

    def word(self, number: int) -> str:
        """The token as it is written."""
        return self.text[self.start[number] : self.end[number]]

    def tokens(self, start: int, end: int) -> range:
        """Numbers of the tokens that begin within the characters `start:end`."""
        return range(bisect_left(self.start, start), bisect_left(self.start, end))

    def at(self, offset: int) -> int:
        """The token at or before a character."""
        return max(0, bisect_right(self.start, offset) - 1)

    def sentence(self, token: int) -> tuple[int, int]:
        """The first and last token of the sentence around a token."""
        return self.bounds[self.stretch[token]]

    def para_tokens(self, para: int) -> range:
        """The tokens of a paragraph."""
        return self.tokens(*self.lines[para])


def make_sheet(doc: Doc) -> Sheet:
    """Reads the parse once."""
    text = doc.text
    lines = [_behind_dateline(text, *line) for line in paragraphs(text)]
    marked = find_marked(text, lines)
    rows = doc.to_array([LOWER, TAG, DEP, HEAD, ENT_TYPE, ENT_IOB, IDX, LENGTH]).view(np.int64)
    count = len(doc)
    strings = doc.vocab.strings
    names: dict[int, str] = {0: ""}

    def named(column: int) -> list[str]:
        keys = rows[:, column].view(np.uint64).tolist()
        for key in set(keys):
            if key not in names:
                names[key] = strings[key]
        return [names[key] for key in keys]

    start = rows[:, 6].tolist()
    end = (rows[:, 6] + rows[:, 7]).tolist()
    head = _within_reach((rows[:, 3] + np.arange(count)).tolist())
    kids: list[list[int]] = [[] for _ in range(count)]
    lower = [w.replace("’", "'") if "’" in w else w for w in named(0)]
    tag, dep = named(1), named(2)
    for number, above in enumerate(head):
        if above != number and tag[number] != "_SP":
            kids[above].append(number)
    left, right = _edges(count, head, kids)
    sheet = Sheet(
        text, start, end, lower, tag, dep, head, kids, left, right, named(4), [i == 3 for i in rows[:, 5].tolist()],
        [-1] * count, [-1] * count, marked, lines,
    )  # fmt: skip
    for number, (a, b) in enumerate(lines):
        for token in sheet.tokens(a, b):
            sheet.para[token] = number
    for number, stretch in enumerate(marked):
        for piece in stretch.pieces:
            for token in sheet.tokens(piece.start, piece.end):
                sheet.region[token] = number
    sheet.stretch = _stretches(sheet)
    sheet.bounds = _bounds(sheet.stretch)
    return sheet


def _behind_dateline(text: str, start: int, end: int) -> tuple[int, int]:
    """The line without its dateline, which belongs to no sentence: “ORRIN, March 12 (AP) — ”."""
    found = _DATELINE.match(text, start, end)
    return (found.end() if found else start), end


def _within_reach(head: list[int]) -> list[int]:
    """The heads; in a parsed sentence of more than `LONGEST_SENTENCE` tokens none across each so many of them."""
    count = len(head)
    if count <= LONGEST_SENTENCE:
        return head
    crossed = [0] * (count + 1)  # how many arcs begin or end their way here
    for token, above in enumerate(head):
        low, high = min(token, above), max(token, above)
        crossed[low] += 1
        crossed[high] -= 1
    first = open_arcs = 0
    found = head[:]
    for token in range(count):
        open_arcs += crossed[token]
        if open_arcs:
            continue
        if token - first >= LONGEST_SENTENCE:
            for inner in range(first, token + 1):
                if (head[inner] - first) // LONGEST_SENTENCE != (inner - first) // LONGEST_SENTENCE:
                    found[inner] = inner
        first = token + 1
    return found


def _bounds(stretch: list[int]) -> list[tuple[int, int]]:
    bounds = [(0, -1)] * (stretch[-1] + 1 if stretch else 0)
    for token, number in enumerate(stretch):
        first = bounds[number][0] if bounds[number][1] >= 0 else token
        bounds[number] = (first, token)
    return bounds


def _edges(count: int, head: list[int], kids: list[list[int]]) -> tuple[list[int], list[int]]:
    left, right = list(range(count)), list(range(count))
    roots = [n for n in range(count) if head[n] == n]
    order = roots[:]
    for node in order:
        order.extend(kids[node])
    for node in reversed(order):
        above = head[node]
        if above != node:
            left[above] = min(left[above], left[node])
            right[above] = max(right[above], right[node])
    return left, right


def _stretches(sheet: Sheet) -> list[int]:
    """Numbers the sentences as a reader of the page sees them: they end at terminal marks and paragraphs.

    The parser's sentences often break around quotation marks. Inside a marked stretch nothing ends; behind one, a
    sentence ends when the stretch ends in a full stop and a capital or the paragraph's end follows.
    """
    numbers: list[int] = []
    current, ended, para, region = 0, False, -1, -1
    first_token = 0
    for token in range(len(sheet.start)):
        here = sheet.region[token]
        if sheet.para[token] != para and sheet.tag[token] != "_SP":
            current, ended, para = current + 1, False, sheet.para[token]
        elif region >= 0 and here != region:
            ended = ended or closes_sentence(sheet, sheet.marked[region].inner[-1][1], sheet.start[token])
        first = sheet.word(token)[:1]
        if ended and sheet.tag[token] != "_SP" and (here >= 0 or first not in ")]”’'\""):
            current, ended = current + 1, False
        if not numbers or numbers[-1] != current:
            first_token = token
        elif token - first_token >= LONGEST_SENTENCE:
            current, ended, first_token = current + 1, False, token
        if here < 0 and (sheet.tag[token] == "." or sheet.lower[token] in _TERMINAL):
            ended = True
        numbers.append(current)
        region = here
    return numbers


def closes_sentence(sheet: Sheet, inner_end: int, after: int) -> bool:
    """Whether the marked words that end at `inner_end` end their sentence too, judged by what follows at `after`."""
    last = sheet.text[inner_end - 1 : inner_end]
    following = sheet.text[after : after + 1]
    return last in ".…" and (following.isupper() or following in "“\"'‘«(„`" or following.isdigit())
