"""Keeps the states of sources in Elasticsearch, which all connector processes share, with optimistic locking."""

import asyncio
import time
from collections.abc import Awaitable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from elasticsearch import ApiError, AsyncElasticsearch, ConflictError
from elasticsearch import NotFoundError as Missing

from connectors.base import SourceConfig
from connectors.scheduling.source_state import (
    SourceState,
    StaleState,
    from_document,
    id_taken,
    no_such_source,
    to_document,
    with_config,
)
from pipeline import elasticsearch_client
from pipeline.errors import ClusterUnavailable
from pipeline.settings import Settings

T = TypeVar("T")
_PAGE = 1000
_AT_ONCE = 32  # requests
_STARTING = 10.0  # seconds
_KEYWORD = {"type": "keyword", "ignore_above": 4096}
_UNINDEXED = {"type": "object", "enabled": False}
MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        **dict.fromkeys(("id", "kind", "location", "name", "owner", "hub", "topic"), _KEYWORD),
        **{
            name: {"type": "date"}
            for name in ("last_poll", "added", "due", "last_success", "subscribed_until", "leased_until")
        },
        "options": _UNINDEXED,
        "cursor": _UNINDEXED,
        "per_day": {"type": "double"},
        "failures": {"type": "integer"},
        "articles": {"type": "long"},
        "paused": {"type": "boolean"},
        "last_error": {"type": "keyword", "index": False, "doc_values": False},
    },
}


async def glance(settings: Settings) -> list[SourceState] | None:
    """Every source without its cursor. It makes no index, and needs no right but to read.

    Returns:
        None where the user may not read sources; an empty list where there are none yet.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    store = ElasticsearchStore(settings)
    try:
        return await store.glance()
    except ClusterUnavailable as error:
        status = error.__cause__.status_code if isinstance(error.__cause__, ApiError) else None
        if status in (401, 403, 404):
            return [] if status == 404 else None
        raise
    finally:
        await store.close()


class ElasticsearchStore:
    """A store of sources; an asynchronous context manager, which makes the index where it is missing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._index = f"{settings.elasticsearch.prefix}-sources-v1"
        self._client = AsyncElasticsearch(**elasticsearch_client.client_options(settings))

    async def __aenter__(self) -> "ElasticsearchStore":
        settings = {
            "number_of_shards": 1,
            "number_of_replicas": self._settings.elasticsearch.replicas,
            "refresh_interval": "1s",
        }
        try:
            if not await self._ask(self._client.indices.exists(index=self._index)):
                await self._ask(
                    self._client.indices.create(index=self._index, mappings=MAPPING, settings=settings), passing=(400,)
                )
            await self._wait_until_searchable()
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    async def _wait_until_searchable(self) -> None:
        """Waits for the index's shard, which starts a moment after another process has made the index."""
        deadline = time.monotonic() + _STARTING
        while await self._ask(self._client.search(index=self._index, size=0), passing=(503,)) is None:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)

    async def add(self, configs: Iterable[SourceConfig], now: datetime, *, replacing: bool = False) -> list[str]:
        """As the protocol says."""
        wanted = list(configs)
        new: list[str] = []
        parts = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
        for some in parts if not replacing else ():
            await asyncio.gather(*(self._check_free(config) for config in some))
        for some in parts:
            added = await asyncio.gather(*(self._add(config, now, replacing) for config in some))
            new += [config.id for config, is_new in zip(some, added, strict=True) if is_new]
        await self._refresh()
        return new

    async def _check_free(self, config: SourceConfig) -> SourceState | None:
        """The known state of the id; raises InputError where it has another location."""
        known = await self._get(config.id)
        if known is not None and known.config.place != config.place:
            raise id_taken(known.config, config)
        return known

    async def _add(self, config: SourceConfig, now: datetime, replacing: bool) -> bool:
        known = await (self._get(config.id) if replacing else self._check_free(config))
        if known is None:
            document = to_document(SourceState(config, added=now))
            # op_type create: two processes may add the same source at once
            made = await self._ask(
                self._client.index(index=self._index, id=config.id, document=document, op_type="create"),
                passing=(409,),
            )
            return made is not None
        if known.config != config:
            await self._put(with_config(known, config))
        return False

    async def claim(
        self, owner: str, now: datetime, lease: float, most: int, only: Collection[str] | None = None
    ) -> list[SourceState]:
        """As the protocol says; a source that another process claims at the same moment is left to that process."""
        query = {
            "bool": {
                "filter": [
                    *_active(only),
                    {"range": {"due": {"lte": now.isoformat()}}},
                    {"range": {"leased_until": {"lte": now.isoformat()}}},
                ]
            }
        }
        found = await self._ask(
            self._client.search(
                index=self._index, query=query, sort=["due"], size=most, seq_no_primary_term=True, source=True
            )
        )
        until = now + timedelta(seconds=lease)
        states = [_state(hit) for hit in found["hits"]["hits"]] if found else []
        claimed = await asyncio.gather(
            *(self._try_put(replace(state, owner=owner, leased_until=until)) for state in states)
        )
        return [state for state in claimed if state is not None]

    async def save(self, state: SourceState, *, release: bool, at_once: bool = False) -> SourceState:
        """As the protocol says."""
        return await self._put(replace(state, owner="", leased_until=None) if release else state, refresh=at_once)

    async def all(self) -> list[SourceState]:
        """As the protocol says."""
        await self._refresh()
        return await self._pages()

    async def glance(self) -> list[SourceState]:
        """Every source by id, without its cursor, as searches see it now."""
        return await self._pages(source_excludes=["cursor"])

    async def _pages(self, **options: Any) -> list[SourceState]:
        states: list[SourceState] = []
        after: list[Any] | None = None
        while True:
            extra: dict[str, Any] = {"search_after": after} if after else {}
            found = await self._ask(
                self._client.search(
                    index=self._index, sort=["id"], size=_PAGE, seq_no_primary_term=True, **options, **extra
                )
            )
            hits = found["hits"]["hits"] if found else []
            states += [_state(hit) for hit in hits]
            if len(hits) < _PAGE:
                return states
            after = hits[-1]["sort"]

    async def get(self, identifier: str) -> SourceState:
        """As the protocol says."""
        state = await self._get(identifier)
        if state is None:
            raise no_such_source(identifier)
        return state

    async def remove(self, identifier: str) -> None:
        """As the protocol says."""
        gone = await self._ask(self._client.delete(index=self._index, id=identifier, refresh=True), passing=(404,))
        if gone is None:
            raise no_such_source(identifier)

    async def next_due(self, only: Collection[str] | None = None) -> datetime | None:
        """As the protocol says."""
        query = {"bool": {"filter": _active(only)}}
        found = await self._ask(
            self._client.search(index=self._index, query=query, sort=["due"], size=1, source_includes=["due"])
        )
        hits = found["hits"]["hits"] if found else []
        return datetime.fromisoformat(hits[0]["_source"]["due"]) if hits else None

    async def _refresh(self) -> None:
        """Makes searches, also those of other processes, see all that was written."""
        with elasticsearch_client.translate_errors(self._client):
            elasticsearch_client.require_refreshed(await self._client.indices.refresh(index=self._index))

    async def _get(self, identifier: str) -> SourceState | None:
        found = await self._ask(self._client.get(index=self._index, id=identifier), passing=(404,))
        return _state(found) if found else None

    async def _try_put(self, state: SourceState) -> SourceState | None:
        try:
            return await self._put(state)
        except StaleState:
            return None

    async def _put(self, state: SourceState, *, refresh: bool = False) -> SourceState:
        with elasticsearch_client.translate_errors(self._client):
            try:
                done = await self._client.index(
                    index=self._index,
                    id=state.id,
                    document=to_document(state),
                    if_seq_no=state.version[0],
                    if_primary_term=state.version[1],
                    refresh=refresh,
                )
            except (ConflictError, Missing) as error:
                raise StaleState(state.id) from error
        return replace(state, version=(done["_seq_no"], done["_primary_term"]))

    async def _ask(self, request: Awaitable[T], passing: tuple[int, ...] = ()) -> T | None:
        """The answer; None where its status is one of `passing`."""
        with elasticsearch_client.translate_errors(self._client):
            try:
                return await request
            except ApiError as error:
                if error.meta.status not in passing:
                    raise
                return None


def _state(hit: Any) -> SourceState:
    return from_document(hit["_source"], (hit["_seq_no"], hit["_primary_term"]))


def _active(only: Collection[str] | None) -> list[dict[str, Any]]:
    chosen: list[dict[str, Any]] = [{"term": {"paused": False}}]
    return chosen if only is None else [*chosen, {"terms": {"id": sorted(only)}}]
