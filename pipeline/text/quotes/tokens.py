"""Holds the parsed article as plain lists by token number: what the rules read.

The rules look at every token many times, and spaCy's token objects are slow to make. One pass copies the parse into
lists. White space gets no children and no parent in the tree.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import (  # type: ignore[import-not-found]
    DEP,
    ENT_IOB,
    ENT_TYPE,
    HEAD,
    IDX,
    LENGTH,
    ORTH,
    SPACY,
    TAG,
)
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pipeline.text.quotes.lexicon.speech_verbs import VERBS
from pipeline.text.quotes.quotation_marks import QuotedSpan, find_quoted_spans, paragraphs

_DATELINE = re.compile(
    r"""(?:
        [A-Z][A-Z.'’-]{2,}(?:[ ][A-Z][A-Z.'’-]+){0,3}(?:,[ ][A-Z][\w.'’ -]{1,30}?)?  # HANOI, Vietnam
        (?:[ ]?\([A-Z][\w ./-]{1,20}\))?(?:,[ ][A-Z][a-z]+\.?[ ]\d{1,2})?  # (AP), March 12
        |(?:[A-Z][\w.'’-]+[ ]){0,3}(?:[A-Z][\w.'’-]+,?[ ])?\([A-Z][\w ./-]{1,20}\)  # Orrin (Reuters); (CNN)
    )[ \u00a0]*(?:—|–|--|-)[ \u00a0]*(?=[A-Z"“‘'])""",
    re.VERBOSE,
)
_TIME = re.compile(
    r"(?:\[\d{1,2}:\d\d(?::\d\d)?\]|\d{1,2}[:.]\d\d(?:[ ]?[AaPp]\.?[Mm]\.?)?(?:[ ][A-Z]{2,4}\b)?)"
    r"[ \u00a0]*(?:[—–:|-]+[ \u00a0]*)?(?=[A-Z“\"‘'])"
)
_SETS_OFF = frozenset({"(", ")", "—", "–", "--"})
LONGEST_SENTENCE = 400
"""Tokens of a sentence, at the most; a longer one, which nobody writes, is read as several. What is done in a sentence
takes time by the square of its length."""

_NEVER_LAST = frozenset(
    "adm brig capt cmdr col det dr fr gen gov hon insp lt maj messrs mr mrs ms pres prof pvt rep reps rev sec sen sens "
    "sgt supt vs no nos e.g i.e cf approx".split()
)
"""Abbreviations that end no sentence."""
_OPENING_WORDS = frozenset("he she it they we you there this that these those but and his her its their what".split())
_CLOSES = frozenset(")]”’'\"")
SHORT_DAYS = frozenset({"mon", "tue", "tues", "wed", "weds", "thu", "thur", "thurs", "fri", "sat", "sun"})
_TERMINAL = frozenset({".", "!", "?", "…", "...", "!!", "?!", "!?", "???", "!!!", "??"})


@dataclass(slots=True)
class TokenTable:
    """One list for each property of a token, by token number.

    Attributes:
        text: the article; all offsets index into it.
        start: offset of the token's first character.
        end: offset behind its last character.
        lower: the token in lower case, with straight apostrophes.
        tag: part of speech (Penn Treebank).
        dep: the token's dependency on its head.
        head: the token it depends on; the root of a sentence is its own head.
        children: the tokens that depend on it, in order.
        left_edge: the first token of its subtree.
        right_edge: the last token of its subtree.
        entity: spaCy's label of the name around it, or "".
        entity_begins: whether a name begins with it.
        paragraph: index into `paragraphs`, or -1 outside of them.
        quoted_span: index into `quoted_spans`, or -1 outside of quotation marks.
        quoted_spans: what stands in quotation marks.
        marked: the tokens within quotation marks, in order.
        speech_words: the tokens that may be forms of verbs of speech, in order.
        subjects: what `subject_of` has found, by verb.
        paragraphs: offsets of the paragraphs, without datelines.
        sentence: index into `sentences`: the sentence as a reader sees it.
        sentences: the first and last token of each sentence.
        insertions: by sentence what stands between brackets or two dashes: its first and last token, and whether
            brackets set it off.
    """

    text: str
    start: list[int]
    end: list[int]
    lower: list[str]
    tag: list[str]
    dep: list[str]
    head: list[int]
    children: list[list[int]]
    left_edge: list[int]
    right_edge: list[int]
    entity: list[str]
    entity_begins: list[bool]
    paragraph: list[int]
    quoted_span: list[int]
    quoted_spans: list[QuotedSpan]
    paragraphs: list[tuple[int, int]]
    marked: list[int] = field(default_factory=list)
    speech_words: list[int] = field(default_factory=list)
    subjects: dict[int, int | None] = field(default_factory=dict)
    sentence: list[int] = field(default_factory=list)
    sentences: list[tuple[int, int]] = field(default_factory=list)
    insertions: dict[int, list[tuple[int, int, bool]]] = field(default_factory=dict)

    def word(self, number: int) -> str:
        """The token as it is written."""
        return self.text[self.start[number] : self.end[number]]

    def tokens_between(self, start: int, end: int) -> range:
        """Numbers of the tokens that begin within the characters `start:end`."""
        return range(bisect_left(self.start, start), bisect_left(self.start, end))

    def token_at(self, offset: int) -> int:
        """The token at or before a character."""
        return max(0, bisect_right(self.start, offset) - 1)

    def count_marked(self, first: int, last: int) -> int:
        """How many of the tokens from the first to the last stand within quotation marks; 0 or less where none do."""
        return bisect_right(self.marked, last) - bisect_left(self.marked, first)

    def sentence_bounds(self, token: int) -> tuple[int, int]:
        """The first and last token of the sentence around a token."""
        return self.sentences[self.sentence[token]]

    def bounds_inside(self, token: int, *, dashes: bool = True) -> tuple[int, int]:
        """The first and last token of the brackets around a token, or the dashes, or else of its sentence.

        A conjunction that opens brackets joins them to the sentence and stays outside.
        """
        for first, last, bracketed in self.insertions.get(self.sentence[token], ()):
            if first <= token <= last and (dashes or bracketed):
                return first + (bracketed and first < token and self.tag[first] == "CC"), last
        return self.sentence_bounds(token)

    def opens_sentence(self, token: int) -> bool:
        """Whether a token is the first of its sentence."""
        return token == 0 or self.sentence[token - 1] != self.sentence[token]

    def paragraph_tokens(self, number: int) -> range:
        """The tokens of a paragraph."""
        return self.tokens_between(*self.paragraphs[number])


_MOST_NAMES, _LONGEST_NAME = 20_000, 100  # that are kept, and their letters: some 3 MB
_NO_CHILDREN: list[int] = []
"""The children of every token that has none: most have none, and a list for each takes time to make and to collect."""


class _Names(dict[int, str]):
    """What a vocabulary says of each key; what was asked for latest is kept, as asking takes a microsecond."""

    def __init__(self, look_up: Callable[[int], str]) -> None:
        super().__init__({0: ""})
        self._look_up = look_up

    def __missing__(self, key: int) -> str:
        name = self._look_up(key)
        if len(name) > _LONGEST_NAME:
            return name
        if len(self) >= _MOST_NAMES:
            self.clear()
            self[0] = ""
        self[key] = name
        return name


@lru_cache(maxsize=2)
def _names(vocab: Vocab) -> tuple[_Names, _Names]:
    """The strings of a vocabulary by key, and its words in small letters with straight apostrophes."""

    def lower(key: int) -> str:
        word: str = vocab[key].lower_
        return word.replace("’", "'")

    return _Names(vocab.strings.__getitem__), _Names(lower)


def make_token_table(doc: Doc) -> TokenTable:
    """Copy a parse into a table."""
    columns = doc.to_array([ORTH, TAG, DEP, HEAD, ENT_TYPE, ENT_IOB, IDX, LENGTH, SPACY]).view(np.int64).T
    names, lowered = _names(doc.vocab)

    def named(column: int) -> list[str]:
        return list(map(names.__getitem__, columns[column].view(np.uint64).tolist()))

    words = columns[0].view(np.uint64).tolist()
    # doc.text says the same and makes an object of every token for it.
    written = zip(map(names.__getitem__, words), columns[8].tolist(), strict=True)
    text = "".join([f"{word} " if space else word for word, space in written])
    count = len(doc)
    start = columns[6].tolist()
    end = (columns[6] + columns[7]).tolist()
    lines = [_without_dateline(text, start, end, line) for line in paragraphs(text)]
    quoted_spans = find_quoted_spans(text, lines)
    head = _within_reach(columns[3] + np.arange(count))
    children: list[list[int]] = [_NO_CHILDREN] * count
    lower = list(map(lowered.__getitem__, words))
    tag, dep = named(1), named(2)
    for number, above in enumerate(head):
        if above != number and tag[number] != "_SP":
            if children[above] is _NO_CHILDREN:
                children[above] = [number]
            else:
                children[above].append(number)
    left_edge, right_edge = _edges(count, head, children)
    table = TokenTable(
        text, start, end, lower, tag, dep, head, children, left_edge, right_edge,
        entity=named(4), entity_begins=(columns[5] == 3).tolist(),
        paragraph=[-1] * count, quoted_span=[-1] * count, quoted_spans=quoted_spans, paragraphs=lines,
    )  # fmt: skip
    _place_tokens(table)
    table.speech_words = [number for number, word in enumerate(lower) if word in VERBS]
    table.sentence, firsts = _sentence_numbers(table)
    unused = [(0, -1)] * table.sentence[0] if count else []  # Numbers begin with 1 where a paragraph opens the text.
    table.sentences = unused + [(first, following - 1) for first, following in pairwise((*firsts, count))]
    table.insertions = _insertions(table)
    return table


def _place_tokens(table: TokenTable) -> None:
    """Fill in the paragraph and the quoted span of each token."""
    for number, bounds in enumerate(table.paragraphs):
        tokens = table.tokens_between(*bounds)
        table.paragraph[tokens.start : tokens.stop] = [number] * len(tokens)
    marked: set[int] = set()
    for number, span in enumerate(table.quoted_spans):
        for piece in span.pieces:
            tokens = table.tokens_between(piece.start, piece.end)
            table.quoted_span[tokens.start : tokens.stop] = [number] * len(tokens)
            marked.update(tokens)
    table.marked = sorted(marked)


def _insertions(table: TokenTable) -> dict[int, list[tuple[int, int, bool]]]:
    """What stands between brackets or dashes, by sentence; the marks pair in order and do not count inside quotes."""
    found: dict[int, list[tuple[int, int, bool]]] = {}
    bracket = dash = -1
    for token, word in enumerate(table.lower):
        if word not in _SETS_OFF or table.quoted_span[token] >= 0:
            continue
        here = table.sentence[token]
        if word == "(":
            bracket = token
        elif word == ")":
            if bracket >= 0 and table.sentence[bracket] == here and token - bracket > 1:
                found.setdefault(here, []).append((bracket + 1, token - 1, True))
            bracket = -1
        elif dash >= 0 and table.sentence[dash] == here:
            if token - dash > 1:
                found.setdefault(here, []).append((dash + 1, token - 1, False))
            dash = -1
        else:
            dash = token
    return found


def _without_dateline(text: str, begins: list[int], ends: list[int], line: tuple[int, int]) -> tuple[int, int]:
    """The line without its dateline (“ORRIN, March 12 (AP) — ”) or time (“09:40 ”), which belongs to no sentence.

    A dateline that ends within a token (“09:40Ann”) stays: the rest of that token could not be told from it. `begins`
    and `ends` are the offsets of all tokens.
    """
    dateline = _TIME.match(text, *line) or _DATELINE.match(text, *line)
    if dateline is None:
        return line
    token = bisect_left(begins, dateline.end()) - 1  # the last one that begins before
    return line if token >= 0 and ends[token] > dateline.end() else (dateline.end(), line[1])


def _within_reach(heads: NDArray[np.int64]) -> list[int]:
    """The heads, with parsed sentences of more than `LONGEST_SENTENCE` tokens cut: no arc crosses a cut."""
    head: list[int] = heads.tolist()
    count = len(head)
    if count <= LONGEST_SENTENCE:
        return head
    tokens = np.arange(count)
    crossed = np.bincount(np.minimum(heads, tokens), minlength=count)  # how many arcs begin their way here, or end it
    crossed -= np.bincount(np.maximum(heads, tokens), minlength=count)
    first = 0
    cut = head[:]
    for token in np.flatnonzero(np.cumsum(crossed) == 0).tolist():
        if token - first >= LONGEST_SENTENCE:
            for inner in range(first, token + 1):
                if (head[inner] - first) // LONGEST_SENTENCE != (inner - first) // LONGEST_SENTENCE:
                    cut[inner] = inner
        first = token + 1
    return cut


def _edges(count: int, head: list[int], children: list[list[int]]) -> tuple[list[int], list[int]]:
    left, right = list(range(count)), list(range(count))
    roots = [n for n in range(count) if head[n] == n]
    order = roots[:]
    for node in order:
        if below := children[node]:
            order.extend(below)
    for node in reversed(order):
        for child in children[node]:
            if left[child] < left[node]:
                left[node] = left[child]
            if right[child] > right[node]:
                right[node] = right[child]
    return left, right


def _sentence_numbers(table: TokenTable) -> tuple[list[int], list[int]]:
    """The number of each token's sentence as a reader sees it, and the first token of each sentence.

    Sentences end at full stops and paragraphs.

    The parser's sentences often break around quotation marks, so they are not used. No sentence ends inside quotation
    marks. Behind them, one ends if the quoted words end in a full stop and a capital or the paragraph's end follows.
    """
    numbers: list[int] = []
    firsts: list[int] = []
    current, ended, paragraph, span, before = 0, False, -1, -1, -1
    behind_stop = False
    text, start, lower = table.text, table.start, table.lower
    for token, (tag, word, here, line) in enumerate(
        zip(table.tag, lower, table.quoted_span, table.paragraph, strict=True)
    ):
        if line != paragraph and tag != "_SP":
            current, ended, paragraph = current + 1, False, line
        elif span >= 0 and here != span:
            ended = ended or ends_sentence(table, table.quoted_spans[span].inner[-1][1], start[token])
        elif behind_stop and not ended:
            ended = _ends_in_abbreviation(table, token - 1, token)
        if ended and tag != "_SP" and (here >= 0 or text[start[token]] not in _CLOSES):
            current, ended = current + 1, False
        if before == current and token - firsts[-1] >= LONGEST_SENTENCE:
            current, ended = current + 1, False
        if before != current:
            firsts.append(token)
        if here < 0 and (tag == "." or word in _TERMINAL):
            ended = not _is_short_day(table, token)
        numbers.append(current)
        span, before, behind_stop = here, current, word[-1:] == "."
    return numbers, firsts


def _is_short_day(table: TokenTable, stop: int) -> bool:
    """Whether a full stop only shortens the name of a day: said on Fri. that …"""
    following = table.text[table.end[stop] : table.end[stop] + 2].strip()
    return table.lower[stop] == "." and table.lower[stop - 1] in SHORT_DAYS and following.islower()


def _ends_in_abbreviation(table: TokenTable, last: int, following: int) -> bool:
    """Whether an abbreviation ends its sentence: quoted words or a word that opens sentences follow with a capital."""
    word = table.lower[last]
    if len(word) < 3 or word[-1] != "." or table.quoted_span[last] >= 0 or word[:-1] in _NEVER_LAST:
        return False
    number = table.quoted_span[following]
    if number < 0:
        return table.word(following)[0].isupper() and table.lower[following] in _OPENING_WORDS
    start, end = table.quoted_spans[number].inner[0]
    return table.text[start].isupper() and table.text[end - 1] in ",.!?…—"


def ends_sentence(table: TokenTable, inner_end: int, after: int) -> bool:
    """Whether quoted words that end at `inner_end` end their sentence too, judged by what follows at `after`."""
    last = table.text[inner_end - 1 : inner_end]
    following = table.text[after : after + 1]
    return last in ".…" and (following.isupper() or following in "“\"'‘«(„`" or following.isdigit())
