"""The pages: a search for quotes, an article with its quotes marked, and the API's documentation."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.responses import FileResponse, Response
from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.models import Quote
from pipeline.search import api_docs, error_responses, rendering, text_runs
from pipeline.search.queries import MAX_WINDOW, QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import Facets, QuotePage

_PARAMETERS = {field.alias or name: name for name, field in QuoteQuery.model_fields.items()}
_LISTS = {name for name, field in QuoteQuery.model_fields.items() if field.default_factory is list}
_AROUND = 2
"""Page numbers shown on each side of the current one."""


@dataclass(frozen=True)
class Chip:
    """A condition of the search, and the address of the search without it."""

    name: str
    value: str
    without: str


@dataclass(frozen=True)
class Step:
    """A link to another page of the results; `url` is None for the current page and for a gap."""

    label: str
    url: str | None


def router(app: FastAPI, reader: Reader, page_size: int) -> APIRouter:
    """The routes of all pages."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def search(request: Request) -> Response:
        given = _given(request)
        try:
            query = QuoteQuery.model_validate(given)
            results = reader.search_quotes(query, facets=True)
            counts = reader.counts() if not results.total and not query.restricts else None
        except ValidationError as error:
            return _refused(given, error_responses.sentence(error))
        except InputError as error:
            return _refused(given, str(error))
        return rendering.page(
            "search.html",
            _context(query.model_dump(mode="json", by_alias=True), query, results)
            | {"steps": _steps(query, results.total, query.size or page_size), "empty": counts and not counts.quotes},
        )

    @routes.get("/articles/{id}")
    def article(id: Annotated[str, Path(max_length=512)]) -> Response:
        view = reader.article(id)
        paragraphs = text_runs.paragraphs(view.body, view.quotes)
        speakers = _speakers(view.quotes)
        # By order of appearance: within an article, neighbours must not look alike.
        hues = {quote.speaker.id: at % rendering.HUES for at, (quote, _) in enumerate(speakers) if quote.speaker}
        return rendering.page(
            "article.html", {"article": view, "paragraphs": paragraphs, "speakers": speakers, "hues": hues}
        )

    @routes.get("/docs")
    def docs() -> Response:
        return rendering.page("docs.html", {"operations": api_docs.operations(app.openapi())})

    @routes.get("/favicon.ico")
    def icon() -> Response:
        return FileResponse(rendering.STATIC / "icon.svg", media_type="image/svg+xml")

    return routes


def link(query: QuoteQuery, **changes: Any) -> str:
    """The address of the search with some fields changed; on its first page, unless `changes` names another."""
    fields = query.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"page": None, "cursor": None}
    kept = {name: value for name, value in (fields | changes).items() if value not in (None, "", [], False)}
    return "/?" + urlencode(kept, doseq=True) if kept else "/"


def _given(request: Request) -> dict[str, Any]:
    """The known parameters; others, such as those that trackers add, are ignored."""
    parameters = request.query_params
    return {
        name: parameters.getlist(name) if _PARAMETERS[name] in _LISTS else parameters[name]
        for name in parameters
        if name in _PARAMETERS
    }


def _refused(given: dict[str, Any], sentence: str) -> Response:
    """The page with the typed parameters, and a sentence on what is wrong with them."""
    typed = QuoteQuery().model_dump(mode="json", by_alias=True) | given
    context = _context(typed, QuoteQuery(), QuotePage(total=0, hits=[], facets=Facets()))
    return rendering.page("search.html", context | {"problem": sentence, "steps": [], "empty": False}, status=422)


def _context(typed: dict[str, Any], query: QuoteQuery, results: QuotePage) -> dict[str, Any]:
    return {
        "typed": typed,
        "query": query,
        "found": results,
        "chips": _chips(query),
        "link": lambda **changes: link(query, **changes),
        "api": "/api/quotes" + link(query).removeprefix("/"),
        "words": text_runs.words,
        "highlighted": text_runs.highlighted,
        "problem": None,
    }


def _chips(query: QuoteQuery) -> list[Chip]:
    """A chip for each value of each condition."""
    several: list[tuple[str, str, list[str], list[str]]] = [
        ("within", "In", [rendering.PLACES[place] for place in query.within], list(query.within)),
        ("speaker", "Speaker", query.speaker, query.speaker),
        ("entity", "Names", query.entity, query.entity),
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
    for field, name, shown, values in several:
        alias = QuoteQuery.model_fields[field].alias or field
        for at, value in enumerate(shown):
            chips.append(Chip(name, value, link(query, **{alias: values[:at] + values[at + 1 :]})))
    single = {
        "since": ("From", _shown(query.since)),
        "until": ("Until", _shown(query.until)),
        "confidence": ("At least", query.confidence and f"{rendering.percent(query.confidence)} sure"),
        "confidence_max": ("At most", query.confidence_max and f"{rendering.percent(query.confidence_max)} sure"),
    }
    return chips + [Chip(name, value, link(query, **{field: None})) for field, (name, value) in single.items() if value]


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


def _speakers(quotes: list[Quote]) -> list[tuple[Quote, int]]:
    """The first quote of each speaker, in order of appearance, with how many are theirs."""
    firsts: dict[str, Quote] = {}
    counts: dict[str, int] = {}
    for quote in sorted(quotes, key=lambda quote: quote.start):
        if quote.speaker:
            firsts.setdefault(quote.speaker.id, quote)
            counts[quote.speaker.id] = counts.get(quote.speaker.id, 0) + 1
    return [(quote, counts[id]) for id, quote in firsts.items()]
