"""Serves the pages of entities: finding one by name, and all that is known of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.entities.lookup import Directory, EntityView
from pipeline.errors import InputError
from pipeline.search import cards, charts, links, rendering
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader

PATH = "/entities"
_FOUND = 50
_NEWEST = 3
_LONGEST = 200  # characters of a name
_KNOWLEDGE_BASES = {"wikidata": "https://www.wikidata.org/wiki/"}


def router(reader: Reader, directory: Directory) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    def entities(request: Request) -> Response:
        name = request.query_params.get("name", "").strip()
        if len(name) > _LONGEST:
            raise InputError(f"A name has at most {_LONGEST} characters.")
        found = directory.search(name, size=_FOUND) if name else []
        return rendering.page("entities.html", {"name": name, "found": found})

    @routes.get(f"{PATH}/{{id}}")
    def entity(id: Annotated[str, Path(max_length=200)]) -> Response:
        view = directory.find(id)
        if view.id != id:  # it was merged into another
            return RedirectResponse(links.entity(view.id), 307)
        return rendering.page("entity.html", _shown(reader, view))

    return routes


def _shown(reader: Reader, view: EntityView) -> dict[str, Any]:
    said, about = QuoteQuery(speaker=[view.id]), QuoteQuery(entity=[view.id])
    newest: dict[str, Any] = {"sort": "newest", "size": _NEWEST}
    own = reader.search_quotes(said.model_copy(update=newest), histogram=True)
    named = reader.search_quotes(about.model_copy(update=newest), histogram=True)
    parts = [
        ("said", "What {} said", "Quotes said", own, said),
        ("about", "Quotes that mention {}", "Quotes that mention it", named, about),
    ]
    return {
        "view": view,
        "company": charts.rows((one.name, one.articles, links.entity(one.id)) for one in view.company),
        "variants": charts.rows((one.name, one.articles, links.link(said, speaker=one.name)) for one in view.variants),
        "elsewhere": [(link, _address(link)) for link in view.links],
        "parts_of": [
            {
                "id": id,
                "heading": heading.format(view.name),
                "title": title,
                "found": found,
                "chart": charts.columns(found.histogram, links.period(query)) if found.histogram else None,
                "all": links.link(query),
            }
            for id, heading, title, found, query in parts
            if found.total
        ],
        **cards.PARTS,
    }


def _address(link: str) -> str | None:
    """The web address of an id in a knowledge base; None where it is none that is known."""
    base, _, id = link.partition(":")
    if base in _KNOWLEDGE_BASES and id.isalnum():
        return _KNOWLEDGE_BASES[base] + id
    return None
