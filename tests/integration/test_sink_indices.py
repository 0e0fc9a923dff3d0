"""The sink's indices on a real Elasticsearch: strict, behind their aliases, made once, whatever is there before."""

import pytest
from elasticsearch import BadRequestError, Elasticsearch

from pipeline import elasticsearch_client
from pipeline.doctor import elasticsearch
from pipeline.doctor.findings import Level
from pipeline.errors import ClusterUnavailable
from pipeline.settings import Settings
from pipeline.sink import indices

pytestmark = pytest.mark.engines


def test_preparing_twice_is_preparing_once(client: Elasticsearch, settings: Settings) -> None:
    indices.prepare(client, settings)
    before = client.indices.get(index=f"{settings.elasticsearch.prefix}-*").body
    indices.prepare(client, settings)
    assert client.indices.get(index=f"{settings.elasticsearch.prefix}-*").body == before
    assert len(before) == 2


def test_an_empty_cluster_can_be_searched_through_the_aliases(client: Elasticsearch, settings: Settings) -> None:
    indices.prepare(client, settings)
    for alias in (settings.articles_alias, settings.quotes_alias):
        assert client.search(index=alias)["hits"]["total"]["value"] == 0


@pytest.mark.parametrize("kind", ["articles", "quotes"])
def test_an_index_of_the_template_is_strict_and_behind_its_alias(
    client: Elasticsearch, settings: Settings, kind: str
) -> None:
    indices.prepare(client, settings)
    name = indices.name(settings, kind, "2020.01")
    client.indices.create(index=name)  # by whoever: the template decides
    found = client.indices.get(index=name)[name]
    assert list(found["aliases"]) == [f"{settings.elasticsearch.prefix}-{kind}"]
    assert found["settings"]["index"]["gc_deletes"] == "1h"
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        client.index(index=name, id="1", document={"id": "1", "mood": "good"})


def test_the_sink_makes_the_same_index_as_the_template(client: Elasticsearch, settings: Settings) -> None:
    made = indices.prepare(client, settings)
    made.ensure({"2020.01"})
    client.indices.create(index=indices.name(settings, "quotes", "2020.02"))
    one, other = (
        client.indices.get(index=indices.name(settings, "quotes", month)).body for month in ("2020.01", "2020.02")
    )
    (one,), (other,) = one.values(), other.values()
    assert one["mappings"] == other["mappings"]
    assert one["aliases"] == other["aliases"]
    own = {"uuid", "creation_date", "provided_name"}
    assert {key: value for key, value in one["settings"]["index"].items() if key not in own} == {
        key: value for key, value in other["settings"]["index"].items() if key not in own
    }


def test_a_cluster_without_lifecycles_makes_its_indices(client: Elasticsearch, settings: Settings) -> None:
    named = settings.elasticsearch.model_copy(update={"lifecycle": "by-month"})
    with_policy = settings.model_copy(update={"elasticsearch": named})
    indices.prepare(client, with_policy).ensure({"2020.01"})
    assert client.count(index=settings.quotes_alias)["count"] == 0
    found = elasticsearch.judge(elasticsearch.gather(with_policy), with_policy)
    assert [one.level for one in found if "has no lifecycle management" in one.sentence] == [Level.WARNING]


def test_an_index_of_an_earlier_release_gets_the_new_fields(client: Elasticsearch, settings: Settings) -> None:
    name = indices.name(settings, "quotes", "2020.01")
    old = indices.body(settings, "quotes", elasticsearch_client.modules(client))
    old["mappings"] = {"dynamic": "strict", "properties": {"id": {"type": "keyword"}}}
    client.indices.create(index=name, **old)
    indices.prepare(client, settings)
    assert "addressee" in client.indices.get(index=name)[name]["mappings"]["properties"]


def test_an_index_of_another_mapping_is_refused_in_a_sentence(client: Elasticsearch, settings: Settings) -> None:
    """An older WhoSaid's, of which the type of a field is another now."""
    index = indices.name(settings, "articles", "2020.01")
    client.indices.create(
        index=index, mappings={"dynamic": "strict", "properties": {"id": {"type": "keyword"}, "body": {"type": "long"}}}
    )
    with pytest.raises(ClusterUnavailable, match=r"refused the indices: .*\[news\].* are indices of this version"):
        indices.prepare(client, settings)


def test_fifteen_refreshes_make_no_merge(client: Elasticsearch, settings: Settings) -> None:
    """By its own default Elasticsearch merges the first ten segments at once, and writes their documents again."""
    indices.prepare(client, settings).ensure({"2020.01"})
    index = indices.name(settings, "quotes", "2020.01")
    for number in range(15):
        client.index(index=index, id=str(number), document={"id": str(number)}, refresh=True)
    shards = client.indices.stats(index=index)["_all"]["primaries"]
    assert (shards["merges"]["total"], shards["merges"]["current"], shards["segments"]["count"]) == (0, 0, 15)


def test_two_sinks_may_make_one_month_at_the_same_time(client: Elasticsearch, settings: Settings) -> None:
    one, other = indices.prepare(client, settings), indices.prepare(client, settings)
    one.ensure({"2019.05"})
    other.ensure({"2019.05"})
    assert client.indices.exists(index=indices.name(settings, "quotes", "2019.05"))


def test_words_are_found_as_this_cluster_can(client: Elasticsearch, settings: Settings) -> None:
    indices.prepare(client, settings)
    (index,) = client.indices.get(index=indices.pattern(settings, "quotes"))
    rich = "analysis-common" in elasticsearch_client.modules(client)
    for analyser, text, plain, full in (
        ("news", "The minister’s Élections", ["the", "minister’s", "élections"], ["the", "minist", "elect"]),
        ("names", "José García", ["josé", "garcía"], ["jose", "garcia"]),
    ):
        tokens = client.indices.analyze(index=index, analyzer=analyser, text=text)["tokens"]
        assert [token["token"] for token in tokens] == (full if rich else plain)
