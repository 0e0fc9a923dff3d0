"""The enrichment worker on a real Kafka: good events, bad events, and what it does when it is asked to stop."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import TopicPartition

from pipeline import kafka_client, topics
from pipeline.events import LAST
from pipeline.models import SCHEMA_VERSION, Article, Stage
from pipeline.settings import EnrichmentSettings, Settings
from tests.integration import strangers
from tests.integration.articles import article, dead, enriched, publish, records, send, waiting
from tests.integration.parts import Part, wait_until, whosaid

pytestmark = pytest.mark.anyio


def with_enrichment(settings: Settings, **changes: object) -> Settings:
    """The settings with others for the enrichment; one process, as a start takes seconds of processor time."""
    return settings.model_copy(
        update={"enrichment": EnrichmentSettings.model_validate({"processes": 1, "batch_wait": 0.1} | changes)}
    )


@contextmanager
def worker(settings: Settings, log: Path) -> Iterator[Part]:
    """A worker that has its partitions."""
    with Part(settings, "enrich", log) as part:
        wait_until(lambda: "Ready: " in log.read_text(), 240, message="the worker did not get ready")
        yield part


def all_done(settings: Settings) -> None:
    """Waits until everything is committed."""
    wait_until(lambda: waiting(settings) == 0, 240, 0.3, message="articles are left")


def committed(settings: Settings) -> dict[int, int]:
    """The group's offset by partition."""
    client = kafka_client.consumer(settings, group_id=topics.enrichment_group(settings))
    name = topics.articles(settings).name
    try:
        return {
            number: client.committed(TopicPartition(name, number)) or 0 for number in client.partitions_for_topic(name)
        }
    finally:
        client.close()


async def publish_snappy(settings: Settings, articles: list[Article]) -> None:
    """As a producer of another make may send: ours knows no snappy."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers, compression_type="snappy")
    await producer.start()
    for one in articles:
        await producer.send_and_wait(
            topics.articles(settings).name, key=one.id.encode(), value=one.model_dump_json().encode()
        )
    await producer.stop()


async def test_every_article_of_any_length_and_codec_comes_out_once(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings)
    settings = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"partitions": 12})})
    short = [article(number) for number in range(50)]
    send(settings, [(one.id.encode(), one.model_dump_json().encode(), [("trace", one.id.encode())]) for one in short])
    filler = "The council of the harbour met again on Monday and decided nothing at all.\n\n" * 1200
    long = article(50, body=filler + article(1).body)
    publish(settings, [long])
    coded = [article(number) for number in range(51, 61)]
    for number, codec in enumerate(("zstd", "lz4", "gzip", None)):
        publish(settings, coded[2 * number : 2 * number + 2], compression_type=codec)
    await publish_snappy(settings, coded[8:])
    log = tmp_path / "enrich.log"
    with worker(settings, log) as part:
        all_done(settings)
        assert part.terminate() == 0
    sent = [*short, long, *coded]
    found = {record.key.decode(): record for record in records(settings, topics.enriched(settings).name)}
    assert sorted(event.article.id for event in enriched(settings)) == sorted(one.id for one in sent)
    for one in (*short, *coded):
        event = json.loads(found[one.id].value)
        assert (event["article"]["id"], event["article"]["body"]) == (one.id, one.body)
        own = [header for header in found[one.id].headers if header != (LAST, b"1")]
        assert own == ([("trace", one.id.encode())] if one in short else [])
        [quote] = event["quotes"]
        assert re.fullmatch(r"The bridge number \d+ will open in May,", quote["text"])
        assert quote["speaker"]["name"]
    latest = max(record.timestamp for record in found.values())
    assert any((LAST, b"1") in record.headers for record in found.values() if record.timestamp == latest)
    quote = json.loads(found[long.id].value)["quotes"][-1]
    assert quote["start"] > len(filler)
    assert long.body[quote["start"] : quote["end"]] == quote["text"]
    assert dead(settings) == []
    lines = log.read_text().splitlines()
    assert lines[-1].endswith("Stopped.")
    # Kafka's client may warn of late heartbeats where the machine is busy; we ourselves have nothing to warn of.
    ours = [line for line in lines if " pipeline." in line or "Traceback" in line]
    assert [line for line in ours if " INFO " not in line] == []


@pytest.mark.guarantee("letter-is-whole", "letter-always")
def test_bad_events_are_dead_letters_and_the_others_go_on(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings, max_characters=20_000)
    good = [article(number) for number in range(8)]
    newer = article(100).model_dump(mode="json") | {"schema_version": SCHEMA_VERSION + 1}
    long = article(101, body="A long story. " * 400_000)  # 5.6 MB
    bad: list[tuple[bytes | None, bytes | None, str, str]] = [
        (b"json", b'{"id": "x"', "BadEvent", "Invalid JSON"),
        (b"utf8", b'{"id": "\xff\xfe"}', "BadEvent", "Invalid JSON"),
        (b"type", b'["an", "array"]', "BadEvent", "Not an article"),
        (b"deep", b"[" * 200_000, "BadEvent", "Invalid JSON"),
        (b"field", article(102).model_dump_json(exclude={"body"}).encode(), "BadEvent", "body: It is missing"),
        (b"zeros", b"\x00" * 1000, "BadEvent", "Invalid JSON"),
        (b"newer", json.dumps(newer).encode(), "NewerSchema", f"version {SCHEMA_VERSION + 1}"),
        (b"long", long.model_dump_json().encode(), "TooLong", "5600000 characters"),
        (b"none", None, "EmptyEvent", "no value"),
        (None, b"no key and no JSON", "BadEvent", "Invalid JSON"),
        (b"\xff\x00", b"", "EmptyEvent", "no value"),
    ]
    events: list[strangers.Event] = [(one.id.encode(), one.model_dump_json().encode(), []) for one in good]
    for place, (key, value, _, _) in enumerate(bad):
        events.insert(2 * place, (key, value, [("from", b"test")]))
    # What stopped the worker for ever: headers that no letter could be made of.
    nasty = [
        (b"nasty%d" % number, b"{", [("from", b"test"), *headers]) for number, headers in enumerate(strangers.NASTY)
    ]
    events += nasty
    # One partition, so that good and bad share batches.
    strangers.send(settings, topics.articles(settings).name, events, partition=1)
    with worker(settings, tmp_path / "enrich.log"):
        all_done(settings)
    assert {event.article.id for event in enriched(settings)} == {one.id for one in good}
    letters = dead(settings)
    assert len(letters) == len(bad) + len(nasty)
    assert {letter.key for letter in letters} >= {key for key, _, _ in nasty}
    by_offset = {letter.offset: letter for letter in letters}
    for key, value, error, reason in bad:
        letter = by_offset[events.index((key, value, [("from", b"test")]))]
        assert (letter.key, letter.value or None) == (key, value or None)
        assert (letter.error, letter.topic, letter.partition) == (error, topics.articles(settings).name, 1)
        assert reason in letter.reason
        assert (letter.stage, letter.attempts) == (Stage.ENRICH, 1)
    for record in records(settings, topics.deadletter(settings).name):
        assert ("from", b"test") in record.headers


@pytest.mark.guarantee("revisions-in-order")
def test_revisions_of_an_article_leave_in_the_order_they_came(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings, processes=2, batch_size=2)
    revisions = [
        article(number, revision=revision, body=article(number).body * (1 + 20 * (revision % 3 == 0)))
        for revision in range(12)
        for number in range(3)
    ]
    publish(settings, revisions)
    with worker(settings, tmp_path / "enrich.log"):
        all_done(settings)
    for number in range(3):
        found = [event.article.revision for event in enriched(settings) if event.article.id == article(number).id]
        assert found == list(range(12))


@pytest.mark.guarantee("worker-commits")
def test_sigterm_in_the_middle_commits_exactly_what_is_done(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings)
    sent = [article(number) for number in range(300)]
    publish(settings, sent)
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    with worker(settings, first) as part:
        wait_until(lambda: any(records(settings, topics.enriched(settings).name)), 30, 0.05)
        began = time.monotonic()
        assert part.terminate() == 0
        assert time.monotonic() - began < 15
    done = len(enriched(settings))
    assert 0 < done < len(sent)
    assert sum(committed(settings).values()) == done, "all that is done is committed, and nothing else"
    with worker(settings, second):
        all_done(settings)
    found = [event.article.id for event in enriched(settings)]
    assert sorted(found) == sorted(one.id for one in sent), "nothing lost, and nothing done twice"
    assert "Traceback" not in first.read_text() + second.read_text()


def test_sigterm_while_the_model_is_loading_stops_at_once(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "enrich.log"
    with Part(with_enrichment(settings), "enrich", log) as part:
        wait_until(lambda: "Starting 1 spaCy" in log.read_text(), 60, 0.02)
        assert part.terminate() == 0
    assert "Traceback" not in log.read_text()


def test_a_missing_model_is_named_and_the_worker_does_not_start(settings: Settings) -> None:
    done = whosaid(with_enrichment(settings, model="no_such_model"), "enrich")
    assert done.returncode == 2
    assert "WHOSAID_ENRICHMENT__MODEL is 'no_such_model'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_kafka_the_worker_says_where_it_looked(settings: Settings) -> None:
    nowhere = settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9", "request_timeout": 3.0})
    done = whosaid(settings.model_copy(update={"kafka": nowhere}), "enrich")
    assert done.returncode == 4
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_articles_come_out_soon_and_ctrl_c_stops_the_worker(settings: Settings, tmp_path: Path) -> None:
    settings = with_enrichment(settings)
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    with worker(settings, tmp_path / "enrich.log") as part:
        times: list[float] = []
        for number in range(4):
            publish(settings, [article(number)])
            began = time.monotonic()
            wait_until(lambda: len(enriched(settings)) == len(times) + 1, 20, 0.05)
            times.append(time.monotonic() - began)
        assert sorted(times)[1] < 2.5, times
        os.killpg(part.process.pid, signal.SIGINT)  # as a terminal does: to the processes too
        assert part.process.wait(20) == 0
