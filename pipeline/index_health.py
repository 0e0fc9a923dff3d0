"""Finds indices that cannot be searched or written, and says which request mends each.

The search service, `whosaid status` and the sinks all use this module, so that they say the same. A look is one small
request (names, aliases, settings); an index that was not seen before costs a second one, for its mapping. Elasticsearch
does not report these faults by itself: a search through an alias passes over a closed index and an index without the
alias in silence, and a write to somebody else's index succeeds.

An index is WhoSaid's when its mapping says so (`_meta.whosaid`), or is as strict as one that an earlier release made.
"""

import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from elasticsearch import Elasticsearch

from pipeline.settings import Settings

KINDS = ("quotes", "articles")

FIRST_VERSION = "v1"
"""The version of a new cluster's indices. `whosaid reindex` builds the next version and swaps the aliases to it."""

MARK = "whosaid"
"""The key in `_meta` of the mapping that marks an index as ours."""

RETIRED = "retired"
"""The key in `_meta` of the mapping that marks a version which another one replaced (pipeline.sink.index_versions)."""

STARTING = 3.0
"""Seconds in which missing shards of an index just made are no fault: they start, and are empty."""

_FEATURES = "aliases,settings"
_SETTINGS = ("blocks", "uuid", "verified_before_close", "number_of_shards", "creation_date")
_LOOK = ",".join(["*.aliases", *(f"*.settings.index.{name}" for name in _SETTINGS)])
MAPPING = "*.mappings._meta,*.mappings._source,*.mappings.dynamic,*.mappings.properties.id.type"
"""The `filter_path` of what `is_ours` and `has_terms` need of a mapping."""
_ANY = "open,closed,hidden"
_SHOWN = 10  # names in one sentence


class Fault(StrEnum):
    """What is wrong with an index."""

    CLOSED = "closed"
    UNLISTED = "without its alias"
    FOREIGN = "under our name, but not ours"
    INTRUDER = "behind our alias, but not ours"
    OTHER_VERSION = "of another version, behind our alias"
    ALIAS_TAKEN = "has the name of our alias"
    NO_VERSION = "no version is searched"
    BLOCKED = "blocked"
    AWAY = "shards are away"
    OPENING = "shards are being opened"


_STOPPING = frozenset({Fault.UNLISTED, Fault.FOREIGN, Fault.ALIAS_TAKEN, Fault.NO_VERSION})
_REFUSED = frozenset({Fault.CLOSED, Fault.BLOCKED, Fault.AWAY, Fault.OPENING})


@dataclass(frozen=True)
class Problem:
    """One fault of some indices of one kind.

    `sentence` says what is wrong and which request or command mends it.
    """

    fault: Fault
    kind: str
    indices: tuple[str, ...]
    sentence: str
    hides: bool = True
    """Whether searches miss something because of it."""

    @property
    def stops(self) -> bool:
        """Whether nothing may be written, as Elasticsearch would accept writes that no search finds."""
        return self.fault in _STOPPING

    @property
    def refused(self) -> bool:
        """Whether Elasticsearch itself refuses writes or lookups."""
        return self.fault in _REFUSED


@dataclass(frozen=True)
class Index:
    """An index with a name like ours or behind our aliases. Version and month are empty where its name is not ours."""

    name: str
    uuid: str
    kind: str
    version: str
    month: str
    aliases: frozenset[str]
    closed: bool
    blocks: frozenset[str]
    shards: int
    made: float
    """When it was made, in seconds since 1970."""
    ours: bool
    retired: bool
    terms: bool = True
    """Whether all its documents have terms (pipeline.terms); those that an earlier release wrote have none."""

    @property
    def just_made(self) -> bool:
        """Whether it is so new that its shards may start now, which are empty."""
        return time.time() - self.made <= STARTING


@dataclass(frozen=True)
class State:
    """The indices and what is wrong with them."""

    indices: tuple[Index, ...] = ()
    version: str | None = None
    """The version that is searched and written; None where there is no index yet, or where it is unclear."""
    problems: tuple[Problem, ...] = ()
    unlisted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By alias, our indices of the version that do not carry it."""

    def hidden(self, kind: str) -> list[Problem]:
        """The problems because of which a search of this kind misses something."""
        return [problem for problem in self.problems if problem.hides and problem.kind == kind]

    def foreign(self, kind: str) -> list[str]:
        """The names of indices that are not ours and that a search through this kind's alias would meet."""
        wrong = {Fault.INTRUDER, Fault.ALIAS_TAKEN, Fault.FOREIGN}
        return sorted(
            {
                name
                for problem in self.problems
                if problem.kind == kind and problem.fault in wrong
                for name in problem.indices
            }
        )

    def without_terms(self, kind: str) -> list[str]:
        """The searched indices of this kind that an earlier release made; `whosaid reindex` gives them terms."""
        return [
            index.name
            for index in self.indices
            if index.ours and index.kind == kind and index.version == self.version and not index.terms
        ]

    def searchable(self, kind: str, alias: str) -> bool:
        """Whether a search of this kind sees at least one index, or there is none."""
        own = [index for index in self.indices if index.ours and index.kind == kind and not index.retired]
        return not own or any(alias in index.aliases and not index.closed for index in own)


class Examiner:
    """Examines the indices of the settings. Threads may share it. Raises the client's own errors."""

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._known: dict[str, tuple[bool, bool, bool]] = {}  # by uuid: ours, retired, terms
        self._aliases = {"quotes": settings.quotes_alias, "articles": settings.articles_alias}
        prefix = re.escape(settings.elasticsearch.prefix)
        self._name = re.compile(rf"{prefix}-(quotes|articles)-(v\d+)-(\d{{4}}\.\d{{2}}|other)")

    def look(self, kinds: Iterable[str] = KINDS, *, version: str | None = None, deep: bool = False) -> State:
        """The state of the indices of these kinds. `version` is a version that is filled and not searched yet.

        A deep look also asks whether any shard is missing.
        """
        wanted = list(kinds)
        indices = self._indices(wanted)
        searched = version or self._version(indices)
        if searched is None and _ours(indices):
            # Only in this rare case it matters which are retired, and that may have changed since the mapping was read.
            self._known.clear()
            indices = self._indices(wanted)
            searched = self._only_candidate(indices)
        return self._state(indices, searched, listed=version is None, deep=deep)

    def _indices(self, kinds: list[str]) -> list[Index]:
        names = [name for kind in kinds for name in (self._aliases[kind], f"{self._aliases[kind]}-v*")]
        contents = self._client.indices.get(
            index=names, features=_FEATURES, filter_path=_LOOK, expand_wildcards=_ANY, ignore_unavailable=True
        ).body
        unknown = [name for name, content in contents.items() if _setting(content, "uuid") not in self._known]
        if unknown:
            self._learn(unknown, names, contents)
        made = (self._index(name, content) for name, content in sorted(contents.items()))
        return [index for index in made if index is not None]

    def _learn(self, unknown: list[str], names: list[str], contents: Mapping[str, Any]) -> None:
        mappings = self._client.indices.get_mapping(
            index=unknown if len(unknown) < _SHOWN else names,
            filter_path=MAPPING,
            expand_wildcards=_ANY,
            ignore_unavailable=True,
        ).body
        for name in unknown:
            mapping = mappings.get(name, {}).get("mappings", {})
            self._known[_setting(contents[name], "uuid")] = (
                is_ours(mapping), RETIRED in mapping.get("_meta", {}), has_terms(mapping)
            )  # fmt: skip

    def _index(self, name: str, content: Mapping[str, Any]) -> Index | None:
        aliases = frozenset(content.get("aliases", ()))
        match = self._name.fullmatch(name)
        behind = next((kind for kind, alias in self._aliases.items() if alias in aliases or alias == name), "")
        near = next((kind for kind, alias in self._aliases.items() if name.startswith(f"{alias}-v")), "")
        kind, version, month = match.groups() if match else (behind or near, "", "")
        uuid = _setting(content, "uuid")
        ours, retired, terms = self._known.get(uuid, (False, False, False))
        if not match and not behind:
            return None  # its name only resembles ours, for example with another prefix
        blocks = content.get("settings", {}).get("index", {}).get("blocks", {})
        return Index(
            name=name, uuid=uuid, kind=kind, version=version, month=month, aliases=aliases,
            closed=_setting(content, "verified_before_close") == "true",
            blocks=frozenset(block for block, set_ in blocks.items() if str(set_) == "true"),
            shards=int(_setting(content, "number_of_shards") or 1),
            made=int(_setting(content, "creation_date") or 0) / 1000,
            ours=ours, retired=retired, terms=terms,
        )  # fmt: skip

    def _version(self, indices: Iterable[Index]) -> str | None:
        """The version that the aliases name.

        During a swap a sink may make an index of the old version, with the alias. That index is blocked from the start
        (pipeline.sink.index_versions), so it does not count.
        """
        listed = [
            index for index in indices if index.ours and index.version and self._aliases[index.kind] in index.aliases
        ]
        free = [index for index in listed if "write" not in index.blocks]
        return max((index.version for index in free or listed), key=_number, default=None)

    @staticmethod
    def _only_candidate(indices: Iterable[Index]) -> str | None:
        """Where no index carries an alias: the only version that is not retired, if there is just one."""
        versions = {index.version for index in indices if index.ours and index.version and not index.retired}
        return versions.pop() if len(versions) == 1 else None

    def _state(self, indices: list[Index], version: str | None, *, listed: bool, deep: bool) -> State:
        fresh = version is None and not _ours(indices)
        groups: dict[tuple[Fault, str, str], list[str]] = {}
        unlisted: dict[str, list[str]] = {}
        for index in indices:
            alias = self._aliases[index.kind]
            if listed and index.ours and index.version == version and alias not in index.aliases:
                unlisted.setdefault(alias, []).append(index.name)
            fault = self._fault(index, FIRST_VERSION if fresh else version, listed=listed)
            if fault is not None:
                groups.setdefault((fault, index.kind, ",".join(sorted(index.blocks))), []).append(index.name)
        if deep:
            fault, lacking = self._away(indices, version)
            for index in lacking:
                groups.setdefault((fault, index.kind, ""), []).append(index.name)
        problems = [self._problem(fault, kind, names, blocks) for (fault, kind, blocks), names in groups.items()]
        if listed and version is None and not fresh:
            problems += self._no_version(_ours(indices))
        return State(
            tuple(indices), version, tuple(problems), {alias: tuple(names) for alias, names in unlisted.items()}
        )

    def _fault(self, index: Index, version: str | None, *, listed: bool) -> Fault | None:
        alias = self._aliases[index.kind]
        carries = alias in index.aliases
        if index.name == alias:
            return Fault.ALIAS_TAKEN
        if not index.version:
            return Fault.INTRUDER if carries and listed else None
        if index.version != version:
            if version is None and index.ours:
                return None  # `_no_version` reports it once for all
            fenced = "write" in index.blocks and index.ours
            if listed and carries and not fenced:
                return Fault.OTHER_VERSION if index.ours else Fault.INTRUDER
            return None
        if not index.ours:
            return Fault.FOREIGN
        if index.closed:
            return Fault.CLOSED
        if listed and not carries:
            return Fault.UNLISTED
        return Fault.BLOCKED if index.blocks else None

    def _away(self, indices: Iterable[Index], version: str | None) -> tuple[Fault, list[Index]]:
        """Indices of the version that lack primary shards, and whether these are away or being opened.

        After its start Elasticsearch opens some shards at a time, and the others wait for their turn.
        """
        own = [index for index in indices if index.ours and index.version == version and not index.closed]
        old = [index for index in own if not index.just_made]
        if not old:
            return Fault.AWAY, []
        patterns = sorted({f"{self._aliases[index.kind]}-{version}-*" for index in old})
        answer = self._client.search_shards(
            index=",".join(patterns), ignore_unavailable=True, filter_path="shards.index,shards.state"
        )
        there: dict[str, int] = {}
        opening = False
        for copies in answer.body.get("shards", []):
            started = next((copy for copy in copies if copy.get("state") in ("STARTED", "RELOCATING")), None)
            if started:
                there[started["index"]] = there.get(started["index"], 0) + 1
            elif copies:
                opening = True
        lacking = [index for index in old if there.get(index.name, 0) < index.shards]
        return Fault.OPENING if opening else Fault.AWAY, lacking

    def _problem(self, fault: Fault, kind: str, names: list[str], blocks: str) -> Problem:
        alias = self._aliases[kind]
        sentence = _sentence(fault, names, alias, blocks)
        hides = fault is not Fault.BLOCKED or "read" in blocks.split(",")
        return Problem(fault, kind, tuple(names), sentence, hides)

    def _no_version(self, own: list[Index]) -> list[Problem]:
        versions = sorted({index.version for index in own}, key=_number)
        problems = []
        for kind in sorted({index.kind for index in own}):
            alias = self._aliases[kind]
            sentence = (
                f"No index carries the alias {alias}, and {_and(versions)} could be meant, so nothing is found and "
                f"nothing is written: put it on the version that was searched, for example "
                f"{_add(f'{alias}-{versions[-1]}-*', alias)}."
            )
            names = tuple(index.name for index in own if index.kind == kind)
            problems.append(Problem(Fault.NO_VERSION, kind, names, sentence))
        return problems


def is_ours(mapping: Mapping[str, Any]) -> bool:
    """Whether WhoSaid made the index with this mapping."""
    key = mapping.get("properties", {}).get("id", {}).get("type")
    return MARK in mapping.get("_meta", {}) or (mapping.get("dynamic") == "strict" and key == "keyword")


def has_terms(mapping: Mapping[str, Any]) -> bool:
    """Whether this release made the index with this mapping, so that all its documents have terms."""
    return "terms" in mapping.get("_source", {}).get("excludes", ())


def hint(problems: Iterable[Problem]) -> str:
    """The sentences of the problems, one after the other."""
    return " ".join(problem.sentence for problem in problems)


def _sentence(fault: Fault, names: list[str], alias: str, blocks: str) -> str:
    joined, those = ",".join(names), _those(names)
    single = len(names) == 1
    it, has, is_ = ("it", "has", "is") if single else ("them", "have", "are")
    match fault:
        case Fault.CLOSED:
            return f"{those} {is_} closed, so searches do not see {it} and the sinks wait: POST /{joined}/_open."
        case Fault.UNLISTED:
            return (
                f"{those} {'does' if single else 'do'} not carry the alias {alias}, so searches do not see {it}: "
                f"a sink that runs puts it back, or {_add(joined, alias)}."
            )
        case Fault.FOREIGN:
            return (
                f"{those} {has} a name of WhoSaid's, but somebody else made {it}, so the sinks wait: move what you "
                f"need elsewhere, then DELETE /{joined}; the sinks make their own."
            )
        case Fault.INTRUDER:
            return (
                f"{those} {is_} not WhoSaid's, but {has} its alias {alias}: "
                f'POST /_aliases {{"actions": [{{"remove": {{"index": "{joined}", "alias": "{alias}"}}}}]}}.'
            )
        case Fault.OTHER_VERSION:
            return (
                f"{those} {is_} of another version than is searched, but {has} the alias {alias}: "
                f'POST /_aliases {{"actions": [{{"remove": {{"index": "{joined}", "alias": "{alias}"}}}}]}}.'
            )
        case Fault.ALIAS_TAKEN:
            return (
                f"An index has the name of the alias {alias}, so nothing of WhoSaid's can be found under it: move what "
                f"you need elsewhere, then DELETE /{alias}; the sinks put the alias back."
            )
        case Fault.AWAY:
            return (
                f"Shards of {_and(names)} are away (no node has them), so what is in them is not found: bring the node "
                f"back, or see GET /_cluster/allocation/explain."
            )
        case Fault.OPENING:
            return (
                f"Elasticsearch is still opening shards of {_and(names)}, so what is in them is not found yet: try "
                f"again in a moment, or see GET /_cluster/allocation/explain where that stays so."
            )
        case _:
            return _blocked(those, joined, blocks.split(","), is_)


def _blocked(those: str, joined: str, blocks: list[str], is_: str) -> str:
    what = f"{those} {is_} blocked ({', '.join(blocks)}), so the sinks wait"
    if blocks == ["read_only_allow_delete"]:
        return (
            f"{what}: Elasticsearch's disk was nearly full; free some space, and it lifts the block by itself, or "
            f'PUT /{joined}/_settings {{"index.blocks.read_only_allow_delete": null}}.'
        )
    lifted = ", ".join(f'"index.blocks.{block}": null' for block in blocks)
    during = ""
    if blocks == ["write"]:
        during = " While a reindex runs this is as it should be; after one that was killed, `whosaid reindex --cancel`."
    return f"{what}: PUT /{joined}/_settings {{{lifted}}}.{during}"


def _those(names: list[str]) -> str:
    return f"The {'index' if len(names) == 1 else 'indices'} {_and(names)}"


def _and(names: Collection[str]) -> str:
    shown, more = list(names)[:_SHOWN], len(names) - _SHOWN
    if more > 0:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _add(index: str, alias: str) -> str:
    return f'POST /_aliases {{"actions": [{{"add": {{"index": "{index}", "alias": "{alias}"}}}}]}}'


def _ours(indices: Iterable[Index]) -> list[Index]:
    return [index for index in indices if index.ours and index.version]


def _number(version: str) -> int:
    return int(version.removeprefix("v"))


def _setting(content: Mapping[str, Any], name: str) -> str:
    return str(content.get("settings", {}).get("index", {}).get(name, ""))
