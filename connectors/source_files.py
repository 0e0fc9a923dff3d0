"""Reads and writes lists of sources: sources.yaml, which can be the whole configuration, and OPML of feed readers.

::

    sources:
      - location: https://news.example/feed.xml
      - id: gazette
        kind: file
        location: /var/spool/gazette
        name: The Gazette
        options: {pattern: "*.xml"}
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

import yaml
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors import registry
from connectors.base import SourceConfig
from connectors.parsing.article_factory import address_of, domain_of, one_line
from pipeline import identity
from pipeline.errors import InputError

_FIELDS = {"id", "kind", "location", "name", "options"}
_ID = re.compile(r"[\w.-]{1,200}")
_LONGEST_SLUG = 120
STARTER = Path(__file__).with_name("starter.yaml")
"""Well-known English news feeds, as names and addresses; none is read unless the user adds it."""


def load(path: Path) -> list[SourceConfig]:
    """Reads the sources of a YAML file.

    Raises:
        InputError: it cannot be read, or a source in it cannot be used; the message says which.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # the second of dates and numbers that cannot be
        raise InputError(f"{path} is not YAML: {one_line(str(error))}.") from None
    entries = value.get("sources") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise InputError(f"{path} has no list of sources; begin it with `sources:` and a dash for each.")
    return unique([_source(entry, f"{path}, source {number}") for number, entry in enumerate(entries, 1)])


def make(
    location: str, *, kind: str = "feed", name: str = "", options: Any = None, identifier: str = ""
) -> SourceConfig:
    """Makes a source; where no id is given, it is made of the location.

    Raises:
        InputError: the id has other characters than those that can stand in an address.
    """
    if identifier and not _ID.fullmatch(identifier):
        raise InputError(
            f"{identifier!r} is no id of a source: use letters, digits, dots, dashes and underscores, 200 at the most."
        )
    location = address_of(location)
    return SourceConfig(identifier or slug(location), kind, location, one_line(name), dict(options or {}))


def backfills(source: str) -> tuple[str, ...]:
    """The ids of a source's backfills: there are several, because a site may have several sitemaps."""
    return tuple(f"{source}-backfill{number}" for number in ("", "-2", "-3"))


def options(pairs: Iterable[str]) -> dict[str, Any]:
    """Reads options written as name=value. Values are YAML, so that numbers are numbers.

    Raises:
        InputError: an option is written otherwise.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise InputError(f"{pair!r} is no option; write it as name=value, for example pages=never.")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError):
            found[name.strip()] = value
    return found


def slug(location: str) -> str:
    """A short id that people can type: 'https://www.example.org/rss/world.xml' → 'example.org-rss-world.xml'.

    Where another location would be written the same ('…/rss?cat=world', '…/rss/cat/world'), a few letters of a hash
    stand behind it: 'example.org-rss-cat-world-5f3a9c'. A login in the address is no part of it: ids are shown and
    logged.
    """
    place = _without_login(location)
    text = place.partition("://")[2].removeprefix("www.") if domain_of(place) else place.removeprefix("/")
    host, slash, rest = text.partition("/") if domain_of(place) else ("", "", text)
    plain = host.lower() + slash + rest
    short = re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.")[:_LONGEST_SLUG] or "source"
    alone = place == location and "-" not in rest and short == plain.removesuffix("/").replace("/", "-")
    return short if alone else _hashed(short, location)


def _without_login(location: str) -> str:
    scheme, mark, rest = location.partition("://")
    try:
        parts = urlsplit(location)
        _ = parts.port
        login_ends = parts.netloc.rfind("@")
    except ValueError:  # a password with a slash in it: the address ends in it, for a machine
        login_ends = rest.rfind("@")
    return f"{scheme}{mark}{rest[login_ends + 1 :]}" if mark else location


def unique(configs: Iterable[SourceConfig], known: Mapping[str, SourceConfig] | None = None) -> list[SourceConfig]:
    """The sources, each location once; one that is known already, and is given no id, is the one that is known.

    Of two locations whose ids were both made of them and are the same (they differ in `http` or `www.` alone), the
    second gets another id.

    Raises:
        InputError: two different sources were given the same id.
    """
    known = known or {}
    by_location = {source.place: source for source in known.values()}
    kept: dict[str, SourceConfig] = {}
    for config in configs:
        if config.id == slug(config.location):
            config = _made(config, by_location.get(config.place), kept.get(config.id) or known.get(config.id))
        other = kept.setdefault(config.id, config)
        if other.place != config.place:
            raise InputError(f"Two sources have the id {config.id!r}: {other.location} and {config.location}.")
    return list(kept.values())


def _made(config: SourceConfig, same: SourceConfig | None, other: SourceConfig | None) -> SourceConfig:
    """The source whose id is made of its location, beside the one of the same location and the one of the same id."""
    if same is not None and same.id != config.id:
        return replace(config, id=same.id) if config.options else same
    if other is not None and other.place != config.place:
        return replace(config, id=_hashed(config.id, config.location))
    return config


def _hashed(short: str, location: str) -> str:
    return f"{short}-{identity.digest('source', location, length=6)}"


def from_opml(path: Path) -> list[SourceConfig]:
    """The feeds of an OPML file, those in folders too.

    Raises:
        InputError: it cannot be read, or is no OPML.
    """
    try:
        root = fromstring(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InputError(f"{path} is not OPML: {one_line(str(error)) or type(error).__name__}.") from None
    found = []
    for outline in root.iter("outline"):
        address = next((value for key, value in outline.attrib.items() if key.lower() == "xmlurl"), "").strip()
        if address:
            found.append(make(address, name=outline.get("title") or outline.get("text") or ""))
    if not found:
        raise InputError(f"{path} has no feeds in it (outlines with xmlUrl).")
    return unique(found)


def to_opml(configs: Iterable[SourceConfig]) -> str:
    """The feeds among the sources as OPML 2.0; sources of other kinds have no place in it."""
    root = Element("opml", version="2.0")
    SubElement(SubElement(root, "head"), "title").text = "WhoSaid sources"
    body = SubElement(root, "body")
    for config in configs:
        if config.kind == "feed":
            title = config.name or config.id
            SubElement(body, "outline", type="rss", text=title, title=title, xmlUrl=config.location)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _source(entry: Any, where: str) -> SourceConfig:
    if isinstance(entry, str):
        entry = {"location": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("location"), str):
        raise InputError(f"{where} has no location.")
    if unknown := set(entry) - _FIELDS:
        raise InputError(
            f"{where} has {', '.join(map(repr, sorted(map(str, unknown))))}, which is no field of sources."
        )
    kind = str(entry.get("kind") or "feed")
    if kind not in registry.kinds():
        raise InputError(f"{where} is of kind {kind!r}; there are: {', '.join(registry.kinds())}.")
    given = entry.get("options") or {}
    if not isinstance(given, dict):
        raise InputError(f"{where}: its options are not a mapping.")
    try:
        return make(
            entry["location"],
            kind=kind,
            name=str(entry.get("name") or ""),
            options=given,
            identifier=str(entry.get("id") or ""),
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
