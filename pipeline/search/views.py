"""Serves the pages: the search for quotes with its facets, an article with its quotes marked, the API's documents."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.responses import FileResponse, Response
from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.models import Entity, Quote
from pipeline.search import (
    analyses,
    api_docs,
    cards,
    charts,
    citation,
    comparison_views,
    error_responses,
    links,
    overview_views,
    permissions,
    profile_views,
    reasons,
    rendering,
    text_runs,
)
from pipeline.search.analyses import FacetParameters
from pipeline.search.counting import Facet
from pipeline.search.links import link
from pipeline.search.parameters import MAX_WINDOW, QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import Facets, FacetValues, Named, QuotePage

_PARAMETERS = {field.alias or name: name for name, field in QuoteQuery.model_fields.items()}
_LISTS = {name for name, field in QuoteQuery.model_fields.items() if field.default_factory is list}
_AROUND = 2
"""Page numbers shown on each side of the current one."""


_ENTITIES = (
    ("People", frozenset({"PERSON"})),
    ("Organisations", frozenset({"ORG"})),
    ("Places", frozenset({"GPE", "LOC", "FAC"})),
    ("Groups and others", frozenset({"NORP", "EVENT", "LAW", "PRODUCT", "WORK_OF_ART", "LANGUAGE"})),
)
_MOST_NAMED = 40
_LATEST = 253_402_300_799_999  # milliseconds: the end of the year 9999
_VALUES = 500
"""The most values on the page of a facet; its box finds the others."""

_PRESETS = (("24 h", "24h"), ("7 d", "7d"), ("30 d", "30d"), ("any time", None))
_OPEN: frozenset[Facet] = frozenset({"speakers", "entities", "sources", "types"})


@dataclass(frozen=True)
class _Kind:
    title: str
    parameter: str
    labels: dict[str, str] = field(default_factory=dict)


def _labels(names: Mapping[Any, str]) -> dict[str, str]:
    return {str(key.value): label for key, label in names.items()}


_FACETS: dict[Facet, _Kind] = {
    "speakers": _Kind("Speakers", "speaker"),
    "entities": _Kind("Mentioned", "entity"),
    "sources": _Kind("Sources", "source"),
    "types": _Kind("Types", "type", _labels(rendering.TYPES)),
    "modalities": _Kind("Stated as", "modality", _labels(rendering.MODALITIES)),
    "addressees": _Kind("Said to", "addressee"),
    "cues": _Kind("Cues", "cue"),
    "media": _Kind("Where", "medium"),
    "languages": _Kind("Languages", "language"),
}


@dataclass(frozen=True)
class Chip:
    """A condition of the search, and the address of the search without it."""

    name: str
    value: str
    without: str


@dataclass(frozen=True)
class Value:
    """A value of a facet: how many quotes have it, and the address of the search with it, or without it if chosen."""

    name: str
    count: int
    chosen: bool
    url: str
    page: str | None = None
    """The address of the page about it, where it has one."""


@dataclass(frozen=True)
class FacetList:
    """What a facet lists; `more` is the address of all its values, where there are more."""

    title: str
    name: str
    values: list[Value]
    more: str | None
    open: bool


@dataclass(frozen=True)
class Step:
    """A link to another page of the results; `url` is None for the current page and for a gap."""

    label: str
    url: str | None


def router(app: FastAPI, reader: Reader, page_size: int, sources_line: Callable[[], str | None]) -> APIRouter:
    """The routes of all pages."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(links.SEARCH)
    def search(request: Request) -> Response:
        given = _given(request)
        try:
            query = QuoteQuery.model_validate(given)
            results = reader.search_quotes(query, facets=True, histogram=True)
            counts = reader.counts() if not results.total and not query.restricts else None
        except ValidationError as error:
            return _refused(given, error_responses.sentence(error))
        except InputError as error:
            return _refused(given, str(error))
        return rendering.page(
            "search.html",
            _context(query.model_dump(mode="json", by_alias=True), query, results)
            | {"steps": _steps(query, results.total, query.size or page_size), "empty": counts and not counts.quotes}
            | {"may_change": permissions.is_admin(request)},
        )

    @routes.get("/facets/{facet}")
    def values(request: Request, facet: Facet) -> Response:
        given = _given(request)
        prefix = request.query_params.get("prefix", "")
        try:
            query = QuoteQuery.model_validate(given)
            wanted = FacetParameters.model_validate(given | {"prefix": prefix, "size": _VALUES})
            # As in the list that leads here: those already chosen do not hide the others.
            others = wanted.model_copy(update={_FACETS[facet].parameter: []})
            found = analyses.facet(reader, facet, others)
        except (ValidationError, InputError) as error:
            query, found = QuoteQuery(), FacetValues(values=[], more=False, total=0)
            problem = str(error) if isinstance(error, InputError) else error_responses.sentence(error)
        else:
            problem = ""
        listed = [(value.id, value.name, value.count) for value in found.values]
        context = {
            "facet": facet,
            "title": _FACETS[facet].title,
            "query": query,
            "hidden": query.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            "prefix": prefix,
            "values": _values(query, facet, listed),
            "found": found,
            "problem": problem,
            "back": link(query),
        }
        return rendering.page("facet.html", context, status=422 if problem else 200)

    @routes.get("/articles/{id}")
    def article(id: Annotated[str, Path(max_length=512)]) -> Response:
        view = reader.article(id)
        paragraphs = text_runs.paragraphs(view.body, view.quotes)
        speakers = _speakers(view.quotes)
        # By order of appearance: within an article, neighbours must not look alike.
        hues = {quote.speaker.id: at % rendering.HUES for at, (quote, _) in enumerate(speakers) if quote.speaker}
        context = {"article": view, "paragraphs": paragraphs, "speakers": speakers, "hues": hues}
        context |= {
            "ties": {quote.id: at % rendering.TIES for at, quote in enumerate(view.quotes)},
            "why": reasons.of,
            "citation": citation.article(view),
            "entities": _entities(view.entities),
            "revised": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=min(view.revision, _LATEST)),
        }
        return rendering.page("article.html", context)

    profile_views.add(routes, reader)
    comparison_views.add(routes, reader)
    overview_views.add(routes, reader, sources_line)

    @routes.get("/docs")
    def docs() -> Response:
        return rendering.page("docs.html", {"operations": api_docs.operations(app.openapi())})

    @routes.get("/favicon.ico")
    def icon() -> Response:
        return FileResponse(rendering.STATIC / "icon.svg", media_type="image/svg+xml")

    return routes


def _given(request: Request) -> dict[str, Any]:
    """The known parameters; others, such as those that trackers add, are ignored."""
    parameters = request.query_params
    return {
        name: parameters.getlist(name) if _PARAMETERS[name] in _LISTS else parameters[name]
        for name in parameters
        if name in _PARAMETERS
    }


def _refused(given: dict[str, Any], sentence: str) -> Response:
    """The page with the typed parameters, and a sentence on what is wrong with them, by the names the page has."""
    typed = QuoteQuery().model_dump(mode="json", by_alias=True) | given
    context = _context(typed, QuoteQuery(), QuotePage(total=0, hits=[], facets=Facets()))
    wrong, colon, rest = sentence.partition(": ")
    if colon and wrong in links.FIELDS:
        sentence = f"{links.FIELDS[wrong]}: {rest}"
    context |= {"problem": sentence, "wrong": wrong, "steps": [], "empty": False}
    return rendering.page("search.html", context, status=422)


def _context(typed: dict[str, Any], query: QuoteQuery, results: QuotePage) -> dict[str, Any]:
    every = links.whole(query)
    return dict(cards.PARTS) | {
        "typed": typed,
        "query": query,
        "title": " · ".join([*filter(None, [query.words]), *(chip.value for chip in _chips(query, results))]),
        "found": results,
        "chips": _chips(query, results),
        "chart": charts.columns(results.histogram, links.period(query)) if results.histogram else None,
        "facets": _facets(query, results.facets or Facets()),
        "presets": [
            Value(label, 0, (query.since, query.until) == (since, None), link(query, since=since, until=None))
            for label, since in _PRESETS
        ],
        "link": lambda **changes: link(query, **changes),
        "downloads": {
            "CSV": f"/api/v1/export.csv{every}",
            "JSONL": f"/api/v1/export.jsonl{every}",
            "Parquet": f"/api/v1/export.parquet{every}",
        },
        "feed": f"/api/v1/feeds/quotes.atom{every}",
        "save": f"{links.ALERTS}{every}" if query.restricts else None,
        "may_change": False,
        "problem": None,
        "wrong": None,
    }


def _facets(query: QuoteQuery, facets: Facets) -> list[FacetList]:
    """The facets that have values, those that readers ask for first unfolded."""
    lists = []
    for facet, kind in _FACETS.items():
        counted = getattr(facets, facet)
        if isinstance(counted, dict):
            values = [(key.value, key.value, count) for key, count in counted.items()]
        else:
            values = [(one.id, one.name, one.count) for one in counted]
        chosen = getattr(query, kind.parameter)
        if values:
            more = f"/facets/{facet}{links.parameters(query)}" if facet in facets.more else None
            made = _values(query, facet, values)
            lists.append(FacetList(kind.title, facet, made, more, bool(chosen) or facet in _OPEN))
    return lists


def _values(query: QuoteQuery, facet: Facet, counted: list[tuple[str, str, int]]) -> list[Value]:
    """The values of a facet, each an id, a name and a count. Choosing one more adds it to those chosen."""
    kind = _FACETS[facet]
    chosen = [str(value) for value in getattr(query, kind.parameter)]
    made = []
    for id, name, count in counted:
        others = [value for value in chosen if value not in (id, name)]
        here = len(others) < len(chosen)
        made.append(
            Value(
                name=kind.labels.get(name, name),
                count=count,
                chosen=here,
                url=link(query, **{kind.parameter: others if here else [*others, name]}),
                page=links.speaker(id) if facet == "speakers" else None,
            )
        )
    return made


def _chips(query: QuoteQuery, results: QuotePage) -> list[Chip]:
    """A chip for each value of each condition; an id is shown as its name, where the results have it."""
    facets = results.facets or Facets()
    named: list[Named] = [*facets.speakers, *facets.sources, *facets.entities]
    names = {one.id: one.name for one in named}
    names |= {hit.speaker.id: hit.speaker.name for hit in results.hits if hit.speaker}
    names |= {hit.article_id: hit.headline for hit in results.hits if hit.headline}
    several: list[tuple[str, str, list[str], list[str]]] = [
        ("within", "In", [rendering.PLACES[place] for place in query.within], list(query.within)),
        ("speaker", "Speaker", query.speaker, query.speaker),
        ("entity", "Mentioned", query.entity, query.entity),
        ("type", "Type", [rendering.TYPES[type] for type in query.type], [type.value for type in query.type]),
        ("source", "Source", query.source, query.source),
        ("article", "Article", query.article, query.article),
        (
            "modality", "How", [rendering.MODALITIES[modality] for modality in query.modality],
            [modality.value for modality in query.modality],
        ),
        ("addressee", "Said to", query.addressee, query.addressee),
        ("cue", "Cue", query.cue, query.cue),
        ("medium", "Where", query.medium, query.medium),
        ("language", "Language", query.language, query.language),
    ]  # fmt: skip
    chips = []
    for parameter, name, shown, values in several:
        alias = QuoteQuery.model_fields[parameter].alias or parameter
        for at, value in enumerate(shown):
            chips.append(Chip(name, names.get(value, value), link(query, **{alias: values[:at] + values[at + 1 :]})))
    single = {
        "since": ("From", _shown(query.since)),
        "until": ("Until", _shown(query.until)),
        "confidence": ("At least", query.confidence and f"{rendering.percent(query.confidence)} sure"),
        "confidence_max": ("At most", query.confidence_max and f"{rendering.percent(query.confidence_max)} sure"),
    }
    return chips + [
        Chip(name, value, link(query, **{parameter: None})) for parameter, (name, value) in single.items() if value
    ]


def _shown(moment: date | str | None) -> str | None:
    return moment.isoformat() if isinstance(moment, date) else moment


def _steps(query: QuoteQuery, total: int, size: int) -> list[Step]:
    """Links to the pages near the current one, to the first and to the last that can be reached."""
    last = max(1, -(-min(total, MAX_WINDOW - MAX_WINDOW % size) // size))
    near = range(max(1, query.page - _AROUND), min(last, query.page + _AROUND) + 1)
    steps: list[Step] = []
    before = 0
    for number in sorted({1, last, *near}):
        if number > before + 1:
            steps.append(Step("…", None))
        url = None if number == query.page else link(query, page=number if number > 1 else None)
        steps.append(Step(f"{number:,}", url))
        before = number
    return steps if last > 1 else []


def _entities(entities: Sequence[Entity]) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """What the article names, by kind: each with how often, and the address of the quotes that mention it."""
    counts = Counter((entity.label, entity.name) for entity in entities)
    listed = []
    for title, labels in _ENTITIES:
        named = [
            (name, count, link(QuoteQuery(), entity=[name]))
            for (label, name), count in counts.most_common()
            if label in labels
        ]
        if named:
            listed.append((title, named[:_MOST_NAMED]))
    return listed


def _speakers(quotes: list[Quote]) -> list[tuple[Quote, int]]:
    """The first quote of each speaker, in order of appearance, with how many are theirs."""
    firsts: dict[str, Quote] = {}
    counts: dict[str, int] = {}
    for quote in sorted(quotes, key=lambda quote: quote.start):
        if quote.speaker:
            firsts.setdefault(quote.speaker.id, quote)
            counts[quote.speaker.id] = counts.get(quote.speaker.id, 0) + 1
    return [(quote, counts[id]) for id, quote in firsts.items()]
