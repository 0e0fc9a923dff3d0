"""Works out how large an installation must be for so many articles a day, from measured figures.

The figures are those of docs/scale.md, measured by benchmarks/sizes.py. A queue at a day with a peak of news is played
minute by minute: enrichment gets as many cores as keep the longest wait within what is asked for.
"""

import math
import re
from dataclasses import dataclass, field

from pipeline.errors import InputError

DAY = 86_400
MINUTES = DAY // 60
MONTH = 30.4  # days


@dataclass(frozen=True)
class Figures:
    """What an article of 617 words with 12.7 quotes takes, as measured.

    Attributes:
        analysis: seconds of a processor core for its entities and quotes.
        sink: seconds of a core in the sink.
        article_bytes: bytes on `news.articles`, compressed.
        enriched_bytes: bytes on `news.enriched`, compressed.
        article_index_bytes: bytes of its document in Elasticsearch, without replicas.
        quote_index_bytes: bytes of its quotes' documents.
        quotes: how many quotes it has.
    """

    analysis: float = 0.092
    sink: float = 0.0033
    article_bytes: int = 1_574
    enriched_bytes: int = 4_962
    article_index_bytes: int = 14_399
    quote_index_bytes: int = 11_056
    quotes: float = 12.7


@dataclass(frozen=True)
class Assumptions:
    """What is not measured but decided. Times are seconds, sizes bytes.

    Attributes:
        peak: how many times the average a peak of news has, for three hours.
        wait: how long the longest wait for enrichment may be.
        months: how long articles are searchable.
        retention: days that topics keep events.
        cores: cores of a worker's machine.
        busy: which share of a core is used, at the most.
        shard: largest shard of an index.
        node: disk of a node of Elasticsearch; of it `full` is used.
        broker: disk of a broker of Kafka; of it `full` is used.
        node_shards: shards of a node, at the most; Elasticsearch's own limit by default.
        sources: articles a day that a source publishes, on average.
        connector: sources that one connector process reads (measured by `make simulate`).
    """

    peak: float = 5.0
    wait: float = 300.0
    months: int = 24
    retention: float = 30.0
    cores: int = 8
    busy: float = 0.8
    shard: float = 50e9
    node: float = 4e12
    broker: float = 4e12
    full: float = 0.75
    node_shards: int = 1000
    sources: float = 25.0
    connector: int = 2000


@dataclass(frozen=True)
class Plan:
    """How large each part must be. Sizes are bytes, waits seconds."""

    articles_per_day: int
    rate: float
    peak_rate: float
    enrichment_cores: int
    workers: int
    worker_memory: float
    longest_wait: float
    longest_queue: int
    sinks: int
    connectors: int
    partitions: int
    brokers: int
    kafka_replication: int
    kafka_disk: float
    shards: int
    replicas: int
    nodes: int
    index_disk: float
    month_disk: float
    open_shards: int
    drivers: list[str] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """The variables that give an installation this size."""
        return {
            "WHOSAID_KAFKA__PARTITIONS": str(self.partitions),
            "WHOSAID_KAFKA__REPLICATION": str(self.kafka_replication),
            "WHOSAID_ELASTICSEARCH__SHARDS": str(self.shards),
            "WHOSAID_ELASTICSEARCH__REPLICAS": str(self.replicas),
        }


LARGEST = 1_000_000_000
"""Articles a day, at the most: more than the world publishes."""

_AMOUNT = re.compile(r"\s*(\d+(?:[_,]\d{3})*(?:\.\d+)?)\s*([kKmMbB]?)\s*")
_TIMES = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_PEAK_HOURS = 3
_PROCESS, _WORKER = 300e6, 400e6  # bytes of a spaCy process and of the worker around them
_SMALL = 50_000  # articles a day up to which one machine with one broker and one node is enough
_MOST_SHARDS = 1024  # of an index that the settings allow


def amount(text: str) -> int:
    """The number in `10k`, `1M`, `2.5M`, `100_000`.

    Raises:
        InputError: it is none, or not between 1 and a thousand million.
    """
    match = _AMOUNT.fullmatch(text[:50])
    number = float(re.sub("[_,]", "", match.group(1))) * _TIMES[match.group(2).lower()] if match else 0.0
    if not 1 <= number <= LARGEST:
        raise InputError(f"{text[:50]!r} is no number of articles from 1 to {LARGEST:,}; write 10k, 1M or 100000.")
    return int(number)


def plan(articles: int, given: Assumptions | None = None, figures: Figures | None = None) -> Plan:
    """How large everything must be for so many articles a day."""
    given, figures = given or Assumptions(), figures or Figures()
    small = articles <= _SMALL
    rate = articles / DAY
    cores, wait, queue = _enrichment(articles, given, figures)
    least = 1 if small else 2  # so that one can fail
    workers = max(least, math.ceil(cores / given.cores))
    sinks = max(
        least, math.ceil(rate * given.peak * figures.sink / given.busy * 2)
    )  # it waits for Elasticsearch as long
    connectors = max(least, math.ceil(articles / given.sources / given.connector))
    replication, replicas = (1, 0) if small else (3, 1)
    kafka = articles * given.retention * (figures.article_bytes + figures.enriched_bytes) * replication
    month = articles * MONTH * (figures.article_index_bytes + figures.quote_index_bytes) * (1 + replicas)
    largest = articles * MONTH * max(figures.article_index_bytes, figures.quote_index_bytes)
    shards = max(1, math.ceil(largest / given.shard))
    open_shards = 2 * shards * (1 + replicas) * given.months
    by_disk = math.ceil(month * given.months / (given.node * given.full))
    nodes = max(1 if small else 3, by_disk, math.ceil(open_shards / given.node_shards))
    result = Plan(
        articles_per_day=articles,
        rate=rate,
        peak_rate=rate * given.peak,
        enrichment_cores=cores,
        workers=workers,
        worker_memory=math.ceil(cores / workers) * _PROCESS + _WORKER,
        longest_wait=wait,
        longest_queue=queue,
        sinks=sinks,
        connectors=connectors,
        partitions=_partitions(max(workers, sinks)),
        brokers=max(1 if small else 3, math.ceil(kafka / (given.broker * given.full))),
        kafka_replication=replication,
        kafka_disk=kafka,
        shards=shards,
        replicas=replicas,
        nodes=nodes,
        index_disk=month * given.months,
        month_disk=month,
        open_shards=open_shards,
    )
    result.drivers.extend(_drivers(result, given, by_disk))
    return result


def day(articles: int, peak: float) -> list[float]:
    """Articles that come in each minute of a day: as many all day, but for three hours of `peak` times as many.

    The whole is a day's articles and what the peak has more.
    """
    usual = articles / MINUTES
    begin = MINUTES // 2
    return [usual * (peak if begin <= minute < begin + 60 * _PEAK_HOURS else 1.0) for minute in range(MINUTES)]


def queue(coming: list[float], capacity: float) -> tuple[float, float]:
    """The longest queue and the longest wait in minutes, where `capacity` articles a minute are done."""
    waiting = longest = 0.0
    for minute in coming:
        waiting = max(0.0, waiting + minute - capacity)
        longest = max(longest, waiting)
    return longest, longest / capacity


def _enrichment(articles: int, given: Assumptions, figures: Figures) -> tuple[int, float, int]:
    """The fewest cores that keep the longest wait; that wait in seconds, and the longest queue."""
    coming = day(articles, given.peak)
    each = 60 * given.busy / figures.analysis  # articles a minute of one core
    low = max(1, math.ceil(articles / MINUTES / each))
    high = max(low, math.ceil(max(coming) / each))
    while low < high:
        middle = (low + high) // 2
        if 60 * queue(coming, middle * each)[1] <= given.wait:
            high = middle
        else:
            low = middle + 1
    longest, wait = queue(coming, low * each)
    return low, 60 * wait, math.ceil(longest)


def _partitions(processes: int) -> int:
    """Partitions with room to grow: twice the processes, in steps that many numbers of processes divide."""
    wanted = 2 * processes
    return 4 if wanted <= 4 else min(10_000, 12 * math.ceil(wanted / 12))


def _drivers(result: Plan, given: Assumptions, by_disk: int) -> list[str]:
    """What costs most, and what lowers it."""
    drivers = [
        f"Enrichment: {result.enrichment_cores:,} cores. With a wait of an hour in the place of "
        f"{given.wait / 60:.0f} minutes at a peak it takes fewer; the model decides how long an article takes.",
        f"Disks of Elasticsearch: {terabytes(result.index_disk)}, {terabytes(result.month_disk)} a month. Each month "
        "less (--months) saves as much; older months can lie on cheaper nodes.",
    ]
    if result.nodes > max(3, by_disk):
        drivers.append(
            f"Shards: {result.open_shards:,} are open, which takes more nodes than the disks do; keep fewer months."
        )
    if result.shards > _MOST_SHARDS:
        drivers.append(
            f"A month has {result.shards:,} shards of {terabytes(given.shard)}, more than the setting "
            f"takes ({_MOST_SHARDS:,}): allow larger shards, or use several installations."
        )
    return drivers


def terabytes(size: float) -> str:
    """A size in words: `12.3 GB`, `4.5 TB`, `1.2 PB`."""
    for unit, divisor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= divisor:
            return f"{size / divisor:,.1f} {unit}"
    return f"{size / 1e3:,.1f} KB"
