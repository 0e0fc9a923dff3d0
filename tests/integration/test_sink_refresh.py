"""When searches see what a sink has written, on a real Elasticsearch that refreshes by itself twice a minute only."""

import base64
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline import kafka_client, topics
from pipeline.events import LAST
from pipeline.models import Enriched
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.sink.bulk import Operation, Request
from pipeline.sink.bulk_answers import Answer
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration import sinks
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines


def seen(client: Elasticsearch, settings: Settings, article: str) -> bool:
    """Whether a search finds the quotes of the article, without any refresh of the test's own."""
    answer = client.search(index=settings.quotes_alias, query={"term": {"article_id": article}})
    return bool(answer["hits"]["total"]["value"])


def write(writer: Writer, *some: Enriched) -> None:
    writer.batch([Event(record(one), one) for one in some]).write()


def interval(client: Elasticsearch, index: str) -> str:
    return str(client.indices.get_settings(index=index)[index]["settings"]["index"]["refresh_interval"])


@pytest.mark.usefixtures("patient")
def test_fresh_news_is_seen_at_once_and_the_older_with_it(
    client: Elasticsearch, settings: Settings, writer: Writer
) -> None:
    write(writer, enriched("older"))
    writer.refresh_if_due()
    assert not seen(client, settings, "older")
    write(writer, enriched("new", fetched=datetime.now(UTC)))

    def both() -> bool:
        writer.refresh_if_due()
        return seen(client, settings, "new") and seen(client, settings, "older")

    sinks.wait_until(both, "both are seen", 20)


@pytest.mark.usefixtures("patient")
def test_what_has_waited_is_seen_when_the_backlog_ends(client: Elasticsearch, settings: Settings) -> None:
    settings = sinks.impatient(settings, batch_wait=60.0)
    with sinks.running(settings) as sink:
        sinks.publish(settings, [enriched("first")])
        sinks.wait_until(lambda: sink.total.written == 1, "it is written")
        assert not seen(client, settings, "first")
        with closing(kafka_client.producer(settings)) as producer:
            event = enriched("last").model_dump_json().encode()
            producer.send(topics.enriched(settings).name, key=b"last", value=event, headers=[(LAST, b"1")])
        both = ("first", "last")
        sinks.wait_until(lambda: all(seen(client, settings, one) for one in both), "both are seen", 30)


@pytest.mark.usefixtures("patient")
def test_copies_are_found_before_and_after_the_refresh(
    client: Elasticsearch, settings: Settings, writer: Writer
) -> None:
    """What is not seen is remembered, and what is remembered is forgotten when it is seen."""
    prints = {"fingerprint": "1:" + base64.b64encode(bytes(range(256)) * 2).decode()}
    for name in ("first", "second"):
        write(writer, enriched(name).model_copy(update=prints))
        assert writer.duplicates._quotes
    writer.catch_up(["first"])
    assert not writer.duplicates._quotes
    write(writer, enriched("third").model_copy(update=prints))
    client.indices.refresh(index=settings.articles_alias)
    hits = client.search(index=settings.articles_alias)["hits"]["hits"]
    assert {hit["_id"]: hit["_source"].get("duplicate_of") for hit in hits} == {
        "first": None, "second": "first", "third": "first",
    }  # fmt: skip


@pytest.mark.usefixtures("patient")
def test_what_a_dropped_batch_wrote_is_found(
    client: Elasticsearch, settings: Settings, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elasticsearch writes it after a refresh began, and before the batch is dropped, as in a rebalance."""
    writer.catch_up(())
    writer.indices.ensure({"2026.02", "2026.03"})
    client.indices.put_settings(index=settings.articles_alias, settings={"refresh_interval": "-1"})
    answer, send = threading.Event(), writer.bulk.send

    def held(request: Request) -> Iterator[tuple[Operation, Answer]]:
        answer.wait(20)
        yield from send(request)

    monkeypatch.setattr(writer.bulk, "send", held)
    one = enriched("a1")
    batch = writer.batch([Event(record(one), one)])
    batch.send()
    writer.refresher.refresh()
    answer.set()
    batch.drop()
    writer.refresher.touch([("other", indices.name(settings, "articles", "2026.02"))])
    writer.catch_up(["a1"])
    assert client.search(index=settings.articles_alias, query={"ids": {"values": ["a1"]}})["hits"]["hits"]


def test_a_batch_that_waited_is_dated_when_it_is_written(settings: Settings, writer: Writer) -> None:
    """Streams of new quotes go back by half a minute only."""
    one = enriched("a1")
    batch = writer.batch([Event(record(one), one)])
    batch._state.now -= timedelta(hours=1)
    batch._state.writing_since -= timedelta(hours=1)
    batch.write()
    for alias in (settings.articles_alias, settings.quotes_alias):
        (found,) = sinks.documents(settings, alias)
        assert datetime.now(UTC) - datetime.fromisoformat(found["indexed"]) < timedelta(minutes=10)


def test_what_a_killed_sink_wrote_is_seen_when_the_next_comes(
    client: Elasticsearch, settings: Settings, writer: Writer
) -> None:
    write(writer, enriched("a1"))  # its writer never refreshes
    with sinks.running(settings):
        sinks.wait_until(lambda: seen(client, settings, "a1"), "the next sink has refreshed", 10)


def test_a_sink_that_stops_leaves_nothing_unseen(client: Elasticsearch, settings: Settings) -> None:
    sinks.publish(settings, [enriched("a1")])
    with sinks.running(settings):
        sinks.drained(settings)
    assert seen(client, settings, "a1")


def test_an_index_of_a_former_release_is_refreshed_less_often(client: Elasticsearch, settings: Settings) -> None:
    made = indices.prepare(client, settings)
    made.ensure({"2020.01", "2020.02", "2020.03"})
    former, chosen, blocked = (indices.name(settings, "quotes", month) for month in ("2020.01", "2020.02", "2020.03"))
    changes: dict[str, dict[str, Any]] = {
        former: {"refresh_interval": "1s"},
        chosen: {"refresh_interval": "7s"},
        blocked: {"refresh_interval": "1s", "index.blocks.read_only": True},
    }
    for index, change in changes.items():
        client.indices.put_settings(index=index, settings=change)
    try:
        indices.prepare(client, settings)
        assert interval(client, former) == "30s"
        assert interval(client, chosen) == "7s", "somebody has chosen it"
    finally:
        client.indices.put_settings(index=blocked, settings={"index.blocks.read_only": None})
    indices.prepare(client, settings)
    assert interval(client, blocked) == "30s"
