"""`whosaid reenrich`: sends indexed articles through the newest engine again."""

import typer

from pipeline.cli.console import errors, moment, output, progress
from pipeline.errors import InputError, SourceError
from pipeline.settings import load

_SHOWN_PROBLEMS = 10


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def reenrich(
        since: str = typer.Option(None, help="Published at this time or later (2025-03-12; UTC)."),
        until: str = typer.Option(None, help="Published before this time."),
        where: list[str] = typer.Option(
            [],
            "--where",
            help="source=…, language=…, model=…, model-version=…, id=…, engine<2; also with !=; may be repeated.",
        ),
        every: bool = typer.Option(False, "--every", help="All articles, without any condition."),
        ahead: int = typer.Option(1000, min=0, help="Articles that may wait for enrichment at a time."),
        dry_run: bool = typer.Option(False, "--dry-run", help="Only say how many articles would be enriched again."),
    ) -> None:
        """Publishes indexed articles again, for the newest engine; newer revisions and newer results always win."""
        from pipeline.republish import reenrich as again

        if not (since or until or where or every):
            raise InputError("Say which articles: --since, --until or --where; --every means all.")
        settings = load()
        conditions = [again.condition(text) for text in where]
        period = {"since": moment(since, "--since"), "until": moment(until, "--until")}
        if dry_run:
            output.print(f"{again.count(settings, conditions, **period):,} articles would be enriched again.")
            return
        with progress("Publishing again") as show_progress:
            report = again.reenrich(settings, conditions, **period, ahead=ahead, progress=show_progress)
        output.print(f"{report.sent:,} articles were published again; `whosaid status` shows how many still wait.")
        if report.problems:
            for problem in report.problems[:_SHOWN_PROBLEMS]:
                errors.print(problem, markup=False, soft_wrap=True)
            errors.print(f"{len(report.problems):,} in the index cannot be read as articles.")
            raise typer.Exit(SourceError.exit_code)
