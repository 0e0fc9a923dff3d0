"""`whosaid alert …`: saves searches, and tells somebody what they find from then on."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from pipeline import patience
from pipeline.cli.console import errors, output, print_json, table
from pipeline.cli.groups import Commands
from pipeline.cli.part_process import SUPERVISED, part, wait_for_engines
from pipeline.cli.searching import WORDS, make_query, open_reader, with_search
from pipeline.control_characters import for_terminal
from pipeline.errors import InputError, validation_message
from pipeline.settings import Settings, load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.alerts.book import Alerts
    from pipeline.alerts.models import SavedSearch

app = typer.Typer(
    cls=Commands, help="Saves searches and tells what they find, by webhook, e-mail and feed.", no_args_is_help=True
)

IDS = typer.Argument(..., metavar="ALERT…", help="Ids, as `whosaid alert list` shows them.")
ID = typer.Argument(..., metavar="ALERT", help="Its id, as `whosaid alert list` shows it.")
JSON = typer.Option(False, "--json", help="As JSON.")
WEBHOOK = typer.Option(None, metavar="URL", help="Post the quotes to this address, signed.")
EMAIL = typer.Option([], metavar="ADDRESS", help="Mail the quotes there. May be repeated.")
SECRET = typer.Option(
    None, envvar="WEBHOOK_SECRET", metavar="whsec_…", show_envvar=True,
    help="Key to sign webhooks with; by default one is made, and shown once.",
)  # fmt: skip
_LOCAL = {"localhost": "127.0.0.1"}
_COLOURS = {"on": "green", "off": "dim", "failing": "yellow", "paused": "red"}


def register(whosaid: typer.Typer) -> None:
    """Adds `whosaid alert …`."""
    whosaid.add_typer(app, name="alert")


@app.command()
@with_search
def add(
    given: dict[str, Any],
    words: str = WORDS,
    name: str = typer.Option("", help="What to call it; by default its words."),
    webhook: str = WEBHOOK,
    email: list[str] = EMAIL,
    secret: str = SECRET,
    as_json: bool = JSON,
) -> None:
    """Saves a search. What it finds in articles that are read from now on is told, each quote once.

    Without --webhook and --email it has a feed alone.
    """
    query = make_query(q=words, **given)
    from pipeline.search.matching import parameters

    saved = parameters(query)
    with _alerts() as (alerts, settings):
        search = _valid(
            lambda: alerts.add(name=name or _named(saved), query=saved, webhook=webhook, secret=secret, email=email)
        )
    if as_json:
        print_json(_summary(search, settings) | ({"secret": search.secret} if search.secret and not secret else {}))
        return
    output.print(f"added  {search.id}  {search.name}", soft_wrap=True)
    output.print(f"feed   {_feed(search, settings)}", soft_wrap=True)
    if search.secret and not secret:
        output.print(f"secret {search.secret}", soft_wrap=True)
        errors.print("The secret checks the webhook's signatures; it is not shown again.", soft_wrap=True)
    _warn(search, settings)


def _warn(search: "SavedSearch", settings: "Settings") -> None:
    """Says what keeps a saved search from telling anybody, where that is known now."""
    if search.email and not settings.alerts.smtp_host:
        errors.print("No mail server is set yet; WHOSAID_ALERTS__SMTP_HOST names one.", soft_wrap=True)
    from pipeline.web_addresses import refusal

    host = urlsplit(search.webhook or "").hostname or ""
    is_address = host in _LOCAL or ":" in host or host.replace(".", "").isdigit()
    if is_address and not settings.alerts.allow_private_addresses and (why := refusal(_LOCAL.get(host, host))):
        errors.print(
            f"Nothing is sent to {host} yet, which {why}: set WHOSAID_ALERTS__ALLOW_PRIVATE_ADDRESSES=true where "
            "`whosaid alert run`, `whosaid up` or `make run` starts.",
            soft_wrap=True,
        )


@app.command()
@with_search
def change(
    given: dict[str, Any],
    alert: str = ID,
    words: str = typer.Option(None, "--words", help="Other words; with any option of a search, the whole search."),
    name: str = typer.Option(None, help="Another name."),
    webhook: str = typer.Option(None, metavar="URL", help="Another webhook; `none` for no webhook any more."),
    email: list[str] = typer.Option([], metavar="ADDRESS", help="Other recipients; `none` for no mails any more."),
    secret: str = SECRET,
    as_json: bool = JSON,
) -> None:
    """Changes a saved search: what it finds, who is told, or its name. What was found already stays found."""
    changes: dict[str, Any] = {}
    if words is not None or any(value not in (None, [], False) for value in given.values()):
        from pipeline.search.matching import parameters

        changes["query"] = parameters(make_query(q=words, **given))
    if name is not None:
        changes["name"] = name
    if webhook is not None:
        changes["webhook"] = None if webhook == "none" else webhook
    if email:
        changes["email"] = [] if email == ["none"] else email
    if secret is not None:
        changes["secret"] = secret
    if not changes:
        raise InputError("Say what to change: --name, --webhook, --email, --secret, or the options of a search.")
    with _alerts() as (alerts, settings):
        before = alerts.get(alert)
        search = _valid(lambda: alerts.change(alert, **changes))
    new = search.secret if search.secret and not before.secret and not secret else None
    if as_json:
        print_json(_summary(search, settings) | ({"secret": new} if new else {}))
        return
    output.print(f"changed  {search.id}  {search.name}", soft_wrap=True)
    if new:
        output.print(f"secret   {new}", soft_wrap=True)
    _warn(search, settings)


@app.command(name="list")
def show_all(as_json: bool = JSON) -> None:
    """Shows every saved search: whom it tells, how that fares, and what waits."""
    with _alerts() as (alerts, settings):
        searches, waiting = alerts.all(), alerts.waiting()
    if as_json:
        print_json([_summary(search, settings) | {"waiting": waiting.get(search.id, 0)} for search in searches])
        return
    if not searches:
        output.print("There are no saved searches yet; `whosaid alert add WORDS --webhook URL` adds one.")
        return
    saved = table("id", "name", "state", "tells", "last sent", "waiting", right=("waiting",))
    for search in searches:
        state = search.condition.value
        sent = max((search.state(one).sent for one in search.wanted if search.state(one).sent), default=None)  # type: ignore[type-var]
        saved.add_row(
            search.id, Text(search.name), Text(state, style=_COLOURS[state]), Text(_receivers(search)),
            f"{sent:%Y-%m-%d %H:%M}" if sent else "–", f"{waiting.get(search.id, 0):,}",
        )  # fmt: skip
    output.print(saved)
    for search in searches:
        for channel in search.wanted:
            state_of = search.state(channel)
            if why := state_of.paused or (state_of.error if state_of.failures else None):
                mark, style = ("✗", "red") if state_of.paused else ("!", "yellow")
                output.print(Text(f"{mark} {search.id} {channel}: {for_terminal(why)}", style=style), soft_wrap=True)


@app.command()
def show(alert: str = ID, as_json: bool = JSON) -> None:
    """Shows one saved search."""
    with _alerts() as (alerts, settings):
        search, waiting = alerts.get(alert), alerts.waiting()
    summary = _summary(search, settings) | {"waiting": waiting.get(search.id, 0)}
    if as_json:
        print_json(summary)
        return
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("Name", Text(search.name))
    facts.add_row("Search", Text(", ".join(f"{name}={value}" for name, value in search.query.items())))
    facts.add_row("State", Text(search.condition.value, style=_COLOURS[search.condition.value]))
    facts.add_row("Feed", _feed(search, settings))
    facts.add_row("Waiting", f"{summary['waiting']:,} quotes")
    for channel in search.wanted:
        state = search.state(channel)
        receiver = search.address if channel == "webhook" else ", ".join(search.email)
        told = [str(receiver), f"last sent {state.sent:%Y-%m-%d %H:%M}" if state.sent else "nothing sent yet"]
        if state.failures:
            told.append(f"{state.failures} failures")
        told += [why for why in (state.paused or state.error,) if why]
        facts.add_row(channel.value.capitalize(), Text(for_terminal("; ".join(told))))
    output.print(facts)


@app.command(name="test")
def try_out(alert: str = ID, as_json: bool = JSON) -> None:
    """Sends a test with its newest quotes by each channel, now, and says what became of it."""
    from pipeline.alerts import trial
    from pipeline.search.matching import query_of

    with _alerts() as (alerts, settings):
        search = alerts.get(alert)
        if not search.wanted:
            raise InputError(f"The saved search {alert} has a feed alone: {_feed(search, settings)}")
        with open_reader(settings) as reader:
            newest = query_of(search).model_copy(update={"sort": "newest", "size": trial.QUOTES})
            quotes = [hit.model_dump(mode="json") for hit in reader.search_quotes(newest).hits]
        results = asyncio.run(trial.try_out(settings, search, quotes))
    if as_json:
        print_json({channel.value: why for channel, why in results.items()})
    else:
        for channel, why in results.items():
            output.print(
                f"{'failed  ' if why else 'accepted'}  {channel}" + (f"  {why}" if why else ""), soft_wrap=True
            )
    if any(results.values()):
        raise typer.Exit(6)


@app.command()
def pause(alerts: list[str] = IDS) -> None:
    """Turns saved searches off: nothing is looked for until they are resumed."""
    _turn(alerts, on=False)


@app.command()
def resume(alerts: list[str] = IDS) -> None:
    """Turns saved searches on, also those that were paused after failures; what waits is sent."""
    _turn(alerts, on=True)


@app.command()
def remove(alerts: list[str] = IDS) -> None:
    """Forgets saved searches, and what waits for them."""
    with _alerts() as (book, _):
        for id in alerts:
            name = book.remove(id)
            output.print(f"removed  {id}  {name}", soft_wrap=True)


@app.command()
def run(supervised: bool = SUPERVISED) -> None:
    """Runs the part that looks for new quotes of saved searches, and tells them."""
    with patience.patient(), part("alert", supervised) as settings:
        from pipeline import elasticsearch_client
        from pipeline.alerts import part as alert_part
        from pipeline.search.matching import Matcher

        wait_for_engines()
        with elasticsearch_client.connect(settings, connections_per_node=alert_part.CONNECTIONS) as client:
            alert_part.run(settings, Matcher(client, settings))


def _turn(ids: list[str], *, on: bool) -> None:
    with _alerts() as (alerts, _):
        for id in ids:
            search = alerts.turn(id, on=on)
            output.print(f"{'on ' if on else 'off'}  {id}  {search.name}", soft_wrap=True)


@contextmanager
def _alerts() -> "Iterator[tuple[Alerts, Settings]]":
    from pipeline import elasticsearch_client
    from pipeline.alerts.book import Alerts

    settings = load()
    with elasticsearch_client.connect(settings) as client:
        yield Alerts(client, settings), settings


def _valid(make: Any) -> "SavedSearch":
    """What `make` gives; what is invalid becomes a sentence."""
    try:
        return make()  # type: ignore[no-any-return]
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        field = str(problem["loc"][0]) if problem["loc"] else "name"
        message = validation_message(problem)
        raise InputError(f"--{field}: {message.rstrip('.')}.") from None


def _named(query: Mapping[str, Any]) -> str:
    """A name for a search that got none: its parameters."""
    values = [value for value in query.values() if not isinstance(value, bool)]
    flat = [str(one) for value in values for one in (value if isinstance(value, list) else [value])]
    return " · ".join(flat)[:200] or "alert"


def _receivers(search: "SavedSearch") -> str:
    return ", ".join(filter(None, (search.address, *search.email))) or "feed"


def _summary(search: "SavedSearch", settings: Settings) -> dict[str, Any]:
    from pipeline.alerts.models import shown

    return shown(search) | {"feed": _feed(search, settings)}


def _feed(search: "SavedSearch", settings: Settings) -> str:
    from pipeline.alerts.channels import site_of
    from pipeline.alerts.models import address_of

    return f"{site_of(settings)}/api/v1/feeds/quotes.atom?{address_of(search.query)}"
