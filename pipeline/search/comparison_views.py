"""Serves the page that holds speakers, sources or entities beside each other."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from pipeline.errors import ClusterUnavailable, InputError
from pipeline.search import analyses, charts, counting, error_responses, rendering
from pipeline.search.analyses import MAX_COMPARED, CompareParameters
from pipeline.search.charts import Row
from pipeline.search.counting import Facet
from pipeline.search.kept import kept
from pipeline.search.links import link
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import Compared, Comparison, Named

PATH = "/compare"
KINDS = {"speaker": "Speakers", "source": "Sources", "entity": "Mentioned"}
"""What can be compared, by the parameter of a search."""

_TOPIC = frozenset({"q", "since", "until"})
_LEAST = 2
_FRESH = 300.0  # seconds that the names offered for completion are kept


def add(routes: APIRouter, reader: Reader) -> None:
    """Adds the page to the routes."""
    frequent = kept(_FRESH, lambda: _frequent(reader))

    @routes.get(PATH)
    def compare(request: Request) -> Response:
        given = request.query_params
        values = [value.strip() for value in given.getlist("value") if value.strip()]
        typed = {name: given.get(name, "") for name in ("q", "since", "until")} | {"of": given.get("of", "speaker")}
        context: dict[str, Any] = {"typed": typed, "values": values, "kinds": KINDS, "most": MAX_COMPARED}
        empty: dict[str, Any] = {
            "found": None, "chart": None, "columns": [], "problem": None, "export": None, "instead": None,
            "frequent": frequent(),
        }  # fmt: skip
        if len(values) < _LEAST:
            return rendering.page("compare.html", context | empty)
        try:
            topic = {name: given[name] for name in given if name in _TOPIC}
            parameters = CompareParameters.model_validate(topic | {"of": typed["of"], "value": values})
            found = analyses.compare(reader, parameters)
        except (ValidationError, InputError) as error:
            problem = str(error) if isinstance(error, InputError) else error_responses.sentence(error)
            return rendering.page("compare.html", context | empty | {"problem": problem}, status=422)
        query = QuoteQuery.model_validate(topic)
        return rendering.page("compare.html", context | empty | _shown(query, found, str(request.url.query)))


def _frequent(reader: Reader) -> list[str]:
    """The names of which there are most quotes, for completing what somebody types; none where they cannot be had."""
    kinds: list[tuple[Facet, int]] = [("speakers", 60), ("sources", 40), ("entities", 60)]
    try:
        found = reader.aggregate(QuoteQuery(), {kind: counting.facet_values(kind, size) for kind, size in kinds})
    except ClusterUnavailable:
        return []
    values = [one for kind, _ in kinds for one in analyses.values_of(kind, found.counted.get(kind, {}))]
    return sorted({one.name for one in values}, key=str.casefold)


def _shown(query: QuoteQuery, found: Comparison, asked: str) -> dict[str, Any]:
    def period(value: str) -> Callable[[date, date], str]:
        return lambda first, last: _link(query, found.of, value, since=first.isoformat(), until=last.isoformat())

    series = [(one.name, one.histogram, period(one.value)) for one in found.compared]
    return {
        "found": found,
        "chart": charts.lines(series),
        "columns": [
            (one, _link(query, found.of, one.value), _rankings(query, found.of, one)) for one in found.compared
        ],
        "export": f"/api/v1/compare?{asked}",
        "instead": lambda one: _instead(asked, one),
    }


def _instead(asked: str, one: Compared) -> str:
    """The comparison's address with the name that may have been meant."""
    pairs = parse_qsl(asked, keep_blank_values=True)
    return urlencode(
        [(name, one.better if name == "value" and value.strip() == one.value else value) for name, value in pairs]
    )


def _rankings(query: QuoteQuery, of: str, one: Compared) -> list[tuple[str, str, list[Row]]]:
    """What the quotes of one have most of: a title, what the values are, and the values."""
    kinds: list[tuple[str, str, str, Sequence[Named]]] = [
        ("Mentioned most", "Name", "entity", one.entities),
        ("Speakers", "Speaker", "speaker", one.speakers),
        ("Sources", "Source", "source", one.sources),
        ("Cues", "Cue", "cue", one.cues),
    ]
    return [
        (title, what, charts.rows(
            (value.name, value.count, _link(query, of, one.value, **{name: value.name})) for value in values[:5]
        ))
        for title, what, name, values in kinds
        if values and name != of
    ]  # fmt: skip


def _link(query: QuoteQuery, of: str, value: str, **narrowed: str) -> str:
    return link(query, **{of: [value]}, **narrowed)
