"""Long results, page by page, and what searches see."""

import pytest
from elasticsearch import ApiError, Elasticsearch

from pipeline import elasticsearch_client
from pipeline.errors import ClusterUnavailable
from pipeline.settings import Settings

pytestmark = pytest.mark.engines

COUNT = 7


@pytest.fixture
def index(client: Elasticsearch, settings: Settings) -> str:
    name = f"{settings.elasticsearch.prefix}-numbers"
    client.indices.create(index=name, mappings={"properties": {"number": {"type": "integer"}}})
    write(client, name, range(COUNT))
    return name


def write(client: Elasticsearch, index: str, numbers: range) -> None:
    operations: list[dict[str, object]] = []
    for number in numbers:
        operations += [{"index": {}}, {"number": number}]
    client.bulk(index=index, operations=operations, refresh=True)


@pytest.mark.parametrize(("size", "lengths"), [(3, [3, 3, 1]), (COUNT, [COUNT]), (100, [COUNT]), (1, [1] * COUNT)])
def test_pages_give_each_hit_once(client: Elasticsearch, index: str, size: int, lengths: list[int]) -> None:
    pages = list(elasticsearch_client.pages(client, index=index, sort=[{"number": "asc"}], size=size))
    assert [len(page) for page in pages] == lengths
    assert [hit["_source"]["number"] for page in pages for hit in page] == list(range(COUNT))


def test_pages_of_nothing_are_none(client: Elasticsearch, index: str) -> None:
    query = {"term": {"number": -1}}
    assert not list(elasticsearch_client.pages(client, index=index, query=query, sort=[{"number": "asc"}], size=3))


def test_pages_with_a_filter_path(client: Elasticsearch, index: str) -> None:
    pages = elasticsearch_client.pages(
        client, index=index, sort=[{"number": "asc"}], size=3, filter_path="hits.hits._id,hits.hits.sort"
    )
    assert [len(page) for page in pages] == [3, 3, 1]


def test_a_point_in_time_does_not_see_later_writes(client: Elasticsearch, index: str) -> None:
    with elasticsearch_client.point_in_time(client, index, keep_alive="1m") as pit:
        numbers = []
        for page in elasticsearch_client.pages(client, pit=pit, sort=["_shard_doc"], size=3):
            write(client, index, range(COUNT, COUNT + 5))
            numbers += [hit["_source"]["number"] for hit in page]
    assert sorted(numbers) == list(range(COUNT))
    with pytest.raises(ApiError):  # it is closed
        list(elasticsearch_client.pages(client, pit=pit, sort=["_shard_doc"], size=3))


def test_a_refresh_shows_what_was_written(client: Elasticsearch, index: str) -> None:
    client.indices.put_settings(index=index, settings={"refresh_interval": "-1"})
    client.bulk(index=index, operations=[{"index": {}}, {"number": COUNT}])
    assert client.count(index=index)["count"] == COUNT
    elasticsearch_client.refresh(client, [f"{index}*", "is-not-there"], ignore_unavailable=True)
    assert client.count(index=index)["count"] == COUNT + 1
    with pytest.raises(ApiError, match="is-not-there"):
        elasticsearch_client.refresh(client, [index, "is-not-there"])
    client.indices.close(index=index)
    with pytest.raises(ApiError, match="closed"):
        elasticsearch_client.refresh(client, [f"{index}*"])
    elasticsearch_client.refresh(client, [index], ignore_unavailable=True)


def test_a_count_does_not_pass_over_a_shard(client: Elasticsearch, index: str) -> None:
    few = {"range": {"number": {"lt": 3}}}
    assert (elasticsearch_client.count(client, index), elasticsearch_client.count(client, index, few)) == (COUNT, 3)
    assert elasticsearch_client.count(client, "is-not-there", ignore_unavailable=True) == 0
    nowhere = {"number_of_replicas": 0, "routing.allocation.require._name": "nobody"}
    client.indices.create(index=f"{index}-away", settings=nowhere, wait_for_active_shards=0)
    assert client.count(index=f"{index}*")["count"] == COUNT, "as if there were no more"
    with pytest.raises(ApiError) as raised:
        elasticsearch_client.count(client, f"{index}*")
    assert elasticsearch_client.reason(raised.value) == "1 of 2 shards did not count"
    assert raised.value.status_code == 503


def test_a_missing_index_fails_the_search(settings: Settings) -> None:
    with pytest.raises(ClusterUnavailable, match="404"), elasticsearch_client.connection(settings) as client:
        list(elasticsearch_client.pages(client, index="is-not-there", sort=["_doc"], size=3))
