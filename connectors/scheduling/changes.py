"""Finds, adds, pauses and resumes sources: what `whosaid source` and the page of sources do alike."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from connectors import registry, source_files
from connectors.base import Context, SourceConfig
from connectors.discovery import DiscoveredSource, discover
from connectors.scheduling.source_state import SourceState, StaleState, Store
from pipeline.errors import InputError, SourceError
from pipeline.settings import Settings

_TRIES = 5
_PAUSE = 0.2  # seconds more before each try


class NothingFound(SourceError):
    """A site names no feed and no news sitemap."""


async def feeds_of(address: str, context: Context) -> list[DiscoveredSource]:
    """The feeds of a site, without those of readers' comments; its news sitemaps where it has no feed.

    Raises:
        NothingFound: the site has none.
        SourceError: the site cannot be read.
    """
    found = await discover(address, context)
    if not found:
        raise NothingFound(f"No feed or news sitemap was found at {address}.")
    feeds = [source for source in found if source.kind == "feed"] or found
    return [source for source in feeds if not source.comments] or feeds


def configs_of(
    feeds: Iterable[DiscoveredSource],
    *,
    name: str = "",
    identifier: str = "",
    options: Mapping[str, object] | None = None,
) -> list[SourceConfig]:
    """The sources that read these feeds."""
    chosen = dict(options or {})
    return [
        source_files.make(
            feed.url, kind=feed.kind, name=name or feed.title, options=chosen, identifier=identifier
        )
        for feed in feeds
    ]  # fmt: skip


async def add(
    store: Store, configs: Iterable[SourceConfig], settings: Settings, now: datetime, *, replacing: bool = False
) -> list[tuple[SourceConfig, bool]]:
    """Adds these sources; each with whether it is new. One whose address is known stays the source that it is.

    Raises:
        InputError: one cannot be used, or its id has another address; nothing was added.
        ClusterUnavailable: the store cannot be reached.
    """
    known = {state.id: state.config for state in await store.all()}
    wanted = source_files.unique(configs, known)
    for config in wanted:
        registry.check(config, settings)
    new = set(await store.add(wanted, now, replacing=replacing))
    return [(config, config.id in new) for config in wanted]


async def change(store: Store, identifier: str, changed: Callable[[SourceState], SourceState]) -> None:
    """Changes a source, also while a connector writes what it has read.

    Raises:
        NotFoundError: there is no such source.
        InputError: it is being changed all the time.
        ClusterUnavailable: the store cannot be reached.
    """
    for attempt in range(_TRIES):
        try:
            await store.save(changed(await store.get(identifier)), release=False, at_once=True)
            return
        except StaleState:  # a connector wrote at the same moment: once more
            await asyncio.sleep(_PAUSE * (attempt + 1))
    raise InputError(f"{identifier} is being changed all the time; try again.")


def paused(state: SourceState) -> SourceState:
    """The source, not read until it is resumed."""
    return replace(state, paused=True)


def resumed(state: SourceState) -> SourceState:
    """The source, read at once; its failures are forgotten."""
    return replace(state, paused=False, due=None, stats=replace(state.stats, failures=0))
