"""Measures the whole way from a file to a search that finds its articles, and how long a start takes."""

import random
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from benchmarks import corpus
from benchmarks.measure import Turn, family
from benchmarks.stages.processes import COMMAND, PATIENCE, Engines, part_environment, start_part, stop_part, wait
from benchmarks.stages.stage import ArticleStage, Set
from connectors.one_shot import ingest
from connectors.parsing import json_record
from connectors.publisher import ArticlePublisher
from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.elasticsearch_client import chunks
from pipeline.models import Enriched
from pipeline.search.reader import Reader
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.topics import Topic

_SEARCH = 0.5  # seconds between two searches for what is expected: each costs Elasticsearch and us some milliseconds
_FEW, _PAUSE = 6, 0.1  # articles that come together to warm the whole way up; seconds between two such batches


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
                if at - began > PATIENCE:
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


def page_after_start(settings: Settings, folder: Path) -> float:
    """Seconds from the start of `whosaid up` to the page's first answer; it is stopped then."""
    started = time.perf_counter()
    with (folder / "up.log").open("ab") as log:
        up = subprocess.Popen(
            [*COMMAND, "up", "--no-samples"], env=part_environment(settings), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait(lambda: _answers(f"{settings.search_url}/", up), 0.1)
        return time.perf_counter() - started
    finally:
        stop_part(up)


def _answers(url: str, up: subprocess.Popen[bytes]) -> bool:
    if up.poll() is not None:
        raise SystemExit(f"`whosaid up` ended with exit code {up.returncode}.")
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _topic_bytes(settings: Settings, topic: Topic) -> int:
    """Bytes of the topic's segments on the embedded Kafka's disk, without the indices beside them."""
    folder = settings.embedded.data_dir / "kafka"
    return sum(
        path.stat().st_size
        for number in range(topic.partitions)
        for path in folder.glob(f"**/{topic.name}-{number}/*.log")
    )
