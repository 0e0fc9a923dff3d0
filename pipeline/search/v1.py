"""Serves the JSON API below /api/v1: quotes, articles, speakers, sources, trends; feeds, exports, a stream of events.

It only reads; pipeline.search.curation has what changes who is who. Its addresses, parameters and fields stay; new ones
may be added. Errors are problem details (RFC 9457).
"""

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from pipeline.search import analyses, error_responses, examples, export, feeds
from pipeline.search.analyses import (
    AcrossParameters,
    CompareParameters,
    EntityParameters,
    RisingParameters,
    TrendParameters,
)
from pipeline.search.counting import Facet
from pipeline.search.error_responses import HEAD, problem
from pipeline.search.parameters import ArticleQuery, Parameters, QuoteParameters, QuoteQuery, SpeakerParameters
from pipeline.search.reader import Reader
from pipeline.search.results import (
    ArticlePage,
    ArticleView,
    Comparison,
    EntityCount,
    FacetValues,
    Named,
    QuoteHit,
    QuotePage,
    Rising,
    SourceCount,
    SpeakerProfile,
    Spread,
    Statistics,
    Trends,
)
from pipeline.search.stream import Streams

_EXPORTS: dict[str, tuple[str, Callable[[Iterator[QuoteHit]], Iterator[str] | Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", export.csv_pieces),
    "jsonl": ("application/x-ndjson", export.jsonl_pieces),
    "parquet": ("application/vnd.apache.parquet", export.parquet_pieces),
}
_Responses = dict[int | str, dict[str, Any]]


_UNAVAILABLE: _Responses = {503: problem("Elasticsearch does not answer.")}
_INVALID: _Responses = {422: problem("A parameter is wrong; the sentence names it.")}
_MISSING: _Responses = {404: problem("Nothing has this id."), 410: problem("The article was taken down.")}


def _link(operation: str, parameter: str, place: str) -> dict[str, Any]:
    return {"operationId": operation, "parameters": {parameter: f"$response.body#/{place}"}}


_QUOTE_LINKS = {
    "quote": _link("quote", "path.id", "hits/0/id"),
    "similar": _link("similar", "path.id", "hits/0/id"),
    "spread": _link("spread", "path.id", "hits/0/id"),
    "article": _link("article", "path.id", "hits/0/article_id"),
    "speaker": _link("speaker", "path.id", "hits/0/speaker/id"),
    "next": _link("quotes", "query.cursor", "next"),
}
_ARTICLE_LINKS = {
    "article": _link("article", "path.id", "hits/0/id"),
    "next": _link("articles", "query.cursor", "next"),
}


class SizeParameters(Parameters):
    """How many are wanted."""

    size: int = Field(default=10, ge=1, le=100, description="Quotes, at the most.")


class StreamParameters(QuoteQuery):
    """The parameters of the stream."""

    seconds: int | None = Field(default=None, ge=1, le=86_400, description="End after so many seconds; else never.")


_Id = Annotated[str, Path(max_length=512, description="The id.")]


def router(reader: Reader, streams: Streams) -> APIRouter:
    """The routes below /api/v1."""
    api = APIRouter(prefix=error_responses.V1.rstrip("/"), responses=_UNAVAILABLE | _INVALID)
    _add_quotes(api, reader)
    _add_articles(api, reader)
    _add_people(api, reader)
    _add_counts(api, reader)
    _add_outlets(api, reader, streams)
    return api


def search(reader: Reader, parameters: QuoteParameters) -> QuotePage:
    """The page of quotes that these parameters ask for."""
    return reader.search_quotes(
        parameters, facets=parameters.facets, facet_size=parameters.facet_size, histogram=parameters.histogram
    )


def _add_quotes(api: APIRouter, reader: Reader) -> None:
    @api.get(
        "/quotes",
        operation_id="quotes",
        summary="Search quotes",
        responses=_example(examples.of(examples.PAGE), _QUOTE_LINKS),
    )
    def quotes_v1(parameters: Annotated[QuoteParameters, Query()]) -> QuotePage:
        """Matching quotes, a page at a time. `next` of the answer, sent as `cursor`, gives the page after."""
        return search(reader, parameters)

    @api.get(
        "/quotes/{id}",
        operation_id="quote",
        summary="One quote",
        responses=_MISSING | _example(examples.of(examples.HIT)),
    )
    def quote_v1(id: _Id) -> QuoteHit:
        """A quote by its id."""
        return reader.quote(id)

    @api.get("/quotes/{id}/similar", operation_id="similar", summary="Quotes like one", responses=_MISSING)
    def similar_v1(id: _Id, parameters: Annotated[SizeParameters, Query()]) -> list[QuoteHit]:
        """Quotes of other articles that have rare words in common with this one, the most alike first."""
        return reader.similar(id, parameters.size)

    @api.get("/quotes/{id}/spread", operation_id="spread", summary="Where a quote's words appeared", responses=_MISSING)
    def spread_v1(id: _Id, parameters: Annotated[SizeParameters, Query()]) -> Spread:
        """This quote and others with its words, whole, cut or changed, also of copies; the oldest first."""
        return reader.spread(id, parameters.size)

    @api.get("/facets/{facet}", operation_id="facet", summary="All values of one facet")
    def facet_v1(
        facet: Annotated[Facet, Path(description="What is counted.")],
        parameters: Annotated[AcrossParameters, Query()],
    ) -> FacetValues:
        """What the quotes found have in common: a thousand values at the most, or those that begin with `prefix`."""
        return analyses.facet(reader, facet, parameters)


def _add_articles(api: APIRouter, reader: Reader) -> None:
    @api.get(
        "/articles", operation_id="articles", summary="Search articles", responses={200: {"links": _ARTICLE_LINKS}}
    )
    def articles_v1(parameters: Annotated[ArticleQuery, Query()]) -> ArticlePage:
        """Matching articles, a page at a time, without their texts."""
        return reader.articles(parameters)

    @api.get("/articles/{id}", operation_id="article", summary="One article", responses=_MISSING)
    def article_v1(id: _Id) -> ArticleView:
        """An article with its quotes and entities."""
        return reader.article(id)


def _add_people(api: APIRouter, reader: Reader) -> None:
    @api.get("/entities", operation_id="entities", summary="Entities that quotes name")
    def entities_v1(parameters: Annotated[EntityParameters, Query()]) -> list[EntityCount]:
        """People, organisations, places and others that the quotes found name, the most frequent first."""
        return analyses.entities(reader, parameters)

    @api.get("/speakers", operation_id="speakers", summary="Speakers by name")
    def speakers_v1(parameters: Annotated[SpeakerParameters, Query()]) -> list[Named]:
        """Speakers, the most quoted first: for completing what somebody types."""
        return reader.speakers(parameters.prefix, parameters.size)

    @api.get("/speakers/{id}", operation_id="speaker", summary="One speaker", responses=_MISSING)
    def speaker_v1(
        id: Annotated[str, Path(max_length=200, description="The speaker's id, an entity's, or words of the name.")],
        parameters: Annotated[QuoteQuery, Query()],
    ) -> SpeakerProfile:
        """How much somebody said, when, how, where, to whom, about whom, and beside whom."""
        return analyses.speaker(reader, id, parameters)

    @api.get("/sources", operation_id="sources", summary="Sources")
    def sources_v1(parameters: Annotated[QuoteQuery, Query()]) -> list[SourceCount]:
        """The sources of the quotes found, with how many quotes, articles and speakers each has."""
        return analyses.sources(reader, parameters)


def _add_counts(api: APIRouter, reader: Reader) -> None:
    @api.get("/trends", operation_id="trends", summary="How often, over time")
    def trends_v1(parameters: Annotated[TrendParameters, Query()]) -> Trends:
        """The most frequent speakers, entities, sources … of the quotes found, interval by interval."""
        return analyses.trends(reader, parameters)

    @api.get("/trends/rising", operation_id="rising", summary="What is said more now than before")
    def rising_v1(parameters: Annotated[RisingParameters, Query()]) -> Rising:
        """Speakers, entities … of the last days beside as many days before; `new` were not there before."""
        return analyses.rising(reader, parameters)

    @api.get("/compare", operation_id="compare", summary="Compare speakers, sources or entities")
    def compare_v1(parameters: Annotated[CompareParameters, Query()]) -> Comparison:
        """Two to six beside each other: how much, when, how, about whom."""
        return analyses.compare(reader, parameters)

    @api.get("/stats", operation_id="stats", summary="How much there is")
    def stats_v1() -> Statistics:
        """Counts of everything, the last thirty days, and who is quoted most this week."""
        return analyses.statistics(reader)


def _add_outlets(api: APIRouter, reader: Reader, streams: Streams) -> None:
    @api.get(
        "/feeds/quotes.{format}",
        operation_id="feed",
        summary="A search as a feed",
        response_class=Response,
        responses=_types(feeds.MEDIA_TYPES.values()),
    )
    def feed_v1(
        request: Request,
        format: Annotated[feeds.Format, Path(description="atom, rss or json.")],
        parameters: Annotated[QuoteQuery, Query()],
    ) -> Response:
        """The newest quotes of a search, for feed readers: twenty, or as many as `size`."""
        newest = parameters.model_copy(update={"sort": "newest", "page": 1, "cursor": None})
        hits = reader.search_quotes(newest).hits
        site = str(request.base_url).rstrip("/")
        made = feeds.make(format, parameters, hits, address=str(request.url), site=site)
        tag = f'"{hashlib.sha256(made).hexdigest()[:32]}"'
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": tag})
        return Response(made, media_type=feeds.MEDIA_TYPES[format], headers={"ETag": tag})

    @api.get(
        "/export.{format}",
        operation_id="export",
        summary="All quotes of a search",
        response_class=Response,
        responses=_types(kind for kind, _ in _EXPORTS.values()),
    )
    def export_v1(
        request: Request,
        format: Annotated[Literal["csv", "jsonl", "parquet"], Path(description="csv, jsonl or parquet.")],
        parameters: Annotated[QuoteQuery, Query()],
    ) -> Response:
        """Every quote that a search finds, however many, as they are when the export begins.

        An answer that ends before its end is told by the connection, as HTTP has it. In CSV, an apostrophe stands
        before text that a spreadsheet would run as a formula.
        """
        kind, make = _EXPORTS[format]
        headers = {"Content-Disposition": f'attachment; filename="quotes.{format}"'}
        quotes = reader.each_quote(parameters)
        first = next(quotes, None)  # before the answer begins: what is wrong is told by its status
        if request.scope.get(HEAD):
            return Response(media_type=kind, headers=headers)
        pieces = make(chain([first] if first else [], quotes))
        return StreamingResponse(pieces, media_type=kind, headers=headers)

    @api.get(
        "/stream",
        operation_id="stream",
        summary="New quotes as they come",
        response_class=Response,
        responses=_types(["text/event-stream"]),
    )
    async def stream_v1(
        request: Request,
        parameters: Annotated[StreamParameters, Query()],
        last_event_id: Annotated[
            str | None, Header(max_length=1000, description="Id of the last event: go on behind it.")
        ] = None,
    ) -> Response:
        """Server-sent events (`event: quote`) of quotes that match, from now on, as they become searchable."""
        return streams.answer(request, parameters, last_event_id=last_event_id, seconds=parameters.seconds)


def _example(example: dict[str, Any], links: dict[str, Any] | None = None) -> _Responses:
    described: dict[str, Any] = {"content": {"application/json": {"example": example}}}
    return {200: described | ({"links": links} if links else {})}


def _types(types: Any) -> _Responses:
    return {200: {"content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in types}}}
