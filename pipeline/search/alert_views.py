"""Serves the page of alerts: lists saved searches, saves one, changes, tries out, turns off and removes them.

It works by forms alone. Only a token with the scope `admin` sees it, as it has the addresses that alerts go to. What
was typed stays where something is wrong with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from elasticsearch import Elasticsearch
from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from pipeline.alerts.book import Alerts
from pipeline.alerts.models import Channel, ChannelState, SavedSearch, address_of
from pipeline.errors import InputError
from pipeline.search import error_responses, feeds, forms, links, matching, permissions, rendering, saved_searches
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings

PATH = links.ALERTS
_LISTS = {field.alias or name for name, field in QuoteQuery.model_fields.items() if field.default_factory is list}
_NAMES = {"webhook": "Webhook", "email": "E-mail", "name": "Name"}
_CHANNELS = {Channel.WEBHOOK: "Webhook", Channel.EMAIL: "E-mail"}
_DEEDS = ("pause", "resume", "remove")
_Reads = Annotated[str, Depends(permissions.admin_reads)]
_Changes = Annotated[str, Depends(permissions.admin)]
_Form = Annotated[dict[str, list[str]], Depends(forms.read)]
_Id = Annotated[str, Path(max_length=100)]


@dataclass(frozen=True)
class Receiver:
    """A channel of a saved search, and how it fares."""

    name: str
    address: str
    state: ChannelState


@dataclass(frozen=True)
class Row:
    """A saved search as the page shows it."""

    id: str
    name: str
    conditions: list[tuple[str, str]]
    state: str
    waiting: int
    receivers: list[Receiver]
    email: str
    has_webhook: bool
    search: str
    feed: str


@dataclass(frozen=True)
class Typed:
    """What somebody typed into the form that saves a search."""

    query: str = ""
    name: str = ""
    webhook: str = ""
    email: str = ""


def router(client: Elasticsearch, reader: Reader, settings: Settings) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(include_in_schema=False)
    desk = _Desk(client, reader, settings)

    @routes.get(PATH)
    def listed(request: Request, who: _Reads) -> Response:
        return desk.offer(request.url.query)

    @routes.post(PATH)
    def add(who: _Changes, form: _Form) -> Response:
        return desk.add(Typed(*(forms.first(form, name) for name in ("query", "name", "webhook", "email"))))

    @routes.post(f"{PATH}/{{id}}")
    def change(id: _Id, who: _Changes, form: _Form) -> Response:
        return desk.change(id, form)

    @routes.post(f"{PATH}/{{id}}/test")
    async def try_alert(id: _Id, who: _Changes) -> Response:
        return await desk.try_out(id)

    @routes.post(f"{PATH}/{{id}}/{{deed}}")
    def handle(id: _Id, deed: str, who: _Changes) -> Response:
        return desk.handle(id, deed)

    return routes


class _Desk:
    """What the page does."""

    def __init__(self, client: Elasticsearch, reader: Reader, settings: Settings) -> None:
        self._alerts = Alerts(client, settings)
        self._reader = reader
        self._settings = settings

    def offer(self, given: str) -> Response:
        """The page; with a search in its address also the form that saves it."""
        if not given:
            return self._page()
        try:
            query = _query(given)
            saved = matching.parameters(query)
        except InputError as error:
            return self._page(status=422, problem=str(error))
        return self._page(typed=Typed(address_of(saved), feeds.title(query).removeprefix("WhoSaid · ")))

    def add(self, typed: Typed) -> Response:
        """Saves a search."""
        try:
            search = self._alerts.add(
                name=typed.name,
                query=matching.parameters(_query(typed.query)),
                webhook=typed.webhook or None,
                email=_addresses(typed.email),
            )
        except (ValidationError, InputError) as error:
            return self._page(status=422, typed=typed, problem=_sentence(error))
        if search.secret:  # it is shown in this answer alone
            return self._page(status=201, secret=(search.name, search.secret))
        return _back(search.id)

    def change(self, id: str, form: Mapping[str, list[str]]) -> Response:
        """Changes the name and the receivers of a saved search."""
        before = self._alerts.get(id)
        changes: dict[str, Any] = {"name": forms.first(form, "name"), "email": _addresses(forms.first(form, "email"))}
        if forms.first(form, "webhook"):
            changes["webhook"] = forms.first(form, "webhook")
        elif form.get("no_webhook"):
            changes["webhook"] = None
        try:
            search = self._alerts.change(id, **changes)
        except (ValidationError, InputError) as error:
            return self._page(status=422, problem=_sentence(error), wrong=id)
        if search.secret and not before.secret:
            return self._page(secret=(search.name, search.secret))
        return _back(id)

    async def try_out(self, id: str) -> Response:
        """Sends a test, and says what became of it."""
        search = await run_in_threadpool(self._alerts.get, id)
        results = await saved_searches.try_out(search, self._reader, self._settings)
        tried = [(_CHANNELS[channel], why) for channel, why in results.items()]
        return await run_in_threadpool(lambda: self._page(tried=(search.name, tried)))

    def handle(self, id: str, deed: str) -> Response:
        """Turns a saved search on or off, or removes it."""
        if deed not in _DEEDS:
            raise InputError("A saved search can be changed, tried out, paused, resumed and removed here.")
        if deed == "remove":
            self._alerts.remove(id)
            return RedirectResponse(PATH, 303)
        self._alerts.turn(id, on=deed == "resume")
        return _back(id)

    def _page(self, *, status: int = 200, typed: Typed | None = None, **more: Any) -> Response:
        waiting = self._alerts.waiting()
        context: dict[str, Any] = {
            "rows": [row(search, waiting.get(search.id, 0)) for search in self._alerts.all()],
            "typed": typed,
            "offered": _offered(typed),
            "no_mail": not self._settings.alerts.smtp_host,
            "problem": None,
            "secret": None,
            "tried": None,
            "wrong": None,
        }
        return rendering.page("alerts.html", context | more, status=status)


def row(search: SavedSearch, waiting: int) -> Row:
    """What the page shows of a saved search."""
    try:
        query = matching.query_of(search)
    except ValidationError:  # saved by another release
        query = QuoteQuery()
    addresses = {Channel.WEBHOOK: search.address or "", Channel.EMAIL: ", ".join(search.email)}
    return Row(
        id=search.id,
        name=search.name,
        conditions=_conditions(query),
        state=search.condition.value,
        waiting=waiting,
        receivers=[Receiver(_CHANNELS[one], addresses[one], search.state(one)) for one in search.wanted],
        email=", ".join(search.email),
        has_webhook=search.webhook is not None,
        search=links.link(query),
        feed=f"/api/v1/feeds/quotes.atom{links.whole(query)}",
    )


def _offered(typed: Typed | None) -> list[tuple[str, str]]:
    """The conditions of the search that is to be saved; none where it cannot be read."""
    try:
        return _conditions(_query(typed.query)) if typed else []
    except InputError:
        return []


def _conditions(query: QuoteQuery) -> list[tuple[str, str]]:
    """What a search asks for, in words."""
    given = query.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return [
        (links.FIELDS.get(name, name), " or ".join(map(str, value)) if isinstance(value, list) else _word(value))
        for name, value in given.items()
    ]


def _word(value: object) -> str:
    return "yes" if value is True else str(value)


def _query(text: str) -> QuoteQuery:
    """The search in the query of an address.

    Raises:
        InputError: it is none.
    """
    try:
        return QuoteQuery.model_validate(_parsed(text))
    except ValidationError as error:
        raise InputError(error_responses.sentence(error)) from None


def _parsed(text: str) -> dict[str, Any]:
    """The parameters of a search in the query of an address; others are passed over."""
    try:
        given = parse_qs(text, max_num_fields=500)
    except ValueError:
        raise InputError("The search has too many conditions.") from None
    return {
        name: values if name in _LISTS else values[-1] for name, values in given.items() if name in links.PARAMETERS
    }


def _sentence(error: ValidationError | InputError) -> str:
    """What is wrong, by the names that the page has."""
    if isinstance(error, InputError):
        return str(error)
    name, _, rest = error_responses.sentence(error).partition(": ")
    return f"{_NAMES.get(name, name)}: {rest}"


def _addresses(text: str) -> list[str]:
    return text.replace(",", " ").replace(";", " ").split()


def _back(id: str) -> Response:
    return RedirectResponse(f"{PATH}#alert-{quote(id)}", 303)
