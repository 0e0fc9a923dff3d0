"""What is said of the packages that WhoSaid is made of: the list of them, and what is known of their weaknesses."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.output.json import JsonV1Dot6

FOLDER = Path(__file__).parents[3] / "requirements"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def audit() -> ModuleType:
    return script("audit")


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_everything_that_is_pinned_has_hashes_and_no_address(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    found = list(script("sbom").pins(text))
    assert len(found) > 50
    assert all(pin.hashes for pin in found)
    assert "://" not in text


def test_the_list_of_packages_is_whole_and_of_the_common_form() -> None:
    sbom = script("sbom")
    text = (FOLDER / "runtime.txt").read_text(encoding="utf-8")
    listed = json.loads(JsonV1Dot6(sbom.bom(text)).output_as_string())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    assert listed["metadata"]["component"]["name"] == "whosaid"
    components = {one["name"]: one for one in listed["components"]}
    assert {"kafka-python", "faust-streaming", "spacy", "elasticsearch"} <= set(components)
    assert {pin.name for pin in sbom.pins(text)} == set(components)
    assert all(one["hashes"] and one["purl"].startswith("pkg:pypi/") for one in components.values())
    with_licence = [name for name, one in components.items() if one.get("licenses")]
    assert len(with_licence) > 0.8 * len(components)


def test_a_weakness_is_told_with_where_it_is_mended(audit: ModuleType) -> None:
    weak = {"name": "Kafka_Python", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
    found, unasked = audit.judge({"dependencies": [weak]}, ["kafka-python"])
    assert found == ["Kafka_Python 1.0: PYSEC-1, mended in 1.1"]
    assert unasked == []


def test_a_package_without_an_answer_is_not_taken_for_good(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skipped = {"name": "spacy", "skip_reason": "not found"}
    assert audit.judge({"dependencies": [skipped]}, ["spacy"]) == ([], ["spacy"])
    monkeypatch.setattr(audit, "ask", lambda path: {"dependencies": [], "why": "no network"})
    assert audit.main() == audit.UNREACHED
    printed = capsys.readouterr().out
    assert "NOT AUDITED" in printed
    assert "no network" in printed


def test_only_what_is_installed_here_has_to_be_asked_for(audit: ModuleType) -> None:
    pinned = "a==1 \\\n    --hash=sha256:00\nb==2 ; sys_platform == 'no-such-system' \\\n    --hash=sha256:00\n"
    assert audit.names(pinned) == ["a"]
