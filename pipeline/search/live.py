"""Serves the live page: new quotes that match a search appear as they become searchable.

A script of ours listens to a stream of events whose data are cards as the server renders them. Without scripts the page
loads itself again.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.search import cards, error_responses, links, rendering
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import QuoteHit
from pipeline.search.stream import Streams

PATH = "/live"
REFRESH = 30
"""Seconds after which a page without scripts loads itself again."""

_SHOWN = 10
_FIELDS = ("q", "speaker", "source", "type", "entity")
_SINGLE = {"q"}


def router(reader: Reader, streams: Streams) -> APIRouter:
    """The routes of the page and of its stream."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    def live(request: Request) -> Response:
        typed = {name: request.query_params.get(name, "") for name in ("q", "speaker", "source")}
        context: dict[str, Any] = {"typed": typed, "refresh": REFRESH, "problem": None, "hits": [], **cards.PARTS}
        context |= {"stream": f"{PATH}/stream", "all": links.SEARCH}
        try:
            query = _query(request)
            newest = reader.search_quotes(query.model_copy(update={"sort": "newest", "size": _SHOWN}))
        except (ValidationError, InputError) as error:
            context["problem"] = str(error) if isinstance(error, InputError) else error_responses.sentence(error)
            return rendering.page("live.html", context, status=422)
        context |= {"stream": f"{PATH}/stream{links.whole(query)}", "all": links.link(query), "hits": newest.hits}
        return rendering.page("live.html", context)

    @routes.get(f"{PATH}/stream")
    async def stream(
        request: Request, last_event_id: Annotated[str | None, Header(max_length=1000)] = None
    ) -> Response:
        try:
            query = _query(request)
        except ValidationError as error:
            raise InputError(error_responses.sentence(error)) from None
        return streams.answer(request, query, last_event_id=last_event_id, render=_card)

    return routes


def _query(request: Request) -> QuoteQuery:
    given = request.query_params
    return QuoteQuery.model_validate(
        {name: given[name] if name in _SINGLE else given.getlist(name) for name in _FIELDS if name in given}
    )


def _card(hit: QuoteHit) -> str:
    """The quote as an item of the page's list, in one line."""
    made = rendering.environment().get_template("live_card.html").render({"hit": hit, **cards.PARTS})
    return " ".join(made.split())
