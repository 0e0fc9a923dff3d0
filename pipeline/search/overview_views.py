"""Serves the home page: how much there is, the last thirty days, who is quoted most, what is newest."""

from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.responses import RedirectResponse

from pipeline.search import analyses, cards, charts, links, permissions, rendering
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader

_NEWEST = 5
_EVERYTHING = QuoteQuery()


def add(routes: APIRouter, reader: Reader, sources_line: Callable[[], str | None]) -> None:
    """Adds the page to the routes; `sources_line` says how the sources fare."""

    @routes.get("/")
    def home(request: Request) -> Response:
        if request.url.query and set(request.query_params) & links.PARAMETERS:  # the search was here once
            return RedirectResponse(f"{links.SEARCH}?{request.url.query}", 307)
        stats = analyses.statistics(reader)
        newest = reader.search_quotes(QuoteQuery(sort="newest", size=_NEWEST)) if stats.quotes else None
        week = charts.rows((one.name, one.count, links.speaker(one.id)) for one in stats.week)
        context = {
            "stats": stats,
            "chart": charts.columns(stats.days, links.period(_EVERYTHING)),
            "week": [replace(row, before=one.before) for row, one in zip(week, stats.week, strict=True)],
            "hits": newest.hits if newest else [],
            "sources_line": sources_line(),
            "may_change": permissions.is_admin(request),
        }
        return rendering.page("home.html", {**context, **cards.PARTS})
