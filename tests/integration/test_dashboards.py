"""Every panel of the Kibana and Grafana dashboards finds rows when its query is played on a real Elasticsearch."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from kafka.consumer.fetcher import ConsumerRecord

from pipeline import elasticsearch_client
from pipeline.models import Enriched
from pipeline.samples import articles
from pipeline.settings import Settings
from pipeline.sink import events, indices
from pipeline.sink.writer import Writer
from pipeline.text.analyser import Analyser, AnalysisError, Document

DEPLOY = Path(__file__).parents[2] / "deploy"
GRAFANA = json.loads((DEPLOY / "grafana/dashboards/quotes.json").read_text(encoding="utf-8"))
SAVED = [json.loads(line) for line in (DEPLOY / "kibana/whosaid.ndjson").read_text(encoding="utf-8").splitlines()]
KIBANA = {(one["type"], one["id"]): one for one in SAVED}


SUITABLE = {
    "terms": {"keyword"},
    "date_histogram": {"date"},
    "cardinality": {"keyword"},
    "avg": {"float", "integer", "long"},
}
"""The types that a field must have in the mapping for the aggregations that the panels make of it."""

KNOWN_TO_KIBANA = {"index-pattern": "8.0.0", "visualization": "8.5.0", "search": "8.0.0", "dashboard": "8.9.0"}
"""Versions of saved objects that every Kibana since 8.9 reads; it refuses those that are newer than itself."""


@pytest.fixture(scope="module")
def sample_client(elasticsearch_server: str) -> Iterator[Elasticsearch]:
    """A cluster with the sample articles, under the names that the dashboards use."""
    name = Settings().elasticsearch.prefix  # what the dashboards ask for
    settings = Settings.model_validate({"elasticsearch": {"url": elasticsearch_server, "prefix": name}})
    with elasticsearch_client.connect(settings) as client:
        writer = Writer(client, settings, indices.prepare(client, settings))
        writer.batch(list(sample_events(settings))).write()
        client.indices.refresh(index=f"{name}-*")
        yield client
        for index in list(client.indices.get(index=f"{name}-*")):
            client.indices.delete(index=index)


def sample_events(settings: Settings) -> Iterator[events.Event]:
    analyser = Analyser(settings.enrichment.model, fast=True)
    for offset, article in enumerate(articles()):
        document = Document(id=article.id, text=article.body, published=article.published)
        analysis = analyser.analyse_one(document)
        assert not isinstance(analysis, AnalysisError)
        enriched = Enriched(
            article=article, entities=analysis.entities, quotes=analysis.quotes, model=analyser.model_info,
            enriched=datetime.now(UTC),
        )  # fmt: skip
        value = enriched.model_dump_json().encode()
        record = ConsumerRecord(
            topic="t", partition=0, leader_epoch=0, offset=offset, timestamp=0, timestamp_type=0,
            key=article.id.encode(), value=value, headers=[], checksum=None, serialized_key_size=0,
            serialized_value_size=len(value), serialized_header_size=0,
        )  # fmt: skip
        event = events.read(record)
        assert isinstance(event, events.Event)
        yield event


def buckets(kind: str, field: str, size: int) -> dict[str, Any]:
    """The aggregation that both tools send for a bucket; `auto` intervals come out as days or so."""
    if kind == "date_histogram":
        return {"date_histogram": {"field": field, "fixed_interval": "1d", "min_doc_count": 0}}
    assert kind == "terms"
    return {"terms": {"field": field, "size": size, "order": {"_count": "desc"}}}


def nested(parts: list[dict[str, Any]], metrics: dict[str, Any]) -> dict[str, Any]:
    """Buckets within buckets, the metrics innermost."""
    inner = metrics
    for part in reversed(parts):
        inner = {"b": part | ({"aggs": inner} if inner else {})}
    return inner


def assert_suitable(client: Elasticsearch, index: str, aggs: dict[str, Any]) -> None:
    """Each field of the aggregations, at every depth, is in the mapping and of a type that it can be made of."""
    for aggregation in aggs.values():
        for kind in set(aggregation) - {"aggs"}:
            field = aggregation[kind]["field"]
            found = client.field_caps(index=index, fields=field)["fields"]
            assert field in found, f"{index} has no field {field}"
            assert set(found[field]) <= SUITABLE[kind], f"{kind} of {field}"
        assert_suitable(client, index, aggregation.get("aggs", {}))


def play(client: Elasticsearch, index: str, aggs: dict[str, Any], size: int = 0, lucene: str = "*") -> dict[str, Any]:
    assert_suitable(client, index, aggs)
    period = {"range": {"published": {"gte": "2026-01-01"}}}
    return dict(
        client.search(
            index=index, size=size, aggs=aggs or None, sort=[{"published": "desc"}], allow_no_indices=False,
            query={"bool": {"filter": [period, {"query_string": {"query": lucene}}]}},
        )
    )  # fmt: skip


def assert_rows(answer: dict[str, Any], has_buckets: bool, title: str) -> None:
    assert answer["hits"]["total"]["value"] > 0, title
    if has_buckets:
        found = answer["aggregations"]["b"]["buckets"]
        assert found, f"{title}: no buckets"
        if "key_as_string" not in found[0]:
            assert all(bucket["key"] for bucket in found), title


@pytest.mark.parametrize("panel", GRAFANA["panels"], ids=lambda panel: panel["title"])
def test_a_grafana_panel_finds_rows(panel: dict[str, Any], sample_client: Elasticsearch) -> None:
    for target in panel["targets"]:
        index = target["datasource"]["uid"]
        assert f"uid: {index}\n" in (DEPLOY / "grafana/provisioning/datasources/whosaid.yaml").read_text()
        parts = [buckets(one["type"], one["field"], 12) for one in target["bucketAggs"]]
        named = [metric for metric in target["metrics"] if metric["type"] not in ("count", "raw_data")]
        metrics = {f"m{metric['id']}": {metric["type"]: {"field": metric["field"]}} for metric in named}
        answer = play(sample_client, index, nested(parts, metrics), 0 if parts else 50, target["query"])
        assert_rows(answer, bool(parts), panel["title"])
        if not parts:
            shown = panel["transformations"][0]["options"]["renameByName"]
            source = answer["hits"]["hits"][0]["_source"]
            for field in shown:
                value = source
                for part in field.split("."):
                    value = value[part]
                assert value, f"{panel['title']}: {field} is empty"


@pytest.mark.parametrize(
    "reference", KIBANA["dashboard", "whosaid"]["references"], ids=lambda reference: reference["id"]
)
def test_a_kibana_panel_finds_rows(reference: dict[str, str], sample_client: Elasticsearch) -> None:
    saved = KIBANA[reference["type"], reference["id"]]
    view = KIBANA["index-pattern", saved["references"][0]["id"]]["attributes"]
    if reference["type"] == "search":
        assert_rows(play(sample_client, view["title"], {}, size=50), False, reference["id"])
        fields = sample_client.field_caps(index=view["title"], fields=saved["attributes"]["columns"])
        assert set(saved["attributes"]["columns"]) <= set(fields["fields"])
        return
    aggs = json.loads(saved["attributes"]["visState"])["aggs"]
    parts = [
        buckets(one["type"], one["params"]["field"], one["params"].get("size", 10))
        for one in aggs
        if one["schema"] != "metric"
    ]
    named = [one for one in aggs if one["schema"] == "metric" and one["type"] != "count"]
    metrics = {f"m{one['id']}": {one["type"]: {"field": one["params"]["field"]}} for one in named}
    assert_rows(play(sample_client, view["title"], nested(parts, metrics)), bool(parts), reference["id"])


def test_every_panel_of_the_kibana_dashboard_is_in_the_file() -> None:
    dashboard = KIBANA["dashboard", "whosaid"]
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    names = {f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels}
    assert names == {reference["name"] for reference in dashboard["references"]}
    for one in SAVED:
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in KIBANA


def test_kibana_reads_the_versions_of_the_saved_objects() -> None:
    assert [one["id"] for one in SAVED if one["typeMigrationVersion"] != KNOWN_TO_KIBANA[one["type"]]] == []
    assert {one["coreMigrationVersion"] for one in SAVED} == {"8.8.0"}
    texts = [
        text for one in SAVED for name, text in one["attributes"].items() if name.endswith("JSON") or name == "visState"
    ]
    assert all(json.loads(text) is not None for text in texts)


def test_both_dashboards_show_what_people_ask_for() -> None:
    fields = {
        "Grafana": {
            part["field"] for panel in GRAFANA["panels"] for target in panel["targets"] for part in target["bucketAggs"]
        },
        "Kibana": {
            agg["params"]["field"]
            for one in SAVED
            if one["type"] == "visualization"
            for agg in json.loads(one["attributes"]["visState"])["aggs"]
            if "field" in agg["params"]
        },
    }
    wanted = {"published", "type", "speaker.name", "source.name", "countries"}
    assert {tool: wanted - found for tool, found in fields.items() if wanted - found} == {}
    assert "addressee" in fields["Kibana"]


def test_what_a_copy_repeats_is_counted_once() -> None:
    assert {target["query"] for panel in GRAFANA["panels"] for target in panel["targets"]} == {
        "NOT _exists_:duplicate_of"
    }
    board = json.loads(KIBANA["dashboard", "whosaid"]["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    assert board["query"] == {"query": "NOT duplicate_of: *", "language": "kuery"}


def test_no_panel_of_either_dashboard_lies_upon_another() -> None:
    saved = json.loads(KIBANA["dashboard", "whosaid"]["attributes"]["panelsJSON"])
    for width, places in (
        (24, [panel["gridPos"] for panel in GRAFANA["panels"]]),
        (48, [panel["gridData"] for panel in saved]),
    ):
        cells = [
            (x, y)
            for place in places
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < width
