import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded import download, install
from pipeline.embedded.engine_pins import Engine, Pin
from pipeline.settings import EmbeddedSettings, Settings

from .web import Repository, serving


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.001)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no Maven folder and no configuration of the developer's own
    monkeypatch.delenv("M2_REPO", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def repository() -> Iterator[Repository]:
    with serving() as one:
        yield one


def pin(content: bytes, artifact: str = "thing", extension: str = "jar") -> Pin:
    return Pin("org.example", artifact, "1.0", extension, len(content), hashlib.sha256(content).hexdigest())


def path_of(one: Pin) -> str:
    return f"/org/example/{one.artifact}/1.0/{one.filename}"


JARS = {"broker": b"broker" * 5000, "clients": b"clients" * 3000}

BUILD = {"bin/run": b"#!/bin/sh\n", "lib/core.jar": b"core" * 4000, "config/jvm.options": b"-XX:+UseG1GC\n"}


def build_zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as zipped:
        for folder in ("elastic-1.0/", "elastic-1.0/plugins/"):
            zipped.writestr(zipfile.ZipInfo(folder), b"")
        for name, content in BUILD.items():
            info = zipfile.ZipInfo(f"elastic-1.0/{name}")
            info.external_attr = (0o100755 if name.startswith("bin/") else 0o100600) << 16
            zipped.writestr(info, content)
    return target.getvalue()


@pytest.fixture
def small_engines(monkeypatch: pytest.MonkeyPatch, repository: Repository) -> dict[str, Engine]:
    """Two engines of a few bytes, which the repository has."""
    zipped = build_zip()
    jars = {pin(content, name): content for name, content in JARS.items()}
    archive = pin(zipped, "elastic", "zip")
    engines = {
        "kafka": Engine("kafka", "1.0", tuple(jars)),
        "elasticsearch": Engine("elasticsearch", "1.0", (archive,)),
    }
    repository.files = {path_of(one): content for one, content in {**jars, archive: zipped}.items()}
    monkeypatch.setattr(install, "engines", lambda: engines)
    return engines


@pytest.fixture
def settings(tmp_path: Path, repository: Repository) -> Settings:
    """Settings with folders of the test's own and the repository on this machine."""
    embedded = EmbeddedSettings(
        cache_dir=tmp_path / "cache", data_dir=tmp_path / "data", repository=repository.url, start_timeout=20
    )
    return Settings(embedded=embedded)
