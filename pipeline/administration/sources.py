"""Serves the page of sources: how each fares, adding one by its site's address, pausing and resuming."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

from elasticsearch import ApiError
from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from connectors import source_files
from connectors.base import Context, SourceConfig
from connectors.discovery import DiscoveredSource
from connectors.scheduling import changes, elasticsearch_store
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.overview import ago, ahead, condition, now
from connectors.scheduling.source_state import SourceState
from connectors.web.client import Client
from pipeline import redaction
from pipeline.errors import ClusterUnavailable, InputError, SourceError
from pipeline.search import analyses, charts, forms, links, permissions, rendering
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings

PATH = "/sources"
LOOKS_AT_ONCE = 2
"""Sites that are looked through for feeds at a time; others wait."""

_PATIENCE = 90.0  # seconds until the look through a site is given up
_LONGEST = 2000  # characters of an address
_MOST_CHOSEN = 40  # feeds that one form adds
_KINDS = ("feed", "sitemap")
_REFRESH = 3  # seconds, while a source that was added is not read yet
_Admin = Annotated[str, Depends(permissions.admin)]
_Form = Annotated[dict[str, list[str]], Depends(forms.read)]
_Id = Annotated[str, Path(max_length=250)]
_CHANGES = {"pause": changes.paused, "resume": changes.resumed}


@dataclass(frozen=True)
class Row:
    """A source as the page shows it; its addresses and errors are without passwords."""

    id: str
    name: str
    place: str
    kind: str
    condition: str
    paused: bool
    last_success: str
    last_success_at: datetime | None
    next: str
    per_day: str
    articles: int
    error: str


def router(reader: Reader, settings: Settings) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(include_in_schema=False)
    looks = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def page(request: Request, *, status: int = 200, **more: Any) -> Response:
        states = await elasticsearch_store.glance(settings)
        listed = await run_in_threadpool(analyses.sources, reader, QuoteQuery(copies=True))
        most = max((one.count for one in listed), default=0)
        counts = [(one, links.link(QuoteQuery(), source=one.id), charts.length(one.count, most)) for one in listed]
        added = _added(request.query_params.getlist("added"), states or [])
        context = {
            "rows": None if states is None else [row(state, now()) for state in states],
            "counts": counts,
            "may_change": permissions.is_admin(request),
            "added": [row(state, now()) for state in added],
            "refresh": _REFRESH if any(state.last_success is None for state in added) else None,
            "typed": "",
            "problem": None,
            "choices": [],
        }
        return rendering.page("sources.html", context | more, status=status)

    @routes.get(PATH)
    async def sources(request: Request) -> Response:
        return await page(request)

    @routes.post(PATH)
    async def add(request: Request, _: _Admin, form: _Form) -> Response:
        typed = forms.first(form, "address")
        try:
            configs: Sequence[SourceConfig] = _chosen(form.get("feed", []))
            if not configs:
                feeds = await _look(typed, settings, looks)
                if len(feeds) > 1:
                    return await page(request, typed=typed, choices=feeds)
                configs = changes.configs_of(feeds)
            async with _changing(settings) as store:
                done = await changes.add(store, configs, settings, now())
        except (InputError, SourceError) as error:
            return await page(request, status=422, typed=typed, problem=redaction.in_text(str(error)))
        where = urlencode([("added", config.id) for config, _ in done])
        return RedirectResponse(f"{PATH}?{where}", 303)  # a reload of an address with a fragment would only scroll

    @routes.post(f"{PATH}/{{id}}/{{deed}}")
    async def change(id: _Id, deed: str, _: _Admin) -> Response:
        if deed not in _CHANGES:
            raise InputError("A source can be paused or resumed here; `whosaid source` can do more.")
        async with _changing(settings) as store:
            await changes.change(store, id, _CHANGES[deed])
        return RedirectResponse(f"{PATH}#source-{quote(id)}", 303)

    return routes


def row(state: SourceState, moment: datetime) -> Row:
    """What the page shows of a source at a moment."""
    config, rate = state.config, state.stats.per_day
    return Row(
        id=config.id,
        name=config.name or config.id,
        place=redaction.in_addresses(config.location) if "://" in config.location else config.location,
        kind=config.kind,
        condition=condition(state, moment),
        paused=state.paused,
        last_success=ago(state.last_success, moment),
        last_success_at=state.last_success,
        next="–" if state.paused else ahead(state.due, moment),
        per_day="–" if rate is None else f"{rate:,.1f}",
        articles=state.articles,
        error=redaction.in_text(state.last_error),
    )


def address_of(typed: str) -> str:
    """The web address that somebody typed; https where no scheme is given.

    Raises:
        InputError: it is none.
    """
    typed = typed.strip()
    whole = typed if "://" in typed else f"https://{typed}"
    try:
        parts = urlsplit(whole)
        is_web = parts.scheme.lower() in ("http", "https") and any(
            mark in (parts.hostname or "").strip(".") for mark in ".:"
        )
    except ValueError:
        is_web = False
    if not typed or not is_web or len(whole) > _LONGEST:
        raise InputError(
            "Type the web address of a site or a feed, as news.example; `whosaid source add` takes files and archives."
        )
    return whole


@asynccontextmanager
async def _changing(settings: Settings) -> AsyncIterator[ElasticsearchStore]:
    """The store of sources, to change one.

    Raises:
        InputError: this service's user of Elasticsearch may not.
    """
    try:
        async with ElasticsearchStore(settings) as store:
            yield store
    except ClusterUnavailable as error:
        if isinstance(error.__cause__, ApiError) and error.__cause__.status_code in (401, 403):
            raise InputError(
                "This service's user of Elasticsearch may not change sources; it needs the role whosaid_connect."
            ) from error
        raise


async def _look(typed: str, settings: Settings, looks: asyncio.Semaphore) -> list[DiscoveredSource]:
    address = address_of(typed)
    try:
        async with asyncio.timeout(_PATIENCE), looks, Client(settings.connectors) as client:
            return await changes.feeds_of(address, Context(settings, client))
    except TimeoutError:
        raise SourceError(
            f"{address} did not answer within {_PATIENCE:.0f} s; give the address of its feed itself."
        ) from None


def _chosen(feeds: Sequence[str]) -> list[SourceConfig]:
    """The feeds that somebody ticked, each `kind address`."""
    if len(feeds) > _MOST_CHOSEN:
        raise InputError(f"Choose {_MOST_CHOSEN} feeds at the most.")
    chosen = []
    for feed in feeds:
        kind, _, address = feed.partition(" ")
        if kind not in _KINDS:
            raise InputError("What was chosen is no feed of this page; look for the site once more.")
        chosen.append(source_files.make(address_of(address), kind=kind))
    return chosen


def _added(ids: Sequence[str], states: Sequence[SourceState]) -> list[SourceState]:
    return [state for state in states if state.id in ids]
