"""Writes a CycloneDX list (JSON) of every package that WhoSaid runs on: versions, hashes, licences. Run by `make sbom`.

The packages and their hashes are those of runtime.txt; the licences are told by what is installed.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass
class Pin:
    """A pinned package; a package has a hash for each of its files."""

    name: str
    version: str
    hashes: list[str]


def pins(requirements: str) -> Iterator[Pin]:
    """What the requirements pin."""
    current: Pin | None = None
    for line in requirements.splitlines():
        if match := _PIN.match(line):
            if current:
                yield current
            current = Pin(match["name"], match["version"], [])
        if current:
            current.hashes += _HASH.findall(line)
    if current:
        yield current


def bom(requirements: str) -> Bom:
    """The list, WhoSaid itself its root."""
    factory = LicenseFactory()
    made = Bom()
    root = Component(
        name="whosaid",
        version=metadata.version("whosaid"),
        type=ComponentType.APPLICATION,
        licenses=[factory.make_from_string("Apache-2.0")],
        purl=PackageURL("pypi", None, "whosaid", metadata.version("whosaid")),
    )
    made.metadata.component = root
    components = []
    for pin in pins(requirements):
        purl = PackageURL("pypi", None, pin.name, pin.version)
        licence = _licence(pin.name)
        components.append(
            Component(
                name=pin.name,
                version=pin.version,
                type=ComponentType.LIBRARY,
                purl=purl,
                bom_ref=str(purl),
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in pin.hashes],
                licenses=[factory.make_from_string(licence)] if licence else [],
            )
        )
    for component in components:
        made.components.add(component)
    made.register_dependency(root, components)
    return made


def _licence(name: str) -> str:
    """What the installed package says of its licence, in one line; empty where it says nothing or is not installed."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    short = told.get("License-Expression") or told.get("License") or ""
    if short and "\n" not in short and len(short) < 100:
        return str(short)
    named = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or [] if one.startswith("License :: ")]
    return " AND ".join(named[:1])


def main() -> None:
    """Writes the list to the file that is named, or to standard output."""
    text = JsonV1Dot6(bom(Path(__file__).with_name("runtime.txt").read_text(encoding="utf-8"))).output_as_string(
        indent=1
    )
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
