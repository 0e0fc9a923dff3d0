"""`whosaid status`: shows what runs, how far behind it is, and how much there is."""

import asyncio
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline import redaction, topics
from pipeline.cli.console import counted, output
from pipeline.cli.searching import open_reader
from pipeline.errors import UnavailableError, WhoSaidError
from pipeline.settings import Settings, load

_FAILING_SHOWN = 5


@dataclass
class Status:
    """What `whosaid status` found; a number is null where the service that knows it does not answer."""

    kafka: bool = False
    elasticsearch: bool = False
    search: bool = False
    workers: int | None = None
    sinks: int | None = None
    resolvers: int | None = None
    alerts: int | None = None
    articles_published: int | None = None
    waiting_enrichment: int | None = None
    waiting_sink: int | None = None
    waiting_resolution: int | None = None
    waiting_alerts: int | None = None
    saved_searches: int | None = None
    paused_searches: int | None = None
    articles: int | None = None
    quotes: int | None = None
    entities: int | None = None
    taken_down: int | None = None
    dead_letters: int | None = None
    strange_letters: int | None = None
    """Records on the topic of dead letters that are none."""
    sources: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether every part runs."""
        return not self.problems


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def status(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        """Shows what runs, how many events wait, how many quotes there are. Exit code 4: a part is missing."""
        settings = load()
        found = look(settings)
        if as_json:
            typer.echo(json.dumps(asdict(found) | {"healthy": found.healthy}, indent=1))
        else:
            _print(found, settings)
        if not found.healthy:
            raise typer.Exit(UnavailableError.exit_code)


def look(settings: Settings) -> Status:
    """Asks Kafka, Elasticsearch and the search service; what does not answer is a problem, not an error."""
    found = Status()
    for ask in (_ask_kafka, _ask_elasticsearch, _ask_alerts, _ask_sources, _ask_search):
        try:
            ask(settings, found)
        except WhoSaidError as error:
            found.problems.append(str(error))
    return found


def _ask_kafka(settings: Settings, found: Status) -> None:
    from pipeline import kafka_client
    from pipeline.dead_letters import log

    articles, enriched = topics.articles(settings).name, topics.enriched(settings).name
    workers, sink = topics.enrichment_group(settings), topics.sink_group(settings)
    found.workers = len(kafka_client.members(settings, workers))
    found.kafka = True
    found.sinks = len(kafka_client.members(settings, sink))
    behind = kafka_client.lag(settings, workers, articles)
    found.articles_published, found.waiting_enrichment = behind.end, behind.waiting
    found.waiting_sink = kafka_client.lag(settings, sink, enriched).waiting
    resolution = topics.resolution_group(settings)
    found.resolvers = len(kafka_client.members(settings, resolution))
    found.waiting_resolution = kafka_client.lag(settings, resolution, enriched).waiting
    alerts = topics.alerts_group(settings)
    found.alerts = len(kafka_client.members(settings, alerts))
    found.waiting_alerts = kafka_client.lag(settings, alerts, enriched).waiting
    found.dead_letters, found.strange_letters = log.waiting(settings)
    if found.strange_letters:
        found.hints.append(
            f"{counted(found.strange_letters, 'record')} on {topics.deadletter(settings).name} cannot be read as dead "
            "letters; nothing of WhoSaid wrote them, and nothing reads them."
        )
    if not found.workers:
        found.problems.append("No enrichment worker runs; start one with `whosaid enrich`.")
    if not found.sinks:
        found.problems.append("No sink runs; start one with `whosaid sink`.")


def _ask_elasticsearch(settings: Settings, found: Status) -> None:
    with open_reader(settings) as reader:
        from pipeline.entities import lookup

        found.problems += reader.problems()
        found.elasticsearch = True
        counts = reader.counts()
        found.taken_down = reader.taken_down()
        if older := reader.older():
            found.hints.append(
                f"{len(older):,} indices of quotes are of an earlier release, whose words are found only as they are "
                "written, with their accents and endings; `whosaid reindex` mends that."
            )
    found.articles, found.quotes = counts.articles, counts.quotes
    found.entities = lookup.count(settings)


def _ask_alerts(settings: Settings, found: Status) -> None:
    """Counts saved searches; what this user may not see stays unknown."""
    from elasticsearch import ApiError

    from pipeline import elasticsearch_client
    from pipeline.alerts.models import Condition
    from pipeline.alerts.store import SavedSearches

    if not found.elasticsearch:
        return
    with elasticsearch_client.connection(settings) as client:
        try:
            searches = SavedSearches(client, settings).all()
        except ApiError as error:
            if error.status_code not in (401, 403):
                raise
            return
    paused = [search for search in searches if search.condition is Condition.PAUSED]
    found.saved_searches, found.paused_searches = len(searches), len(paused)
    if searches and not found.alerts:
        found.hints.append("Nothing tells what saved searches find; start `whosaid alert run`.")
    if paused:
        found.hints.append(f"{len(paused):,} saved searches are paused; `whosaid alert list` says why.")


def _ask_sources(settings: Settings, found: Status) -> None:
    from connectors.scheduling.elasticsearch_store import glance
    from connectors.scheduling.overview import ago, overview
    from pipeline.cli import source_views as views

    if not found.elasticsearch or (states := asyncio.run(glance(settings))) is None:
        return
    now = datetime.now(UTC)
    there = overview(states, now)
    found.sources = views.overall(there)
    if there.abandoned(now, timedelta(seconds=2 * settings.connectors.lease)):
        found.problems.append(
            f"No connector reads the {there.sources} sources, the first was due {ago(there.next_poll, now)}; "
            "start one with `whosaid connect`."
        )


def _ask_search(settings: Settings, found: Status) -> None:
    import httpx

    where = settings.search_url
    try:
        found.search = httpx.get(f"{where}/healthz", timeout=5, trust_env=False).status_code == 200
    except (httpx.HTTPError, httpx.InvalidURL):
        found.search = False
    if not found.search:
        found.problems.append(f"The search service does not answer at {where}; start it with `whosaid serve`.")


def _print(found: Status, settings: Settings) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    kafka = ", ".join(settings.bootstrap_servers)
    elastic = redaction.in_addresses(", ".join(settings.elasticsearch_urls))
    table.add_row("Kafka", _runs(found.kafka), kafka)
    table.add_row("Elasticsearch", _runs(found.elasticsearch), elastic)
    table.add_row("Enrichment", _runs(found.workers), _waiting(found.waiting_enrichment))
    table.add_row("Sink", _runs(found.sinks), _waiting(found.waiting_sink))
    table.add_row(
        "Who is who",
        _runs(found.resolvers),
        f"{_waiting(found.waiting_resolution)}, {counted(found.entities, 'entity', 'entities')}",
    )
    table.add_row(
        "Alerts",
        _runs(found.alerts),
        f"{_waiting(found.waiting_alerts)}, {counted(found.saved_searches, 'saved search', 'saved searches')}",
    )
    _add_sources(table, found.sources)
    table.add_row("Search service", _runs(found.search), f"{settings.search_url}/")
    output.print(table)
    output.print(
        f"\n{counted(found.articles, 'article')} and {counted(found.quotes, 'quote')} searchable, "
        f"{counted(found.articles_published, 'article')} published, "
        f"{counted(found.dead_letters, 'dead letter waits', 'dead letters wait')}."
        + (f" Taken down: {counted(found.taken_down, 'article')}." if found.taken_down else ""),
        soft_wrap=True,
    )
    for problem in found.problems:
        output.print(Text(f"✗ {redaction.in_text(problem)}", style="red"), soft_wrap=True)
    for hint in found.hints:
        output.print(Text(f"! {hint}", style="yellow"), soft_wrap=True)
    from pipeline.cli import source_views as views

    for line in views.failing_lines(found.sources or {}, _FAILING_SHOWN):
        output.print(Text(f"! {line}", style="yellow"), soft_wrap=True)


def _add_sources(table: Table, sources: dict[str, Any] | None) -> None:
    if sources is None:
        table.add_row("Sources", _runs(None))
        return
    from pipeline.cli import source_views as views

    for number, (name, state, note) in enumerate(views.overall_rows(sources)):
        style = "yellow" if "failing" in state else "green" if number else ""
        table.add_row(name, Text(state, style=style), note)


def _runs(what: bool | int | None) -> Text:
    if what is None:
        return Text("unknown", style="yellow")
    if isinstance(what, bool):
        return Text("runs", style="green") if what else Text("does not answer", style="red")
    return Text(f"{what} running", style="green") if what else Text("not running", style="red")


def _waiting(articles: int | None) -> str:
    return counted(articles, "article waits", "articles wait")
