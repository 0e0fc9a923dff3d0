"""Builds the web application of the search service: a JSON API, and the pages."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from pipeline import elasticsearch_client, heartbeat, metrics
from pipeline.entities.log import EntityLog
from pipeline.entities.lookup import Directory
from pipeline.errors import WhoSaidError
from pipeline.search import (
    alert_views,
    curation,
    entities,
    entity_views,
    error_responses,
    live,
    rendering,
    saved_searches,
    v1,
    views,
)
from pipeline.search.error_responses import Details, Problem
from pipeline.search.middleware import METRICS_PATH, AccessRules, SecurityMiddleware
from pipeline.search.parameters import QuoteParameters, SpeakerParameters
from pipeline.search.reader import Reader
from pipeline.search.results import ArticleView, Named, QuotePage
from pipeline.search.stream import Streams
from pipeline.search.surroundings import Surroundings
from pipeline.settings import Settings

DESCRIPTION = (
    "Who said what, to whom, when and where. All times are UTC; all offsets count code points of the article's body "
    "and end before their last number. Addresses below /api/v1 stay as they are; their errors are problem details (RFC "
    "9457) with one sentence in `detail`. Those that are older answer with the sentence in `error`."
)
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {"model": Problem, "description": "Elasticsearch does not answer."}
}
_INVALID: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "A parameter is wrong; the sentence names it."}
}
_MISSING: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "Nothing has this id."},
    410: {"model": Problem, "description": "The article was taken down."},
}


class Health(BaseModel):
    """The state of the service."""

    status: str


class Readiness(Health):
    """Whether all can be searched."""

    problems: list[str] = Field(
        default_factory=list, description="Why searches do not see all that there is: a sentence each, with the remedy."
    )


def create_app(settings: Settings, surroundings: Surroundings | None = None) -> FastAPI:
    """Makes the application. It connects to Elasticsearch with its first request.

    Args:
        settings: where to search, and who may.
        surroundings: what it shows of the other parts; without them, nothing.

    Raises:
        SettingsError: other machines could reach it without a token, or the tokens cannot be read.
    """
    surroundings = surroundings or Surroundings()
    client = elasticsearch_client.connect(settings)
    reader = Reader(settings, client)
    rulings = EntityLog(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        heartbeat.PART.take_up()
        yield
        heartbeat.PART.rest()
        rulings.close()
        reader.close()

    app = FastAPI(
        title="WhoSaid",
        description=DESCRIPTION,
        version=metadata.version("whosaid"),
        docs_url=None,  # FastAPI's own page loads scripts from other hosts; pipeline.search.views has ours
        redoc_url=None,
        lifespan=lifespan,
    )
    streams = Streams(reader)
    app.include_router(v1.router(reader, streams))
    app.include_router(_api(reader))
    patient = client.options(request_timeout=settings.search.timeout)
    app.include_router(entities.router(patient, settings))
    app.include_router(curation.router(client, settings, rulings))
    app.include_router(saved_searches.router(client, reader, settings))
    app.include_router(alert_views.router(client, reader, settings))
    app.include_router(views.router(app, reader, settings.search.page_size, surroundings.sources_line))
    app.include_router(live.router(reader, streams))
    app.include_router(entity_views.router(reader, Directory(patient, settings)))
    for make in surroundings.routers:
        app.include_router(make(reader))
    app.mount("/static", StaticFiles(directory=rendering.STATIC), name="static")
    app.openapi = _described(app)  # type: ignore[method-assign]
    app.add_middleware(SecurityMiddleware, rules=AccessRules(settings.search))
    app.add_exception_handler(WhoSaidError, _own_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    return app


def _described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The description of the API, with the form of problem details, which no route returns as its answer.

    One thread makes it at a time: the page /docs asks for it in another thread than /openapi.json, and FastAPI's own
    making of it breaks where two do it at once.
    """
    describe, one_at_a_time = app.openapi, threading.Lock()

    def openapi() -> dict[str, Any]:
        with one_at_a_time:
            description = describe()
            description["components"]["schemas"].setdefault("Details", Details.model_json_schema())
            return description

    return openapi


def _api(reader: Reader) -> APIRouter:
    api = APIRouter()

    @api.get("/api/quotes", summary="Search quotes", responses=_INVALID | _UNAVAILABLE)
    def quotes(parameters: Annotated[QuoteParameters, Query()]) -> QuotePage:
        """Matching quotes, a page at a time. `next` of the answer, sent as `cursor`, gives the page after."""
        return v1.search(reader, parameters)

    @api.get("/api/articles/{id}", summary="One article", responses=_MISSING | _UNAVAILABLE | _INVALID)
    def article(id: Annotated[str, Path(max_length=512, description="The article's id.")]) -> ArticleView:
        """An article with its quotes and entities."""
        return reader.article(id)

    @api.get("/api/speakers", summary="Speakers by name", responses=_INVALID | _UNAVAILABLE)
    def speakers(parameters: Annotated[SpeakerParameters, Query()]) -> list[Named]:
        """Speakers, the most quoted first: for completing what somebody types."""
        return reader.speakers(parameters.prefix, parameters.size)

    @api.get("/healthz", summary="Is the service alive?")
    async def healthz() -> Health:  # not in a thread: slow searches may occupy all threads
        """Answers as long as the process does."""
        return Health(status="alive")

    @api.get("/readyz", summary="Can it search?", responses=_UNAVAILABLE)
    def readyz() -> Readiness:
        """Answers 200 when quotes can be searched; `status` is `incomplete` where a part of them cannot."""
        problems = reader.check()
        return Readiness(status="incomplete" if problems else "ready", problems=problems)

    @api.get(METRICS_PATH, summary="Metrics for Prometheus", response_class=PlainTextResponse)
    async def exposition() -> Response:
        """All metrics of this process, in Prometheus's text format. A token for them has the scope `metrics`."""
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    return api


async def _own_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WhoSaidError)
    return error_responses.of(request, error)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_responses.answer(request, 422, error_responses.sentence(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    allowed = (error.headers or {}).get("Allow", "GET")
    sentences = {
        400: "The body cannot be read; it must be JSON in UTF-8.",
        404: "There is nothing at this address.",
        405: f"This address takes {allowed} alone.",
    }
    if allowed == "GET":
        sentences[405] = "This address only reads; use GET."
    sentence = sentences.get(error.status_code, str(error.detail))
    return error_responses.answer(request, error.status_code, sentence, headers=error.headers)
