"""`whosaid source …`: which sources are read, how they fare, and how they are tried out."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from connectors import registry
from connectors import sources as lists
from connectors.base import Context, SourceConfig
from connectors.http import Client
from connectors.state import LeaseLost, SourceState
from connectors.store import ElasticsearchStore
from pipeline.cli.console import errors, moment, output
from pipeline.errors import InputError, SourceError
from pipeline.settings import Settings, load

T = TypeVar("T")
app = typer.Typer(help="Sources of news: add, list, try, pause and remove them.", no_args_is_help=True)


def register(whosaid: typer.Typer) -> None:
    """Adds `whosaid source …` and `whosaid push`."""
    whosaid.add_typer(app, name="source")

    @whosaid.command()
    def push() -> None:
        """Push endpoint: takes articles over HTTP, and what WebSub hubs tell of."""
        from connectors import push as endpoint

        endpoint.serve(load())


NAMES = typer.Argument(..., metavar="SOURCE…", help="Ids of sources, as `whosaid source list` shows them.")
_SHOWN = 5
_TRIES = 5


@app.command()
def add(
    address: str = typer.Argument(None, metavar="URL", help="A feed, or a site whose feeds are looked for."),
    opml: Path = typer.Option(None, help="All feeds of an OPML file."),
    from_file: Path = typer.Option(None, "--from", help="All sources of a YAML file."),
    starter: bool = typer.Option(False, "--starter", help="The list of well-known English news feeds."),
    kind: str = typer.Option("", help="Take the address as it is, for a connector of this kind: feed, sitemap, file …"),
    name: str = typer.Option("", help="What to call it."),
    pages: str = typer.Option("", help="When to fetch an item's page: always, auto or never."),
) -> None:
    """Adds sources; the connectors read them from then on."""
    settings = load()
    configs: list[SourceConfig] = []
    if opml:
        configs += lists.from_opml(opml)
    if from_file:
        configs += lists.load(from_file)
    if starter:
        configs += lists.load(lists.STARTER)
    if address:
        configs += asyncio.run(_from_address(address, kind, name, pages, settings))
    if not configs:
        raise InputError("Give an address, --opml FILE, --from FILE or --starter.")
    new = _with_store(settings, lambda store: store.add(lists.unique(configs), _now()))
    for config in configs:
        output.print(f"{'added' if config.id in new else 'known'}  {escape(config.id)}  {escape(config.location)}")


@app.command(name="list")
def show(as_json: bool = typer.Option(False, "--json", help="As JSON, with all that is known.")) -> None:
    """Shows every source: its state, when it was last read, what it gives, when it is due, what went wrong."""
    states = _with_store(load(), lambda store: store.all())
    if as_json:
        typer.echo(json.dumps([_summary(state) for state in states], ensure_ascii=False, indent=1))
        return
    if not states:
        output.print("There are no sources yet; `whosaid source add URL` adds one, `--starter` forty.")
        return
    table = Table("source", "state", "last success", "a day", "next", "last error")
    for state in states:
        one = _summary(state)
        rate = "" if one["per_day"] is None else f"{one['per_day']:,.1f}"
        cells = [state.id, one["state"], _ago(state.last_success), rate, _ahead(state.due), state.last_error]
        table.add_row(*(escape(str(cell)) for cell in cells))
    output.print(table)


@app.command(name="test")
def try_out(
    address: str = typer.Argument(..., metavar="URL", help="A feed, a sitemap, a page, a folder …"),
    kind: str = typer.Option("", help="What it is, where that is not plain: feed, sitemap, page, file, warc …"),
    limit: int = typer.Option(_SHOWN, min=1, help="Articles to show."),
) -> None:
    """Reads a source once and shows what it would publish. Nothing is published or kept."""
    asyncio.run(_test(address, kind, limit, load()))


@app.command()
def pause(sources: list[str] = NAMES) -> None:
    """Stops reading sources until they are resumed."""
    _change(sources, "paused", lambda state: replace(state, paused=True))


@app.command()
def resume(sources: list[str] = NAMES) -> None:
    """Reads paused or failing sources again, at once."""
    fresh = {"paused": False, "due": None}
    _change(sources, "resumed", lambda state: replace(state, rhythm=replace(state.rhythm, failures=0), **fresh))  # type: ignore[arg-type]


@app.command()
def remove(sources: list[str] = NAMES) -> None:
    """Forgets sources. Their articles stay."""
    settings = load()
    for identifier in sources:
        _with_store(settings, lambda store, one=identifier: store.remove(one))  # type: ignore[misc]
        output.print(f"removed  {escape(identifier)}")


@app.command()
def backfill(
    source: str = typer.Argument(..., metavar="SOURCE", help="Id of a source."),
    since: str = typer.Option(..., help="The day to go back to, as 2025-03-12."),
) -> None:
    """Adds the site's sitemaps as a source that goes back to the day; or reads an archive anew from its beginning."""
    settings = load()
    start = moment(since, "--since")
    if start is None:
        raise InputError("--since is empty; write a day as 2025-03-12.")
    configs = asyncio.run(_backfill(source, start, settings))
    _with_store(settings, lambda store: store.add(configs, _now()))
    for config in configs:
        output.print(f"added  {escape(config.id)}  {escape(config.location)}")


@app.command()
def export(opml: bool = typer.Option(False, "--opml", help="As OPML for feed readers; otherwise as YAML.")) -> None:
    """Writes all sources to standard output."""
    import yaml

    configs = [state.config for state in _with_store(load(), lambda store: store.all())]
    if opml:
        typer.echo(lists.to_opml(configs), nl=False)
        return
    entries = [
        {key: value for key, value in vars(config).items() if value and key != "options"}
        | ({"options": dict(config.options)} if config.options else {})
        for config in configs
    ]
    typer.echo(yaml.safe_dump({"sources": entries}, allow_unicode=True, sort_keys=False), nl=False)


async def _from_address(address: str, kind: str, name: str, pages: str, settings: Settings) -> list[SourceConfig]:
    from connectors.discovery import discover

    options = {"pages": pages} if pages else {}
    if kind or not _is_web(address):
        chosen = kind or "file"
        registry.factory(chosen)  # an unknown kind is said now
        location = address if "://" in address or chosen == "kafka" else _absolute(address)
        return [lists.make(location, kind=chosen, name=name, options=options)]
    async with Client(settings.connectors) as client:
        found = await discover(address, Context(settings, client))
    if not found:
        raise SourceError(f"No feed or news sitemap was found at {address}; with --kind it is added as it is.")
    feeds = [one for one in found if one.kind == "feed"] or found
    return [
        lists.make(one.url, kind=one.kind, name=name or one.title, options=options if one.kind == "feed" else {})
        for one in feeds
    ]


async def _test(address: str, kind: str, limit: int, settings: Settings) -> None:
    async with Client(settings.connectors) as client:
        context = Context(settings, client)
        config = (await _from_address(address, kind, "", "", settings))[0]
        output.print(f"{escape(config.kind)}  {escape(config.location)}  {escape(config.name)}")
        shown = 0
        async for item in registry.make(config, context).articles({}):
            if item.problem:
                errors.print(item.problem, markup=False, soft_wrap=True)
            if item.article is not None:
                article = item.article
                when = article.published.isoformat() if article.published else "no date"
                output.print(f"[b]{escape(article.headline or '(no headline)')}[/b]")
                output.print(
                    f"  {when}  {escape(article.byline or '')}  {len(article.body):,} characters", soft_wrap=True
                )
                output.print(f"  {escape(article.url)}", soft_wrap=True)
                shown += 1
            if shown >= limit:
                break
        if not shown:
            raise SourceError(f"{config.location} gives no article now.")


async def _backfill(source: str, start: datetime, settings: Settings) -> list[SourceConfig]:
    from connectors.discovery import discover

    async with ElasticsearchStore(settings) as store, Client(settings.connectors) as client:
        state = await store.get(source)
        options = {**state.config.options, "since": start.isoformat(), "limit": 1000}
        if state.config.kind == "sitemap":
            maps = [state.config.location]
        elif state.config.kind == "feed":
            found = await discover(_site(state), Context(settings, client), thorough=True)
            maps = [one.url for one in found if one.kind == "sitemap"]
        else:
            raise InputError(f"{source} is of kind {state.config.kind}; only feeds and sitemaps can be filled back.")
    if not maps:
        raise SourceError(f"No sitemap was found for {source}; a web archive can fill it back: --kind warc.")
    options.pop("pages", None)
    return [
        lists.make(
            one, kind="sitemap", name=state.config.name, options=options, identifier=f"{lists.slug(one)}-backfill"
        )
        for one in maps
    ]


def _site(state: SourceState) -> str:
    scheme, _, rest = state.config.location.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


def _change(sources: list[str], done: str, change: Callable[[SourceState], SourceState]) -> None:
    settings = load()

    async def one(store: ElasticsearchStore, identifier: str) -> None:
        for attempt in range(_TRIES):
            try:
                await store.save(change(await store.get(identifier)), release=False)
                return
            except LeaseLost:  # a connector wrote at the same moment: once more
                await asyncio.sleep(0.2 * (attempt + 1))
        raise SourceError(f"{identifier} is being changed all the time; try again.")

    for identifier in sources:
        _with_store(settings, lambda store, name=identifier: one(store, name))  # type: ignore[misc]
        output.print(f"{done}  {escape(identifier)}")


def _with_store(settings: Settings, work: Callable[[ElasticsearchStore], Awaitable[T]]) -> T:
    async def within() -> T:
        async with ElasticsearchStore(settings) as store:
            return await work(store)

    return asyncio.run(within())


def _summary(state: SourceState) -> dict[str, object]:
    config, now = state.config, _now()
    condition = (
        "paused" if state.paused else "failing" if state.rhythm.failures else "ok" if state.last_success else "new"
    )
    if not state.free(now):
        condition = "reading"
    return {
        "id": config.id,
        "kind": config.kind,
        "location": config.location,
        "name": config.name,
        "state": condition,
        "failures": state.rhythm.failures,
        "articles": state.articles,
        "per_day": state.rhythm.per_day,
        "last_success": state.last_success.isoformat() if state.last_success else None,
        "next": state.due.isoformat() if state.due else None,
        "last_error": state.last_error,
    }


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())


def _is_web(address: str) -> bool:
    return "://" in address or (not Path(address).exists() and "." in address.partition("/")[0])


def _now() -> datetime:
    return datetime.now(UTC)


def _ago(then: datetime | None) -> str:
    return f"{_span((_now() - then).total_seconds())} ago" if then else "never"


def _ahead(then: datetime | None) -> str:
    seconds = (then - _now()).total_seconds() if then else 0.0
    return f"in {_span(seconds)}" if seconds > 0 else "now"


def _span(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
