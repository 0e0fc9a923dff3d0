"""The sink while Elasticsearch or the network fails: partitions rest, the group is kept, nothing is lost or doubled."""

from functools import partial
from typing import Any

import pytest

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.sink.consumer import Sink
from tests.integration import sinks
from tests.integration.proxy import Proxy
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines

COUNT = 400


def through(settings: Settings, proxy: Proxy, part: str) -> Settings:
    """The settings with Elasticsearch (or Kafka) behind the proxy."""
    address = {"elasticsearch": {"url": f"http://127.0.0.1:{proxy.port}"}}[part]
    group = getattr(settings, part).model_copy(update={**address, "request_timeout": 5})
    return settings.model_copy(update={part: group})


def everything(count: int = COUNT) -> list[Any]:
    return [enriched(article=f"a{n:04}", says=(f"Word {n:04}.", "Same.")) for n in range(count)]


def assert_all_there_once(settings: Settings, count: int = COUNT) -> None:
    assert sinks.articles(settings) == sorted(f"a{n:04}" for n in range(count))
    assert sinks.said(settings) == sorted([f"Word {n:04}." for n in range(count)] + ["Same."] * count)
    assert not sinks.letters(settings)


def goes_on(sink: Sink, written: int, settings: Settings) -> bool:
    return sink.total.written > written or sinks.caught_up(settings)


@pytest.mark.guarantee("sink-waits")
def test_a_lost_cluster_pauses_the_partitions(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pipeline.sink")
    settings = sinks.impatient(settings)
    sinks.publish(settings, everything())
    with (
        Proxy(settings.elasticsearch_urls[0]) as proxy,
        sinks.running(through(settings, proxy, "elasticsearch")) as sink,
    ):
        sinks.wait_until(lambda: sink.total.written > 20, "some articles are written")
        proxy.cut()
        sinks.wait_until(lambda: "partitions are paused" in caplog.text, "the partitions are paused")
        assert len(sink._consumer.paused()) == settings.kafka.partitions
        written, before = sink.total.written, kafka_client.members(settings, topics.sink_group(settings))
        tries = proxy.connections
        sinks.wait_until(lambda: proxy.connections > tries + 3, "it tries again and again")
        assert sink.total.written == written < COUNT
        assert kafka_client.members(settings, topics.sink_group(settings)) == before
        proxy.mend()
        sinks.drained(settings)
        assert "Continuing with" in caplog.text
        assert not sink._consumer.paused()
    assert_all_there_once(settings)


@pytest.mark.guarantee("network-cut")
def test_an_answer_that_is_lost_is_asked_for_again(settings: Settings) -> None:
    settings = sinks.impatient(settings)
    sinks.publish(settings, everything())
    with (
        Proxy(settings.elasticsearch_urls[0]) as proxy,
        sinks.running(through(settings, proxy, "elasticsearch")) as sink,
    ):
        while not sinks.caught_up(settings):
            proxy.cut_after_request = True
            written = sink.total.written
            sinks.wait_until(lambda: proxy._cut or sinks.caught_up(settings), "the answer was lost")
            proxy.mend()
            sinks.wait_until(partial(goes_on, sink, written, settings), "it goes on")
    assert_all_there_once(settings)


@pytest.mark.parametrize("block", ["read_only_allow_delete", "write"])
@pytest.mark.guarantee("elasticsearch-crashes")
def test_a_full_disk_or_a_block_is_waited_for(settings: Settings, block: str, caplog: pytest.LogCaptureFixture) -> None:
    """Elasticsearch sets the first by itself when its disk is full (429), people set the second (403)."""
    settings = sinks.impatient(settings)
    with elasticsearch_client.connect(settings) as client:
        sinks.publish(settings, everything(50))
        indices.prepare(client, settings).ensure({"2026.03"})
        pattern = indices.pattern(settings, "articles")
        client.indices.put_settings(index=pattern, settings={f"index.blocks.{block}": True})
        with sinks.running(settings) as sink:
            sinks.wait_until(lambda: "cluster_block_exception" in caplog.text, "the block is noticed")
            assert sink.total.written == 0
            client.indices.put_settings(index=pattern, settings={f"index.blocks.{block}": None})
            sinks.drained(settings)
    assert_all_there_once(settings, 50)


def test_so_many_tries_and_no_more_where_the_settings_say_so(settings: Settings) -> None:
    settings = sinks.impatient(settings, max_attempts=2)
    with elasticsearch_client.connect(settings) as client:
        sinks.publish(settings, everything(5))
        indices.prepare(client, settings).ensure({"2026.03"})
        client.indices.put_settings(index=indices.pattern(settings, "quotes"), settings={"index.blocks.write": True})
        with sinks.running(settings):
            sinks.drained(settings)
    letters = sinks.letters(settings)
    assert {letter.key for letter in letters} == {f"a{n:04}".encode() for n in range(5)}
    assert {letter.error for letter in letters} == {"cluster_block_exception"}
    # Whole or not at all: the articles were in when their quotes were given up.
    assert sinks.articles(settings) == []


def test_an_index_that_vanishes_is_made_again(settings: Settings) -> None:
    settings = sinks.impatient(settings)
    with elasticsearch_client.connect(settings) as client, sinks.running(settings):
        sinks.publish(settings, everything(5))
        sinks.drained(settings)
        sinks.drop_month(client, settings, "2026.03")
        sinks.publish(settings, everything(10))
        sinks.drained(settings)
        for kind, alias in (("articles", settings.articles_alias), ("quotes", settings.quotes_alias)):
            name = indices.name(settings, kind, "2026.03")
            found = client.indices.get(index=name)[name]
            assert alias in found["aliases"]
            assert found["mappings"]["dynamic"] == "strict"
    assert_all_there_once(settings, 10)
