"""Every panel of the Kibana and Grafana dashboards finds rows when its query is played on a real Elasticsearch."""

import json
import re
from collections.abc import Iterator, Mapping
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
LENSES = [one for one in SAVED if one["type"] == "lens"]
VARIABLES = {one["name"]: one for one in GRAFANA["templating"]["list"]}

SUITABLE = {
    "terms": {"keyword"},
    "date_histogram": {"date"},
    "cardinality": {"keyword"},
    "avg": {"float", "integer", "long"},
}
"""The types that a field must have in the mapping for the aggregations that the panels make of it."""


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


def interpolated(query: str, chosen: Mapping[str, list[str]]) -> str:
    """A query of Grafana's with its variables filled in as Grafana does it; what is not chosen is "All"."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in chosen:
            return "(" + " OR ".join(f'"{one}"' for one in chosen[name]) + ")"
        return str(VARIABLES[name]["allValue"])

    return re.sub(r"\$\{(\w+):lucene\}", value, query)


def nested(parts: list[dict[str, Any]], metrics: dict[str, Any]) -> dict[str, Any]:
    """Buckets within buckets, the metrics innermost."""
    inner = metrics
    for part in reversed(parts):
        inner = {"b": part | ({"aggs": inner} if inner else {})}
    return inner


def buckets(kind: str, field: str, size: int) -> dict[str, Any]:
    """The aggregation that both tools send for a bucket; `auto` intervals come out as days or so."""
    if kind == "date_histogram":
        return {"date_histogram": {"field": field, "fixed_interval": "1d", "min_doc_count": 0}}
    assert kind == "terms"
    return {"terms": {"field": field, "size": size, "order": {"_count": "desc"}}}


def assert_suitable(client: Elasticsearch, index: str, aggs: dict[str, Any]) -> None:
    """Each field of the aggregations, at every depth, is in the mapping and of a type that it can be made of."""
    for aggregation in aggs.values():
        for kind in set(aggregation) - {"aggs", "filters"}:
            field = aggregation[kind]["field"]
            found = client.field_caps(index=index, fields=field)["fields"]
            assert field in found, f"{index} has no field {field}"
            assert set(found[field]) <= SUITABLE[kind], f"{kind} of {field}"
        assert_suitable(client, index, aggregation.get("aggs", {}))


def play(client: Elasticsearch, index: str, aggs: dict[str, Any], size: int = 0, lucene: str = "*") -> dict[str, Any]:
    assert_suitable(client, index, aggs)
    period = {"range": {"published": {"gte": "now-1y"}}}
    return dict(
        client.search(
            index=index, size=size, aggs=aggs or None, sort=[{"published": "desc"}], allow_no_indices=False,
            track_total_hits=True,
            query={"bool": {"filter": [period, {"query_string": {"query": lucene, "analyze_wildcard": True}}]}},
        )
    )  # fmt: skip


def assert_rows(answer: dict[str, Any], has_buckets: bool, title: str) -> None:
    assert answer["hits"]["total"]["value"] > 0, title
    if has_buckets:
        found = answer["aggregations"]["b"]["buckets"]
        assert found, f"{title}: no buckets"
        if isinstance(found, list) and "key_as_string" not in found[0]:
            assert all(bucket["key"] for bucket in found), title


def grafana_parts(target: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"filters": {"filters": {"all": {"query_string": {"query": "*"}}}}}
        if one["type"] == "filters"
        else buckets(one["type"], one["field"], 12)
        for one in target["bucketAggs"]
    ]


@pytest.mark.parametrize("panel", GRAFANA["panels"], ids=lambda panel: panel["title"])
def test_a_grafana_panel_finds_rows(panel: dict[str, Any], sample_client: Elasticsearch) -> None:
    (target,) = panel["targets"]
    index = target["datasource"]["uid"]
    assert f"uid: {index}\n" in (DEPLOY / "grafana/provisioning/datasources/whosaid.yaml").read_text()
    parts = grafana_parts(target)
    named = [metric for metric in target["metrics"] if metric["type"] not in ("count", "raw_data")]
    metrics = {f"m{metric['id']}": {metric["type"]: {"field": metric["field"]}} for metric in named}
    every = interpolated(target["query"], {})
    answer = play(sample_client, index, nested(parts, metrics), 0 if parts else 50, every)
    assert_rows(answer, bool(parts), panel["title"])
    plain = play(sample_client, index, {}, lucene="NOT _exists_:duplicate_of")
    assert answer["hits"]["total"] == plain["hits"]["total"], "All leaves something out"
    chosen = interpolated(target["query"], {"source": ["Public Record", "Touchline"]})
    some = play(sample_client, index, {}, lucene=chosen)["hits"]["total"]["value"]
    assert 0 < some < plain["hits"]["total"]["value"]
    if not parts:
        shown = panel["transformations"][0]["options"]["renameByName"]
        fields = sample_client.field_caps(index=index, fields=[*shown, "id"])["fields"]
        assert set(shown) | {"id"} <= set(fields)


def test_a_grafana_variable_lists_its_values(sample_client: Elasticsearch) -> None:
    for variable in VARIABLES.values():
        if variable["type"] == "query":
            asked = json.loads(variable["query"])
            answer = play(sample_client, "whosaid-quotes", {"b": buckets("terms", asked["field"], asked["size"])})
            assert_rows(answer, True, variable["name"])


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens["attributes"]["title"])
def test_a_kibana_panel_finds_rows(lens: dict[str, Any], sample_client: Elasticsearch) -> None:
    (reference,) = lens["references"]
    view = KIBANA[reference["type"], reference["id"]]["attributes"]
    ((name, layer),) = lens["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].items()
    assert reference["name"] == f"indexpattern-datasource-layer-{name}"
    columns = [layer["columns"][id] for id in layer["columnOrder"]]
    parts = [
        buckets(one["operationType"], one["sourceField"], one["params"].get("size", 0))
        for one in columns
        if one["isBucketed"]
    ]
    operations = {"unique_count": "cardinality", "average": "avg"}
    metrics = {
        f"m{at}": {operations[one["operationType"]]: {"field": one["sourceField"]}}
        for at, one in enumerate(columns)
        if not one["isBucketed"] and one["operationType"] != "count"
    }
    title = lens["attributes"]["title"]
    assert_rows(play(sample_client, view["title"], nested(parts, metrics)), bool(parts), title)


def test_kibanas_quotes_and_controls_have_their_fields(sample_client: Elasticsearch) -> None:
    columns = KIBANA["search", "whosaid-newest"]["attributes"]["columns"]
    controls = json.loads(KIBANA["dashboard", "whosaid"]["attributes"]["controlGroupInput"]["panelsJSON"])
    listed = [one["explicitInput"]["fieldName"] for one in controls.values() if one["type"] == "optionsListControl"]
    links = json.loads(KIBANA["index-pattern", "whosaid-quotes"]["attributes"]["fieldFormatMap"])
    wanted = {*columns, *listed, *links}
    assert wanted <= set(sample_client.field_caps(index="whosaid-quotes", fields=sorted(wanted))["fields"])
