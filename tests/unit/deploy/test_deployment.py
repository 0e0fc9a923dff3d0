"""The checks of `make deploy-check` find what they are for."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import deployment


def pod(**settings: str) -> dict[str, Any]:
    container = {
        "name": "sink",
        "env": [{"name": f"WHOSAID_{name}", "value": value} for name, value in settings.items()],
        "volumeMounts": [{"name": "ca", "mountPath": "/etc/whosaid/secrets/0"}],
    }
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    selector = {"matchLabels": {"a": "b"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "sink"},
        "spec": {"selector": selector, "template": template},
    }


@pytest.mark.parametrize("version", deployment.KUBERNETES)
def test_a_resource_that_fits_its_schema_has_no_fault(version: str) -> None:
    assert deployment.schema_faults(pod(), version, None) == []


@pytest.mark.parametrize("version", deployment.KUBERNETES)
def test_an_unknown_field_of_kubernetes_is_a_fault(version: str) -> None:
    resource = pod()
    resource["spec"]["replica"] = 3
    [fault] = deployment.schema_faults(resource, version, None)
    assert fault.startswith("Deployment sink: ")
    assert "replica" in fault


def test_a_custom_resource_is_held_against_the_catalogue(tmp_path: Path) -> None:
    resource = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "sink"}, "spec": 3}
    schema = {"properties": {"spec": {"type": "object"}}}
    assert deployment.schema_faults(resource, "1.37", None) == []
    assert "the catalogue has no" in deployment.schema_faults(resource, "1.37", tmp_path)[0]
    (tmp_path / "keda.sh").mkdir()
    (tmp_path / "keda.sh/scaledobject_v1alpha1.json").write_text(json.dumps(schema), encoding="utf-8")
    assert deployment.schema_faults(resource, "1.37", tmp_path) == [
        "ScaledObject sink: $.spec: 3 is not of type 'object'"
    ]


@pytest.mark.parametrize(
    ("kind", "endpoints"), [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")]
)
def test_a_monitor_is_held_against_the_operators_fields(kind: str, endpoints: str) -> None:
    endpoint = {"port": "metrics", "path": "/metrics", "interval": "30s",
                "authorization": {"type": "Bearer", "credentials": {"name": "token", "key": "token"}}}  # fmt: skip
    spec: dict[str, Any] = {"selector": {"matchLabels": {"a": "b"}}, "podTargetLabels": ["c"], endpoints: [endpoint]}
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": {"name": "m"}, "spec": spec}
    assert deployment.schema_faults(monitor, "1.37", None) == []
    for wrong, sentence in (
        ({endpoints: []}, "non-empty"),
        ({endpoints: [endpoint | {"interval": "30 seconds"}]}, "does not match"),
        ({endpoints: [endpoint | {"bearer": "x"}]}, "'bearer' was unexpected"),
        ({endpoints: [endpoint | {"authorization": {"credentials": {"name": ""}}}]}, "'key' is a required property"),
        ({"selector": {"a": "b"}}, "'a' was unexpected"),
        ({"other": 1}, "'other' was unexpected"),
    ):
        faults = deployment.schema_faults(monitor | {"spec": spec | wrong}, "1.37", None)
        assert any(sentence in fault for fault in faults), wrong


def test_a_variable_that_is_no_setting_is_a_fault() -> None:
    assert list(deployment.setting_faults([pod(KAFKA__PREFIX="a.")])) == []
    [fault] = deployment.setting_faults([pod(KAFKA__PREFLIX="a.")])
    assert fault.startswith("sink: WHOSAID_KAFKA__PREFLIX is not a setting")
    [fault] = deployment.setting_faults([pod(KAFKA__PARTITIONS="many")])
    assert "WHOSAID_KAFKA__PARTITIONS" in fault


def test_a_file_that_no_volume_has_is_a_fault() -> None:
    mounted, absent = "/etc/whosaid/secrets/0/ca.crt", "/etc/whosaid/secrets/1/ca.crt"
    assert list(deployment.setting_faults([pod(KAFKA__CA_FILE=mounted)])) == []
    assert list(deployment.setting_faults([pod(KAFKA__CA_FILE=absent)])) == [
        f"sink: WHOSAID_KAFKA__CA_FILE names {absent}, which no volume has"
    ]


def test_the_three_sets_of_values_are_there() -> None:
    assert [path.stem for path in deployment.VALUES] == ["cluster", "secured", "small"]
