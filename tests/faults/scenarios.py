"""The table of faults: what runs, what goes in, what is done to it in the middle."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pipeline.models import Article
from tests.faults import harm
from tests.faults.corpus import editions, thrice_and_shuffled

Articles = Callable[[], list[Article]]

many, few, shuffled = (
    partial(editions, 300),
    partial(editions, 150),
    partial(thrice_and_shuffled, 60),
)  # few where spaCy works


@dataclass(frozen=True)
class Scenario:
    """A fault, and the pipeline that it is done to."""

    name: str
    harm: harm.Harm
    articles: Articles = many
    workers: int = 1
    sinks: int = 1
    connectors: int = 0
    """Where there are any, they bring the articles, from files; else the test publishes them."""
    spacy: bool = False
    """Whether articles are enriched by spaCy, or cheaply (see `cheap`)."""
    behind: frozenset[str] = frozenset()
    """Kinds of parts whose links to both engines lead through proxies."""
    at: float = 0.2
    """Share of the articles that can be searched when harm is done."""
    guarantees: tuple[str, ...] = ()
    """Ids of the promises in docs/guarantees.md that it shows."""


def _behind(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


SCENARIOS = (
    Scenario("nothing happens", harm.nothing, at=1.0 - 1 / 25),
    # parts
    Scenario("a worker is killed", harm.killed("enrich"), at=0, guarantees=("worker-replaced",)),
    Scenario("a worker is killed three times", harm.killed("enrich", 3), at=0),
    Scenario(
        "a worker freezes and wakes up after another took over",
        harm.frozen("enrich"),
        workers=2,
        guarantees=("worker-replaced",),
    ),
    Scenario("a sink is killed three times", harm.killed("sink", 3), at=0, guarantees=("sink-replaced",)),
    Scenario("a sink freezes and wakes up after another took over", harm.frozen("sink"), sinks=2),
    Scenario("all parts are stopped and replaced", harm.replaced("enrich", "sink")),
    Scenario(
        "three workers come and go",
        harm.coming_and_going("enrich"),
        workers=3,
        at=0.05,
        guarantees=("worker-replaced",),
    ),
    Scenario("three sinks come and go", harm.coming_and_going("sink"), sinks=3, at=0.05, guarantees=("sink-replaced",)),
    # spaCy
    Scenario(
        "spacy processes are killed", harm.spacy_process(signal.SIGKILL, signal.SIGSEGV), few, spacy=True, at=0.05
    ),
    Scenario("a spacy process freezes", harm.spacy_process(signal.SIGSTOP), few, spacy=True, at=0.05),
    Scenario("a worker with spacy is killed", harm.killed("enrich"), few, spacy=True, at=0),
    # connectors
    Scenario("a connector is killed", harm.killed("connect"), connectors=1, behind=_behind("connect"), at=0),
    Scenario("a connector freezes, another takes over", harm.frozen("connect"), connectors=2, at=0.05),
    Scenario(
        "kafka crashes while a connector publishes",
        harm.crashed("kafka"),
        connectors=1,
        at=0.05,
        guarantees=("kafka-crashes",),
    ),
    Scenario(
        "a connector's kafka is cut off", harm.cut("kafka_link"), connectors=1, behind=_behind("connect"), at=0.05
    ),
    # Kafka
    Scenario("kafka crashes", harm.crashed("kafka"), guarantees=("kafka-crashes", "memory-bound")),
    Scenario("kafka restarts", harm.restarted("kafka")),
    Scenario("kafka freezes", harm.paused("kafka")),
    Scenario("kafka's store is full", harm.store_full("kafka"), guarantees=("kafka-crashes",)),
    # Elasticsearch
    Scenario("elasticsearch crashes in the middle of a bulk", harm.crashed("elasticsearch")),
    Scenario(
        "elasticsearch restarts in the middle of a bulk",
        harm.restarted("elasticsearch"),
        guarantees=("elasticsearch-crashes",),
    ),
    Scenario("elasticsearch freezes", harm.paused("elasticsearch"), guarantees=("memory-bound",)),
    Scenario("elasticsearch's disk is full", harm.disk_full, guarantees=("elasticsearch-crashes",)),
    Scenario("elasticsearch's store is full", harm.store_full("elasticsearch")),
    # the network
    Scenario("the sink's links are cut", harm.cut("elasticsearch_link", "kafka_link"), behind=_behind("sink")),
    Scenario(
        "the sink's elasticsearch falls silent",
        harm.unplugged("elasticsearch_link"),
        behind=_behind("sink"),
        guarantees=("network-cut",),
    ),
    Scenario("the sink's elasticsearch is slow", harm.slow("elasticsearch_link"), behind=_behind("sink")),
    Scenario(
        "elasticsearch's answers are lost",
        harm.answers_lost("elasticsearch_link"),
        behind=_behind("sink"),
        guarantees=("network-cut",),
    ),
    Scenario(
        "the worker's kafka is cut off", harm.cut("kafka_link"), behind=_behind("enrich"), guarantees=("network-cut",)
    ),
    Scenario("the worker's kafka falls silent", harm.unplugged("kafka_link"), behind=_behind("enrich")),
    Scenario("the worker's kafka is slow", harm.slow("kafka_link"), behind=_behind("enrich")),
    # what comes
    Scenario("duplicates and revisions in no order", harm.nothing, shuffled, at=0.9),
    Scenario(
        "duplicates and revisions in no order, everything killed",
        harm.together(harm.killed("enrich"), harm.killed("sink"), harm.crashed("elasticsearch"), harm.crashed("kafka")),
        shuffled,
        at=0,
        guarantees=("newest-revision",),
    ),
)

SHORT = (
    "a worker is killed",
    "kafka crashes",
    "elasticsearch restarts in the middle of a bulk",
)
"""Those that `make test` runs, too."""
