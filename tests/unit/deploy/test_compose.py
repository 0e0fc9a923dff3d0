"""The compose file: pinned images, known settings, parts that start in order and may do little."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.main import app
from pipeline.settings import load, variables

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PARTS = ("enrich", "sink", "resolve", "alert", "serve", "connect", "push")


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[name]["image"])


@pytest.mark.parametrize("name", PARTS)
def test_every_variable_of_a_part_is_a_setting_with_a_good_value(name: str) -> None:
    environment = SERVICES[name]["environment"]
    known = {variable for variable, _ in variables()}
    assert {variable for variable in environment if variable.startswith("WHOSAID_")} <= known
    assert load(environment).bootstrap_servers == ["kafka:9092"]


@pytest.mark.parametrize("name", PARTS)
def test_every_part_is_a_command_of_ours_and_may_do_little(name: str) -> None:
    commands = {one.name or getattr(one.callback, "__name__", "") for one in app.registered_commands}
    commands |= {group.name or "" for group in app.registered_groups}
    assert SERVICES[name]["command"][0] in commands
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in SERVICES[name], "it is the image's own, without rights"


@pytest.mark.parametrize("name", [*PARTS, "kibana", "kibana-dashboard", "grafana", "prometheus"])
def test_a_service_waits_until_what_it_needs_is_healthy(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[needed]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_files_that_are_mounted_exist() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    ours = [path for path in mounted if path.startswith("./")]
    assert ours
    assert [path for path in ours if not (DEPLOY / path).exists()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_takes_the_machine_down(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}, "logs would fill the disk"
    assert service["restart"] in ("unless-stopped", "on-failure")


def test_enrichment_fits_its_memory() -> None:
    settings = load(SERVICES["enrich"]["environment"]).enrichment
    assert 0 < settings.processes * settings.memory_limit <= 2048, "3 GB, of which the worker itself takes its part"
    assert SERVICES["enrich"]["mem_limit"] == "3g"


def test_nobody_gets_into_grafana_by_the_password_of_its_image() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


def test_the_dashboard_is_imported_once_kibana_is_healthy() -> None:
    service = SERVICES["kibana-dashboard"]
    mounted = dict(volume.split(":")[:2] for volume in service["volumes"])
    assert f"file=@{mounted['./kibana/whosaid.ndjson']}" in service["entrypoint"]
    assert service["image"] == SERVICES["kibana"]["image"]


def test_the_tokens_stay_out_of_the_repository_and_of_the_image() -> None:
    root = DEPLOY.parent
    paths = [secret["file"] for secret in COMPOSE["secrets"].values()]
    ignored = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert [path for path in paths if f"deploy/{path.removeprefix('./')}" not in ignored] == []
    assert "!deploy" not in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert SERVICES["serve"]["environment"]["WHOSAID_SEARCH__TOKENS_FILE"] == "/run/secrets/whosaid_tokens"
