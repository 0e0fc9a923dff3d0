"""Runs the stages that `benchmarks/bench.py` measures: each does the same articles, and tells what its processes took.

A stage keeps its processes from turn to turn, so that no start is in what it tells. Engines are its own.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx
import psutil
from elasticsearch.helpers import streaming_bulk
from kafka import TopicPartition

from benchmarks import corpus
from benchmarks.measure import Turn, compiler_seconds, cpu_seconds, family, peak_megabytes
from connectors.one_shot import ingest
from connectors.parsing import json_record
from connectors.publisher import ArticlePublisher
from pipeline import elasticsearch_client, identity, kafka_client, topics
from pipeline.elasticsearch_client import chunks
from pipeline.embedded.stack import Stack
from pipeline.models import Enriched
from pipeline.search.reader import Reader
from pipeline.settings import EmbeddedSettings, SearchSettings, Settings, environment
from pipeline.sink import documents, indices
from pipeline.text.fingerprint import fingerprint
from pipeline.topics import Topic
from pipeline.workers.pool import Pool
from pipeline.workers.protocol import Outcome, Result

_LOOK = 0.05  # seconds between two looks whether a turn is over
_SEARCH = 0.5  # seconds between two searches for what is expected: each costs Elasticsearch and us some milliseconds
_PATIENCE = 600.0  # seconds in which a turn must end

COMPILERS = "Java's compilers"
"""The part of a turn's processor time in which Java compiles the engines' code: the more the shorter they have run."""

_FEW, _PAUSE = 6, 0.1  # articles that come together to warm the whole way up; seconds between two such batches
_COMMAND = (sys.executable, "-m", "pipeline.cli.main")


@dataclass(frozen=True)
class Set:
    """The articles of one round, in the forms that the stages take."""

    texts: list[str]
    list_file: Path
    lines_file: Path
    events: list[bytes]

    @classmethod
    def make(cls, folder: Path, number: int, count: int) -> Self:
        """The articles of the round with this number; no other round has one of them."""
        texts = corpus.texts(count, seed=number)
        records = list(corpus.records(texts, seed=number))
        list_file, lines_file = folder / f"{number}.json", folder / f"{number}.jsonl"
        list_file.write_text(json.dumps(texts), encoding="utf-8")
        lines_file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        now = datetime.now(UTC)
        articles = [json_record.to_article(record, source=None, fetched=now) for record in records]
        return cls(texts, list_file, lines_file, [article.model_dump_json().encode() for article in articles])


class Engines:
    """Kafka and Elasticsearch of the benchmark's own, in a folder of its own on free ports."""

    def __init__(self, folder: Path) -> None:
        kafka, controller, http, transport, page = free_ports(5)
        self.settings = Settings(
            embedded=EmbeddedSettings(
                data_dir=folder / "data", kafka_port=kafka, kafka_controller_port=controller,
                elasticsearch_port=http, elasticsearch_transport_port=transport,
            ),
            search=SearchSettings(port=page),
        )  # fmt: skip
        self.stack = Stack(self.settings, progress=lambda line: print(line, file=sys.stderr))

    def named(self, name: str) -> Settings:
        """The settings with topics and indices of that name."""
        kafka = self.settings.kafka.model_copy(update={"prefix": f"{name}."})
        elasticsearch = self.settings.elasticsearch.model_copy(update={"prefix": name})
        return self.settings.model_copy(update={"kafka": kafka, "elasticsearch": elasticsearch})

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Each engine's processes."""
        return {server.name: family([_engine(server.folder)]) for server in self.stack.servers}

    def __enter__(self) -> Self:
        self.stack.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stack.stop()


class Stage(ABC):
    """What is measured in turns. `processes` names those whose time and memory count, beside this one's."""

    title: ClassVar[str]

    def __init__(self) -> None:
        self.memory: dict[str, float] = {}

    def processes(self) -> dict[str, list[psutil.Process]]:
        """By the part's name."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Ends what the stage has started."""

    def timed(self, items: int, work: Callable[[], None], own: str = "") -> Turn:
        """A turn of this work, whose own time is that of this process's part `own`, where it has one."""
        before = _spent(self.processes())
        started, mine = time.perf_counter(), time.process_time()
        work()
        seconds, mine = time.perf_counter() - started, time.process_time() - mine
        there = self.processes()
        cpu = {name: max(0.0, spent - before.get(name, 0.0)) for name, spent in _spent(there).items()}
        for name, some in there.items():
            self.memory[name] = max([self.memory.get(name, 0.0), *(peak_megabytes(one.pid) for one in some)])
        return Turn(items, seconds, cpu | ({own: mine} if own else {}))


class ArticleStage(Stage):
    """A stage that takes articles."""

    @abstractmethod
    def turn(self, articles: Set) -> Turn:
        """Does the round's articles once."""


class EventStage(Stage):
    """A stage that takes enriched events."""

    @abstractmethod
    def write(self, events: Sequence[Enriched]) -> Turn:
        """Has the events written once."""


class Bare(ArticleStage):
    """(a) The full spaCy pipeline alone, a process for each core."""

    title = "bare spaCy"

    def __init__(self, processes: int) -> None:
        super().__init__()
        command = [sys.executable, "-m", "benchmarks.bare", "--processes", str(processes)]
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | one_thread
        )
        self._answer()

    def turn(self, articles: Set) -> Turn:
        """As `ArticleStage.turn`."""
        assert self._child.stdin is not None
        print(articles.list_file, file=self._child.stdin, flush=True)
        answer = self._answer()
        self.memory["spaCy process"] = max(self.memory.get("spaCy process", 0.0), *answer["megabytes"])
        return Turn(len(articles.texts), answer["seconds"], {"spaCy": answer["cpu"]})

    def close(self) -> None:
        """As `Stage.close`."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(30)

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit("The bare pipeline ended; see above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Extraction(ArticleStage):
    """(b) Our extraction, a process for each core: article events in, events with entities and quotes out."""

    title = "our extraction"

    def __init__(self, settings: Settings, processes: int) -> None:
        super().__init__()
        enrichment = settings.enrichment
        self._batch = enrichment.batch_size
        self._loop = asyncio.new_event_loop()
        self._pool = Pool(
            "pipeline.agents.article_enricher:enricher",
            enrichment.model_dump(include={"model", "fast", "batch_size", "max_characters"}),
            processes=processes,
            time_limit=enrichment.time_limit,
            memory_limit=enrichment.memory_limit,
        )
        self._loop.run_until_complete(self._pool.start())
        self.enriched: list[Enriched] = []
        self.done = 0

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"spaCy": family(self._pool.pids)}

    def turn(self, articles: Set) -> Turn:
        """As `ArticleStage.turn`."""
        outcomes: list[Outcome] = []
        turn = self.timed(len(articles.events), lambda: self._do(articles.events, outcomes), own="transfer")
        values = [one.value for one in outcomes if isinstance(one, Result)]
        assert len(values) == len(articles.events), "not every article was analysed"
        self.enriched = [Enriched.model_validate_json(value) for value in values]
        self.done += len(values)
        return turn

    def close(self) -> None:
        """As `Stage.close`."""
        self._loop.run_until_complete(self._pool.stop())
        self._loop.close()

    def _do(self, events: Sequence[bytes], outcomes: list[Outcome]) -> None:
        batches = iter([events[at : at + self._batch] for at in range(0, len(events), self._batch)])

        async def work() -> None:
            for batch in batches:
                await self._pool.work(batch, lambda _, outcome: outcomes.append(outcome))

        async def everything() -> None:
            await asyncio.gather(*(work() for _ in range(self._pool.size)))

        self._loop.run_until_complete(everything())


class Whole(ArticleStage):
    """(c) The whole way on a stack that runs: `whosaid ingest`'s reading and publishing, enrichment, sink, search."""

    title = "the whole way"

    def __init__(self, engines: Engines, folder: Path, processes: int) -> None:
        super().__init__()
        named = engines.named("whole")
        enrichment = named.enrichment.model_copy(update={"processes": processes})
        self.settings = named.model_copy(update={"enrichment": enrichment})
        self._engines = engines
        kafka_client.ensure_topics(self.settings, topics.all_topics(self.settings))
        self._parts = {name: start_part(self.settings, name, folder) for name in ("enrich", "sink")}
        groups = (topics.enrichment_group(self.settings), topics.sink_group(self.settings))
        wait(lambda: all(kafka_client.members(self.settings, group) for group in groups), 0.5)
        self._client = elasticsearch_client.connect(self.settings)
        self._ingested = self._written = 0

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        worker, *spacy = family([self._parts["enrich"].pid])
        parts = {"spaCy": spacy, "worker": [worker], "sink": family([self._parts["sink"].pid])}
        return parts | self._engines.processes()

    def warm_up(self, events: Sequence[Enriched]) -> Turn:
        """Lets the sink write these events few at a time, as a worker gives them, until they are searchable.

        Java compiles what Elasticsearch does with small batches and many refreshes apart from what it does with large
        ones.
        """
        topic = topics.enriched(self.settings).name
        self._written += len(events)

        def work() -> None:
            for some in chunks(events, _FEW):
                for event in some:
                    producer.send(topic, key=event.article.id.encode(), value=event.model_dump_json().encode())
                producer.flush()
                time.sleep(_PAUSE)
            wait(lambda: self._searchable() >= self._written, _SEARCH)

        with closing(kafka_client.producer(self.settings)) as producer:
            return self.timed(len(events), work)

    def turn(self, articles: Set) -> Turn:
        """As `ArticleStage.turn`."""
        self._expect(len(articles.texts))

        def work() -> None:
            report = ingest(str(articles.lines_file), self.settings)
            assert report.articles == len(articles.texts), report.problems[:3]
            wait(lambda: self._searchable() >= self._written, _SEARCH)

        return self.timed(len(articles.texts), work, own="ingest")

    def latency(self, texts: Sequence[str], per_second: float) -> list[float]:
        """Seconds from publishing each article to a search that finds it, at this load; resolution 0.1 s."""
        records = corpus.records(texts, seed=99)
        now = datetime.now(UTC)
        articles = [json_record.to_article(record, source=None, fetched=now) for record in records]
        self._expect(len(articles))
        rng, began = random.Random(5), time.monotonic()
        due = [0.0]
        for _ in articles[1:]:
            due.append(due[-1] + rng.expovariate(per_second))  # news comes when it comes
        published: dict[str, float] = {}
        taken: dict[str, float] = {}
        with ArticlePublisher(self.settings) as publisher, Reader(self.settings) as reader:
            while len(taken) < len(articles):
                while len(published) < len(articles) and time.monotonic() - began >= due[len(published)]:
                    article = articles[len(published)]
                    publisher.publish(article.model_copy(update={"fetched": datetime.now(UTC)}))
                    published[article.id] = time.monotonic()
                waiting = published.keys() - taken.keys()
                found = reader.existing(waiting) if waiting else ()
                at = time.monotonic()
                taken |= {id: at - published[id] for id in found}
                if at - began > _PATIENCE:
                    raise SystemExit(f"{len(articles) - len(taken)} articles are not searchable.")
                time.sleep(0.1)
        return sorted(taken.values())

    def bytes_an_article(self) -> dict[str, float]:
        """What an article takes on disk in each topic and in each kind of index, compressed as it is kept."""
        taken = {}
        articles, enriched = topics.articles(self.settings), topics.enriched(self.settings)
        for topic, number in ((articles, self._ingested), (enriched, self._written)):
            taken[f"Kafka, {topic.name.partition('.')[2]}"] = _topic_bytes(self.settings, topic) / number
        self._client.indices.flush(index="whole-*")
        for kind in indices.KINDS:
            stats = self._client.indices.stats(index=indices.pattern(self.settings, kind), metric="store")
            taken[f"Elasticsearch, {kind}"] = stats["_all"]["primaries"]["store"]["size_in_bytes"] / self._written
        return taken

    def close(self) -> None:
        """As `Stage.close`."""
        self._client.close()
        for part in self._parts.values():
            stop_part(part)

    def _expect(self, articles: int) -> None:
        self._ingested += articles
        self._written += articles

    def _searchable(self) -> int:
        return int(self._client.count(index=self.settings.articles_alias)["count"])


class Sink(EventStage):
    """(d) Our sink: enriched events from their topic into Elasticsearch, until their offsets are committed."""

    title = "our sink"

    def __init__(self, engines: Engines, folder: Path, name: str = "sink") -> None:
        super().__init__()
        self.settings = engines.named(name)
        self._engines = engines
        kafka_client.ensure_topics(self.settings, topics.all_topics(self.settings))
        self._part = start_part(self.settings, "sink", folder)
        wait(lambda: bool(kafka_client.members(self.settings, topics.sink_group(self.settings))), 0.5)
        self._producer = kafka_client.producer(self.settings, linger_ms=50)
        self._watcher = kafka_client.consumer(self.settings, group_id=topics.sink_group(self.settings))
        self.written = 0

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"client": family([self._part.pid]), "elasticsearch": self._engines.processes()["elasticsearch"]}

    def write(self, events: Sequence[Enriched], until: Callable[[], object] = lambda: None) -> Turn:
        """Lets the sink write the events; the turn ends with `until`, which waits for what they leave behind.

        The events are on their topic before the turn begins, as raw bulk's documents are made before: the sink stands
        still while they are sent.
        """
        values = [(event.article.id.encode(), event.model_dump_json().encode()) for event in events]
        topic = topics.enriched(self.settings)
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]

        def work() -> None:
            self._part.send_signal(signal.SIGCONT)
            wait(lambda: sum(self._watcher.committed(place) or 0 for place in places) >= self.written + len(values))
            until()

        self._part.send_signal(signal.SIGSTOP)
        for key, value in values:
            self._producer.send(topic.name, key=key, value=value)
        self._producer.flush()
        turn = self.timed(len(events), work)
        self.written += len(events)
        return turn

    def close(self) -> None:
        """As `Stage.close`."""
        self._producer.close()
        self._watcher.close()
        stop_part(self._part)


class RawBulk(EventStage):
    """(d) The client library's `streaming_bulk` of the same documents, made before, into indices of the same kind."""

    title = "raw streaming_bulk"

    def __init__(self, engines: Engines) -> None:
        super().__init__()
        self.settings = engines.named("raw")
        self._engines = engines
        self._client = elasticsearch_client.connect(self.settings)
        self._indices = indices.prepare(self._client, self.settings)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"elasticsearch": self._engines.processes()["elasticsearch"]}

    def write(self, events: Sequence[Enriched]) -> Turn:
        """Writes the events' documents."""
        now = datetime.now(UTC)
        actions = list(_actions(self.settings, events, now))
        self._indices.ensure({_month(self.settings, event, now) for event in events})

        def work() -> None:
            for ok, answer in streaming_bulk(self._client, actions):
                assert ok, answer

        return self.timed(len(events), work, own="client")

    def close(self) -> None:
        """As `Stage.close`."""
        self._client.close()


class RoundTrip(ArticleStage):
    """(e) Article events to Kafka and back, with nothing done to them."""

    title = "bare Kafka round trip"
    _REPEATS = 8

    def __init__(self, engines: Engines) -> None:
        super().__init__()
        self.settings = engines.named("trip")
        self._engines = engines
        self._topic = topics.articles(self.settings)
        kafka_client.ensure_topics(self.settings, [self._topic])
        self._producer = kafka_client.producer(self.settings)
        self._consumer = kafka_client.consumer(self.settings)
        self._consumer.assign([TopicPartition(self._topic.name, at) for at in range(self._topic.partitions)])
        self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            self._consumer.position(partition)  # where the end is now, and not at the first poll

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"kafka": self._engines.processes()["kafka"]}

    def turn(self, articles: Set) -> Turn:
        """As `ArticleStage.turn`."""
        events = articles.events * self._REPEATS

        def work() -> None:
            for number, event in enumerate(events):
                self._producer.send(self._topic.name, key=b"%d" % number, value=event)
            self._producer.flush()
            back = 0
            while back < len(events):
                back += sum(map(len, self._consumer.poll(timeout_ms=1000).values()))

        return self.timed(len(events), work, own="client")

    def close(self) -> None:
        """As `Stage.close`."""
        self._producer.close()
        self._consumer.close()


def _spent(parts: Mapping[str, Sequence[psutil.Process]]) -> dict[str, float]:
    """Processor seconds of each part so far, those of Java's compilers apart."""
    spent = {name: cpu_seconds(some) for name, some in parts.items()}
    compilers = {name: seconds for name, some in parts.items() if (seconds := compiler_seconds(some))}
    spent = {name: seconds - compilers.get(name, 0.0) for name, seconds in spent.items()}
    return spent | ({COMPILERS: sum(compilers.values())} if compilers else {})


def clones(events: Sequence[Enriched], count: int, name: str) -> list[Enriched]:
    """So many events with ids of their own, each of another text as far as a fingerprint tells."""
    rng, made = random.Random(name), []
    for number in range(count):
        event = events[number % len(events)]
        id = identity.digest(name, str(number))
        words = event.article.body.split()
        rng.shuffle(words)
        url = f"https://bench.example/{name}/{number}"
        quotes = [
            quote.model_copy(update={"id": identity.quote_id(id, quote.text, quote.segments)}) for quote in event.quotes
        ]
        article = event.article.model_copy(update={"id": id, "url": url, "canonical_url": url})
        changes = {"article": article, "quotes": quotes, "fingerprint": fingerprint(" ".join(words))}
        made.append(event.model_copy(update=changes))
    return made


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    numbers = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def start_part(settings: Settings, name: str, folder: Path) -> subprocess.Popen[bytes]:
    """`whosaid NAME` as a process of its own, its log in the folder."""
    with (folder / f"{settings.kafka.prefix}{name}.log").open("ab") as log:
        return subprocess.Popen([*_COMMAND, name], env=_env(settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def stop_part(part: subprocess.Popen[bytes]) -> None:
    """Ends a part in an orderly way."""
    part.send_signal(signal.SIGTERM)
    part.send_signal(signal.SIGCONT)  # it stands still where a turn broke off
    try:
        part.wait(60)
    except subprocess.TimeoutExpired:
        part.kill()
        part.wait()


def extract_once(article: Path) -> tuple[float, float]:
    """Wall and processor seconds of `whosaid extract FILE`, start included."""
    before, started = os.times(), time.perf_counter()
    subprocess.run([*_COMMAND, "extract", str(article)], stdout=subprocess.DEVNULL, check=True)
    seconds, after = time.perf_counter() - started, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, spent


def page_after_start(settings: Settings, folder: Path) -> float:
    """Seconds from the start of `whosaid up` to the page's first answer; it is stopped then."""
    started = time.perf_counter()
    with (folder / "up.log").open("ab") as log:
        up = subprocess.Popen(
            [*_COMMAND, "up", "--no-samples"], env=_env(settings), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait(lambda: _answers(f"{settings.search_url}/", up), 0.1)
        return time.perf_counter() - started
    finally:
        stop_part(up)


def wait(over: Callable[[], bool], interval: float = _LOOK) -> None:
    """Waits until it is over; ends the benchmark where that takes too long."""
    deadline = time.monotonic() + _PATIENCE
    while not over():
        if time.monotonic() > deadline:
            raise SystemExit(f"Nothing came of it within {_PATIENCE:.0f} s.")
        time.sleep(interval)


def _env(settings: Settings) -> dict[str, str]:
    """The environment of a part: these settings, and none of this machine's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WHOSAID_")} | environment(
        settings
    )


def _answers(url: str, up: subprocess.Popen[bytes]) -> bool:
    if up.poll() is not None:
        raise SystemExit(f"`whosaid up` ended with exit code {up.returncode}.")
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _engine(folder: Path) -> int:
    return int(json.loads((folder / "lock").read_text(encoding="utf-8"))["engine"])


def _month(settings: Settings, event: Enriched, now: datetime) -> str:
    return indices.month(event.article, now=now, months=settings.sink.months)


def _actions(settings: Settings, events: Iterable[Enriched], now: datetime) -> Iterator[dict[str, Any]]:
    for event in events:
        month = _month(settings, event, now)
        made = (("articles", [documents.article(event, indexed=now)]), ("quotes", documents.quotes(event, indexed=now)))
        for kind, some in made:
            index = indices.name(settings, kind, month)
            yield from ({"_index": index, "_id": one.id, "_source": json.loads(one.json)} for one in some)


def _topic_bytes(settings: Settings, topic: Topic) -> int:
    """Bytes of the topic's segments on the embedded Kafka's disk, without the indices beside them."""
    folder = settings.embedded.data_dir / "kafka"
    return sum(
        path.stat().st_size
        for number in range(topic.partitions)
        for path in folder.glob(f"**/{topic.name}-{number}/*.log")
    )


def article_file(folder: Path) -> Path:
    """A text of 640 words, about."""
    path = folder / "article.txt"
    path.write_text(corpus.text(random.Random(11), 600), encoding="utf-8")
    return path
