"""Serves saved searches below /api/v1/alerts: to list, add, change, try out and remove them, for the scope `admin`.

Who may read quotes may not see whom alerts tell: an address of a webhook may be a secret. The secret that signs is
shown once, in the answer to the request that made it.
"""

from typing import Annotated, Any

from elasticsearch import Elasticsearch
from fastapi import APIRouter, Depends, Path
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.alerts import trial
from pipeline.alerts.book import Alerts
from pipeline.alerts.channels import site_of
from pipeline.alerts.models import (
    Address,
    Channel,
    ChannelState,
    Condition,
    Recipients,
    SavedSearch,
    Secret,
    Title,
    address_of,
    shown,
)
from pipeline.errors import InputError
from pipeline.models import UtcDatetime
from pipeline.search import error_responses, matching, permissions
from pipeline.search.error_responses import problem
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings

_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: problem("No token was sent, or an unknown one."),
    403: problem("The token has no scope admin."),
    413: problem("The body is too long."),
    422: problem("Something is wrong; the sentence names it."),
    503: problem("Elasticsearch does not answer."),
}
_MISSING: dict[int | str, dict[str, Any]] = {404: problem("No saved search has this id.")}
_Reads = Annotated[str, Depends(permissions.admin_reads)]
_Changes = Annotated[str, Depends(permissions.admin)]
_Id = Annotated[str, Path(max_length=100, description="The saved search's id.")]
_EXAMPLE: dict[str, Any] = {
    "name": "Ceasefire",
    "query": {"q": "ceasefire OR truce"},
    "webhook": "https://desk.example/quotes",
}


class NewAlert(BaseModel):
    """A search to save. Without a webhook and without recipients it has a feed alone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    name: Title = Field(description="What to call it.")
    query: QuoteQuery = Field(description="The search: parameters of /api/v1/quotes; pages and order do not count.")
    webhook: Address | None = Field(default=None, description="Where quotes are posted to, signed.")
    secret: Secret | None = Field(
        default=None, description="whsec_ and 24 to 64 bytes in base64, to sign with; by default one is made."
    )
    email: Recipients = Field(default_factory=list, description="Who gets mails: ten addresses at the most.")


class AlertChange(BaseModel):
    """What shall be other; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"enabled": True}})

    name: Title | None = Field(default=None, description="Another name.")
    query: QuoteQuery | None = Field(default=None, description="Another search, in place of the whole.")
    webhook: Address | None = Field(default=None, description="Another address; null: no webhook any more.")
    secret: Secret | None = Field(default=None, description="Another secret.")
    email: Recipients | None = Field(default=None, description="Other recipients; an empty list: no mails any more.")
    enabled: bool | None = Field(
        default=None, description="false turns it off; true turns it on, and resumes channels that were paused."
    )


class AlertView(BaseModel):
    """A saved search."""

    id: str
    name: str
    query: dict[str, Any] = Field(description="The parameters of the search.")
    webhook: str | None = Field(description="The webhook's address; values of its query are stars.")
    signed: bool = Field(description="Whether there is a secret to sign with.")
    email: list[str]
    state: Condition = Field(description="on, failing, paused (a channel failed too often) or off.")
    enabled: bool
    created: UtcDatetime
    changed: UtcDatetime
    channels: dict[Channel, ChannelState]
    waiting: int = Field(default=0, description="Quotes that wait to be told.")
    feed: str = Field(description="The address of the search as an Atom feed.")
    secret: str | None = Field(default=None, description="The secret, in the answer to the request that made it alone.")


class Trial(BaseModel):
    """What became of a test."""

    accepted: list[Channel]
    failed: dict[Channel, str] = Field(description="By channel, why the test was not accepted.")


def router(client: Elasticsearch, reader: Reader, settings: Settings) -> APIRouter:
    """The routes of saved searches."""
    api = APIRouter(prefix=error_responses.V1.rstrip("/"), responses=_RESPONSES)
    alerts = Alerts(client, settings)
    _add_reading(api, alerts, settings)
    _add_changing(api, alerts, settings)

    @api.post("/alerts/{id}/test", operation_id="test_alert", summary="Try out a saved search", responses=_MISSING)
    async def try_alert(_: _Changes, id: _Id) -> Trial:
        """Sends a test with its newest quotes by each channel, now. It needs the scope `admin`."""
        search = await run_in_threadpool(alerts.get, id)
        results = await try_out(search, reader, settings)
        return Trial(
            accepted=[channel for channel, why in results.items() if why is None],
            failed={channel: why for channel, why in results.items() if why is not None},
        )

    return api


async def try_out(search: SavedSearch, reader: Reader, settings: Settings) -> dict[Channel, str | None]:
    """Sends a test of a saved search by each of its channels; by channel why it was not accepted.

    Raises:
        InputError: it has a feed alone.
    """
    if not search.wanted:
        raise InputError("This saved search has a feed alone; there is nothing to try out.")
    newest = matching.query_of(search).model_copy(update={"sort": "newest", "size": trial.QUOTES})
    page = await run_in_threadpool(reader.search_quotes, newest)
    return await trial.try_out(settings, search, [hit.model_dump(mode="json") for hit in page.hits])


def _add_reading(api: APIRouter, alerts: Alerts, settings: Settings) -> None:
    @api.get("/alerts", operation_id="alerts", summary="Saved searches")
    def list_alerts(_: _Reads) -> list[AlertView]:
        """Every saved search, the oldest first. It needs the scope `admin`."""
        waiting = alerts.waiting()
        return [view(search, settings, waiting.get(search.id, 0)) for search in alerts.all()]

    @api.get("/alerts/{id}", operation_id="alert", summary="One saved search", responses=_MISSING)
    def one_alert(_: _Reads, id: _Id) -> AlertView:
        """A saved search, and how its channels fare. It needs the scope `admin`."""
        search = alerts.get(id)
        return view(search, settings, alerts.waiting().get(id, 0))


def _add_changing(api: APIRouter, alerts: Alerts, settings: Settings) -> None:
    links = {
        "alert": {"operationId": "alert", "parameters": {"path.id": "$response.body#/id"}},
        "test": {"operationId": "test_alert", "parameters": {"path.id": "$response.body#/id"}},
        "remove": {"operationId": "remove_alert", "parameters": {"path.id": "$response.body#/id"}},
    }

    @api.post(
        "/alerts",
        operation_id="add_alert",
        summary="Save a search",
        status_code=201,
        responses={201: {"links": links}},
    )
    def add_alert(_: _Changes, new: NewAlert) -> AlertView:
        """What it finds in articles that are read from now on is told, each quote once. It needs the scope `admin`."""
        search = alerts.add(
            name=new.name, query=matching.parameters(new.query), webhook=new.webhook, secret=new.secret, email=new.email
        )
        made = search.secret if search.webhook and not new.secret else None
        return view(search, settings).model_copy(update={"secret": made})

    @api.patch("/alerts/{id}", operation_id="change_alert", summary="Change a saved search", responses=_MISSING)
    def change_alert(_: _Changes, id: _Id, change: AlertChange) -> AlertView:
        """Another name, search or receiver; on or off. What was found stays found. It needs the scope `admin`."""
        given = {name: getattr(change, name) for name in change.model_fields_set}
        if change.query is not None:
            given["query"] = matching.parameters(change.query)
        changes = {name: value for name, value in given.items() if value is not None or name == "webhook"}
        enabled = changes.pop("enabled", None)
        before = search = alerts.get(id)
        if changes:
            search = alerts.change(id, **changes)
        if enabled is not None:
            search = alerts.turn(id, on=enabled)
        made = search.secret if search.secret and not before.secret and not change.secret else None
        return view(search, settings, alerts.waiting().get(id, 0)).model_copy(update={"secret": made})

    @api.delete(
        "/alerts/{id}",
        operation_id="remove_alert",
        summary="Remove a saved search",
        status_code=204,
        response_class=Response,
        responses=_MISSING,
    )
    def remove_alert(_: _Changes, id: _Id) -> Response:
        """Forgets it, with what waits for it. It needs the scope `admin`."""
        alerts.remove(id)
        return Response(status_code=204)


def view(search: SavedSearch, settings: Settings, waiting: int = 0) -> AlertView:
    """A saved search as it is shown, without its secret."""
    feed = f"{site_of(settings)}/api/v1/feeds/quotes.atom?{address_of(search.query)}"
    return AlertView.model_validate(shown(search) | {"waiting": waiting, "feed": feed})
