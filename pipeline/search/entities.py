"""Serves who is who: entities by name and id, and the Reconciliation API, by which others match their lists.

The Reconciliation API is that of the W3C community group, version 0.2: OpenRefine and others send names, with a kind
and what else they know, and get the entities that fit, each with a score. One is a match where it alone fits well.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from elasticsearch import Elasticsearch
from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.entities import names
from pipeline.entities.lookup import Directory, EntityHit, EntityView
from pipeline.entities.models import Kind
from pipeline.errors import InputError, validation_message
from pipeline.search import forms
from pipeline.search.error_responses import V1, Problem, problem
from pipeline.settings import Settings

PATH = "/api/reconcile"
"""The address of the Reconciliation API."""

MAX_QUERIES = 50
"""The most queries in one request."""

MAX_BODY = 2**20
"""Bytes of the longest request."""

_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "A parameter is wrong; the sentence names it."},
    503: {"model": Problem, "description": "Elasticsearch does not answer."},
}
_V1: dict[int | str, dict[str, Any]] = {
    404: problem("Nothing has this id."),
    422: problem("The id is too long."),
    503: problem("Elasticsearch does not answer."),
}
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "Nothing has this id."}}
_MATCH, _AHEAD = 90.0, 8.0  # the score of a match, and by how much it must be ahead of the second
_PER_MATCHING, _PER_OTHER = 3.0, -6.0  # what a property that fits, and one that does not, adds to a score
_IDS = "https://w3id.org/whosaid/entity/"
_KINDS = [{"id": kind.value, "name": kind.value.capitalize()} for kind in Kind]


class PropertyValue(BaseModel):
    """What else is known: `pid` is title, affiliation or country."""

    pid: str = Field(max_length=100)
    v: Any = None


class ReconciliationQuery(BaseModel):
    """A name to find the entity of."""

    model_config = ConfigDict(extra="ignore")

    query: str = Field(default="", max_length=names.MAX_CHARACTERS)
    type: str | list[str] | None = None
    limit: int = Field(default=5, ge=1, le=100)
    properties: list[PropertyValue] = Field(default_factory=list, max_length=20)

    @property
    def kind(self) -> Kind | None:
        """The kind that is asked for; the first known one of several."""
        given = self.type if isinstance(self.type, list) else [self.type]
        return next((Kind(one) for one in given if one in list(Kind)), None)


def router(client: Elasticsearch, settings: Settings) -> APIRouter:
    """The routes of entities."""
    directory = Directory(client, settings)
    api = APIRouter()

    @api.get("/api/entities", summary="Entities by name", responses=_RESPONSES)
    def entities(
        name: Annotated[str, Query(max_length=200, description="A name in any spelling, or an id.")],
        kind: Annotated[Kind | None, Query(description="Of this kind alone.")] = None,
        size: Annotated[int, Query(ge=1, le=100, description="How many.")] = 10,
    ) -> list[EntityHit]:
        """Entities, best first: accents, spelling, the order of words and slips of the pen are forgiven."""
        return directory.search(name, kind=kind, size=size)

    @api.get("/api/entities/{id}", summary="One entity", responses=_RESPONSES | _MISSING)
    def entity(id: Annotated[str, Path(max_length=200, description="The entity's id.")]) -> EntityView:
        """All that is known of an entity: names, titles and affiliations over time, company, rulings."""
        return directory.find(id)

    @api.get(f"{V1}entities/{{id}}", operation_id="entity", summary="One entity, across articles", responses=_V1)
    def entity_v1(id: Annotated[str, Path(max_length=200, description="The entity's id.")]) -> EntityView:
        """All that is known of an entity: names, titles and affiliations over time, company, rulings."""
        return directory.find(id)

    @api.get(PATH, summary="Reconciliation API: what it is, or queries", responses=_RESPONSES)
    def manifest_or_queries(
        request: Request,
        queries: Annotated[str | None, Query(max_length=MAX_BODY, description="Queries as JSON.")] = None,
    ) -> dict[str, Any]:
        """Without `queries` the service's manifest, with them the entities that fit each."""
        return reconcile(directory, queries) if queries else manifest(str(request.base_url).rstrip("/"))

    @api.post(PATH, summary="Reconciliation API: queries", responses=_RESPONSES)
    async def queries_in_a_form(request: Request) -> dict[str, Any]:
        """The entities that fit each query; the body is a form with the field `queries`."""
        form = await forms.read(request, most=MAX_BODY)
        given = forms.first(form, "queries")
        return await run_in_threadpool(reconcile, directory, given)

    @api.get(f"{PATH}/suggest", summary="Reconciliation API: suggest entities", responses=_RESPONSES)
    def suggest(prefix: Annotated[str, Query(max_length=200)] = "") -> dict[str, Any]:
        """Entities whose name begins so, for completing what somebody types."""
        hits = directory.complete(prefix)
        return {"result": [{"id": hit.id, "name": hit.name, "description": _described(hit)} for hit in hits]}

    return api


def manifest(base: str) -> dict[str, Any]:
    """The manifest of the Reconciliation API, version 0.2."""
    return {
        "versions": ["0.2"],
        "name": "WhoSaid",
        "identifierSpace": _IDS,
        "schemaSpace": "https://schema.org/",
        "defaultTypes": _KINDS,
        "view": {"url": f"{base}/api/entities/{{{{id}}}}"},
        "suggest": {"entity": {"service_url": base, "service_path": f"{PATH}/suggest"}},
    }


def reconcile(directory: Directory, given: str | None) -> dict[str, Any]:
    """The answers to a batch of queries, by the keys that they have in it.

    Raises:
        InputError: the batch cannot be read.
    """
    return {key: {"result": _answer(directory, query)} for key, query in _parsed(given or "").items()}


def _parsed(given: str) -> dict[str, ReconciliationQuery]:
    try:
        batch = json.loads(given)
    except (ValueError, RecursionError):
        raise InputError("`queries` must be a JSON object of queries.") from None
    if not isinstance(batch, dict) or len(batch) > MAX_QUERIES:
        raise InputError(f"`queries` must be a JSON object of at most {MAX_QUERIES} queries.")
    try:
        return {key: ReconciliationQuery.model_validate(query) for key, query in batch.items()}
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"A query cannot be read ({where}): {validation_message(first)}.") from None


def _answer(directory: Directory, query: ReconciliationQuery) -> list[dict[str, Any]]:
    hits = directory.search(query.query, kind=query.kind, size=max(query.limit, 10)) if query.query.strip() else []
    scored = sorted(((_score(hit, query.properties), hit) for hit in hits), key=lambda item: -item[0])
    ahead = scored[0][0] - scored[1][0] if len(scored) > 1 else _AHEAD
    return [
        {
            "id": hit.id, "name": hit.name, "score": round(score, 1), "description": _described(hit),
            "type": [{"id": hit.kind.value, "name": hit.kind.value.capitalize()}],
            "features": [{"id": "name", "value": round(100 * hit.score, 1)}],
            "match": at == 0 and score >= _MATCH and ahead >= _AHEAD,
        }
        for at, (score, hit) in enumerate(scored[: query.limit])
    ]  # fmt: skip


def _score(hit: EntityHit, properties: list[PropertyValue]) -> float:
    """From 0 to 100: how the name fits, and what else is said."""
    own: Mapping[str, str | None] = {"title": hit.title, "affiliation": hit.affiliation, "country": hit.country}
    score = 100 * hit.score
    for one in properties:
        value, said = own.get(one.pid), one.v if isinstance(one.v, str) else ""
        if value and said:
            score += _PER_MATCHING if names.fold(said) in names.fold(value) else _PER_OTHER
    return max(0.0, min(100.0, score))


def _described(hit: EntityHit) -> str:
    return ", ".join(filter(None, (hit.title, hit.affiliation, hit.country)))
