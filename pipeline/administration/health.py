"""Says in a line how the sources fare."""

import asyncio
from collections.abc import Callable

from connectors.scheduling import elasticsearch_store
from connectors.scheduling.overview import Overview, ago, now, overview
from pipeline.errors import UnavailableError
from pipeline.search.kept import kept
from pipeline.settings import Settings

_FRESH = 10.0  # seconds that a line is kept for the next reader


def sources_line(settings: Settings) -> Callable[[], str | None]:
    """A function that gives the line; it asks Elasticsearch every ten seconds at the most."""
    return kept(_FRESH, lambda: _ask(settings))


def _ask(settings: Settings) -> str | None:
    try:
        states = asyncio.run(elasticsearch_store.glance(settings))
    except UnavailableError:
        return None
    return None if states is None else sentence(overview(states, now()))


def sentence(total: Overview) -> str | None:
    """3 sources are read, the last a minute ago; 1 fails, 1 is paused. None where there is no source."""
    if not total.sources:
        return None
    several = total.sources > 1
    read = f", last {ago(total.last_read, now())}" if total.last_read else ""
    notes = [f"{len(total.failing)} fail{'' if len(total.failing) > 1 else 's'}"] if total.failing else []
    notes += [f"{total.paused} {'are' if total.paused > 1 else 'is'} paused"] if total.paused else []
    ending = f"; {', '.join(notes)}" if notes else ""
    return f"{total.sources} source{'s are' if several else ' is'} read{read}{ending}."
