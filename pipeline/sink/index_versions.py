"""Lists the versions of the indices, fences them against writing, and swaps the aliases from one to another.

A version (`v1`, `v2` …) is a whole set of month indices. The version that the aliases name is searched and written. A
rebuild fills another version and swaps the aliases in one action. Before that it **fences** the old version: it blocks
the indices for writing, which Elasticsearch does only when all running writes have ended; and it adds a template of
higher priority, which also blocks every index that somebody makes later under the version's name. So after the fence
nothing is written to the version. A sink that tries meets the block, and then asks which version the aliases name.

A fenced version that was searched is **retired**: it stays as it was. The `_meta` of its indices has the offsets of the
topic up to which it is complete, so that going back to it is quick.

A version that may be swapped to carries a **ticket**: an alias that the swap removes in the same action, and without
which the swap fails. Where it is unclear what became of a swap, the rebuild removes the ticket: then either the aliases
name the new version, or that swap will fail, however late Elasticsearch handles it.

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
    """A version: its indices, whether the aliases name it, and since when it is retired."""

    name: str
    names: frozenset[str]
    searched: bool
    retired: datetime | None = None
    offsets: Mapping[int, int] | None = None
    """Of a retired version: by partition of the sink's topic, the first offset that it does not contain."""


def all_versions(client: Elasticsearch, settings: Settings) -> list[Version]:
    """All versions, oldest first."""
    contents: dict[str, dict[str, Any]] = {}
    for kind in indices.KINDS:
        contents |= client.indices.get(
            index=indices.pattern(settings, kind, "v*"),
            filter_path=f"*.aliases,{index_health.MAPPING},*.settings.index.uuid",
            expand_wildcards="open,closed",
        ).body
    contents = {
        index: content for index, content in contents.items() if index_health.is_ours(content.get("mappings", {}))
    }
    aliases = {indices.alias(settings, kind) for kind in indices.KINDS}
    versions = []
    for name in sorted({indices.version_of(index) for index in contents}, key=indices.number):
        own = {index: content for index, content in contents.items() if indices.version_of(index) == name}
        metas = [content.get("mappings", {}).get("_meta", {}) for content in own.values()]
        notes = [meta[_RETIRED] for meta in metas if meta.get(_RETIRED)]
        searched = any(aliases & set(content.get("aliases", {})) for content in own.values())
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
    """Blocks the version for writing. When this returns, nothing more is written to it."""
    client.indices.put_index_template(
        name=indices.fence(settings, version),
        index_patterns=[indices.pattern(settings, kind, version) for kind in indices.KINDS],
        template={"settings": {"index.blocks.write": True}},
        priority=_FENCE_PRIORITY,
    )
    # After the template, so that an index made in between is blocked by one of the two.
    for kind in indices.KINDS:
        names = _index_names(client, settings, kind, version)
        for start in range(0, len(names), _AT_ONCE):
            # By name: Elasticsearch takes no wildcards here.
            client.indices.add_block(
                index=",".join(names[start : start + _AT_ONCE]), block="write", ignore_unavailable=True
            )


def lower_fence(client: Elasticsearch, settings: Settings, version: str) -> None:
    """Allows writing to the version again."""
    client.options(ignore_status=404).indices.delete_index_template(name=indices.fence(settings, version))
    for kind in indices.KINDS:
        if _index_names(client, settings, kind, version):
            client.indices.put_settings(
                index=indices.pattern(settings, kind, version), settings={"index.blocks.write": None}
            )


def retire(client: Elasticsearch, settings: Settings, version: str, at: datetime, offsets: Mapping[int, int]) -> None:
    """Notes in the version how far it is complete: by partition, the first offset that it does not contain."""
    note = {"at": at.isoformat(), "offsets": {str(partition): offset for partition, offset in offsets.items()}}
    for kind in indices.KINDS:
        if _index_names(client, settings, kind, version):
            meta = {index_health.MARK: {"kind": kind}, _RETIRED: note}
            client.indices.put_mapping(index=indices.pattern(settings, kind, version), meta=meta)


def new_name(client: Elasticsearch, settings: Settings) -> str:
    """The name of the next version. No index has its number, also no index that somebody else made."""
    numbers = [0]
    for kind in indices.KINDS:
        names = client.indices.get(
            index=indices.pattern(settings, kind, "v*"),
            filter_path="*.settings.index.uuid",
            expand_wildcards="open,closed",
        )
        numbers += [indices.number(indices.version_of(index)) for index in names]
    return f"v{max(numbers) + 1}"


def give_ticket(client: Elasticsearch, settings: Settings, version: str) -> None:
    """Allows swapping to the version."""
    first = _index_names(client, settings, "articles", version)[0]
    client.indices.put_alias(index=first, name=_ticket(settings))


def take_tickets(client: Elasticsearch, settings: Settings) -> None:
    """Forbids swapping to any version, also to a swap that is already running."""
    client.options(ignore_status=404).indices.delete_alias(
        index=indices.pattern(settings, "articles", "v*"), name=_ticket(settings)
    )


def searched(client: Elasticsearch, settings: Settings, version: str) -> bool:
    """Whether the aliases name the version."""
    return any(known.name == version and known.searched for known in all_versions(client, settings))


def swap(client: Elasticsearch, settings: Settings, old: str, new: str) -> None:
    """Makes the aliases name the new version instead of the old one: both aliases and all months in one action.

    Elasticsearch refuses the swap where the new version has no ticket.
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
        if _index_names(client, settings, kind, old):
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


def _index_names(client: Elasticsearch, settings: Settings, kind: str, version: str) -> list[str]:
    return sorted(
        client.indices.get(index=indices.pattern(settings, kind, version), filter_path="*.settings.index.uuid")
    )
