"""Metrics: what is defined, what dashboards and alerts ask for, and what is told of an article's way."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from pipeline import metrics

ROOT = Path(__file__).parents[3]
BOARD = json.loads((ROOT / "deploy/grafana/dashboards/pipeline.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text(encoding="utf-8"))
ASKED = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
FOREIGN = {"process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def names(expression: str) -> set[str]:
    """The names of metrics in an expression of PromQL."""
    return set(re.findall(r"\b(?:whosaid|process)_[a-z_0-9]+\b", re.sub(r'"[^"]*"', "", expression)))


def value(name: str, **labels: str) -> float:
    """The sample's value now; 0 where it is not there yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_names_and_labels_follow_prometheus() -> None:
    found = metrics.reference()
    assert len(found) > 25
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert re.fullmatch(r"whosaid_[a-z_]+", one.name)
        assert one.name.endswith("_total") == (one.type == "counter"), one.name
        assert one.type != "histogram" or one.name.endswith(("_seconds", "_articles", "_bytes")), one.name
        assert set(one.labels) <= {
            "kind",
            "outcome",
            "status",
            "state",
            "stage",
            "step",
            "type",
            "route",
            "name",
            "version",
        }
        assert one.description.endswith(".")


@pytest.mark.parametrize("expression", [*ASKED, *(rule["expr"] for rule in ALERTS)])
def test_dashboard_and_alerts_ask_for_what_there_is(expression: str) -> None:
    there = {one.name + suffix for one in metrics.reference() for suffix in SUFFIXES[one.type]}
    assert names(expression) - there - FOREIGN == set()
    labels = {label for one in metrics.reference() for label in one.labels} | {"le", "part", "instance", "job"}
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= labels
    for selected in re.findall(r"\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*=", selected)) <= labels


def test_every_metric_is_asked_for_somewhere() -> None:
    asked = set().union(*map(names, [*ASKED, *(rule["expr"] for rule in ALERTS)]))
    missing = [
        one.name for one in metrics.reference() if not asked & {one.name + suffix for suffix in SUFFIXES[one.type]}
    ]
    assert missing == []


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    tested = (ROOT / "deploy/prometheus/rules.test.yaml").read_text(encoding="utf-8")
    for rule in ALERTS:
        assert f'alertname="{rule["alert"]}"' in tested, "it is shown to fire"
        assert f"alertname: {rule['alert']}, exp_alerts: []" in tested, "it is shown not to fire"
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_no_panel_lies_upon_another() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_latency_counts_no_time_to_come() -> None:
    before = [value("whosaid_fetch_to_searchable_seconds_sum"), value("whosaid_publication_to_searchable_seconds_sum")]
    metrics.searchable(NOW, published=NOW - timedelta(seconds=60), fetched=NOW - timedelta(seconds=3))
    metrics.searchable(NOW, published=None, fetched=NOW + timedelta(days=1))
    assert value("whosaid_fetch_to_searchable_seconds_sum") - before[0] == pytest.approx(3)
    assert value("whosaid_publication_to_searchable_seconds_sum") - before[1] == pytest.approx(60)


@pytest.mark.parametrize(("status", "known"), [(200, "2xx"), (503, "5xx"), (0, "none"), (999, "none")])
def test_a_status_is_counted_by_its_class(status: int, known: str) -> None:
    assert metrics.status_class(status) == known


def test_a_step_that_fails_is_timed_too() -> None:
    before = value("whosaid_stage_seconds_count", stage="enrich", step="publish")
    with pytest.raises(ValueError), metrics.timed("enrich", "publish"):
        raise ValueError
    assert value("whosaid_stage_seconds_count", stage="enrich", step="publish") == before + 1


def test_the_page_of_metrics_has_them_all() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(whosaid_\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    told = [(name, kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in rows]
    assert told == [(one.name, one.type, one.labels, one.description) for one in metrics.reference()]
