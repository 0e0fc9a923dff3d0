"""Measures how many articles a second the sink writes, and whether its memory stays flat over a backlog.

    python benchmarks/sink.py --articles 20000

Publishes invented enriched articles of 600 words and ten quotes each to a running Kafka, then starts one sink against
a running Elasticsearch (the settings of the environment; by default the engines of `whosaid up`) and prints articles
and quotes a second and the sink's memory while it catches up. Topics and indices carry the prefix `bench-…` and are
removed afterwards.
"""

import argparse
import random
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta

import psutil

from pipeline import elasticsearch_client, identity, kafka_client, settings, topics
from pipeline.models import Article, Enriched, Entity, ModelInfo, Quote, QuoteType, Resolution, Source, Speaker
from pipeline.settings import Settings
from pipeline.text.fingerprint import fingerprint

WORDS = [
    f"{a}{b}" for a in ("ba", "ne", "tor", "li", "ka", "mu", "ses", "dro") for b in ("n", "rit", "la", "mos", "ve")
]
NOW = datetime.now(UTC)


def article(number: int, randomness: random.Random) -> Enriched:
    """An article of about 600 words with ten quotes and forty entities, of one of the last three months."""
    body = " ".join(randomness.choices(WORDS, k=600))
    name = f"bench-{number}"
    quotes = []
    for n in range(10):
        start = n * (len(body) // 11)
        end = start + 120
        quotes.append(Quote(
            id=identity.quote_id(name, body[start:end], [(start, end)]), type=QuoteType.DIRECT, text=body[start:end],
            start=start, end=end, segments=[(start, end)], confidence=0.8, context=(start, min(len(body), end + 200)),
            speaker=Speaker(
                name=f"Speaker {n}", id=f"s{n}", mention="she", start=0, end=3, resolution=Resolution.PRONOUN,
                confidence=0.7,
            ),
        ))  # fmt: skip
    return Enriched(
        article=Article(
            id=name, url=f"https://bench.example/{number}", canonical_url=f"https://bench.example/{number}",
            source=Source(id="bench.example", name="Bench"), headline=body[:60], body=body, fetched=NOW, revision=1,
            published=NOW - timedelta(days=randomness.randrange(60)), content_hash="h",
        ),
        entities=[Entity(start=n, end=n + 5, text="Norla", label="PERSON", name=f"N{n}", id=str(n)) for n in range(40)],
        quotes=quotes, fingerprint=fingerprint(body), enriched=NOW,
        model=ModelInfo(name="none", version="0", engine="0"),
    )  # fmt: skip


def publish(configured: Settings, count: int) -> int:
    """Fills the topic; the bytes of the events."""
    kafka_client.ensure_topics(configured, topics.all_topics(configured))
    producer, randomness, size = kafka_client.producer(configured, linger_ms=50), random.Random(1), 0
    for number in range(count):
        value = article(number, randomness).model_dump_json().encode()
        size += len(value)
        producer.send(topics.enriched(configured).name, key=str(number).encode(), value=value)
    producer.flush()
    producer.close()
    return size


def main() -> None:
    """Measures once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=5000)
    count = parser.parse_args().articles
    given, name = settings.load(), f"bench-{uuid.uuid4().hex[:6]}"
    configured = given.model_copy(update={
        "kafka": given.kafka.model_copy(update={"prefix": f"{name}."}),
        "elasticsearch": given.elasticsearch.model_copy(update={"prefix": name}),
    })  # fmt: skip
    size = publish(configured, count)
    print(f"{count} articles, {size / 2**20:.0f} MiB as events")
    code = "from pipeline.settings import load; from pipeline.sink import consumer; consumer.run(load())"
    client = elasticsearch_client.connect(configured)
    memory: list[float] = []
    sink = subprocess.Popen([sys.executable, "-c", code], env=settings.environment(configured))
    try:
        watched = psutil.Process(sink.pid)
        began = done = 0.0
        waiting = count
        while waiting:
            time.sleep(0.5)
            waiting = kafka_client.lag(
                configured, topics.sink_group(configured), topics.enriched(configured).name
            ).waiting
            memory.append(watched.memory_info().rss / 2**20)
            if not began and waiting < count:
                began, done = time.monotonic(), float(count - waiting)
        seconds, cpu = time.monotonic() - began, watched.cpu_times()
        client.indices.refresh(index=f"{name}-*")
        articles = client.count(index=configured.articles_alias)["count"]
        quotes = client.count(index=configured.quotes_alias)["count"]
        print(f"{articles} articles and {quotes} quotes searchable (expected {count} and {count * 10})")
        print(f"{(count - done) / seconds:.0f} articles/s, {(count - done) * 10 / seconds:.0f} quotes/s")
        print(f"sink: {(cpu.user + cpu.system) * 1000 / count:.2f} CPU ms an article")
        quarter = max(1, len(memory) // 4)
        print("memory (MiB) by quarter of the time, at the most: " + ", ".join(
            f"{max(memory[start : start + quarter]):.0f}" for start in range(0, quarter * 4, quarter)
        ))  # fmt: skip
    finally:
        sink.terminate()
        sink.wait(30)
        for index in client.indices.get(index=f"{name}-*"):
            client.indices.delete(index=index)
        for kind in ("articles", "quotes"):
            client.options(ignore_status=404).indices.delete_index_template(name=f"{name}-{kind}-v1")
        client.close()
        admin = kafka_client.admin(configured)
        admin.delete_topics([topic.name for topic in topics.all_topics(configured)])
        admin.close()


if __name__ == "__main__":
    main()
