"""Measures WhoSaid's speed beside what it stands on: `make bench`. benchmarks/README.md explains each figure.

    python -m benchmarks.bench [--articles 128] [--rounds 3] [--json bench.json] [--fill 0]

Every stage does the same articles in turns (a b c d e a b c d e …), so that what else the machine does hits all alike;
what is compared are ratios of one round. It starts a Kafka and an Elasticsearch of its own in a folder that it removes.
The report is a table with each target beside its figure, and JSON with everything. The exit code is 0 whatever the
figures are: they depend on the machine.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks import corpus, full_index, measure, stages
from benchmarks.bare import BATCH
from benchmarks.measure import Spread, Turn, number, table
from pipeline.models import Enriched
from pipeline.text import ENGINE_VERSION
from pipeline.workers.pool import cores

WARM_ARTICLES = 48
"""Articles that every stage does before it is measured."""

WARM_STEP, WARM_MOST = 500, 8_000
"""Articles of a step of the warming up of whatever writes into Elasticsearch, and the most that it writes so."""

WARM_ENOUGH = 1.0
"""Milliseconds that Java's compilers take for an article of a step when the warming up ends; LOG.md says why."""


@dataclass(frozen=True)
class Target:
    """What a figure should be: `least` or `most` of it; a figure of None was not measured, and `note` says why."""

    name: str
    figure: float | None
    unit: str = ""
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is; None where it was not measured."""
        if self.figure is None:
            return None
        return (self.least is None or self.figure >= self.least) and (self.most is None or self.figure <= self.most)

    def row(self) -> tuple[str, str, str, str]:
        """Its row of the table."""
        bound = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        shown = "–" if self.figure is None else number(self.figure)
        return self.name, shown + self.unit, bound + self.unit, self.note or ("yes" if self.met else "no")

    def as_json(self) -> dict[str, Any]:
        """What the report has of it."""
        return {"name": self.name, "figure": self.figure, "least": self.least, "most": self.most, "met": self.met}


@dataclass
class Report:
    """All that was measured."""

    turns: dict[str, list[Turn]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    disk: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    load: float = 0.0
    extract: list[tuple[float, float]] = field(default_factory=list)
    page: float | None = None
    one_process: list[float] = field(default_factory=list)
    filled: float | None = None
    analysed: int = 0

    def note(self, stage: str, turn: Turn) -> None:
        """Keeps a turn and tells of it."""
        self.turns.setdefault(stage, []).append(turn)
        print(f"  {stage:24} {1000 * turn.cpu_total / turn.items:8.2f} ms of processor an article, "
              f"{turn.items / turn.seconds:8.1f} articles/s", file=sys.stderr)  # fmt: skip

    def remember(self, stage: str, memory: Mapping[str, float]) -> None:
        """Keeps the peak memory of a stage's processes."""
        self.memory |= {f"{stage}: {part}": megabytes for part, megabytes in memory.items()}

    def cpu(self, stage: str, part: str = "") -> Spread:
        """Milliseconds of processor an article, of all parts or of one."""
        spent = (turn.cpu[part] if part else turn.cpu_total for turn in self.turns[stage])
        return Spread([1000 * one / turn.items for one, turn in zip(spent, self.turns[stage], strict=True)])

    def rate(self, stage: str) -> Spread:
        """Articles a second."""
        return Spread([turn.items / turn.seconds for turn in self.turns[stage]])

    def ratio(self, stage: str, other: str, part: str = "") -> Spread:
        """How many times the stage's processor time the other one takes, round by round."""
        pairs = zip(self.cpu(other, part).values, self.cpu(stage, part).values, strict=True)
        return Spread([theirs / ours for theirs, ours in pairs])

    def rates(self, stage: str, other: str) -> Spread:
        """How many times as many articles a second the stage does, round by round."""
        pairs = zip(self.rate(stage).values, self.rate(other).values, strict=True)
        return Spread([ours / theirs for ours, theirs in pairs])


BARE, OURS, WHOLE = stages.Bare.title, stages.Extraction.title, stages.Whole.title
RAW, SINK, TRIP = stages.RawBulk.title, stages.Sink.title, stages.RoundTrip.title


def targets(report: Report) -> Iterator[Target]:
    """Each target of the issue with its figure."""
    yield Target("(b) processor: bare spaCy / our extraction", report.ratio(OURS, BARE).middle, " ×", least=3.5)
    yield Target("(b) articles a second, in bare spaCy's", report.rates(OURS, BARE).middle, " ×", least=3.5)
    yield Target("(c) processor: bare spaCy / the whole way", report.ratio(WHOLE, BARE).middle, " ×", least=2.5)
    yield Target("(c) articles a second, in bare spaCy's", report.rates(WHOLE, BARE).middle, " ×", least=2.5)
    yield Target("(d) articles a second of the sink, in raw bulk's", report.rates(SINK, RAW).middle, " ×", least=0.9)
    both = 1 / report.ratio(SINK, RAW).middle
    yield Target("(d) processor of sink and Elasticsearch, in raw bulk's", both, " ×", most=1.2)
    alone = 1 / report.ratio(SINK, RAW, "client").middle
    yield Target("(d) processor of the sink alone, in raw bulk's client's", alone, " ×", most=1.2)
    yield Target(f"spaCy process after {report.analysed:,} articles", report.memory[f"{OURS}: spaCy"], " MB", most=300)
    yield Target("sink", report.memory[f"{SINK}: client"], " MB", most=150)
    yield Target("connector", None, " MB", most=300, note="make simulate prints it")
    if cores() > 1:
        one = Spread(report.one_process).middle
        linear = report.rate(OURS).middle / one / cores()
        yield Target(f"1 to {cores()} processes of extraction", linear, " of linear", least=0.9)
    note = "" if report.filled else "--fill 1000000 measures it"
    yield Target("an article's cost in a full index", report.filled, " ×", most=1.15, note=note)
    if report.latencies:
        cuts = quantiles(report.latencies, n=100, method="inclusive")
        yield Target("published to searchable, p50", cuts[49], " s", most=1.5)
        yield Target("published to searchable, p99", cuts[98], " s", most=4)
    if report.page is not None:
        yield Target("`make run` a second time, to the page", report.page, " s", most=15)
    if report.extract:
        wall = Spread([seconds for seconds, _ in report.extract]).middle
        yield Target("`whosaid extract FILE`", wall, " s", most=2.5)
        spent = Spread([seconds for _, seconds in report.extract]).middle
        yield Target("`whosaid extract FILE`, processor", spent, " s", most=2.5)


def evenly(articles: int, processes: int) -> int:
    """So many articles or a few more that every process gets as many batches.

    Of three batches one of two processes does two while the other waits: then two are half as quick again as one, at
    the most, whatever the code does.
    """
    share = BATCH * processes
    return -(-articles // share) * share


def machine() -> dict[str, Any]:
    """Where it was measured."""
    return {
        "cores": cores(),
        "processor": _processor(),
        "python": platform.python_version(),
        "spacy": version("spacy"),
        "engine": ENGINE_VERSION,
        "kernels": measure.kernels(),
        "load": [round(one, 2) for one in os.getloadavg()],
    }


def run(options: argparse.Namespace, folder: Path) -> Report:
    """Measures everything."""
    report = Report()
    warm = stages.Set.make(folder, 0, WARM_ARTICLES)
    count = evenly(options.articles, cores())
    rounds = [stages.Set.make(folder, at, count) for at in range(1, options.rounds + 1)]
    with stages.Engines(folder) as engines:
        _stages(report, options, folder, engines, warm, rounds)
    if not options.no_start:
        _starts(report, folder, engines)
    return report


def _stages(
    report: Report,
    options: argparse.Namespace,
    folder: Path,
    engines: stages.Engines,
    warm: stages.Set,
    rounds: Sequence[stages.Set],
) -> None:
    processes = cores()
    with (
        closing(stages.Bare(processes)) as bare,
        closing(stages.Extraction(engines.settings, processes)) as ours,
        closing(stages.Extraction(engines.settings, 1)) as one,
        closing(stages.Whole(engines, folder, processes)) as whole,
        closing(stages.RawBulk(engines)) as raw,
        closing(stages.Sink(engines, folder)) as sink,
        closing(stages.RoundTrip(engines)) as trip,
    ):
        of_articles: tuple[stages.ArticleStage, ...] = (bare, ours, whole)
        for stage in (*of_articles, one, trip):
            stage.turn(warm)
        events = ours.enriched
        _warm_up("whole", whole.warm_up, events)
        for number, articles in enumerate(rounds, 1):
            print(f"Round {number} of {len(rounds)}, articles:", file=sys.stderr)
            for stage in of_articles:
                report.note(stage.title, stage.turn(articles))
            few = stages.Set(articles.texts, articles.list_file, articles.lines_file, articles.events[::2])
            done = one.turn(few)
            report.one_process.append(done.items / done.seconds)
            report.note(trip.title, trip.turn(articles))
        report.load = report.rate(WHOLE).middle / 2
        print(f"Latency at {report.load:.1f} articles/s …", file=sys.stderr)
        report.latencies = whole.latency(corpus.texts(options.latencies, seed=98), report.load)
        events = ours.enriched
        for name, write in (("raw", raw.write), ("sink", sink.write)):
            _warm_up(name, write, events)
        for number in range(1, len(rounds) + 1):
            print(f"Round {number} of {len(rounds)}, documents:", file=sys.stderr)
            for title, write in ((raw.title, raw.write), (sink.title, sink.write)):
                report.note(title, write(stages.clones(events, options.documents, f"round{number}")))
        if options.fill:
            filled = full_index.measure_costs(engines, folder, events, options.fill)
            print("\n".join(full_index.printed(filled)), file=sys.stderr)
            report.filled = filled.ratio()
        report.analysed = ours.done
        report.disk = whole.bytes_an_article()
        for measured in (*of_articles, trip, sink, raw):
            report.remember(measured.title, measured.memory)


def _warm_up(name: str, write: Callable[[Sequence[Enriched]], Turn], events: Sequence[Enriched]) -> None:
    """Has events written until Java has compiled nearly all that Elasticsearch does with them."""
    for written in range(0, WARM_MOST, WARM_STEP):
        turn = write(stages.clones(events, WARM_STEP, f"{name} {written}"))
        compiling = 1000 * turn.cpu.get(stages.COMPILERS, 0.0) / turn.items
        print(f"  warming up: {name}, {written + turn.items} articles, Java's compilers {compiling:.2f} ms an article",
              file=sys.stderr)  # fmt: skip
        if compiling <= WARM_ENOUGH:
            return


def _starts(report: Report, folder: Path, engines: stages.Engines) -> None:
    print("Starts …", file=sys.stderr)
    article = stages.article_file(folder)
    stages.extract_once(article)  # what the first one reads from the disk is there for the others
    report.extract = [stages.extract_once(article) for _ in range(3)]
    for _ in range(2):
        report.page = stages.page_after_start(engines.settings, folder)


def printed(report: Report, about: Mapping[str, Any], words: int) -> Iterator[str]:
    """The report for people, in Markdown."""
    yield f"{about['processor']}, {about['cores']} cores, load {about['load'][0]}; Python {about['python']},"
    yield f"spaCy {about['spacy']}, engine {about['engine']}; matrices: {', '.join(about['kernels'])}."
    yield f"Articles of {words} words."
    yield ""
    rows = []
    for stage in report.turns:
        parts = report.turns[stage][0].cpu
        each = ", ".join(f"{part} {number(report.cpu(stage, part).middle)}" for part in parts) if len(parts) > 1 else ""
        rows.append((stage, str(report.cpu(stage)), each, str(report.rate(stage))))
    yield from table(("stage", "processor, ms an article", "of it", "articles a second"), rows)
    yield ""
    yield from table(("target", "figure", "wanted", "met"), (target.row() for target in targets(report)))
    yield ""
    yield from table(("peak memory", "MB"), ((name, number(value)) for name, value in report.memory.items()))
    yield ""
    yield from table(("on disk", "bytes an article"), ((name, f"{value:,.0f}") for name, value in report.disk.items()))


def as_json(report: Report, about: Mapping[str, Any], words: int, unset: Sequence[str]) -> dict[str, Any]:
    """The report for programs."""
    return {
        "machine": dict(about),
        "unset": list(unset),
        "words": words,
        "stages": {
            stage: {
                "articles": turns[0].items,
                "cpu_ms": report.cpu(stage).as_json(),
                "parts_cpu_ms": {part: report.cpu(stage, part).as_json() for part in turns[0].cpu},
                "articles_per_second": report.rate(stage).as_json(),
            }
            for stage, turns in report.turns.items()
        },
        "targets": [target.as_json() for target in targets(report)],
        "peak_megabytes": {name: round(value, 1) for name, value in report.memory.items()},
        "bytes_per_article": {name: round(value) for name, value in report.disk.items()},
        "latency_seconds": [round(value, 2) for value in report.latencies],
        "latency_load": round(report.load, 2),
        "extract_seconds": [[round(value, 2) for value in pair] for pair in report.extract],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> int:
    """Measures and prints."""
    unset = measure.without_steering()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=128, help="articles of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=1_000, help="articles that sink and raw bulk write in a round")
    parser.add_argument("--latencies", type=int, default=80, help="articles whose latency is measured")
    parser.add_argument("--fill", type=int, default=0, help="articles to fill the index with, to measure a full one")
    parser.add_argument("--no-start", action="store_true", help="leave the starts of the commands out")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="file for the report as JSON")
    options = parser.parse_args()
    if unset:
        print(f"Unset for this run: {', '.join(unset)}", file=sys.stderr)
    about = machine()
    folder = Path(tempfile.mkdtemp(prefix="whosaid-bench-"))
    folder.chmod(0o755)  # Elasticsearch may run as another user
    try:
        report = run(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    texts = corpus.texts(evenly(options.articles, cores()))
    words = sum(len(text.split()) for text in texts) // len(texts)
    for line in printed(report, about, words):
        print(line)
    options.json.write_text(json.dumps(as_json(report, about, words, unset), indent=1) + "\n", encoding="utf-8")
    print(f"\nWritten: {options.json}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
