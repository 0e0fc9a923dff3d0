"""Reads `engines.json`: the Maven coordinates, size and SHA-256 of each file that the engines are made of."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Pin:
    """One file of a Maven repository that must be exactly this one."""

    group: str
    artifact: str
    version: str
    extension: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the repository and in the cache."""
        return f"{self.artifact}-{self.version}.{self.extension}"

    @property
    def coordinates(self) -> str:
        """`group:artifact:version:extension`."""
        return f"{self.group}:{self.artifact}:{self.version}:{self.extension}"


@dataclass(frozen=True)
class Engine:
    """One engine: its version and all files it needs."""

    name: str
    version: str
    files: tuple[Pin, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(pin.size for pin in self.files)


@cache
def engines() -> dict[str, Engine]:
    """The pinned engines by name: `kafka`, `elasticsearch`."""
    found = json.loads(files("pipeline.embedded").joinpath("engines.json").read_text(encoding="utf-8"))
    return {name: parse(name, entry) for name, entry in found.items()}


def parse(name: str, entry: dict[str, object]) -> Engine:
    """One engine of the file's JSON."""
    rows = entry["files"]
    assert isinstance(rows, list)
    pins = []
    for row in rows:
        group, artifact, version, extension = row["coordinates"].split(":")
        pins.append(Pin(group, artifact, version, extension, row["size"], row["sha256"]))
    return Engine(name, str(entry["version"]), tuple(pins))
