"""Describes the state of a source: its configuration, how far it is read, when it is due, which process reads it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from connectors.base import Cursor, SourceConfig
from connectors.scheduling.intervals import PollingStats
from pipeline.errors import InputError, NotFoundError

_NEVER = "1970-01-01T00:00:00+00:00"
"""The time that stands for none in the store: a source that was never read is due since then."""


@dataclass(frozen=True)
class SourceState:
    """A source with all that is known about it. Immutable; `version` is the store's, for optimistic locking."""

    config: SourceConfig
    cursor: Cursor = field(default_factory=dict)
    stats: PollingStats = field(default_factory=PollingStats)
    paused: bool = False
    added: datetime | None = None
    due: datetime | None = None  # None: at once
    last_success: datetime | None = None
    last_error: str = ""
    articles: int = 0  # published so far
    hub: str | None = None
    topic: str | None = None
    subscribed_until: datetime | None = None
    owner: str = ""  # the process that holds its lease
    leased_until: datetime | None = None
    version: tuple[int, int] = (0, 0)

    @property
    def id(self) -> str:
        """The source's id."""
        return self.config.id

    def free(self, now: datetime) -> bool:
        """Whether no process holds an unexpired lease."""
        return self.leased_until is None or self.leased_until <= now

    def ready(self, now: datetime) -> bool:
        """Whether it is due, free and not paused."""
        return not self.paused and (self.due is None or self.due <= now) and self.free(now)


class StaleState(Exception):
    """Optimistic-lock conflict: another process has changed the source since this state was read."""


class Store(Protocol):
    """Keeps the states of sources. Every method raises ClusterUnavailable where the store cannot be reached."""

    async def add(self, configs: Iterable[SourceConfig], now: datetime, *, replacing: bool = False) -> list[str]:
        """Adds new sources and updates the configuration of known ones; returns the ids of the new ones.

        With `replacing`, a source whose id has another location gets the new location, and is read from its beginning.

        Raises:
            InputError: without `replacing`, an id has another location; nothing was added.
        """
        ...

    async def claim(
        self, owner: str, now: datetime, lease: float, most: int, only: Collection[str] | None = None
    ) -> list[SourceState]:
        """Leases up to `most` sources that are ready, the longest due first; `only` limits them to these ids."""
        ...

    async def save(self, state: SourceState, *, release: bool, at_once: bool = False) -> SourceState:
        """Saves the state, and with `release` returns the lease; raises StaleState where another process changed it.

        With `at_once` the next `claim` of any process sees it; without, one a second later does.
        """
        ...

    async def all(self) -> list[SourceState]:
        """Every source, by id."""
        ...

    async def get(self, identifier: str) -> SourceState:
        """One source; raises NotFoundError."""
        ...

    async def remove(self, identifier: str) -> None:
        """Removes a source; raises NotFoundError."""
        ...

    async def next_due(self, only: Collection[str] | None = None) -> datetime | None:
        """When the next source that is not paused is due; None where there is none."""
        ...


def with_config(state: SourceState, config: SourceConfig) -> SourceState:
    """The state with a new configuration; another location is read from its beginning, at once."""
    if state.config.place != config.place:
        return SourceState(config, added=state.added, paused=state.paused, version=state.version)
    return replace(state, config=config)


def no_such_source(identifier: str) -> NotFoundError:
    """The error for an id that no source has."""
    return NotFoundError(f"There is no source {identifier!r}; `whosaid source list` shows all.")


def id_taken(known: SourceConfig, config: SourceConfig) -> InputError:
    """The error for an id that another location has."""
    return InputError(
        f"There is a source {config.id!r} already, which reads {known.location}; give {config.location} another --id, "
        "or say --replace: then the source reads it from now on, from its beginning."
    )


def to_document(state: SourceState) -> dict[str, Any]:
    """The state as a document of Elasticsearch, with times in ISO 8601."""
    stats, config = state.stats, state.config
    return {
        "id": config.id,
        "kind": config.kind,
        "location": config.location,
        "name": config.name,
        "options": dict(config.options),
        "cursor": dict(state.cursor),
        "per_day": stats.per_day,
        "failures": stats.failures,
        "last_poll": _iso(stats.last_poll),
        "paused": state.paused,
        "added": _iso(state.added),
        # A range query finds no missing field, so a source that was never read has a time, too.
        "due": _iso(state.due) or _NEVER,
        "last_success": _iso(state.last_success),
        "last_error": state.last_error,
        "articles": state.articles,
        "hub": state.hub,
        "topic": state.topic,
        "subscribed_until": _iso(state.subscribed_until),
        "owner": state.owner,
        "leased_until": _iso(state.leased_until) or _NEVER,
    }


def from_document(document: Mapping[str, Any], version: tuple[int, int]) -> SourceState:
    """The state in a document of Elasticsearch."""
    return SourceState(
        config=SourceConfig(
            id=document["id"],
            kind=document["kind"],
            location=document["location"],
            name=document.get("name") or "",
            options=document.get("options") or {},
        ),
        cursor=document.get("cursor") or {},
        stats=PollingStats(
            per_day=document.get("per_day"),
            failures=document.get("failures") or 0,
            last_poll=_moment(document.get("last_poll")),
        ),
        paused=bool(document.get("paused")),
        added=_moment(document.get("added")),
        due=_moment(document.get("due")),
        last_success=_moment(document.get("last_success")),
        last_error=document.get("last_error") or "",
        articles=document.get("articles") or 0,
        hub=document.get("hub"),
        topic=document.get("topic"),
        subscribed_until=_moment(document.get("subscribed_until")),
        owner=document.get("owner") or "",
        leased_until=_moment(document.get("leased_until")),
        version=version,
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text and text != _NEVER else None
