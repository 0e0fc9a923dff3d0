"""Measures what an article costs the sink in a full index, beside what it costs in one of a few thousand.

    python -m benchmarks.full_index [--articles 1000000] [--turns 12] [--documents 200]

Two sinks write the same number of new articles in turns, one into indices that have a few thousand articles, the other
into indices that were filled with so many short ones before (`benchmarks.filling`). Kafka and Elasticsearch are the
same for both, so that Java's compilers, caches and other work on the machine hit both alike. A turn counts the sink and
Elasticsearch, until no merge runs any more. Shown is the ratio of the medians of processor time an article.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import filling, measure, stages
from benchmarks.measure import Spread, Turn, table
from pipeline import elasticsearch_client
from pipeline.models import Enriched
from pipeline.sink import indices
from pipeline.workers.pool import cores

TARGET = 1.15
"""How many times as much an article may cost in a full index."""

ARTICLES = 64
"""Articles that are analysed; those that the sinks write have their texts and quotes, and ids of their own."""

WARM = 750
"""Articles that each sink writes before anything is loaded: Java compiles Elasticsearch meanwhile."""

TURNS = 12
"""Turns of each sink that count. Some have a merge of what was written long before, which the median passes over."""

UNMEASURED = 4
"""Turns of each sink after the loading that do not count: the first ones begin the merges that the loading has left."""

SIZE = 200
"""Articles of a turn."""

FEW, FULL = "few", "full"


@dataclass
class Result:
    """What was measured; `turns` are those of each sink, by its name."""

    loaded: int
    seconds: float = 0.0
    """How long the loading took."""
    merged: float = 0.0
    """How long its merges went on behind it."""
    there: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Articles and quotes of each sink's indices at the end."""
    turns: dict[str, list[Turn]] = field(default_factory=lambda: {FEW: [], FULL: []})

    def cpu(self, name: str, part: str = "") -> Spread:
        """Milliseconds of processor an article, of sink and Elasticsearch or of one of them."""
        return Spread([1000 * (turn.cpu[part] if part else turn.cpu_total) / turn.items for turn in self.turns[name]])

    def ratio(self, part: str = "") -> float:
        """How many times as much an article costs in the full index."""
        return self.cpu(FULL, part).middle / self.cpu(FEW, part).middle


def measure_costs(
    engines: stages.Engines,
    folder: Path,
    events: Sequence[Enriched],
    count: int,
    *,
    turns: int = TURNS,
    size: int = SIZE,
    warm: int = WARM,
) -> Result:
    """Loads so many articles, and measures what one more costs.

    Args:
        engines: they run.
        folder: for the logs of the sinks.
        events: articles as they are enriched, of which new ones are made.
        count: articles to load.
        turns: of each sink.
        size: articles of a turn.
        warm: articles that each sink writes before.
    """
    result = Result(count)
    with (
        closing(stages.Sink(engines, folder, FEW)) as few,
        closing(stages.Sink(engines, folder, FULL)) as full,
        closing(elasticsearch_client.connect(full.settings)) as client,
    ):
        sinks = {FEW: few, FULL: full}
        for name, sink in sinks.items():
            sink.write(stages.clones(events, warm, f"{name} warm"))

        def tell(done: int, seconds: float) -> None:
            result.seconds = seconds
            _say(f"  {done:9,} of {count:,} articles after {seconds:4.0f} s, {done / seconds:.0f} a second")

        _say(f"Loading {count:,} articles with {filling.QUOTES} quotes each …")
        filling.fill(client, full.settings, count, tell)
        result.merged = filling.wait_for_merges(client)
        _say(f"  merged after {result.merged:.0f} s more")
        for turn in range(UNMEASURED + turns):
            for name in (FEW, FULL) if turn % 2 else (FULL, FEW):  # neither is always behind the other
                new = stages.clones(events, size, f"{name} {turn}")
                done = sinks[name].write(new, until=lambda: filling.wait_for_merges(client))
                counts = turn >= UNMEASURED
                if counts:
                    result.turns[name].append(done)
                _say(
                    f"  {name:4} {1000 * done.cpu_total / done.items:8.2f} ms of processor an article"
                    + ("" if counts else " (does not count)")
                )
        for name, sink in sinks.items():
            patterns = [indices.pattern(sink.settings, kind) for kind in ("articles", "quotes")]
            client.indices.refresh(index=patterns)
            articles, quotes = (int(client.count(index=pattern)["count"]) for pattern in patterns)
            result.there[name] = articles, quotes
    return result


def enriched(engines: stages.Engines, folder: Path) -> list[Enriched]:
    """Some articles as a worker gives them."""
    with closing(stages.Extraction(engines.settings, cores())) as extraction:
        extraction.turn(stages.Set.make(folder, 1, ARTICLES))
        return extraction.enriched


def printed(result: Result) -> Iterator[str]:
    """The result for people, in Markdown."""
    yield f"{result.loaded:,} articles were loaded in {result.seconds:.0f} s, and merged {result.merged:.0f} s more;"
    yield f"{len(result.turns[FEW])} turns of each sink, of {result.turns[FEW][0].items} articles."
    yield "Milliseconds of processor an article:"
    yield ""
    rows = []
    for title, part in (("sink and Elasticsearch", ""), ("sink", "client"), ("Elasticsearch", "elasticsearch")):
        spreads = [str(result.cpu(name, part)) for name in (FEW, FULL)]
        rows.append((title, *spreads, f"{result.ratio(part):.2f}"))
    few, full = ("{:,} articles, {:,} quotes".format(*result.there[name]) for name in (FEW, FULL))
    yield from table(("", few, full, "ratio"), rows)
    yield ""
    met = "yes" if result.ratio() <= TARGET else "no"
    yield f"Wanted: ≤ {TARGET}. Met: {met}."


def as_json(result: Result) -> dict[str, Any]:
    """The result for programs."""
    return {
        "loaded": result.loaded,
        "loading_seconds": round(result.seconds, 1),
        "merging_seconds": round(result.merged, 1),
        "there": {name: {"articles": some[0], "quotes": some[1]} for name, some in result.there.items()},
        "cpu_ms": {
            name: {part or "all": result.cpu(name, part).as_json() for part in ("", "client", "elasticsearch")}
            for name in (FEW, FULL)
        },
        "ratio": round(result.ratio(), 3),
        "most": TARGET,
        "met": result.ratio() <= TARGET,
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Measures and prints."""
    measure.without_steering()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=1_000_000, help="articles to load")
    parser.add_argument("--turns", type=int, default=TURNS, help="turns of each sink")
    parser.add_argument("--documents", type=int, default=SIZE, help="articles of a turn")
    parser.add_argument("--warm", type=int, default=WARM, help="articles that each sink writes before anything else")
    parser.add_argument("--json", type=Path, default=Path("full_index.json"), help="file for the result as JSON")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="whosaid-full-"))
    folder.chmod(0o755)  # Elasticsearch may run as another user
    try:
        with stages.Engines(folder) as engines:
            events = enriched(engines, folder)
            result = measure_costs(
                engines, folder, events, options.articles,
                turns=options.turns, size=options.documents, warm=options.warm,
            )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in printed(result):
        print(line)
    options.json.write_text(json.dumps(as_json(result), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
