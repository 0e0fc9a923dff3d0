"""Serves the pages of one quote and of one speaker."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from pipeline.search import analyses, cards, charts, citation, links, rendering
from pipeline.search.charts import Row
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import Named, SpeakerProfile

_ALIKE = 5
_NEWEST = 5
_ELSEWHERE = 20
"""Quotes that a page lists."""


def add(routes: APIRouter, reader: Reader) -> None:
    """Adds the pages to the routes."""

    @routes.get("/quotes/{id}")
    def quote(request: Request, id: Annotated[str, Path(max_length=512)]) -> Response:
        hit = reader.quote(id)
        address = str(request.base_url).rstrip("/") + links.quoted(hit.id)
        spread = reader.spread(hit.id, _ELSEWHERE)
        elsewhere = [other for other in spread.hits if other.id != hit.id]
        known = {other.id for other in elsewhere}
        context = {
            "hit": hit,
            "address": address,
            "quotation": citation.quotation(hit, address),
            "description": citation.description(hit),
            "elsewhere": elsewhere,
            "similar": [other for other in reader.similar(hit.id, _ALIKE) if other.id not in known],
        }
        return rendering.page("quote_page.html", {**context, **cards.PARTS})

    @routes.get("/speakers/{id}")
    def speaker(id: Annotated[str, Path(max_length=200)]) -> Response:
        profile = analyses.speaker(reader, id, QuoteQuery())
        own = QuoteQuery(speaker=[profile.id])
        newest = reader.search_quotes(own.model_copy(update={"sort": "newest", "size": _NEWEST}))
        context = {
            "profile": profile,
            "chart": charts.columns(profile.histogram, links.period(own)),
            "all": links.link(own),
            "feed": f"/api/v1/feeds/quotes.atom{links.whole(own)}",
            "export": f"/api/v1/export.csv{links.whole(own)}",
            "rankings": _rankings(profile, own),
            "hits": newest.hits,
        }
        return rendering.page("speaker.html", {**context, **cards.PARTS})


def _rankings(profile: SpeakerProfile, own: QuoteQuery) -> list[tuple[str, str, list[Row]]]:
    """The tables of a speaker's page: a title, what the values are, and the values."""
    kinds: list[tuple[str, str, str, Sequence[Named]]] = [
        ("What the quotes mention", "Name", "entity", profile.entities),
        ("Sources", "Source", "source", profile.sources),
        ("How it was said", "Cue", "cue", profile.cues),
        ("Said to", "Addressee", "addressee", profile.addressees),
        ("Where", "Place or medium", "medium", profile.media),
    ]
    tables = [
        (title, what, charts.rows((one.name, one.count, links.link(own, **{name: one.name})) for one in values))
        for title, what, name, values in kinds
        if values
    ]
    types = [(rendering.TYPES[type], count, links.link(own, type=type.value)) for type, count in profile.types.items()]
    beside = [(one.name, one.count, links.speaker(one.id)) for one in profile.beside]
    if beside:
        tables.insert(1, ("Quoted in the same articles", "Speaker", charts.rows(beside)))
    return [*tables, ("Types", "Type", charts.rows(types))]
