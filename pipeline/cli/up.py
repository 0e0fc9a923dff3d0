"""`whosaid up`: runs everything on this machine, from the engines to the page that searches quotes."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import typer
from rich.text import Text

from pipeline import heartbeat, redaction, topics
from pipeline.cli.console import Row, errors, output, quotes_table, row
from pipeline.cli.searching import open_reader
from pipeline.cli.supervisor import PARTS, Supervisor, last_line
from pipeline.errors import EngineError, UnavailableError
from pipeline.models import Article
from pipeline.settings import Settings, load

READY_TIMEOUT = 120.0
"""Seconds until the parts must be ready, and until the samples must be searchable."""

PAGE = "serve"
"""The part that shows the pages. It comes first, needs Elasticsearch alone, and says which indices are not open yet."""

PAGE_TIMEOUT = 15.0
"""Seconds for which the other parts wait for the page."""

CORES_FOR_ALL = 4
"""With so many cores or more, all parts load while Elasticsearch starts; with fewer, they would hold up the page."""

SHOWN = 40
"""Quotes in the table that `up` prints."""


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def up(
        once: bool = typer.Option(False, "--once", help="Start, feed the sample articles, print, stop."),
        samples: bool = typer.Option(True, "--samples/--no-samples", help="Feed the bundled sample articles."),
        sources: Path = typer.Option(
            None, help="A YAML file of sources to read; without it: those of `whosaid source` and of the page."
        ),
    ) -> None:
        """Starts all that searches quotes on this machine: Kafka, Elasticsearch, one process each that reads sources,
        enriches, writes, resolves who is who, sends alerts and searches (`connect`, `enrich`, `sink`, `resolve`, `alert
        run`, `serve`). It feeds the sample articles; Ctrl-C stops everything.

        With --once no source is read.
        """
        settings = load()
        _refuse_cluster(settings)
        arguments = _reading(sources, settings)
        from pipeline import kafka_client
        from pipeline.cli.watch import Watch
        from pipeline.embedded.stack import Stack
        from pipeline.server.metrics_port import serving_metrics
        from pipeline.workers.pool import cores

        stack = Stack(settings, progress=_say)
        stack.claim()  # where `up` runs already, that is said, and not that the port of its metrics is taken
        with stopping() as stop, serving_metrics(settings), ExitStack() as ending:
            ending.callback(stack.stop)
            began = time.monotonic()
            stack.begin()
            parts = [part for part in PARTS if part != "connect" or not once]
            supervisor = Supervisor(settings, _say, parts=parts, arguments=arguments)
            ending.callback(_stop_parts, supervisor, stop)
            supervisor.start(PAGE)  # it loads while the engines start
            stack.wait(stack.kafka)
            kafka_client.ensure_topics(settings, topics.all_topics(settings))
            if cores() >= CORES_FOR_ALL:
                supervisor.start()
            stack.wait_for_answers(stack.elasticsearch)
            supervisor.let_go(PAGE)
            _show_page(settings, began)
            supervisor.start()
            stack.wait()
            stop.gentle = True
            supervisor.let_go()
            with Watch(stack.servers, supervisor, _say, stop) as watch:
                _wait_ready(settings, supervisor, stop)
                heartbeat.PART.take_up()
                if samples:
                    _feed(settings, stop)
                if not stop.is_set():
                    _where_to_look(settings)
                if not once:
                    stop.wait()
                watch.check()
        _say("Stopped. The data stays; `whosaid clean` removes it.")


class Stop(threading.Event):
    """Is set by Ctrl-C and SIGTERM once it is `gentle`, when every wait looks at it; before that they interrupt."""

    gentle = False


@contextmanager
def stopping() -> Iterator[Stop]:
    """A Stop that listens to signals until the end of the block. A second Ctrl-C does not break the orderly stop."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        if not stop.gentle:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_page(settings: Settings, began: float) -> None:
    """Waits until the page is drawn, and says where it is; where it does not come, `_wait_ready` says why."""
    import httpx

    url, deadline = f"{settings.search_url}/", time.monotonic() + PAGE_TIMEOUT
    while (left := deadline - time.monotonic()) > 0:
        with suppress(httpx.HTTPError, httpx.InvalidURL):
            if httpx.get(url, timeout=left, trust_env=False).status_code < 500:  # it may ask for a token
                _say(f"The page is up at {url} ({time.monotonic() - began:.1f} s); the rest is starting.")
                return
        time.sleep(0.1)


def _stop_parts(supervisor: Supervisor, stop: Stop) -> None:
    stop.gentle = True
    _say("Stopping: first the parts, then the engines …")
    supervisor.stop()


def _refuse_cluster(settings: Settings) -> None:
    for given, variable in (
        (settings.kafka.bootstrap_servers, "WHOSAID_KAFKA__BOOTSTRAP_SERVERS"),
        (settings.elasticsearch.url, "WHOSAID_ELASTICSEARCH__URL"),
    ):
        if given:
            raise EngineError(
                f"`whosaid up` starts engines of its own, but {variable} names another; unset it, "
                "or start the parts against it with `whosaid enrich`, `sink`, `serve` and `connect`."
            )


def _reading(sources: Path | None, settings: Settings) -> dict[str, list[str]]:
    """The arguments of the parts.

    Raises:
        InputError: the file of sources cannot be used.
    """
    if sources is None:
        return {}
    from connectors import registry, source_files

    for config in source_files.load(sources):
        registry.check(config, settings)
    return {"connect": ["--sources", str(sources.resolve())]}


def _wait_ready(settings: Settings, supervisor: Supervisor, stop: Stop) -> None:
    """Waits until workers and sink are in their groups and the search service answers."""
    from pipeline import kafka_client

    settings = _impatient(settings)
    waiting: dict[str, Callable[[], bool]] = {
        "enrich": lambda: bool(kafka_client.members(settings, topics.enrichment_group(settings))),
        "sink": lambda: bool(kafka_client.members(settings, topics.sink_group(settings))),
        "serve": lambda: _answers(f"{settings.search_url}/readyz"),
    }
    deadline = time.monotonic() + READY_TIMEOUT
    with errors.status("Starting the parts …") as spinner:
        while waiting and not stop.is_set():
            for name in [name for name, ready in waiting.items() if _is_true(ready)]:
                del waiting[name]
            if not waiting:
                return
            spinner.update(f"Starting {', '.join(waiting)} …")
            if time.monotonic() > deadline:
                part = next(part for part in supervisor.parts if part.name in waiting)
                raise EngineError(
                    f"{part.name} was not ready after {READY_TIMEOUT:.0f} s: {last_line(part.log)} Its log: {part.log}"
                )
            stop.wait(0.3)


def _is_true(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except UnavailableError:  # an engine died: it is started again meanwhile
        return False


def _impatient(settings: Settings) -> Settings:
    """Settings for questions that are asked again and again: an engine that died must not hold one up for long."""
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"request_timeout": 5.0})})


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _feed(settings: Settings, stop: Stop) -> None:
    """Publishes the sample articles, waits until they can be searched, and prints who said what in them."""
    from pipeline.samples import articles

    samples = articles(datetime.now(UTC))
    ids = {article.id for article in samples}
    deadline = time.monotonic() + READY_TIMEOUT
    while not stop.is_set() and not _is_true(lambda: _publish(settings, samples)) and time.monotonic() < deadline:
        stop.wait(0.3)
    with open_reader(settings) as reader, errors.status(f"Reading {len(ids)} sample articles …") as spinner:
        there: set[str] = set()
        while len(there) < len(ids) and not stop.is_set():
            with suppress(UnavailableError):  # as in `_is_true`
                there = reader.existing(ids)
            spinner.update(f"Reading the sample articles: {len(there)} of {len(ids)} searchable …")
            if time.monotonic() > deadline:
                raise EngineError(
                    f"Only {len(there)} of {len(ids)} sample articles were searchable after {READY_TIMEOUT:.0f} s; "
                    f"the logs are in {settings.embedded.data_dir / 'logs'}."
                )
            stop.wait(0.3)
        if stop.is_set():
            return
        rows = []
        for article in samples:
            for quote in reader.article(article.id).quotes:
                rows.append(row(quote, article.source.name))
    title = f"Who said what in {len(ids)} sample articles ({len(rows)} quotes{_first(rows)})"
    output.print(quotes_table(rows[:SHOWN], title=title))


def _publish(settings: Settings, samples: Sequence[Article]) -> bool:
    """Publishes them and waits until Kafka has them all; to publish one twice changes nothing."""
    from connectors.publisher import ArticlePublisher

    with ArticlePublisher(settings) as publisher:
        for article in samples:
            publisher.publish(article)
        publisher.flush()
    return True


def _first(rows: list[Row]) -> str:
    return f", the first {SHOWN} here" if len(rows) > SHOWN else ""


def _where_to_look(settings: Settings) -> None:
    output.print(Text.assemble("\nSearch quotes:  ", (f"{settings.search_url}/", "bold")))
    output.print(Text(f"The API:        {settings.search_url}/docs"))
    output.print(Text(f"Add sources:    {settings.search_url}/sources, or whosaid source add URL"))
    output.print("Feed it:        whosaid ingest FILE|FOLDER|URL")
    output.print("What runs:      whosaid status")
    output.print(f"Logs:           {settings.embedded.data_dir / 'logs'}")


def _say(text: str) -> None:
    errors.print(redaction.in_text(text), markup=False, soft_wrap=True)
