"""Measures how long it takes from Kafka to a webhook with many saved searches.

    python -m benchmarks.alert_speed --searches 1000 --rate 5 --seconds 60

Starts a Kafka and an Elasticsearch of its own (or uses those that WHOSAID_KAFKA__BOOTSTRAP_SERVERS and
WHOSAID_ELASTICSEARCH__URL name, with --given), saves searches of four kinds (a word, one of two words, a speaker, a
word in one source), and runs a sink and `whosaid alert run` as processes. It puts enriched articles with five quotes
each on the topic, at a steady rate, and prints when each quote that was found reached the webhook, counted from when
its article was sent to Kafka; and the processor time and memory of the process, the processor time of all processes
(with the engines, where they are its own), and the machine's load.
"""

import argparse
import contextlib
import json
import os
import random
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from elasticsearch import Elasticsearch

from benchmarks.search_speed import Words, article
from pipeline import elasticsearch_client, kafka_client, settings, topics
from pipeline.alerts.book import Alerts
from pipeline.alerts.models import SavedSearch, new_id, new_secret
from pipeline.alerts.store import document
from pipeline.settings import Settings

PATIENCE = 120.0
"""Seconds that are waited for the last quote."""


class Receiver:
    """Notes when each quote came first."""

    def __init__(self) -> None:
        self.came: dict[tuple[str, str], float] = {}
        """By saved search and article, the seconds since 1970."""
        self.messages = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                now = time.time()
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
                receiver.messages += 1
                for quote in told["quotes"]:
                    receiver.came.setdefault((told["alert"]["id"], quote["article_id"]), now)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/"


def query(words: Words, number: int, rng: random.Random) -> dict[str, Any]:
    """A search such as people save: for something that is said now and then."""

    def rare(values: list[str]) -> str:
        return values[int(len(values) ** rng.uniform(0.8, 1)) - 1]

    match number % 4:
        case 0:
            return {"q": rare(words.words), "in": ["quote"]}
        case 1:
            return {"q": f"{rare(words.words)} OR {rare(words.words)}", "in": ["quote"]}
        case 2:
            return {"speaker": [f'"{rare(words.speakers)}"']}
        case _:
            return {"q": rare(words.words), "source": [rng.choice(words.sources[:50])]}


@contextlib.contextmanager
def engines(given: bool) -> Iterator[Settings]:
    """Settings for engines with names of this run's own."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    base = settings.load() if given else Settings()
    with contextlib.ExitStack() as stack:
        if not given:
            from pipeline.embedded.elasticsearch import ElasticsearchServer
            from pipeline.embedded.kafka import KafkaServer
            from tests.engines import embedded_settings

            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whosaid-bench-")))
            folder.chmod(0o755)
            base = embedded_settings(folder, java_options="")
            stack.enter_context(KafkaServer(base))
            stack.enter_context(ElasticsearchServer(base))
        made = base.model_copy(
            update={
                "kafka": base.kafka.model_copy(update={"prefix": f"{name}."}),
                "elasticsearch": base.elasticsearch.model_copy(update={"prefix": name}),
                "alerts": base.alerts.model_copy(update={"allow_private_addresses": True}),
            }
        )
        try:
            yield made
        finally:
            if given:
                from tests.engines import _remove_topics, remove_indices

                _remove_topics(made)
                remove_indices(made)


def save(client: Elasticsearch, made: Settings, asked: list[dict[str, Any]], address: str) -> None:
    """Saves searches at once: one after another, each with a refresh, would take minutes."""
    Alerts(client, made).add(name="first", query=asked[0], webhook=address)
    now = datetime.now(UTC)
    operations: list[dict[str, Any]] = []
    for one in asked[1:]:
        search = SavedSearch(
            id=new_id(), name="search", query=one, created=now, changed=now, webhook=address, secret=new_secret()
        )
        operations += [{"create": {"_id": search.id}}, document(search)]
    answer = client.bulk(index=made.alerts_index, operations=operations, refresh=True)
    assert not answer["errors"]


def run(made: Settings, searches: int, rate: float, seconds: float) -> dict[str, Any]:
    """Measures; the figures."""
    from tests.integration.parts import Part, wait_until

    words, rng, receiver = Words(), random.Random(1), Receiver()
    kafka_client.ensure_topics(made, topics.all_topics(made))
    with elasticsearch_client.connect(made) as client:
        save(client, made, [query(words, number, rng) for number in range(searches)], receiver.address)
    logs = Path(tempfile.mkdtemp(prefix="whosaid-bench-logs-"))
    articles = [article(words, number) for number in range(int(rate * seconds) + 20)]
    topic = topics.enriched(made).name
    producer = kafka_client.producer(made)
    sent: dict[str, float] = {}

    def send(one: Any) -> None:
        now = {"fetched": datetime.now(UTC), "published": datetime.now(UTC)}
        fresh = one.model_copy(update={"article": one.article.model_copy(update=now)})
        sent[fresh.article.id] = time.time()
        producer.send(topic, key=fresh.article.id.encode(), value=fresh.model_dump_json().encode())

    with Part(made, "sink", logs / "sink.log"), Part(made, "alert", logs / "alert.log", more=["run"]) as alerting:
        wait_until(lambda: "Ready: " in (logs / "alert.log").read_text(), PATIENCE)
        for one in articles[:20]:  # what is first has to be looked up and compiled
            send(one)
        caught_up(made)
        warm = set(sent)
        process = psutil.Process(alerting.process.pid)
        before, began, all_before = process.cpu_times(), time.time(), processor_time()
        for number, one in enumerate(articles[20:]):
            time.sleep(max(0.0, began + number / rate - time.time()))
            send(one)
        producer.flush(60)
        caught_up(made)
        with elasticsearch_client.connect(made) as client:
            book = Alerts(client, made)
            wait_until(lambda: not sum(book.waiting().values()), PATIENCE)
        after, all_after = process.cpu_times(), processor_time()
        memory = process.memory_info().rss / 2**20
    producer.close()
    receiver.server.shutdown()
    took = sorted(came - sent[id] for (_, id), came in receiver.came.items() if id not in warm)
    return {
        "searches": searches,
        "articles": len(articles) - 20,
        "found": len(took),
        "messages": receiver.messages,
        "p50": round(statistics.median(took), 2),
        "p95": round(took[int(len(took) * 0.95)], 2),
        "p99": round(took[int(len(took) * 0.99)], 2),
        "most": round(took[-1], 2),
        "cpu_ms_per_article": round(
            1000 * (after.user + after.system - before.user - before.system) / (len(articles) - 20), 1
        ),
        "all_cpu_ms_per_article": round(1000 * (all_after - all_before) / (len(articles) - 20), 1),
        "memory_mb": round(memory),
        "load": round(os.getloadavg()[0], 1),
    }


def processor_time() -> float:
    """Seconds of processor time of this process and all that it has started: engines of its own, the sink, alerts."""
    total = 0.0
    me = psutil.Process()
    for one in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total


def caught_up(made: Settings) -> None:
    """Waits until everything is matched."""
    from tests.integration.parts import wait_until

    group, topic = topics.alerts_group(made), topics.enriched(made).name
    wait_until(lambda: kafka_client.lag(made, group, topic).waiting == 0, PATIENCE, 0.5)


def main() -> None:
    """Measures, and prints the figures beside the targets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=5, help="articles a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--given", action="store_true", help="use the engines of the environment")
    options = parser.parse_args()
    with engines(options.given) as made:
        figures = run(made, options.searches, options.rate, options.seconds)
    for name, value in figures.items():
        print(f"{name:>20}  {value}")
    print(f"{'target':>20}  p99 of 5 s: {'met' if figures['p99'] <= 5 else 'not met'}")


if __name__ == "__main__":
    main()
