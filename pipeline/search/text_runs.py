"""Splits text where quotes and searched words begin and end, so that a page can mark them exactly.

All offsets count code points. Quotes may nest and overlap: a piece knows all the quotes that it belongs to.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.models import Quote
from pipeline.search.results import QuoteHit

Range = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """A piece of an article's text, all of which belongs to the same quotes."""

    text: str
    quotes: tuple[Quote, ...] = ()
    """The quotes around it, the outermost first."""
    begins: tuple[Quote, ...] = ()
    """The quotes whose first word this is."""
    cues: tuple[Quote, ...] = ()
    """The quotes whose cue it belongs to."""
    mentions: tuple[Quote, ...] = ()
    """The quotes whose speaker it names."""

    @property
    def quote(self) -> Quote | None:
        """The innermost quote."""
        return self.quotes[-1] if self.quotes else None


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of an article's body."""

    pieces: list[Piece]

    @property
    def quotes(self) -> list[Quote]:
        """The quotes that begin in it, in order."""
        return [quote for piece in self.pieces for quote in piece.begins]


@dataclass(frozen=True)
class TextRun:
    """A piece of a text, all of which is spoken or not, and matched by the search or not."""

    text: str
    spoken: bool
    matched: bool


def paragraphs(body: str, quotes: Sequence[Quote]) -> list[Paragraph]:
    """The lines of the body that are not blank, with their quotes."""
    lines, at = [], 0
    for line in body.splitlines(keepends=True):
        if line.strip():
            lines.append((at, at + len(line.rstrip())))
        at += len(line)
    edges = [edge for line in lines for edge in line]
    cues = [[(quote.cue.start, quote.cue.end)] if quote.cue else [] for quote in quotes]
    mentions = [[(quote.speaker.start, quote.speaker.end)] if quote.speaker else [] for quote in quotes]
    runs = split_runs(len(body), [*(quote.segments for quote in quotes), *cues, *mentions], edges=edges)
    made: list[Paragraph] = []
    starts = {start for start, _ in lines}
    ends = {end for _, end in lines}
    between = True  # lines: line breaks belong to no paragraph
    for start, end, inside in runs:
        if start in ends:
            between = True
        if start in starts:
            between = False
            made.append(Paragraph([]))
        if not between:
            made[-1].pieces.append(_piece(body[start:end], start, [divmod(i, len(quotes)) for i in inside], quotes))
    return made


def _piece(text: str, start: int, inside: Sequence[tuple[int, int]], quotes: Sequence[Quote]) -> Piece:
    """The piece at `start`; `inside` has a layer (quotes, cues, mentions) and the number of a quote for each."""
    layers: list[list[Quote]] = [[quotes[at] for layer, at in inside if layer == wanted] for wanted in range(3)]
    around = sorted(layers[0], key=lambda quote: (quote.start, -quote.end))
    begins = tuple(quote for quote in around if quote.segments[0][0] == start)
    return Piece(text, tuple(around), begins, tuple(layers[1]), tuple(layers[2]))


def words(hit: QuoteHit) -> list[TextRun]:
    """A quote's text, split into spoken, unspoken and matched pieces."""
    spoken = [(start - hit.start, end - hit.start) for start, end in hit.segments]
    runs = split_runs(len(hit.text), [spoken, hit.matches])
    return [TextRun(hit.text[start:end], 0 in inside, 1 in inside) for start, end, inside in runs]


def highlighted(text: str, matches: Sequence[Range]) -> list[TextRun]:
    """Any text, split into matched pieces and others."""
    return [TextRun(text[start:end], True, bool(inside)) for start, end, inside in split_runs(len(text), [matches])]


def split_runs(
    length: int, layers: Sequence[Sequence[Range]], *, edges: Iterable[int] = ()
) -> Iterator[tuple[int, int, list[int]]]:
    """Splits a text where a range of any layer begins or ends, and at `edges`.

    Each run is its start, its end and the numbers of the layers that cover it.
    """
    events: dict[int, list[tuple[int, int]]] = {edge: [] for edge in (0, length, *edges)}
    for number, layer in enumerate(layers):
        for start, end in layer:
            if 0 <= start < end <= length:
                events.setdefault(start, []).append((number, 1))
                events.setdefault(end, []).append((number, -1))
    covering: Counter[int] = Counter()
    for start, end in pairwise(sorted(events)):
        for number, change in events[start]:
            covering[number] += change
            if not covering[number]:
                del covering[number]
        yield start, end, sorted(covering)
