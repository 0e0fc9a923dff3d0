"""A backup of the embedded engines, restored into empty ones: the same articles, quotes, letters and places."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import OffsetAndMetadata, TopicPartition

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.backup import topic_dump, whole
from pipeline.dead_letters import dead_letter
from pipeline.dead_letters.log import Filter, Letters
from pipeline.errors import InputError
from pipeline.models import Stage
from pipeline.settings import KafkaSettings, Settings
from pipeline.sink import indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.tombstones import Tombstone, Tombstones
from pipeline.topic_reader import TopicReader
from tests.engines import Engines
from tests.integration import articles as published
from tests.integration.test_retention import made

NOW = datetime.now(UTC)


def fill(settings: Settings) -> None:
    """Two articles on the topics and one indexed; the worker has done one; one letter waits, another is discarded."""
    kafka_client.ensure_topics(settings, topics.every_topic(settings))
    published.publish(settings, [published.article(number) for number in range(20)])
    with kafka_client.producer(settings) as producer:
        for number in (1, 2, 3):
            letter = dead_letter.from_failure(
                "no room", stage=Stage.ENRICH, topic=topics.articles(settings).name, partition=0, offset=number,
                key=b"%d" % number, value=b"\x00\xff", headers=[("mine", b"\xfe")],
            )  # fmt: skip
            producer.send(
                topics.deadletter(settings).name, key=letter.key, value=letter.value, partition=1,
                headers=dead_letter.to_headers(letter),
            ).get(30)  # fmt: skip
    with Letters(settings) as letters:
        letters.discard(next(letters.scan(Filter(ids=["2"]))), "spam")
    group = topics.enrichment_group(settings)
    client = kafka_client.consumer(settings, group_id=group)
    place = TopicPartition(topics.articles(settings).name, 0)
    client.assign([place])
    client.commit({place: OffsetAndMetadata(2, "", -1)})
    client.close()
    with elasticsearch_client.connect(settings) as cluster:
        one = made("kept", NOW)
        writer = Writer(cluster, settings, indices.prepare(cluster, settings))
        writer.batch([Event(published, one)]).write()
        tombstones = Tombstones(cluster, settings)
        tombstones.prepare()
        tombstones.add([Tombstone(id="gone", because="b", by="me", at=NOW)])


def content(settings: Settings) -> dict[str, Any]:
    """All that there is: events by topic, documents, what was done with letters, how far the worker is."""
    found: dict[str, Any] = {}
    for topic in topics.every_topic(settings):
        with TopicReader(settings, topic.name) as reader:
            found[topic.name.removeprefix(settings.kafka.prefix)] = sorted(
                (one.partition, one.offset, one.timestamp, one.key, one.value, tuple(one.headers or ()))
                for one in reader.records()
                if topic != topics.handled(settings)
            )
    with Letters(settings) as letters:
        found["letters"] = [
            (one.id, one.key, one.mark.because if one.mark else None) for one in letters.scan(Filter(handled=True))
        ]
    found["waiting"] = kafka_client.lag(
        settings, topics.enrichment_group(settings), topics.articles(settings).name
    ).waiting
    with elasticsearch_client.connect(settings) as client:
        client.indices.refresh(index=f"{settings.elasticsearch.prefix}-*")
        for alias in (settings.articles_alias, settings.quotes_alias, settings.tombstones_index):
            hits = client.search(index=alias, size=100, sort=["_doc"])["hits"]["hits"]
            found[alias] = sorted(json.dumps(hit["_source"], sort_keys=True) for hit in hits)
            assert hits
    return found


def without_engine(settings: Settings) -> None:
    """Removes our indices, as on a new machine."""
    with elasticsearch_client.connect(settings) as client:
        for name in list(client.indices.get(index=f"{settings.elasticsearch.prefix}-*")):
            client.indices.delete(index=name)


def test_a_backup_is_restored_into_empty_engines(killable: Engines, tmp_path: Path) -> None:
    own = killable.settings
    fill(own)
    before = content(own)
    folder = tmp_path / "backup"
    manifest = whole.back_up(own, folder)
    assert {one.name.removeprefix(own.kafka.prefix): one.events for one in manifest.topics}["articles"] == 20
    with pytest.raises(InputError, match="is not empty"):
        whole.back_up(own, folder)
    with pytest.raises(InputError, match="has 20 events already"):
        whole.restore(own, folder)

    new = own.model_copy(update={"kafka": KafkaSettings(prefix=f"{own.kafka.prefix}new.")})
    with pytest.raises(InputError, match=rf"There are .* indices under {own.elasticsearch.prefix}-"):
        whole.restore(new, folder)
    without_engine(own)
    done = whole.restore(new, folder)
    assert len(done.indices) >= 3
    assert content(new) == before
    assert before["letters"] == [("1-0", "1", None), ("1-1", "2", "spam"), ("1-2", "3", None)]
    assert before["waiting"] == 18
    whole_again = tmp_path / "again"
    assert whole.back_up(new, whole_again).topics[0].events == 20, "its place was given back"

    dump = folder / f"articles{topic_dump.ENDING}"
    dump.write_bytes(dump.read_bytes()[:-9])
    with pytest.raises(InputError, match="the backup is damaged"):
        whole.restore(new, folder)
    (folder / whole.MANIFEST).unlink()
    with pytest.raises(InputError, match="is no whole backup"):
        whole.restore(new, folder)


def test_a_cluster_needs_a_repository(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--repository names the snapshot repository"):
        whole.back_up(settings, tmp_path / "b")
    with pytest.raises(InputError, match="no such repository"):
        whole.back_up(settings, tmp_path / "b", "nowhere")
