"""`whosaid ingest`: files, folders, pages and standard input onto the topic of articles."""

import time

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.base import Item
from pipeline.cli.console import errors, moment, output
from pipeline.errors import NotFoundError, SourceError, UnavailableError
from pipeline.settings import Settings, load


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def ingest(
        target: str = typer.Argument(
            ..., metavar="FILE|FOLDER|URL|-", help="txt, html, json or jsonl; - reads standard input."
        ),
        published: str = typer.Option(None, help="When it was published (2025-03-12), where it does not say itself."),
        source: str = typer.Option(None, help="Name of the source, where it does not say itself."),
        wait: bool = typer.Option(False, "--wait", help="Return only when the articles can be searched."),
        timeout: float = typer.Option(600, help="Seconds that --wait waits without anything new."),
    ) -> None:
        """Publishes articles. Returns when Kafka has them all; they are searchable a moment later."""
        from connectors.ingest import ingest as publish

        settings = load()
        when = moment(published, "--published")
        with _progress() as progress:
            bar = progress.add_task("Publishing", total=1.0, articles=0)

            def show(item: Item) -> None:
                done = progress.tasks[bar].fields["articles"] + (item.article is not None)
                progress.update(bar, completed=item.progress, articles=done)
                if item.problem:
                    progress.console.print(item.problem, markup=False, soft_wrap=True)

            report = publish(target, settings, published=when, source=source, progress=show)
            progress.update(bar, completed=1.0)
        articles = "article" if report.articles == 1 else "articles"
        output.print(f"{report.articles:,} {articles} published.")
        if wait and report.ids:
            _wait(settings, set(report.ids), timeout)
        if report.problems:
            errors.print(f"{len(report.problems):,} could not be read; each is named above.")
            raise typer.Exit(SourceError.exit_code)
        if not report.articles:
            raise NotFoundError(f"There is no article in {target}.")


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("{task.fields[articles]} articles"), console=errors, transient=True)


def _wait(settings: Settings, ids: set[str], timeout: float) -> None:
    """Waits until every article can be searched or is a dead letter's.

    Raises:
        UnavailableError: nothing more became searchable for `timeout` seconds.
    """
    from pipeline.search.reader import Reader

    columns = (SpinnerColumn(), TextColumn("Enriching"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Reader(settings) as reader, Progress(*columns, console=errors, transient=True) as progress:
        bar = progress.add_task("", total=len(ids))
        missing, last = set(ids), time.monotonic()
        while missing:
            found = reader.existing(missing)
            missing -= found
            if found:
                last = time.monotonic()
            progress.update(bar, completed=len(ids) - len(missing))
            if missing and time.monotonic() - last > timeout:
                raise UnavailableError(
                    f"{len(missing)} of {len(ids)} articles are not searchable yet; `whosaid status` shows what runs."
                )
            if missing:
                time.sleep(0.3)
    output.print(f"{len(ids):,} searchable.")
