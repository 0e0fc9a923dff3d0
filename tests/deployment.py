"""Checks what deploys WhoSaid: the image's file, compose, the documents, and the Helm chart for three sets of values.

    python -m tests.deployment [--schemas FOLDER]

Renders the chart with Helm and holds each resource against the schemas of three versions of Kubernetes, and every
variable of WhoSaid against its settings. `--schemas` names a checkout of a catalogue of custom resources' schemas
(files GROUP/KIND_VERSION.json); without it, custom resources are counted as unchecked. Helm is the one on the PATH, or
is built once with Go from its module and kept in the user's cache. What cannot be had here is said loudly.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import platformdirs
import yaml

from pipeline.errors import SettingsError
from pipeline.settings import load
from tests.image import StepError, build, use
from tests.programs import COMPOSE

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy/helm/whosaid"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
KUBERNETES = ("1.37", "1.36", "1.35")
"""Versions that the rendered chart must fit: the newest that the schemas know, and the two before."""

HELM_MODULE = "helm.sh/helm/v3/cmd/helm"
HELM_VERSION = "v3.22.0"
_SECONDS = 1800  # that building Helm may take on a slow machine

_QUIET = {"NO_MKDOCS_2_WARNING": "1"}  # in which the theme tells of a program to come

Resource = dict[str, Any]


@dataclass
class Report:
    """What the checks found: faults, what could not be checked here, and what is fine."""

    faults: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    fine: list[str] = field(default_factory=list)

    def result(self, title: str, faults: Sequence[str]) -> None:
        """Notes a check by its title, with what it found."""
        self.faults += [f"{title}: {fault}" for fault in faults]
        if not faults:
            self.fine.append(title)

    def __str__(self) -> str:
        frame = "!" * 100
        lines = [f"ok       {title}" for title in self.fine]
        lines += [f"{frame}\nNOT CHECKED HERE: {why}\n{frame}" for why in self.unchecked]
        lines += [f"FAULT    {fault}" for fault in self.faults]
        return "\n".join(lines)


def main() -> int:
    """0 if nothing is wrong with what could be checked; else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemas", type=Path, help="a checkout of a catalogue of custom resources' schemas")
    options = parser.parse_args()
    report = Report()
    check_image(report)
    check_steps(report)
    check_compose(report)
    check_documents(report)
    if helm := find_helm():
        check_chart(report, helm, options.schemas)
    else:
        report.unchecked.append(
            f"Helm is neither on the PATH nor could Go build it ({HELM_MODULE}@{HELM_VERSION}), so the chart was not "
            "rendered."
        )
    print(report)
    return 1 if report.faults else 0


def check_image(report: Report) -> None:
    """Lets hadolint read the image's file."""
    command = [str(Path(sysconfig.get_path("scripts")) / "hadolint"), str(ROOT / "deploy/Dockerfile")]
    report.result("hadolint: deploy/Dockerfile", _lines_of_a_failure(command))


def check_steps(report: Report) -> None:
    """Executes the steps of the image's file in a folder, and uses what comes out."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            image = build(Path(folder))
        except StepError as error:
            report.faults.append(f"deploy/Dockerfile: {error}")
            return
        report.result("deploy/Dockerfile: its steps in a folder; the command, model and health check", list(use(image)))
        report.unchecked.append(f"of deploy/Dockerfile, for want of an engine: {'; '.join(image.left_out)}")


def check_compose(report: Report) -> None:
    """Lets docker-compose read its file."""
    program = COMPOSE.find()
    if program is None:
        report.unchecked.append(COMPOSE.missing)
        return
    environment = os.environ | {"COMPOSE_PROJECT_NAME": "whosaid"}
    command = [program, "--file", str(ROOT / "deploy/compose.yaml"), "config", "--quiet"]
    report.result("docker-compose: deploy/compose.yaml", _lines_of_a_failure(command, environment))


def check_documents(report: Report) -> None:
    """Lets MkDocs build the site of the documents, to which a warning is a failure."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(sysconfig.get_path("scripts")) / "mkdocs")
        command = [
            program,
            "build",
            "--strict",
            "--quiet",
            "--config-file",
            str(ROOT / "mkdocs.yml"),
            "--site-dir",
            folder,
        ]
        report.result("mkdocs: the site of the documents", _lines_of_a_failure(command, os.environ | _QUIET))


def check_chart(report: Report, helm: str, schemas: Path | None) -> None:
    """Lints and renders the chart for each set of values, and checks what comes out."""
    for values in VALUES:
        command = [helm, "lint", "--strict", "--quiet", str(CHART), "--values", str(values)]
        report.result(f"helm lint: {values.name}", _lines_of_a_failure(command))
        for version in KUBERNETES:
            resources, faults = render(helm, values, version)
            faults += [fault for resource in resources for fault in schema_faults(resource, version, schemas)]
            report.result(f"helm template: {values.name}, Kubernetes {version}, {len(resources)} resources", faults)
        report.result(f"settings of all parts: {values.name}", list(setting_faults(resources)))
        custom = {resource["apiVersion"] for resource in resources if _is_custom(resource)}
        if custom and schemas is None:
            report.unchecked.append(f"{values.name}: the custom resources of {', '.join(sorted(custom))} (--schemas)")


def render(helm: str, values: Path, version: str) -> tuple[list[Resource], list[str]]:
    """The chart's resources for these values and this Kubernetes, and the lines of Helm's failure."""
    command = [helm, "template", "whosaid", str(CHART), "--values", str(values), "--kube-version", version]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        return [], done.stderr.splitlines()
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource], []


def schema_faults(resource: Resource, version: str, schemas: Path | None) -> list[str]:
    """What is wrong with a resource by its schema; unknown fields are wrong."""
    title = f"{resource['kind']} {resource['metadata']['name']}"
    if not _is_custom(resource):
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            return [f"{title}: {error.message}"]
        return []
    if schemas is None:
        own = MONITORS.get(resource["kind"])
        return _faults(title, own, resource) if own else []
    group, api_version = resource["apiVersion"].split("/")
    path = schemas / group / f"{resource['kind'].lower()}_{api_version}.json"
    if not path.exists():
        return [f"{title}: the catalogue has no {path.relative_to(schemas)}"]
    return _faults(title, json.loads(path.read_text(encoding="utf-8")), resource)


def _faults(title: str, schema: Mapping[str, Any], resource: Resource) -> list[str]:
    validator = jsonschema.Draft7Validator(schema)
    return [f"{title}: {error.json_path}: {error.message}" for error in validator.iter_errors(resource)]


def _monitor(endpoints: str, *more: str) -> dict[str, Any]:
    """What the Prometheus operator (0.84) takes of the fields of a monitor that the chart uses, and needs."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    secret = {
        "type": "object", "required": ["key", "name"], "additionalProperties": False,
        "properties": {"key": text, "name": text | {"minLength": 1}, "optional": {"type": "boolean"}},
    }  # fmt: skip
    authorization = {
        "type": "object", "additionalProperties": False,
        "properties": {"type": {"enum": ["Bearer"]}, "credentials": secret},
    }  # fmt: skip
    endpoint = {
        "type": "object", "required": ["port"], "additionalProperties": False,
        "properties": {
            "port": text, "path": text | {"pattern": "^/"}, "scheme": {"enum": ["http", "https"]},
            "interval": text | {"pattern": "^(0|([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"},
            "authorization": authorization,
        },
    }  # fmt: skip
    labels = {"type": "object", "additionalProperties": text}
    selector = {"type": "object", "additionalProperties": False, "properties": {"matchLabels": labels}}
    spec = {
        "type": "object", "required": [endpoints, "selector"], "additionalProperties": False,
        "properties": {
            endpoints: {"type": "array", "minItems": 1, "items": endpoint}, "selector": selector,
            "podTargetLabels": texts, "jobLabel": text, **dict.fromkeys(more, texts),
        },
    }  # fmt: skip
    return {"type": "object", "required": ["spec"], "properties": {"spec": spec}}


MONITORS = {
    "ServiceMonitor": _monitor("endpoints", "targetLabels"),
    "PodMonitor": _monitor("podMetricsEndpoints"),
}
"""By kind, the schema of a monitor where no catalogue is given."""


def setting_faults(resources: Sequence[Resource]) -> Iterator[str]:
    """Variables of the parts that are no settings of WhoSaid or have a bad value, and files that nobody mounts."""
    for resource in resources:
        if resource["kind"] != "Deployment":
            continue
        name = resource["metadata"]["name"]
        container = resource["spec"]["template"]["spec"]["containers"][0]
        environment = {entry["name"]: entry["value"] for entry in container["env"]}
        folders = [mount["mountPath"] for mount in container["volumeMounts"]]
        named_files = {variable: value for variable, value in environment.items() if value.startswith("/etc/whosaid")}
        for variable, path in named_files.items():
            if not any(path.startswith(f"{folder}/") for folder in folders):
                yield f"{name}: {variable} names {path}, which no volume has"
        try:
            load(_with_readable_files(environment))
        except SettingsError as error:
            yield f"{name}: {error}"


def find_helm() -> str | None:
    """The path of Helm: on the PATH, in the cache, or built into the cache now; None where it cannot be had."""
    if helm := shutil.which("helm"):
        return helm
    folder = Path(platformdirs.user_cache_dir("whosaid")) / "tools" / f"helm-{HELM_VERSION}"
    if (folder / "helm").exists():
        return str(folder / "helm")
    go = shutil.which("go")
    if go is None:
        return None
    print(f"Building Helm {HELM_VERSION} with Go, once (a few minutes) …", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"GOBIN": str(folder)}
    try:
        done = subprocess.run(
            [go, "install", f"{HELM_MODULE}@{HELM_VERSION}"],
            env=environment, capture_output=True, text=True, timeout=_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return str(folder / "helm")


def _is_custom(resource: Resource) -> bool:
    group = resource["apiVersion"].rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


def _with_readable_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with this file in place of secrets' files, which exist in a pod alone."""
    return {
        variable: __file__ if variable.endswith("_FILE") and value.startswith("/etc/whosaid") else value
        for variable, value in environment.items()
    }


def _lines_of_a_failure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    return (done.stdout + done.stderr).splitlines() or ["it failed without a word"] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
