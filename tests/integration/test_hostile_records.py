"""What no client of ours sends and Kafka takes all the same: no part dies of it, loses neighbours, or waits for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import OffsetAndMetadata, TopicPartition

from pipeline import kafka_client, topics
from pipeline.dead_letters.log import Filter, Letters
from pipeline.dead_letters.replay import Replayer
from pipeline.settings import Settings
from tests.integration import articles, raw, sinks
from tests.integration.parts import Part, wait_until
from tests.integration.test_enrichment import all_done
from tests.processes import test_memory
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines

CODECS = ("gzip", "snappy", "lz4", "zstd")
MOST_MEGABYTES = 400


@contextmanager
def worker(settings: Settings, log: Path) -> Iterator[Part]:
    """An enrichment worker whose processes do next to nothing, with its partitions."""
    command = [sys.executable, "-m", "tests.faults.cheap"]
    one = settings.model_copy(update={"enrichment": settings.enrichment.model_copy(update={"processes": 1})})
    with Part(one, "enrich", log, command) as part:
        wait_until(lambda: "Ready: " in log.read_text(), 120, message="the worker did not get ready")
        yield part


def peak(part: Part | Any) -> float:
    """The most megabytes that the process itself has held."""
    process: Any = getattr(part, "process", part)
    [line] = [one for one in Path(f"/proc/{process.pid}/status").read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def ends(consumer: Any, topic: str) -> dict[TopicPartition, int]:
    """By partition the offset to come, of those that hold anything."""
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    return {one: at for one, at in consumer.end_offsets(partitions).items() if at}


def raw_article(number: int, *headers: raw.Header) -> raw.Event:
    one = articles.article(number)
    return one.id.encode(), one.model_dump_json().encode(), headers


def raw_enriched(name: str, *headers: raw.Header) -> raw.Event:
    one = enriched(article=name)
    return one.article.id.encode(), one.model_dump_json().encode(), headers


@pytest.mark.guarantee("header-names")
def test_a_header_name_that_is_not_utf8_goes_through_the_worker(settings: Settings, tmp_path: Path) -> None:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name = topics.articles(settings).name
    strange = (raw.NOT_UTF8, b"1")
    raw.produce(settings, name, raw.batch([raw_article(1), raw_article(2, strange), raw_article(3)], "gzip"))
    raw.produce(settings, name, raw.batch([(b"bad", b"{", [strange])], "gzip"))
    with worker(settings, tmp_path / "enrich.log"):
        all_done(settings)
    found = {one.key: one.headers for one in articles.records(settings, topics.enriched(settings).name)}
    assert found == {
        articles.article(n).id.encode(): [(raw.NOT_UTF8_AS_TEXT, b"1")] if n == 2 else [] for n in (1, 2, 3)
    }
    [letter] = articles.dead(settings)
    assert (letter.key, letter.value, letter.headers) == (b"bad", b"{", [(raw.NOT_UTF8_AS_TEXT, b"1")])


@pytest.mark.guarantee("header-names")
def test_a_header_name_that_is_not_utf8_goes_through_the_sink(settings: Settings) -> None:
    sinks.publish(settings, [])
    name = topics.enriched(settings).name
    strange = (raw.NOT_UTF8, b"1")
    raw.produce(settings, name, raw.batch([raw_enriched("a1"), raw_enriched("a2", strange), raw_enriched("a3")], "lz4"))
    raw.produce(settings, name, raw.batch([(b"bad", b"{", [strange])]))
    with sinks.running(settings):
        sinks.drained(settings)
    assert sinks.articles(settings) == ["a1", "a2", "a3"]
    [letter] = sinks.letters(settings)
    assert (letter.key, letter.headers) == (b"bad", [(raw.NOT_UTF8_AS_TEXT, b"1")])


@pytest.mark.guarantee("batch-too-large")
def test_bombs_are_dead_letters_of_the_worker_within_its_memory(settings: Settings, tmp_path: Path) -> None:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name = topics.articles(settings).name
    articles.publish(settings, [articles.article(n) for n in range(20)])
    places = [raw.produce(settings, name, raw.bomb(codec)) for codec in CODECS]
    places.append(raw.produce(settings, name, raw.batch([(b"", b" " * 30_000_000, [])] * 2, "zstd")))
    raw.produce(settings, name, raw.batch([raw_article(20)]))
    with worker(settings, tmp_path / "enrich.log") as part:
        all_done(settings)
        megabytes = peak(part)
    print(f"the worker held {megabytes:.0f} MB")
    assert megabytes < MOST_MEGABYTES
    letters = {letter.offset: letter for letter in articles.dead(settings)}
    assert sorted(letters) == places
    assert {letter.error for letter in letters.values()} == {"BatchTooLarge"}
    assert {(letter.kept, letter.value) for letter in letters.values()} == {(False, b"")}
    assert [letters[place].last_offset for place in places] == [*places[:-1], places[-1] + 1]
    assert all(f"offset {place} stays" in letters[place].reason for place in places[:-1])
    assert len(articles.enriched(settings)) == 21


@pytest.mark.guarantee("batch-too-large")
def test_bombs_are_dead_letters_of_the_sink_within_its_memory(settings: Settings, tmp_path: Path) -> None:
    sinks.publish(settings, [enriched(article=f"a{n}") for n in range(20)])
    name = topics.enriched(settings).name
    places = [raw.produce(settings, name, raw.bomb(codec)) for codec in CODECS]
    raw.produce(settings, name, raw.batch([raw_enriched("a20")]))
    with sinks.process(settings, tmp_path / "sink.log") as process:
        sinks.drained(settings, 120)
        megabytes = peak(process)
    print(f"the sink held {megabytes:.0f} MB")
    assert megabytes < MOST_MEGABYTES
    letters = sinks.letters(settings)
    assert sorted(letter.offset for letter in letters) == places
    assert {(letter.error, letter.kept, letter.partition) for letter in letters} == {("BatchTooLarge", False, 0)}
    assert len(sinks.articles(settings)) == 21


@pytest.mark.parametrize("stage", ["enrich", "sink"])
@pytest.mark.guarantee("batch-too-large")
def test_many_batches_within_the_bound_fit_into_the_memory(settings: Settings, tmp_path: Path, stage: str) -> None:
    """Each of them may be unpacked, but not all at once."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    topic = (topics.articles if stage == "enrich" else topics.enriched)(settings).name
    blanks = raw.batch([(b"large", b" " * (kafka_client.largest(settings) - 99), [])], "zstd")
    for partition in range(4):
        for _ in range(6):
            raw.produce(settings, topic, blanks, partition)
    if stage == "enrich":
        with worker(settings, tmp_path / "log") as part:
            all_done(settings)
            megabytes = peak(part)
    else:
        with sinks.process(settings, tmp_path / "log") as process:
            sinks.drained(settings, 120)
            megabytes = peak(process)
    print(f"{stage} held {megabytes:.0f} MB")
    assert len(articles.dead(settings)) == 24
    assert megabytes < MOST_MEGABYTES


@pytest.mark.guarantee("memory-bound", "batch-too-large")
def test_the_worst_events_together_fit_into_the_sinks_memory(settings: Settings, tmp_path: Path) -> None:
    """They wait in every partition, as after an outage, in batches that unpack to 20 MB."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name, made = topics.enriched(settings).name, test_memory.shapes()
    kinds = (
        "objects as quotes",
        "lists as pieces",
        "95,000 entities",
        "95,000 pieces",
        "950,000 texts as tags",
        "a word",
    )
    events: list[raw.Event] = [(b"a1", made[kind](), []) for kind in kinds]
    for partition in range(4):
        few = [raw_enriched(f"a{partition + 2}"), *events[partition : partition + 3]]
        raw.produce(settings, name, raw.batch(few, "zstd"), partition)
    with sinks.process(settings, tmp_path / "sink.log") as process:
        sinks.wait_until(lambda: "Sink ready: reads 4" in (tmp_path / "sink.log").read_text(), "it is ready", 120)
        sinks.drained(settings, 240)
        megabytes = peak(process)
    print(f"the sink held {megabytes:.0f} MB")
    assert sinks.articles(settings) == ["a1", "a2", "a3", "a4", "a5"]
    assert {letter.error for letter in sinks.letters(settings)} == {"TooMuch"}
    assert megabytes < 350


@pytest.mark.guarantee("batch-too-large")
def test_a_poll_gives_few_large_records_and_loses_none(settings: Settings) -> None:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name, size = topics.enriched(settings).name, 2**20
    for partition in range(2):
        for codec in ("zstd", "none"):
            events: list[raw.Event] = [(b"%d" % number, b"x" * size, []) for number in range(7)]
            raw.produce(settings, name, raw.batch(events, codec), partition)
        raw.produce(settings, name, raw.batch([raw_enriched(f"a{number}") for number in range(50)]), partition)
    reader = kafka_client.consumer(settings, fetch_max_bytes=2 * size, max_partition_fetch_bytes=size)
    try:
        reader.assign([TopicPartition(name, partition) for partition in range(2)])
        found: list[tuple[int, int]] = []
        polls = 0
        while len(found) < 128:
            records = [one for some in reader.poll(timeout_ms=5000, max_records=500).values() for one in some]
            assert records, f"only {len(found)} came"
            assert sum(len(one.value) for one in records[:-1]) < 2 * size
            found += [(one.partition, one.offset) for one in records]
            polls += 1
    finally:
        reader.close()
    assert sorted(found) == [(partition, offset) for partition in range(2) for offset in range(64)]
    assert 14 <= polls < 40, "large ones two by two, small ones together"


@pytest.mark.guarantee("batch-too-large")
def test_a_bomb_can_be_replayed_once_the_bound_is_raised(settings: Settings) -> None:
    sinks.publish(settings, [])
    name = topics.enriched(settings).name
    blanks = b" " * 2**21
    small = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"max_message_bytes": 2**20})})
    events = [raw_enriched("a1", (b"trace", b"1")), (b"blank", blanks, []), raw_enriched("a2")]
    raw.produce(settings, name, raw.batch(events, "zstd"))
    with sinks.running(small):
        sinks.drained(small)
    assert sinks.articles(settings) == []
    with Letters(small) as letters:
        [sent] = Replayer(small, letters).replay(Filter())
        assert sent.mark is None
        assert "unpacks to more than" in (sent.problem or "")
    with Letters(settings) as letters:
        [sent] = Replayer(settings, letters).replay(Filter())
        assert sent.mark is not None
    with sinks.running(settings):
        sinks.drained(settings)
    assert sinks.articles(settings) == ["a1", "a2"]
    assert {letter.key for letter in sinks.letters(settings)} == {None, b"blank"}


@pytest.mark.guarantee("aborted-transaction")
def test_an_aborted_transaction_gives_no_article(settings: Settings, tmp_path: Path) -> None:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name = topics.articles(settings).name
    good, bad, more = ([(raw_article(n)[0] or b"", raw_article(n)[1] or b"") for n in some] for some in
                       (range(5), range(5, 10), range(10, 15)))  # fmt: skip
    raw.transaction(settings, name, bad, commit=False)
    raw.transaction(settings, name, good, commit=True)
    assert articles.waiting(settings) > 0
    with worker(settings, tmp_path / "enrich.log") as part:
        all_done(settings)
        raw.transaction(settings, name, more, commit=True)
        raw.transaction(settings, name, bad, commit=False)
        committed = kafka_client.consumer(settings, group_id=topics.enrichment_group(settings))
        end = ends(committed, name)
        wait_until(lambda: {one: committed.committed(one) for one in end} == end, 60, message="marks are not committed")
        committed.close()
        assert part.terminate() == 0
    assert {one.key for one in articles.records(settings, topics.enriched(settings).name)} == {
        key for key, _ in good + more
    }
    assert articles.dead(settings) == []


@pytest.mark.guarantee("aborted-transaction")
def test_an_aborted_transaction_is_not_written_by_the_sink(settings: Settings) -> None:
    sinks.publish(settings, [])
    name = topics.enriched(settings).name
    good, bad = ([(b"", raw_enriched(f"{kind}{n}")[1] or b"") for n in range(5)] for kind in ("good", "bad"))
    raw.transaction(settings, name, bad, commit=False, partition=1)
    raw.transaction(settings, name, bad, commit=False, partition=0)
    raw.transaction(settings, name, good, commit=True, partition=0)
    with sinks.running(settings):
        reader = kafka_client.consumer(settings, group_id=topics.sink_group(settings))
        end = ends(reader, name)
        assert len(end) == 2
        sinks.wait_until(lambda: {one: reader.committed(one) for one in end} == end, "the marks are committed")
        reader.close()
    assert sinks.articles(settings) == [f"good{n}" for n in range(5)]
    assert sinks.letters(settings) == []


@pytest.mark.guarantee("aborted-transaction")
def test_a_mark_at_the_end_does_not_wait_though_nobody_reads(settings: Settings) -> None:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name, group = topics.articles(settings).name, topics.enrichment_group(settings)
    raw.transaction(settings, name, [(b"a", b"{}")] * 3, commit=False, partition=2)
    found = kafka_client.lag(settings, group, name)
    assert (found.waiting, found.end) == (0, 4)
    raw.produce(settings, name, raw.batch([raw_article(1)]), 2)
    raw.transaction(settings, name, [(b"a", b"{}")], commit=False, partition=2)
    assert kafka_client.lag(settings, group, name).waiting == 3, "an event that waits, and what is behind it"


def test_what_retention_has_dropped_does_not_wait(settings: Settings) -> None:
    """A group far behind: its committed offset is below the beginning."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name, group = topics.articles(settings).name, topics.enrichment_group(settings)
    raw.produce(settings, name, raw.batch([raw_article(n) for n in range(10)]))
    client = kafka_client.consumer(settings, group_id=group)
    place = TopicPartition(name, 0)
    client.assign([place])
    client.commit({place: OffsetAndMetadata(2, "", -1)})
    client.close()
    admin = kafka_client.admin(settings)
    admin.delete_records({place: 7})
    admin.close()
    found = kafka_client.lag(settings, group, name)
    assert (found.end, found.done, found.waiting) == (3, 0, 3)
