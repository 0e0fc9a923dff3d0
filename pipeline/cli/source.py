"""`whosaid source …`: adds, lists, tries out, pauses and removes sources."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.text import Text

from connectors import registry
from connectors.base import Context, SourceConfig, closing
from connectors.scheduling.overview import now
from connectors.scheduling.source_state import SourceState
from pipeline import redaction
from pipeline.cli import source_views as views
from pipeline.cli.console import errors, moment, output, print_json
from pipeline.cli.groups import Commands
from pipeline.control_characters import for_terminal
from pipeline.errors import InputError, SourceError
from pipeline.settings import Settings, load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from connectors.scheduling.elasticsearch_store import ElasticsearchStore

T = TypeVar("T")
app = typer.Typer(
    cls=Commands, help="Adds, lists, tries out, pauses and removes sources of news.", no_args_is_help=True
)


def register(whosaid: typer.Typer) -> None:
    """Adds `whosaid source …`."""
    whosaid.add_typer(app, name="source")


OPTION = typer.Option([], "--option", metavar="NAME=VALUE", help="An option of its kind, as in docs/connectors.md.")
NAMES = typer.Argument(..., metavar="SOURCE…", help="Ids of sources, as `whosaid source list` shows them.")
_SHOWN = 5


@app.command()
def add(
    address: str = typer.Argument(None, metavar="URL", help="A feed, a site whose feeds are looked for, or a file."),
    opml: Path = typer.Option(None, help="All feeds of an OPML file."),
    from_file: Path = typer.Option(None, "--from", help="All sources of a YAML file."),
    starter: bool = typer.Option(False, "--starter", help="The list of forty well-known English news feeds."),
    kind: str = typer.Option("", help="Take the address as it is, for a connector of this kind: feed, sitemap, file …"),
    identifier: str = typer.Option("", "--id", help="Its id; by default made of the address."),
    name: str = typer.Option("", help="What to call it."),
    replacing: bool = typer.Option(
        False, "--replace", help="An id that another address has gets this one, and is read from its beginning."
    ),
    option: list[str] = OPTION,
) -> None:
    """Adds sources; `whosaid connect` reads them from then on."""
    from connectors import source_files as lists

    settings = load()
    configs: list[SourceConfig] = []
    if opml:
        configs += lists.from_opml(opml)
    if from_file:
        configs += lists.load(from_file)
    if starter:
        configs += lists.load(lists.STARTER)
    if address:
        configs += asyncio.run(_from_address(address, kind, settings, name, identifier, lists.options(option)))
    if not configs:
        raise InputError("Give an address, --opml FILE, --from FILE or --starter.")
    from connectors.scheduling import changes

    added = _with_store(settings, lambda store: changes.add(store, configs, settings, now(), replacing=replacing))
    for config, is_new in added:
        output.print(f"{'added' if is_new else 'known'}  {config.id}  {views.place(config)}", soft_wrap=True)
    if any(is_new for _, is_new in added):
        errors.print("`whosaid connect` or `whosaid up` reads them; `whosaid source list` shows how they fare.")


@app.command(name="list")
def show(as_json: bool = typer.Option(False, "--json", help="As JSON, with all that is known.")) -> None:
    """Shows every source: its state, when it was last read, what it gives, when it is due, what went wrong."""
    states = _with_store(load(), lambda store: store.all())
    if as_json:
        print_json([views.summary(state) for state in states])
    elif states:
        output.print(views.states_table(states))
    else:
        output.print("There are no sources yet; `whosaid source add URL` adds one, `--starter` forty.")


@app.command(name="test")
def try_out(
    address: str = typer.Argument(..., metavar="URL", help="A feed, a site, a sitemap, a page, a folder …"),
    kind: str = typer.Option("", help="What it is, where that is not plain: feed, sitemap, page, file, warc …"),
    limit: int = typer.Option(_SHOWN, min=1, help="Articles to show."),
    as_json: bool = typer.Option(False, "--json", help="The whole articles, one JSON line each."),
    option: list[str] = OPTION,
) -> None:
    """Reads a source once and shows what it would publish. Nothing is published or kept; no engine is needed."""
    from connectors import source_files as lists

    asyncio.run(_test(address, kind, limit, as_json, lists.options(option), load()))


@app.command()
def pause(sources: list[str] = NAMES) -> None:
    """Stops reading sources until they are resumed."""
    from connectors.scheduling.changes import paused

    _change(sources, "paused", paused)


@app.command()
def resume(sources: list[str] = NAMES) -> None:
    """Reads paused or failing sources again, at once."""
    from connectors.scheduling.changes import resumed

    _change(sources, "resumed", resumed)


@app.command()
def remove(sources: list[str] = NAMES) -> None:
    """Forgets sources. Their articles stay."""
    settings = load()
    for identifier in sources:
        _with_store(settings, lambda store, name=identifier: store.remove(name))  # type: ignore[misc]
        output.print(f"removed  {identifier}")


@app.command()
def backfill(
    source: str = typer.Argument(..., metavar="SOURCE", help="Id of a source."),
    since: str = typer.Option(..., help="The day to go back to, as 2025-03-12."),
) -> None:
    """Reads a source back to a day, beside its usual way: a site by its sitemaps, files, archives and topics anew.

    That is a source of its own, SOURCE-backfill, which is done when all is read.
    """
    settings = load()
    start = moment(since, "--since")
    if start is None or start > now():
        raise InputError("--since must be a day in the past, as 2025-03-12.")
    configs = asyncio.run(_backfill(source, start, settings))
    # The ids are the source's own, and a site's sitemaps may have moved since it was last filled back.
    new = _with_store(settings, lambda store: store.add(configs, now(), replacing=True))
    for config in configs:
        output.print(f"{'added' if config.id in new else 'known'}  {config.id}  {views.place(config)}", soft_wrap=True)


@app.command()
def export(opml: bool = typer.Option(False, "--opml", help="As OPML for feed readers; otherwise as YAML.")) -> None:
    """Writes all sources to standard output."""
    import yaml

    from connectors import source_files as lists

    configs = [state.config for state in _with_store(load(), lambda store: store.all())]
    if opml:
        typer.echo(for_terminal(lists.to_opml(configs)), nl=False)
        return
    entries = [
        {key: value for key, value in vars(config).items() if value and key != "options"}
        | ({"options": dict(config.options)} if config.options else {})
        for config in configs
    ]
    whole = yaml.safe_dump({"sources": entries}, allow_unicode=True, sort_keys=False)
    typer.echo(for_terminal(whole), nl=False)


async def _from_address(
    address: str,
    kind: str,
    settings: Settings,
    name: str = "",
    identifier: str = "",
    options: Mapping[str, object] | None = None,
) -> list[SourceConfig]:
    """The sources behind an address: itself, where its kind is given or it is a file; else the feeds of the site."""
    from connectors import source_files as lists
    from connectors.scheduling import changes
    from connectors.web.client import Client

    chosen = dict(options or {})
    if kind or not _is_web(address):
        if not kind and "://" not in address and not _is_there(address):
            raise InputError(
                f"{address} is neither an http(s) address nor a file or folder that is there; with --kind file it is "
                "added all the same, and read once it is there."
            )
        kind = kind or _kind_of_file(address)
        registry.factory(kind)  # an unknown kind is said now
        location = address if "://" in address or kind == "kafka" else _absolute(address)
        return [lists.make(location, kind=kind, name=name, options=chosen, identifier=identifier)]
    with errors.status(Text(f"Looking for feeds at {redaction.in_text(address)} …")):
        async with Client(settings.connectors) as client:
            try:
                feeds = await changes.feeds_of(address, Context(settings, client))
            except changes.NothingFound as error:
                raise SourceError(f"{str(error).rstrip('.')}; with --kind it is added as it is.") from None
    if identifier and len(feeds) > 1:
        raise InputError(f"{address} has {len(feeds)} feeds; --id is for one: give the address of the feed itself.")
    return changes.configs_of(feeds, name=name, identifier=identifier, options=chosen)


async def _test(
    address: str, kind: str, limit: int, as_json: bool, options: Mapping[str, object], settings: Settings
) -> None:
    from connectors.web.client import Client

    found = await _from_address(address, kind, settings, options=options)
    config = found[0]
    errors.print(f"{config.kind}  {views.place(config)}  {config.name}", markup=False, soft_wrap=True)
    for other in found[1:]:
        errors.print(f"also there: {other.kind}  {views.place(other)}  {other.name}", markup=False, soft_wrap=True)
    shown = 0
    async with (
        Client(settings.connectors) as client,
        closing(registry.make(config, Context(settings, client)).articles({})) as items,
    ):
        async for item in items:
            if item.problem:
                errors.print(redaction.in_text(item.problem), markup=False, soft_wrap=True)
            if item.article is not None:
                if as_json:
                    print_json(item.article.model_dump(mode="json"), indent=None)
                else:
                    output.print(views.shown(item.article), soft_wrap=True)
                shown += 1
            if shown >= limit:
                break
    if not shown:
        raise SourceError(f"{config.location} gives no article now.")


async def _backfill(source: str, start: datetime, settings: Settings) -> list[SourceConfig]:
    from connectors import source_files as lists
    from connectors.discovery import discover
    from connectors.scheduling.elasticsearch_store import ElasticsearchStore
    from connectors.web.client import Client

    async with ElasticsearchStore(settings) as store, Client(settings.connectors) as client:
        config = (await store.get(source)).config
        kind, places, limits = config.kind, [config.location], {}
        if kind == "feed":
            scheme, _, rest = config.location.partition("://")
            site = f"{scheme}://{rest.partition('/')[0]}/"
            with errors.status(Text(f"Looking for sitemaps at {redaction.in_text(site)} …")):
                found = await discover(site, Context(settings, client), thorough=True)
            kind, places = "sitemap", [source.url for source in found if source.kind == "sitemap"]
        if kind == "sitemap":
            limits = {"limit": 1000}
    if kind == "page":
        raise InputError(f"{source} is a single page, which has no past to be read.")
    if not places:
        raise SourceError(f"No sitemap was found for {source}; a web archive can fill it back: --kind warc.")
    known = ("match", "source", "mapping", "pattern", "bootstrap_servers")
    options = {key: value for key, value in config.options.items() if key in known}
    options |= {"since": start.isoformat(), "once": True, **limits}
    names = lists.backfills(source)
    backfills = [
        lists.make(place, kind=kind, name=config.name, options=options, identifier=name)
        for place, name in zip(places, names, strict=False)
    ]
    for backfill_config in backfills:
        registry.check(backfill_config, settings)
    return backfills


def _change(sources: list[str], done: str, changed: Callable[[SourceState], SourceState]) -> None:
    from connectors.scheduling import changes

    settings = load()
    for identifier in sources:
        _with_store(settings, lambda store, name=identifier: changes.change(store, name, changed))  # type: ignore[misc]
        output.print(f"{done}  {identifier}")


def _with_store(settings: Settings, work: Callable[["ElasticsearchStore"], Awaitable[T]]) -> T:
    from connectors.scheduling.elasticsearch_store import ElasticsearchStore

    async def within() -> T:
        async with ElasticsearchStore(settings) as store:
            return await work(store)

    return asyncio.run(within())


def _is_there(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long, no such user, a null byte
        return False


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())


def _kind_of_file(address: str) -> str:
    name = address.lower()
    return "warc" if name.endswith((".warc", ".warc.gz")) else "file"


def _is_web(address: str) -> bool:
    return "://" in address or (not Path(address).exists() and "." in address.partition("/")[0])
