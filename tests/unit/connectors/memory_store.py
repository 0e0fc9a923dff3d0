"""A store of sources in memory, which keeps the protocol of `connectors.scheduling.source_state.Store`."""

import heapq
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.base import SourceConfig
from connectors.scheduling.source_state import (
    SourceState,
    StaleState,
    id_taken,
    no_such_source,
    with_config,
)

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When a source that was never read is due."""


class MemoryStore:
    """States of sources in memory: what tests and simulations use in the place of Elasticsearch."""

    def __init__(self) -> None:
        self._states: dict[str, SourceState] = {}
        # When each may be read next; entries of older versions are dropped where they come up.
        self._queue: list[tuple[datetime, str, int]] = []

    async def add(self, configs: Iterable[SourceConfig], now: datetime, *, replacing: bool = False) -> list[str]:
        new = []
        wanted = list(configs)
        for config in wanted if not replacing else ():
            if (known := self._states.get(config.id)) is not None and known.config.place != config.place:
                raise id_taken(known.config, config)
        for config in wanted:
            if (known := self._states.get(config.id)) is None:
                self._put(SourceState(config, added=now))
                new.append(config.id)
            elif known.config != config:
                self._put(with_config(known, config))
        return new

    async def claim(
        self, owner: str, now: datetime, lease: float, most: int, only: Collection[str] | None = None
    ) -> list[SourceState]:
        until = now + timedelta(seconds=lease)
        claimed: list[SourceState] = []
        others = []
        while len(claimed) < most and (state := self._first()) is not None and self._queue[0][0] <= now:
            entry = heapq.heappop(self._queue)
            if only is None or state.id in only:
                claimed.append(self._put(replace(state, owner=owner, leased_until=until)))
            else:
                others.append(entry)
        for entry in others:
            heapq.heappush(self._queue, entry)
        return claimed

    async def save(self, state: SourceState, *, release: bool, at_once: bool = False) -> SourceState:
        known = self._states.get(state.id)
        if known is None or known.version != state.version:
            raise StaleState(state.id)
        return self._put(replace(state, owner="", leased_until=None) if release else state)

    async def all(self) -> list[SourceState]:
        return [self._states[identifier] for identifier in sorted(self._states)]

    async def get(self, identifier: str) -> SourceState:
        if identifier not in self._states:
            raise no_such_source(identifier)
        return self._states[identifier]

    async def remove(self, identifier: str) -> None:
        if self._states.pop(identifier, None) is None:
            raise no_such_source(identifier)

    async def next_due(self, only: Collection[str] | None = None) -> datetime | None:
        if only is None:
            return self._queue[0][0] if self._first() is not None else None
        mine = [state for state in self._states.values() if state.id in only and not state.paused]
        return min((state.due or NEVER for state in mine), default=None)

    def _first(self) -> SourceState | None:
        """The source at the head of the queue, once outdated entries are gone."""
        while self._queue:
            _, identifier, version = self._queue[0]
            state = self._states.get(identifier)
            if state is not None and state.version[0] == version and not state.paused:
                return state
            heapq.heappop(self._queue)
        return None

    def _put(self, state: SourceState) -> SourceState:
        kept = replace(state, version=(state.version[0] + 1, 1))
        self._states[state.id] = kept
        if not kept.paused:
            at = max(kept.due or NEVER, kept.leased_until or NEVER)
            heapq.heappush(self._queue, (at, kept.id, kept.version[0]))
        return kept
