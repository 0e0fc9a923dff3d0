"""Each test's topics and indices are its own, and gone when it ends."""

import pytest

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.settings import Settings

_seen: list[Settings] = []


@pytest.mark.parametrize("turn", [1, 2])
def test_topics_and_indices_of_a_test_are_its_own_and_removed(settings: Settings, turn: int) -> None:
    assert kafka_client.ensure_topics(settings, topics.all_topics(settings)) == [
        t.name for t in topics.all_topics(settings)
    ]
    with elasticsearch_client.connect(settings) as client:
        client.indices.put_index_template(
            name=f"{settings.elasticsearch.prefix}-quotes", index_patterns=[f"{settings.elasticsearch.prefix}-*"]
        )
        client.indices.create(index=f"{settings.elasticsearch.prefix}-quotes-1")
        for before in _seen:
            assert not client.indices.exists(index=f"{before.elasticsearch.prefix}-quotes-1")
            assert not client.indices.exists_index_template(name=f"{before.elasticsearch.prefix}-quotes")
    admin = kafka_client.admin(settings)
    try:
        there = admin.list_topics()
    finally:
        admin.close()
    assert not [name for before in _seen for name in there if name.startswith(before.kafka.prefix)]
    _seen.append(settings)
