"""Finds where a pinned file can be had: the user's own Maven folder, a mirror, or the repository that jgo knows."""

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from defusedxml.ElementTree import parse
from jgo.config import GlobalSettings
from jgo.maven import MavenContext

from pipeline.embedded.engine_pins import Pin


class Repositories:
    """The places to ask, in order.

    First the local Maven repository (what is there already need not be fetched), then the repository of the settings.
    Where those name none: the [repositories] of jgo's own configuration, a mirror of Maven's settings.xml, or jgo's
    default.
    """

    def __init__(self, repository: str = "", maven_settings: Path | None = None) -> None:
        known = GlobalSettings.load()
        settings_file = maven_settings or Path.home() / ".m2" / "settings.xml"
        self._context = MavenContext(
            repo_cache=Path(os.environ.get("M2_REPO", known.repo_cache)),
            remote_repos={"given": repository} if repository else known.repositories or mirror(settings_file) or None,
        )

    def files(self, pin: Pin) -> Iterator[Path]:
        """Where the file would lie on this machine; it need not be there, nor be the right one."""
        yield self._context.repo_cache / self._path(pin)
        for place in self._places():
            if "://" not in place:
                yield Path(place).expanduser() / self._path(pin)

    def urls(self, pin: Pin) -> Iterator[str]:
        """Where to fetch the file from."""
        for place in self._places():
            if "://" in place:
                yield f"{place.rstrip('/')}/{self._path(pin).as_posix()}"

    def _places(self) -> list[str]:
        return list(self._context.remote_repos.values())

    def _path(self, pin: Pin) -> Path:
        component = self._context.project(pin.group, pin.artifact).at_version(pin.version)
        artifact = component.artifact(packaging=pin.extension)
        return Path(component.path_prefix) / str(artifact.filename)


def mirror(settings_file: Path) -> dict[str, str]:
    """The mirror of the central repository that a Maven settings.xml names; empty where it names none."""
    try:
        root = parse(settings_file).getroot()
    except (OSError, ElementTree.ParseError):
        return {}
    for element in root.iter() if root is not None else ():
        if _name(element) == "mirror":
            fields = {_name(child): (child.text or "").strip() for child in element}
            of = {part.strip() for part in fields.get("mirrorOf", "").split(",")}
            if of & {"*", "external:*", "central"} and "!central" not in of and fields.get("url"):
                return {fields.get("id") or "mirror": fields["url"]}
    return {}


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
