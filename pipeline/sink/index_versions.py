"""Versions of the indices: which there are, how one is kept from being written, how the aliases go from one to another.

A version (`v1`, `v2` …) is a whole set of month indices. One is searched and written: the one that the aliases name. A
rebuild fills another and swaps the aliases in one action. The version that goes is **fenced** before: its indices are
blocked for writing, which Elasticsearch does only when all writes under way have ended, and a template of higher
priority has every index that somebody still makes under its name be born blocked. So from the fence on nothing at all
is written to it, and sinks that try learn from the block that they have to look where the aliases lead.

A fenced version that was searched is **retired**: it stays as it was, with the offsets of the topic up to which it is
complete in its indices' `_meta`, so that one can go back to it quickly.

A version that is to be swapped to carries a **ticket**, an alias that the swap takes off in the same action and cannot
do without. Whoever does not know what became of a swap takes the ticket off: then either the aliases name the new
version, or they never will by that swap, however late Elasticsearch gets to see it.

Indices that somebody else made under our names are no versions. All functions raise the client's own errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import Elasticsearch

from pipeline import index_health
from pipeline.settings import Settings
from pipeline.sink import indices

_FENCE_PRIORITY = 300  # above the templates of the versions
_AT_ONCE = 30  # names in one request, whose line has a limit
_RETIRED = index_health.RETIRED


@dataclass(frozen=True)
class Version:
    """A version that is there: its indices, whether the aliases name it, since when and how far it is retired."""

    name: str
    names: frozenset[str]
    searched: bool
    retired: datetime | None = None
    offsets: Mapping[int, int] | None = None
    """Of a retired one: by partition of the sink's topic the first offset that is not in it."""


def all_versions(client: Elasticsearch, settings: Settings) -> list[Version]:
    """The versions that are there, oldest first."""
    found: dict[str, dict[str, Any]] = {}
    for kind in indices.KINDS:
        found |= client.indices.get(
            index=indices.pattern(settings, kind, "v*"),
            filter_path=f"*.aliases,{index_health.MAPPING},*.settings.index.uuid",
            expand_wildcards="open,closed",
        ).body
    found = {name: one for name, one in found.items() if index_health.is_ours(one.get("mappings", {}))}
    aliases = {indices.alias(settings, kind) for kind in indices.KINDS}
    versions = []
    for name in sorted({indices.version_of(index) for index in found}, key=indices.number):
        own = {index: content for index, content in found.items() if indices.version_of(index) == name}
        notes = [note for one in own.values() if (note := one.get("mappings", {}).get("_meta", {}).get(_RETIRED))]
        searched = any(aliases & set(one.get("aliases", {})) for one in own.values())
        note = notes[0] if notes and not searched else None
        versions.append(
            Version(
                name,
                frozenset(own),
                searched,
                datetime.fromisoformat(note["at"]) if note else None,
                {int(partition): offset for partition, offset in note["offsets"].items()} if note else None,
            )
        )
    return versions


def raise_fence(client: Elasticsearch, settings: Settings, version: str) -> None:
    """Nothing is written to the version any more, from the moment that this returns."""
    client.indices.put_index_template(
        name=indices.fence(settings, version),
        index_patterns=[indices.pattern(settings, kind, version) for kind in indices.KINDS],
        template={"settings": {"index.blocks.write": True}},
        priority=_FENCE_PRIORITY,
    )
    # After the template: an index that is made in between is in one of the two.
    for kind in indices.KINDS:
        names = _there(client, settings, kind, version)
        for start in range(0, len(names), _AT_ONCE):
            # By name: Elasticsearch takes no wildcards here.
            client.indices.add_block(
                index=",".join(names[start : start + _AT_ONCE]), block="write", ignore_unavailable=True
            )


def lower_fence(client: Elasticsearch, settings: Settings, version: str) -> None:
    """The version may be written again."""
    client.options(ignore_status=404).indices.delete_index_template(name=indices.fence(settings, version))
    for kind in indices.KINDS:
        if _there(client, settings, kind, version):
            client.indices.put_settings(
                index=indices.pattern(settings, kind, version), settings={"index.blocks.write": None}
            )


def retire(client: Elasticsearch, settings: Settings, version: str, at: datetime, offsets: Mapping[int, int]) -> None:
    """Notes in the version how far it is complete: by partition the first offset of the topic that is not in it."""
    note = {"at": at.isoformat(), "offsets": {str(partition): offset for partition, offset in offsets.items()}}
    for kind in indices.KINDS:
        if _there(client, settings, kind, version):
            meta = {index_health.MARK: {"kind": kind}, _RETIRED: note}
            client.indices.put_mapping(index=indices.pattern(settings, kind, version), meta=meta)


def new_name(client: Elasticsearch, settings: Settings) -> str:
    """The name of the next version: of a number that nothing has, also nothing of somebody else's."""
    numbers = [0]
    for kind in indices.KINDS:
        found = client.indices.get(
            index=indices.pattern(settings, kind, "v*"),
            filter_path="*.settings.index.uuid",
            expand_wildcards="open,closed",
        )
        numbers += [indices.number(indices.version_of(index)) for index in found]
    return f"v{max(numbers) + 1}"


def give_ticket(client: Elasticsearch, settings: Settings, version: str) -> None:
    """The version may be swapped to."""
    first = _there(client, settings, "articles", version)[0]
    client.indices.put_alias(index=first, name=_ticket(settings))


def take_tickets(client: Elasticsearch, settings: Settings) -> None:
    """No version can be swapped to from now on, not even by a swap that is under way."""
    client.options(ignore_status=404).indices.delete_alias(
        index=indices.pattern(settings, "articles", "v*"), name=_ticket(settings)
    )


def searched(client: Elasticsearch, settings: Settings, version: str) -> bool:
    """Whether the aliases name the version."""
    return any(one.name == version and one.searched for one in all_versions(client, settings))


def swap(client: Elasticsearch, settings: Settings, old: str, new: str) -> None:
    """The aliases name the new version instead of the old one; both aliases and all months in one action.

    Elasticsearch refuses it where the new version has no ticket, or no longer.
    """
    with_ticket = client.indices.get_alias(name=_ticket(settings))
    actions: list[dict[str, Any]] = [
        {"remove": {"index": index, "alias": _ticket(settings), "must_exist": True}}
        for index in with_ticket
        if indices.version_of(index) == new
    ]
    for kind in indices.KINDS:
        alias = indices.alias(settings, kind)
        actions.append({"add": {"index": indices.pattern(settings, kind, new), "alias": alias}})
        if _there(client, settings, kind, old):
            actions.append({"remove": {"index": indices.pattern(settings, kind, old), "alias": alias}})
    client.indices.update_aliases(actions=actions)


def drop(client: Elasticsearch, settings: Settings, version: Version) -> None:
    """Deletes a version that is not searched, with its templates.

    Raises:
        ValueError: it is searched.
    """
    if version.searched:
        raise ValueError(f"{version.name} is searched")
    for index in sorted(version.names, reverse=True):  # quotes before their articles
        client.options(ignore_status=404).indices.delete(index=index)
    for kind in indices.KINDS:
        client.options(ignore_status=404).indices.delete_index_template(
            name=f"{settings.elasticsearch.prefix}-{kind}-{version.name}"
        )
    client.options(ignore_status=404).indices.delete_index_template(name=indices.fence(settings, version.name))


def _ticket(settings: Settings) -> str:
    return f"{settings.articles_alias}-may-be-searched"


def _there(client: Elasticsearch, settings: Settings, kind: str, version: str) -> list[str]:
    return sorted(
        client.indices.get(index=indices.pattern(settings, kind, version), filter_path="*.settings.index.uuid")
    )
