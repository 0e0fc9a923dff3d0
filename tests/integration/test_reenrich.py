"""`whosaid reenrich` on the real engines: the newest engine's result replaces the older one's, and nothing else."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import OffsetAndMetadata, TopicPartition

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.models import Article, Enriched, ModelInfo
from pipeline.republish import reenrich
from pipeline.republish.reenrich import condition
from pipeline.settings import Settings
from tests.integration import articles, sinks
from tests.integration.parts import Part, whosaid
from tests.unit.sink.factory import FETCHED, enriched

pytestmark = pytest.mark.engines


def by_an_older_engine(article: Article, engine: str = "0") -> Enriched:
    """What an engine found that took the whole body for a quote."""
    wrong = enriched(article=article.id, says=(article.body,)).quotes[0]
    quote = wrong.model_copy(update={"start": 0, "end": len(article.body), "segments": [(0, len(article.body))]})
    model = ModelInfo(name="old", version="1", engine=engine)
    return Enriched(article=article, quotes=[quote], model=model, enriched=FETCHED)


def sent(settings: Settings) -> list[Article]:
    records = articles.records(settings, topics.articles(settings).name)
    return [Article.model_validate_json(record.value) for record in records]


@pytest.mark.guarantee("newer-engine")
def test_a_newer_engine_replaces_what_an_older_one_found(settings: Settings, tmp_path: Path) -> None:
    old = [by_an_older_engine(articles.article(n)) for n in range(3)]
    done = enriched("done", says=("By the engine of the future.",))
    done = done.model_copy(update={"model": done.model.model_copy(update={"engine": "900"})})
    sinks.publish(settings, [*old, done])
    with Part(settings, "sink", tmp_path / "sink.log"), Part(settings, "enrich", tmp_path / "enrich.log"):
        sinks.drained(settings, 120)
        assert (
            "3 articles would be enriched again"
            in whosaid(settings, "reenrich", "--where", "engine<1", "--dry-run").stdout
        )
        printed = whosaid(settings, "reenrich", "--where", "engine<1")
        assert "3 articles were published again" in printed.stdout, printed.stderr
        sinks.wait_until(lambda: reenrich.count(settings, [condition("engine<1")]) == 0, "all are enriched again", 120)
        sinks.wait_until(lambda: sinks.caught_up(settings), "the sink is done")
    there = {one["id"]: one for one in sinks.documents(settings, settings.articles_alias)}
    assert sorted(there) == sorted([*(one.article.id for one in old), "done"])
    # The wrong quotes are gone, the right ones are there, and the revision is the one that it was.
    expected = ["By the engine of the future.", *(f"The bridge number {n} will open in May," for n in range(3))]
    assert sinks.said(settings) == expected
    assert [there[one.article.id]["revision"] for one in old] == [one.article.revision for one in old]
    # The older engine's result comes late, from a worker that was not updated: nothing changes.
    sinks.publish(settings, old)
    with sinks.running(settings) as sink:
        sinks.drained(settings)
        assert sink.total.stale == 3
    assert sinks.said(settings) == expected


def test_articles_go_as_they_are_where_the_conditions_hold(settings: Settings) -> None:
    march, april = (datetime(2026, month, 2, tzinfo=UTC) for month in (3, 4))
    chosen: dict[str, dict[str, Any]] = {
        "a1": {"language": "en", "published": march},
        "a2": {"language": "de", "published": march, "byline": "Ada", "tags": ["x", "y"], "raw": {"etag": "1"}},
        "a3": {"language": "de", "published": april, "modified": april, "revision": 7},
        "a4": {"language": None, "published": None},
    }
    given = {id: enriched(article=id, **fields) for id, fields in chosen.items()}
    sinks.publish(settings, given.values())
    with sinks.running(settings):
        sinks.drained(settings)
    ask = {
        "language=de": ["a2", "a3"], "language!=de": ["a1", "a4"], "source=news.example": ["a1", "a2", "a3", "a4"],
        "source=other": [], "engine<1": [], "engine<2": ["a1", "a2", "a3", "a4"], "id=a4": ["a4"],
    }  # fmt: skip
    for text, ids in ask.items():
        assert reenrich.count(settings, [condition(text)]) == len(ids), text
    assert reenrich.count(settings, [], since=march, until=april) == 2
    assert reenrich.count(settings, [condition("language=de")], since=april) == 1
    seen: list[tuple[int, int]] = []
    report = reenrich.reenrich(
        settings, [condition("language=de")], progress=lambda done, total: seen.append((done, total))
    )
    assert (report.sent, report.problems, seen) == (2, [], [(2, 2)])
    again = {one.id: one for one in sent(settings)}
    assert again == {id: given[id].article for id in ("a2", "a3")}


def test_what_was_written_a_moment_ago_is_meant_too(settings: Settings) -> None:
    with sinks.running(settings):
        sinks.publish(settings, [enriched(article="first")])
        sinks.drained(settings)
        with elasticsearch_client.connect(settings) as client:  # from here on, nothing becomes searchable by itself
            client.indices.put_settings(index=settings.articles_alias, settings={"refresh_interval": "-1"})
        sinks.publish(settings, [enriched(article="second")])
        sinks.drained(settings)
    assert reenrich.count(settings, [condition("id=second")]) == 1
    sinks.publish(settings, [enriched(article="third")])
    with sinks.running(settings):
        sinks.drained(settings)
    assert reenrich.reenrich(settings, [condition("id=third")]).sent == 1


def test_what_is_new_does_not_queue_behind_what_is_old(settings: Settings) -> None:
    sinks.publish(settings, [enriched(article=f"a{n:03}") for n in range(450)])
    with sinks.running(settings):
        sinks.drained(settings)
    thread = threading.Thread(target=reenrich.reenrich, args=(settings,), kwargs={"ahead": 300}, daemon=True)
    thread.start()
    sinks.wait_until(lambda: len(sent(settings)) >= 400, "two pages are sent")
    thread.join(3)
    assert thread.is_alive(), "it waits, for nobody enriches"
    assert len(sent(settings)) == 400
    name = topics.articles(settings).name
    consumer = kafka_client.consumer(settings, group_id=topics.enrichment_group(settings))
    partitions = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    consumer.commit({one: OffsetAndMetadata(end, "", -1) for one, end in ends.items()})  # now somebody has
    consumer.close()
    thread.join(30)
    assert not thread.is_alive()
    assert len(sent(settings)) == 450
