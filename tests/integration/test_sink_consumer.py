"""The sink between a real Kafka and a real Elasticsearch: all arrives once, or is a dead letter that says why."""

import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline import elasticsearch_client, heartbeat, kafka_client, topics
from pipeline.errors import BrokerUnavailable, ClusterUnavailable
from pipeline.models import MAX_QUOTES, Enriched, Stage
from pipeline.settings import Settings
from pipeline.sink import consumer, documents, events
from tests.integration import sinks, strangers
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines


def changed(settings: Settings, **sink: Any) -> Settings:
    """The settings with some of the sink's changed."""
    return settings.model_copy(update={"sink": settings.sink.model_copy(update=sink)})


def test_articles_published_five_times_are_searchable_once(settings: Settings) -> None:
    expected = [enriched(article=f"a{n}", says=(f"Word {n}.", f"Bond {n}.")) for n in range(40)]
    published = sum(sinks.publish(settings, expected) for _ in range(5))
    with sinks.running(settings) as sink:
        sinks.drained(settings)
        assert sink.total.written + sink.total.stale == published
        assert sink._writer.beat == heartbeat.PART.beat, "a batch that takes long counts as work"
    assert sinks.articles(settings) == sorted(f"a{n}" for n in range(40))
    assert sinks.said(settings) == sorted(f"{word} {n}." for n in range(40) for word in ("Word", "Bond"))


def test_an_article_is_searchable_about_a_second_later(settings: Settings) -> None:
    with sinks.running(settings), elasticsearch_client.connect(settings) as client:
        sinks.publish(settings, [enriched(article="warm")])
        sinks.drained(settings)
        sinks.publish(settings, [enriched(article="a1", says=("Hear me.",), fetched=datetime.now(UTC))])
        began = time.monotonic()
        query = {"match_phrase": {"said": "hear me"}}
        sinks.wait_until(
            lambda: client.search(index=settings.quotes_alias, query=query)["hits"]["total"]["value"] == 1,
            "the quote is searchable",
        )
        assert time.monotonic() - began < 5


@pytest.mark.guarantee("document-refused")
def test_events_that_cannot_be_written_are_dead_letters(settings: Settings) -> None:
    newer = enriched(article="newer").model_copy(update={"schema_version": 7})
    refused = enriched(article="refused", language="x" * 40_000)
    sinks.publish(
        settings,
        [
            enriched(article="a1"), (b"k1", b"{"), (b"k2", None), (None, b"\xff"), newer, refused,
            enriched(article="a2", says=("Still here.",)),
        ],
    )  # fmt: skip
    with sinks.running(settings) as sink:
        sinks.drained(settings)
        assert sink.refused == 5
    assert sinks.articles(settings) == ["a1", "a2"]
    letters = {letter.key: letter for letter in sinks.letters(settings)}
    assert {key: letter.error for key, letter in letters.items()} == {
        b"k1": "BadEvent", b"k2": "EmptyEvent", None: "BadEvent", b"newer": "NewerSchema",
        b"refused": "document_parsing_exception",
    }  # fmt: skip
    assert {letter.stage for letter in letters.values()} == {Stage.SINK}
    assert {letter.topic for letter in letters.values()} == {topics.enriched(settings).name}
    assert letters[b"k1"].value == b"{"
    assert letters[b"newer"].value == newer.model_dump_json().encode()
    assert "immense term" in letters[b"refused"].reason


@pytest.mark.guarantee("letter-always")
def test_a_dead_letter_is_made_whatever_the_headers_are(settings: Settings) -> None:
    topic = topics.enriched(settings).name
    places = strangers.send(settings, topic, [(b"k", b"{", headers) for headers in strangers.NASTY])
    sinks.publish(settings, [enriched(article="a1")])
    with sinks.running(settings):
        sinks.drained(settings)
    letters = {(letter.partition, letter.offset): letter for letter in sinks.letters(settings)}
    assert set(letters) == set(places)
    assert [letters[place].null_headers for place in places] == [[0], [], [], [], list(range(2000)), []]
    assert {letter.attempts for letter in letters.values()} == {1, 1_000_000}
    assert sinks.articles(settings) == ["a1"]


@pytest.mark.guarantee("letter-always")
def test_a_letter_with_too_large_headers_is_sent_without_them(settings: Settings) -> None:
    noise = os.urandom(2 * 2**20)
    places = strangers.send(
        settings, topics.enriched(settings).name, [(b"k" * 5000, b"{", [("large", noise), ("h", None)])]
    )
    limit_letters(settings, 2**20)
    with sinks.running(settings):
        sinks.drained(settings)
    [letter] = sinks.letters(settings)
    assert (letter.partition, letter.offset) == places[0]
    assert (letter.headers, letter.value, letter.kept) == ([], b"", False)
    assert (letter.key or b"")[:10] == b"kkkkkkkkkk"


@pytest.mark.guarantee("unexpected-error")
def test_an_event_that_breaks_its_reader_is_a_dead_letter(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(one: Enriched) -> str | None:
        if one.article.id == "bad":
            raise OverflowError("this is unexpected")
        return None

    monkeypatch.setattr(documents, "too_much", broken)
    sinks.publish(settings, [enriched(article="a1"), enriched(article="bad"), enriched(article="a2")])
    with sinks.running(settings):
        sinks.drained(settings)
    [letter] = sinks.letters(settings)
    assert (letter.key, letter.error, letter.reason) == (b"bad", "OverflowError", "this is unexpected")
    assert "Traceback" in caplog.text
    assert sinks.articles(settings) == ["a1", "a2"]


@pytest.mark.guarantee("bounded-growth")
def test_very_many_quotes_cost_little_memory_or_a_dead_letter(settings: Settings, tmp_path: Path) -> None:
    says = tuple(f"Go {number:05}" for number in range(MAX_QUOTES + 1))
    within = enriched(article="within", says=says[:-1])
    log = tmp_path / "sink.log"
    with sinks.process(settings, log) as process:
        sinks.publish(settings, [enriched(article="beyond", says=says), within, enriched(article="a1")])
        sinks.drained(settings)
        status = Path(f"/proc/{process.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 300 * 1024, "kilobytes"
    assert sinks.articles(settings) == ["a1", "within"]
    assert len(sinks.said(settings)) == MAX_QUOTES + 1
    [letter] = sinks.letters(settings)
    assert (letter.key, letter.error) == (b"beyond", "TooMuch")


def limit_letters(settings: Settings, size: int) -> None:
    """Sets the most bytes that the dead-letter topic takes."""
    admin = kafka_client.admin(settings)
    name = topics.deadletter(settings).name
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": str(size)})])
    admin.close()


@pytest.mark.guarantee("sink-commits")
def test_nothing_is_committed_before_the_dead_letter_is_kept(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = changed(settings, backoff_initial=0.1, backoff_maximum=1.0)
    sinks.publish(settings, [(b"bad", b"{")] * 3)
    limit_letters(settings, 10)
    with sinks.running(settings):
        sinks.wait_until(lambda: "Kafka does not take dead letters" in caplog.text, "the letters are refused")
        assert not sinks.caught_up(settings)
        limit_letters(settings, 2**20)
        sinks.drained(settings)
    assert {(letter.key, letter.value) for letter in sinks.letters(settings)} == {(b"bad", b"{")}


@pytest.mark.guarantee("letter-first")
def test_a_letter_is_kept_before_anything_is_deleted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink has lost its partition without knowing: another has written the article whole, and this one dies."""

    class Killed(Exception):
        pass

    def die(*_: object) -> None:
        dead.set()
        raise Killed

    dead = threading.Event()

    whole = enriched(article="a1", says=("Fine.", "Not fine."))
    speaker = whole.quotes[1].speaker
    assert speaker is not None
    refused = speaker.model_copy(update={"id": "x" * 40_000})  # longer than a keyword can be
    broken = whole.quotes[1].model_copy(update={"speaker": refused})
    sinks.publish(settings, [whole])
    with sinks.running(settings):
        sinks.drained(settings)
    monkeypatch.setattr(events.DeadLetters, "send", die)
    sinks.publish(settings, [whole.model_copy(update={"quotes": [whole.quotes[0], broken]})])
    with pytest.raises(Killed), sinks.running(settings):
        assert dead.wait(60)
    assert sinks.articles(settings) == ["a1"]
    assert sinks.said(settings) == ["Fine.", "Not fine."]


@pytest.mark.guarantee("event-too-large")
def test_an_event_too_large_for_a_dead_letter_is_named_in_one(settings: Settings) -> None:
    sinks.publish(settings, [(b"small", b"{"), (b"large", os.urandom(5000))])
    limit_letters(settings, 4000)
    with sinks.running(settings):
        sinks.drained(settings)
    letters = {letter.key: letter for letter in sinks.letters(settings)}
    assert set(letters) == {b"small", b"large"}
    large = letters[b"large"]
    assert large.value == b""
    where = f"it is at {large.topic}, partition {large.partition}, offset {large.offset})"
    assert large.reason.endswith(where)


def test_an_article_larger_than_a_request_is_sent_alone(settings: Settings) -> None:
    small = changed(settings, batch_bytes=2**16)
    long = enriched(article="long", body="“Hear me.” " + "long " * 60_000, says=("Hear me.",))
    sinks.publish(small, [enriched(article="a1"), long, enriched(article="a2")])
    with sinks.running(small):
        sinks.drained(small)
    assert sinks.articles(small) == ["a1", "a2", "long"]
    assert not sinks.letters(small)


@pytest.mark.guarantee("sink-commits")
def test_what_was_written_is_committed_with_its_leaders_epoch(settings: Settings) -> None:
    sinks.publish(settings, [enriched(article=f"a{n}") for n in range(30)])
    with sinks.running(settings):
        sinks.drained(settings)
    reader = kafka_client.consumer(settings, group_id=topics.sink_group(settings))
    topic = topics.enriched(settings).name
    partitions = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic)]
    ends = reader.end_offsets(partitions)
    committed = {one: reader.committed(one, metadata=True) for one in partitions if ends[one]}
    reader.close()
    assert {one: offset.offset for one, offset in committed.items()} == {one: end for one, end in ends.items() if end}
    assert {offset.leader_epoch for offset in committed.values()} == {0}


def test_sinks_that_come_and_go_lose_nothing(settings: Settings) -> None:
    small = changed(settings, batch_articles=20, batch_wait=0.05)
    sinks.publish(small, [enriched(article=f"a{n:04}", says=(f"Word {n:04}.",)) for n in range(400)])
    with sinks.running(small) as first:
        with sinks.running(small) as second:
            sinks.publish(small, [enriched(article=f"b{n:04}", says=(f"More {n:04}.",)) for n in range(400)])
            sinks.drained(small)
            assert len(kafka_client.members(small, topics.sink_group(small))) == 2
        sinks.publish(small, [enriched(article=f"c{n:04}") for n in range(50)])
        sinks.drained(small)
        assert first.total.written + second.total.written >= 850
    assert len(sinks.articles(small)) == 850 == len(set(sinks.articles(small)))
    assert len(sinks.said(small)) == 850


@pytest.mark.guarantee("sink-replaced")
def test_a_killed_sink_is_continued_by_the_next_one(settings: Settings, tmp_path: Path) -> None:
    small = changed(settings, batch_articles=25)
    count = 2000
    sinks.publish(small, [enriched(article=f"a{n:04}", says=(f"Word {n:04}.", "Same.")) for n in range(count)])
    log = tmp_path / "sink.log"
    with sinks.process(small, log) as process:
        sinks.wait_until(lambda: 0 < _written(small) < count, "the sink is in the middle of it")
        process.kill()
        process.wait(10)
    assert not sinks.caught_up(small)
    with sinks.process(small, log) as process:
        # The broker expels the killed member after its session time only.
        sinks.drained(small, 120)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    expected = sorted(f"a{n:04}" for n in range(count))
    assert sinks.articles(small) == expected
    assert sinks.said(small) == sorted([f"Word {n:04}." for n in range(count)] + ["Same."] * count)


def test_sigterm_finishes_the_batch_commits_and_leaves_the_group(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "sink.log"
    sinks.publish(settings, [enriched(article=f"a{n}") for n in range(10)])
    with sinks.process(settings, log) as process:
        sinks.drained(settings)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, log.read_text()
    assert not kafka_client.members(settings, topics.sink_group(settings))
    assert "Sink stopped: 10 articles and 10 quotes written" in log.read_text()


def test_a_sink_without_elasticsearch_says_so_at_once(settings: Settings) -> None:
    nowhere = settings.model_copy(
        update={"elasticsearch": settings.elasticsearch.model_copy(update={"url": "http://127.0.0.1:9"})}
    )
    with pytest.raises(ClusterUnavailable, match=r"does not answer at http://127\.0\.0\.1:9"):
        consumer.run(nowhere)


def test_a_sink_without_kafka_says_so_at_once(settings: Settings) -> None:
    nowhere = settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9", "request_timeout": 2})}
    )
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:9"):
        consumer.run(nowhere)


def _written(settings: Settings) -> int:
    with elasticsearch_client.connect(settings) as client:
        client.indices.refresh(index=settings.articles_alias, ignore_unavailable=True)
        found = client.options(ignore_status=[404, 503]).count(index=settings.articles_alias)
        return int(found.get("count", 0))
