"""Finds where quoted spans open and close, in any of the styles of marks that news is written in.

Marks are paired inside a paragraph (a line). A paragraph that opens a quote and does not close it goes on in the next
one if that opens with a mark again: one quoted span with a piece for each paragraph. A missing mark changes at most its
own paragraph.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_DOUBLE = re.compile(r"''|``|‘‘|’’|[\"“”„‟«»＂]")
_SINGLE = re.compile(r"(?<!')(?:['‚‹›`]|‘(?!‘)(?<!‘‘)|’(?!’)(?<!’’))(?!')")
_MARK = re.compile("['`‘’‚‹›\"“”„‟«»＂]")
"""What any mark begins with."""

_SINGLE_CLOSE = re.compile("[‘’›']")
_OPENERS = frozenset(("“", "„", "‟", "«", "‘‘"))
_CLOSERS = frozenset(("”", "»", "’’"))
_TURNED = {"»": "«", "«": "»"}
_MOST_NESTED = 6  # marks inside a stretch that are looked through for its end
_BEFORE_OPEN = frozenset(" \t\u00a0\u2009\u202f\u200b([{-–—/\"“„«‘'’:;,…")
# 'em, 'til, '90s and their like open nothing.
_ELISION = re.compile(
    r"['‘’](?:em|til|till|tis|twas|cause|bout|round|n|cuz|s|re|ve|ll|d|m|t|\d0s|\d\d)\b", re.IGNORECASE
)
_ELIDED_AND = re.compile(r"['’‘][nN]['’]")  # rock ’n’ roll
_DASH_OPENS = re.compile(r"[—–][ \u00a0]*(?=[A-ZÀ-Þ])")
_TOLD_BEHIND = re.compile(
    r"[—–][ \u00a0]*(?P<words>[^—–“”\"]{2,300}?[?!,…])[ ](?:said|asked|replied|answered|cried|shouted|whispered|added"
    r"|insisted|wondered|murmured|muttered|says|asks|replies|exclaimed|he|she|they)\b"
)
_SIGNS = re.compile(r"[—–-]+[ ]?[A-ZÀ-Þ]")
_TURN_IN_MARKS = re.compile(r"[A-ZÀ-Þ][A-ZÀ-Þ.'’-]+(?:[ ][A-ZÀ-Þ][A-ZÀ-Þ.'’-]+){0,4}:[ ](?=\S)")
"""The label of a transcript inside quotation marks: “KEMP: …”."""

_MEASURE = re.compile(r"\d['’′]\s?\d{0,2}(?:\.\d+)?\s?[\"”]|(?<=\d)[\"”](?=\s?(?:x|by|tall|wide|long|screen|\d))")
_EDGE = " \t\u00a0\u2009\u202f\u200b"


@dataclass(frozen=True, slots=True)
class Piece:
    """One paragraph's part of a quoted span: `start:end` with its marks, `inner_start:inner_end` without."""

    start: int
    end: int
    inner_start: int
    inner_end: int


@dataclass(frozen=True)
class QuotedSpan:
    """What stands between quotation marks, in one or more paragraphs."""

    pieces: tuple[Piece, ...]
    single: bool
    closed: bool

    @property
    def start(self) -> int:
        """Offset of the opening mark."""
        return self.pieces[0].start

    @property
    def end(self) -> int:
        """Offset behind the closing mark."""
        return self.pieces[-1].end

    @cached_property
    def inner(self) -> tuple[tuple[int, int], ...]:
        """The pieces' offsets without their marks."""
        return tuple((p.inner_start, p.inner_end) for p in self.pieces)


def paragraphs(text: str) -> list[tuple[int, int]]:
    """Offsets of the lines that hold more than white space, without the white space around them."""
    spans = []
    for line in re.finditer(r"[^\n\r\u2028\u2029]+", text):
        start, end = _trim(text, line.start(), line.end())
        if end > start:
            spans.append((start, end))
    return spans


def find_quoted_spans(text: str, lines: list[tuple[int, int]] | None = None) -> list[QuotedSpan]:
    """The outermost quoted spans of the text in order; nested ones are part of the one around them."""
    lines = paragraphs(text) if lines is None else lines
    spans: list[QuotedSpan] = []
    running: list[Piece] = []  # pieces of a quote that runs over paragraphs
    dialogue = _dialogue(text, lines)
    for number, (start, end) in enumerate(lines):
        after = lines[number + 1] if number + 1 < len(lines) else (len(text), len(text))
        pieces = _pair_line(text, start, end, _opening_single(text, *after))
        double_follows = _opens_with_mark(text, *after)
        if not pieces and text[start] == ">":
            _add_block_line(text, start, end, spans)
        if not pieces and number in dialogue:
            words = _piece(text, start, start + 1, dialogue[number], dialogue[number])
            spans.append(QuotedSpan((words,), False, True))
        for piece, single, closed in pieces:
            follows = double_follows or (single and not closed)
            if running and piece.start == start:
                running.append(piece)
                if closed or not follows:
                    spans.append(QuotedSpan(tuple(running), single, closed))
                    running = []
                continue
            if running:
                spans.append(QuotedSpan(tuple(running), single, False))
                running = []
            if not closed and follows and piece.end == end:
                running = [piece]
            else:
                spans.append(QuotedSpan((piece,), single, closed))
    if running:
        spans.append(QuotedSpan(tuple(running), False, False))
    return spans


def _add_block_line(text: str, start: int, end: int, found: list[QuotedSpan]) -> None:
    """Add a line of a block quote, “> …”: it goes on with the block right above it, or begins one."""
    piece = _piece(text, start, start + 1, end, end)
    if piece.inner_end <= piece.inner_start or _SIGNS.match(text, piece.inner_start, end):
        return
    above = found[-1] if found and text[found[-1].start] == ">" else None
    if above is not None and not text[above.end : start].strip(" \t\r\n>"):
        found[-1] = QuotedSpan((*above.pieces, piece), False, True)
    else:
        found.append(QuotedSpan((piece,), False, True))


def _dialogue(text: str, lines: list[tuple[int, int]]) -> dict[int, int]:
    """Where the words end that a dash before a line opens (“— Who is it? asked Ann Lee.”), by line.

    Lines with a dash alone are dialogue where one of them has such a cue; else they are lists.
    """
    turns = {number: end for number, (start, end) in enumerate(lines) if _DASH_OPENS.match(text, start, end)}
    cues = {number: _TOLD_BEHIND.match(text, *lines[number]) for number in turns}
    if not any(cues.values()):
        return {}
    return {number: cue.end("words") if (cue := cues[number]) else end for number, end in turns.items()}


def _opens_with_mark(text: str, start: int, end: int) -> bool:
    mark = _DOUBLE.match(text, start, end)
    if mark is None or mark.group() in _CLOSERS:
        return False
    return not _TURN_IN_MARKS.match(text, mark.end(), end)  # Somebody else speaks there.


def _opening_single(text: str, start: int, end: int) -> str:
    """The single mark that opens a line of somebody's words; "" where none does."""
    opens = text[start:end][:1] in {"‘", "'"} and text[start + 1 : end][:1].isupper()
    return text[start] if opens and not _ELISION.match(text, start) else ""


def _opens_sentence(text: str, start: int, mark: int, end: int) -> bool:
    """Whether a mark opens a sentence that its line ends: behind nothing, another sentence or a pause."""
    before = text[start:mark].rstrip()
    behind_pause = not before or before[-1] in ".,:;!?…—–’'"
    return behind_pause and text[mark + 1 : end][:1].isupper() and text[end - 1] in ".!?…"


def _pair_line(text: str, start: int, end: int, single_after: str) -> list[tuple[Piece, bool, bool]]:
    """The pieces of a line; `single_after` is the single mark that opens the next one, or ""."""
    if not _MARK.search(text, start, end):
        return []
    doubles = _pair_double(text, start, end)
    singles = _pair_single(text, start, end, doubles, single_after)
    return sorted(doubles + singles, key=lambda spans: spans[0].start)


def _pair_double(text: str, start: int, end: int) -> list[tuple[Piece, bool, bool]]:
    measures = {m.end() - 1 for m in _MEASURE.finditer(text, start, end)} if '"' in text[start:end] else set()
    spans: list[tuple[Piece, bool, bool]] = []
    opened: re.Match[str] | None = None
    german = False
    marks = [mark for mark in _DOUBLE.finditer(text, start, end) if mark.start() not in measures]
    turned = any(mark.group() in "«»" for mark in marks) and _is_turned(marks)
    nested = 0  # marks that are still inside the open stretch
    for number, mark in enumerate(marks):
        if nested:
            nested -= 1
            continue
        sign = _TURNED.get(mark.group(), mark.group()) if turned else mark.group()
        before, looks_open, looks_close = _looks(text, mark, start, end)
        if opened is None:
            if sign in _CLOSERS and not (looks_open and not looks_close):
                continue  # a closing mark that nothing opened
            if sign not in _OPENERS and sign != "``" and not looks_open and mark.start() > start and before.isdigit():
                continue  # inches
            opened, german = mark, sign == "„"
        elif (
            (sign in _OPENERS and not (german and sign == "“"))
            or sign == "``"
            or (looks_open and not looks_close and sign != "»")
        ):
            nested = _nested_marks(text, marks[number : number + _MOST_NESTED], start, end)
            if nested:
                nested -= 1
                continue
            # Opened again before it closed: the closing mark is missing. The first one ends where the sentence before
            # the second one does.
            spans.append((_piece(text, opened.start(), opened.end(), mark.start(), mark.start()), False, False))
            opened, german = mark, sign == "„"
        else:
            spans.append((_piece(text, opened.start(), opened.end(), mark.start(), mark.end()), False, True))
            opened = None
    if opened is not None:
        spans.append((_piece(text, opened.start(), opened.end(), end, end), False, False))
    return [quoted for quoted in spans if quoted[0].inner_end > quoted[0].inner_start]


def _looks(text: str, mark: re.Match[str], start: int, end: int) -> tuple[str, bool, bool]:
    """The character before a mark, and whether it looks like one that opens or closes."""
    before = text[mark.start() - 1] if mark.start() > start else " "
    after = text[mark.end()] if mark.end() < end else " "
    looks_open = before in _BEFORE_OPEN and not after.isspace()
    looks_close = not before.isspace() and (after.isspace() or not after.isalnum())
    return before, looks_open, looks_close


def _nested_marks(text: str, marks: list[re.Match[str]], start: int, end: int) -> int:
    """How many marks from the first on belong to quotes inside an open stretch; 0 where its end is missing.

    The marks must close what they open, and the stretch itself, before a sentence of its own opens the next.
    """
    depth = 1
    for number, mark in enumerate(marks):
        sign = mark.group()
        _, looks_open, looks_close = _looks(text, mark, start, end)
        opens = sign in _OPENERS or (sign not in _CLOSERS and looks_open and not looks_close)
        depth += 1 if opens else -1
        if depth == 0:
            return number
    return 0


def _is_turned(marks: list[re.Match[str]]) -> bool:
    """Whether guillemets point inwards, »so«."""
    first = next(mark.group() for mark in marks if mark.group() in "«»")
    return first == "»"


def _pair_single(
    text: str, start: int, end: int, doubles: list[tuple[Piece, bool, bool]], single_after: str
) -> list[tuple[Piece, bool, bool]]:
    """Single marks outside double ones; they swallow the double ones between them (then those are nested).

    One that opens a sentence, and that nothing closes in the line, goes on in the next one if that opens with one, too.
    """
    spans: list[tuple[Piece, bool, bool]] = []
    if not _SINGLE.search(text, start, end):
        return spans
    covered = _Covered(doubles)
    closing = _ClosingMarks(text, start, end, covered)
    position = start
    for opened in _single_openings(text, start, end, covered, curly="‘" in text):
        if opened < position:
            continue
        goes_on = text[opened] == single_after and _opens_sentence(text, start, opened, end)
        close = closing.behind(opened, surely=goes_on)
        if close is None and goes_on:
            spans.append((_piece(text, opened, opened + 1, end, end), True, False))
            break
        if close is None:
            continue
        piece = _piece(text, opened, opened + 1, close, close + 1)
        if piece.inner_end > piece.inner_start:
            spans.append((piece, True, True))
        position = close + 1
    if spans:
        swallowed = _Covered(spans)
        doubles[:] = [quoted for quoted in doubles if not swallowed.holds(quoted[0])]
    return spans


class _Covered:
    """Pieces that lie in order and apart; asking is a matter of a binary search."""

    def __init__(self, pieces: list[tuple[Piece, bool, bool]]) -> None:
        self._pieces = [piece for piece, _, _ in pieces]
        self._starts = [piece.start for piece in self._pieces]

    def __contains__(self, position: int) -> bool:
        number = bisect_right(self._starts, position) - 1
        return number >= 0 and position < self._pieces[number].end

    def holds(self, other: Piece) -> bool:
        """Whether another piece begins behind the start of one of these and ends within it."""
        number = bisect_left(self._starts, other.start) - 1
        return number >= 0 and other.end <= self._pieces[number].end


def _single_openings(text: str, start: int, end: int, covered: _Covered, *, curly: bool) -> Iterator[int]:
    for mark in _SINGLE.finditer(text, start, end):
        at = mark.start()
        before = text[at - 1] if at else " "
        after = text[at + 1] if at + 1 < end else " "
        elided = after in "'’" and _ELISION.match(text, at + 1)
        if mark.group() == "›" or after.isspace() or not (elided or after.isalnum() or after in '"“$£€[(…@#'):
            continue
        if mark.group() == "’" and curly:  # only an apostrophe where curly openers exist
            continue
        if (before in _BEFORE_OPEN or before == "\n") and not _ELISION.match(text, at) and at not in covered:
            yield at


class _ClosingMarks:
    """Where single marks can close in a line, and where they most likely end a possessive: the workers' rights."""

    def __init__(self, text: str, start: int, end: int, covered: _Covered) -> None:
        self._text = text
        self._closing: dict[str, list[int]] = {}
        self._possessive: dict[str, list[int]] = {}
        for mark in _SINGLE_CLOSE.finditer(text, start, end):
            at, sign = mark.start(), mark.group()
            before = text[at - 1] if at else " "
            after = text[at + 1] if at + 1 < end else " "
            if at in covered or after.isalnum() or before.isspace() or (at > 1 and _ELIDED_AND.match(text, at - 2)):
                continue
            possessive = before in "sS" and after == " " and at + 2 < end and text[at + 2].islower()
            (self._possessive if possessive else self._closing).setdefault(sign, []).append(at)

    def behind(self, opened: int, *, surely: bool = False) -> int | None:
        """The first mark that closes what opens there, or else, if that is enough, the first possessive."""
        signs = {"‘": "’", "‚": "‘’", "‹": "›"}.get(self._text[opened], "'’")
        for kind in (self._closing,) if surely else (self._closing, self._possessive):
            places = [kind[sign] for sign in signs if sign in kind]
            first = [p[number] for p in places if (number := bisect_left(p, opened + 2)) < len(p)]
            if first:
                return min(first)
        return None


def _piece(text: str, start: int, inner_start: int, inner_end: int, end: int) -> Piece:
    label = _TURN_IN_MARKS.match(text, inner_start, inner_end)
    return Piece(start, end, *_trim(text, label.end() if label else inner_start, inner_end))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or text[start] in _EDGE):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in _EDGE):
        end -= 1
    return start, end
