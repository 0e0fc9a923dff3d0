"""Measures how much of the analyser's speed an enrichment worker keeps, Kafka and all; prints both and their ratio.

    WHOSAID_KAFKA__BOOTSTRAP_SERVERS=host:port python benchmarks/enrichment.py --articles 1200

First the articles go through the pool of spaCy processes alone, then through a real `whosaid enrich` and that Kafka (in
topics of their own). Both on the same cores, in the same processes' number and batches. Articles have about 450 words.
"""

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime

from kafka import TopicPartition

from pipeline import identity, kafka_client, topics
from pipeline.agents.worker import new_pool
from pipeline.models import Article, Source
from pipeline.settings import Settings, environment, load
from pipeline.workers.protocol import Outcome

_PEOPLE = ("Ilse Brandt", "Tomas Reil", "Chancellor Marta Voss", "Senator Joan Clarke", "Minister Karl Oster")
_PLACES = ("Port Aurel", "London", "the Ministry of Transport", "Geneva", "Berlin", "New York")
_SENTENCES = (
    "“We are close to an agreement,” {a} told reporters in {p} on Wednesday. “The steel is ordered.”",
    "{a} said that the old bridge in {p} would close in May and that nobody had asked the fishermen.",
    "The talks, which began in {p} three weeks ago, are expected to resume on Friday after a short break.",
    "According to {a}, the cost rose by 14 percent to $3.2 billion last year, more than any audit had foreseen.",
    "Analysts in {p} had warned of delays, and the company reported weaker sales in the third quarter of 2024.",
    "He added: “There was never a plan to raise the toll, and there is none now.”",
    "Workers at the harbour have been on strike since Monday over pay, hours and the safety of the new cranes.",
    "“Whoever signs this,” {a} said, “signs for a generation of people in {p}.”",
)


def articles(count: int) -> list[bytes]:
    """Articles in a wire agency's manner, as events; the same in every run."""
    chance = random.Random(7)
    now = datetime(2025, 3, 12, 9, tzinfo=UTC)
    made = []
    for number in range(count):
        paragraphs = [
            " ".join(
                chance.choice(_SENTENCES).format(a=chance.choice(_PEOPLE), p=chance.choice(_PLACES)) for _ in range(3)
            )
            for _ in range(8)
        ]
        body, url = "\n\n".join(paragraphs), f"https://news.example/{number}"
        article = Article(
            id=identity.article_id(url),
            url=url,
            canonical_url=url,
            source=Source(id="news.example", name="News"),
            headline=f"Bridge {number}",
            body=body,
            published=now,
            fetched=now,
            language="en",
            revision=identity.revision(None, now),
            content_hash=identity.content_hash("", body),
        )
        made.append(article.model_dump_json().encode())
    return made


async def pool_alone(settings: Settings, events: list[bytes]) -> float:
    """Articles a second through the pool, without Kafka."""
    pool = new_pool(settings)
    await pool.start()
    size = settings.enrichment.batch_size
    batches = iter([events[start : start + size] for start in range(0, len(events), size)])
    done: list[Outcome] = []

    async def work() -> None:
        for batch in batches:
            await pool.work(batch, lambda _, outcome: done.append(outcome))

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(pool.size)))
    seconds = time.perf_counter() - started
    await pool.stop()
    assert len(done) == len(events)
    return len(events) / seconds


def worker(settings: Settings, events: list[bytes]) -> float:
    """Articles a second through a worker, by the times of the first and the last event on its topic."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    producer = kafka_client.producer(settings)
    for event in events:
        producer.send(topics.articles(settings).name, key=event[7:39], value=event)
    producer.flush(60)
    producer.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli.main", "enrich"], env=os.environ | environment(settings)
    )
    try:
        times = _times(settings, len(events))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    # The first batches come out at once, when nothing has been counted yet.
    skipped = 4 * settings.enrichment.batch_size
    return (len(times) - skipped) / (times[-1] - times[skipped]) * 1000


def _times(settings: Settings, count: int) -> list[int]:
    client = kafka_client.consumer(settings)
    name = topics.enriched(settings).name
    client.assign([TopicPartition(name, number) for number in range(settings.kafka.partitions)])
    times: list[int] = []
    deadline = time.monotonic() + 600
    while len(times) < count and time.monotonic() < deadline:
        for batch in client.poll(timeout_ms=500).values():
            times.extend(record.timestamp for record in batch)
    client.close()
    assert len(times) == count, f"{len(times)} of {count} articles came out"
    return sorted(times)


def main() -> None:
    """Measures both, prints the ratio, removes its topics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=1, help="each measures the pool, then the worker")
    options = parser.parse_args()
    events = articles(options.articles)
    words = sum(len(event.split()) for event in events) / len(events)
    print(f"{len(events)} articles of {words:.0f} words, {new_pool(load()).size} processes")
    for _ in range(options.rounds):
        settings = load()
        prefix = f"bench-{uuid.uuid4().hex[:8]}."
        settings = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"prefix": prefix})})
        alone = asyncio.run(pool_alone(settings, events))
        try:
            through = worker(settings, events)
        finally:
            client = kafka_client.admin(settings)
            client.delete_topics([topic.name for topic in topics.all_topics(settings)])
            client.close()
        print(f"pool alone {alone:.1f}/s, worker {through:.1f}/s, ratio {through / alone:.2f}")


if __name__ == "__main__":
    main()
