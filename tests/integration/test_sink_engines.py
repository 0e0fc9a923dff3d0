"""The sink while the engines themselves are killed, frozen and started again."""

import pytest

from pipeline.settings import Settings
from pipeline.sink.consumer import Sink
from tests.engines import Engines
from tests.integration import sinks
from tests.unit.sink.factory import enriched

COUNT = 600


def impatient(settings: Settings) -> Settings:
    """Small batches, short waits."""
    return settings.model_copy(update={
        "kafka": settings.kafka.model_copy(update={"request_timeout": 10}),
        "elasticsearch": settings.elasticsearch.model_copy(update={"request_timeout": 3}),
        "sink": settings.sink.model_copy(update={
            "batch_articles": 10, "batch_wait": 0.05, "backoff_initial": 0.1, "backoff_maximum": 1.0,
        }),
    })  # fmt: skip


def fill(settings: Settings) -> None:
    sinks.publish(settings, [enriched(article=f"a{n:04}", says=(f"Word {n:04}.", "Same.")) for n in range(COUNT)])


def in_the_middle(sink: Sink) -> None:
    sinks.wait_until(lambda: sink.total.written > 20, "some articles are written")
    assert sink.total.written < COUNT


def assert_all_there_once(settings: Settings) -> None:
    assert sinks.articles(settings) == [f"a{n:04}" for n in range(COUNT)]
    assert sinks.said(settings) == sorted([f"Word {n:04}." for n in range(COUNT)] + ["Same."] * COUNT)
    assert not sinks.letters(settings)


def test_a_killed_elasticsearch_has_everything_once_afterwards(
    killable: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    settings = impatient(killable.settings)
    fill(settings)
    with sinks.running(settings) as sink:
        in_the_middle(sink)
        killable.elasticsearch.kill()
        sinks.wait_until(lambda: "partitions are paused" in caplog.text, "the partitions are paused")
        killable.elasticsearch.start()
        sinks.drained(settings)
    assert_all_there_once(settings)


def test_a_frozen_elasticsearch_is_waited_for(killable: Engines, caplog: pytest.LogCaptureFixture) -> None:
    settings = impatient(killable.settings)
    fill(settings)
    with sinks.running(settings) as sink:
        in_the_middle(sink)
        killable.elasticsearch.pause()
        try:
            sinks.wait_until(lambda: "ConnectionTimeout" in caplog.text, "a request took too long")
        finally:
            killable.elasticsearch.resume()
        sinks.drained(settings)
    assert_all_there_once(settings)


def test_a_killed_kafka_is_read_to_its_end_afterwards(killable: Engines) -> None:
    settings = impatient(killable.settings)
    fill(settings)
    with sinks.running(settings) as sink:
        in_the_middle(sink)
        killable.kafka.kill()
        killable.kafka.start()
        sinks.drained(settings, 120)
        sinks.publish(settings, [(b"bad", b"{")])
        sinks.drained(settings)
    assert sinks.articles(settings) == [f"a{n:04}" for n in range(COUNT)]
    assert [letter.key for letter in sinks.letters(settings)] == [b"bad"]
