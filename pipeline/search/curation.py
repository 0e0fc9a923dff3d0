"""Serves corrections of who is who: merges, splits, names, and undoing them, for tokens with the scope `admin`.

The middleware lets nobody else through where the service has tokens. A ruling goes to the topic of entities first, as
those of `whosaid entity` do, with the name of the token as who made it. Rulings are made one at a time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

from elasticsearch import Elasticsearch
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from pipeline.entities import names
from pipeline.entities.curation import MAX_ARTICLES, Curator
from pipeline.entities.log import EntityLog
from pipeline.entities.models import Ruling
from pipeline.errors import UnavailableError
from pipeline.search import error_responses, permissions
from pipeline.search.error_responses import problem
from pipeline.settings import Settings

_PATIENCE = 10.0  # seconds that a ruling waits for the one before it
_BUSY = "Another ruling is being made; try again in a moment."
_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: problem("No token was sent, or an unknown one."),
    403: problem("The token has no scope admin."),
    404: problem("Nothing has this id."),
    413: problem("The body is too long."),
    422: problem("It cannot be done; the sentence says why."),
    503: problem("Kafka or Elasticsearch does not answer."),
}

_By = Annotated[str, Depends(permissions.admin)]
_Id = Annotated[str, Path(max_length=200, description="The entity's id.")]
_OtherId = Annotated[str, Field(min_length=1, max_length=200)]
_Name = Annotated[str, Field(min_length=1, max_length=names.MAX_CHARACTERS)]


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    because: str = Field(default="", max_length=1000, description="Why, for whoever looks at it later.")


class Merge(_Change):
    """Another entity that this one is the same as."""

    into: _OtherId = Field(description="Id of the entity that it is the same as, whose id is kept.")


class Split(_Change):
    """Articles that mean somebody else."""

    articles: list[_OtherId] = Field(
        min_length=1, max_length=MAX_ARTICLES, description="Ids of the articles that mean somebody else."
    )
    into: str = Field(default="", max_length=200, description="Id of the entity that they mean; by default a new one.")


class Name(_Change):
    """A name."""

    name: _Name = Field(description="The name.")


def router(client: Elasticsearch, settings: Settings, events: EntityLog) -> APIRouter:
    """The routes of corrections."""
    api = APIRouter(prefix=error_responses.V1.rstrip("/"), responses=_RESPONSES)
    one_at_a_time = threading.Lock()

    @contextmanager
    def curator(by: str) -> Iterator[Curator]:
        if not one_at_a_time.acquire(timeout=_PATIENCE):
            busy = UnavailableError(_BUSY)
            busy.public = _BUSY
            raise busy
        try:
            yield Curator(client, settings, events, by)
        finally:
            one_at_a_time.release()

    _add_rulings(api, curator)
    return api


def _add_rulings(api: APIRouter, curator: Callable[[str], AbstractContextManager[Curator]]) -> None:
    @api.post("/entities/{id}/merge", operation_id="merge", summary="Make an entity the same as another")
    def merge(by: _By, id: _Id, change: Merge) -> Ruling:
        """Its quotes are found with the other's, by either id. `undo` parts them again. It needs the scope `admin`."""
        with curator(by) as by_hand:
            return by_hand.merge(id, change.into, change.because)

    @api.post("/entities/{id}/split", operation_id="split", summary="Say that articles mean somebody else")
    def split(by: _By, id: _Id, change: Split) -> Ruling:
        """`other` of the answer is the entity that the articles mean from now on. It needs the scope `admin`."""
        with curator(by) as by_hand:
            return by_hand.split(id, change.articles, change.into, change.because)

    @api.post("/entities/{id}/rename", operation_id="rename", summary="Choose the preferred name of an entity")
    def rename(by: _By, id: _Id, change: Name) -> Ruling:
        """The name that is shown; the others stay. It needs the scope `admin`."""
        with curator(by) as by_hand:
            return by_hand.rename(id, change.name, change.because)

    @api.post("/entities/{id}/alias", operation_id="alias", summary="Give an entity another name")
    def alias(by: _By, id: _Id, change: Name) -> Ruling:
        """A name by which it is found, too. It needs the scope `admin`."""
        with curator(by) as by_hand:
            return by_hand.alias(id, change.name, change.because)

    @api.post("/rulings/{id}/undo", operation_id="undo", summary="Undo a ruling")
    def undo(
        by: _By, id: Annotated[str, Path(max_length=200, description="The ruling's id; entities list theirs.")]
    ) -> Ruling:
        """What was merged, split or named holds no more. It needs the scope `admin`."""
        with curator(by) as by_hand:
            return by_hand.undo(id)
