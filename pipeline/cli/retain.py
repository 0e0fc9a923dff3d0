"""`whosaid retain`: deletes months that are older than those to keep."""

import sys

import typer

from pipeline.cli.console import errors, output, progress_bars, table
from pipeline.errors import InputError
from pipeline.settings import load

_STEPS = {"delete": "Deleting months", "other": "Deleting articles without a month", "copies": "Writing copies again"}


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def retain(
        months: int = typer.Option(..., min=1, max=1200, help="Months to keep; the current one is the last of them."),
        yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask first."),
    ) -> None:
        """Deletes the articles and quotes of older months, and discards dead letters of them.

        Sources, tombstones and topics stay. To do it once a month, let a timer run it with --yes.
        """
        from pipeline import plan, retention

        settings = load()
        found = retention.find(settings, months)
        oldest = f"{found.before:%Y-%m}"
        if found.months:
            old = table("month", "articles", "quotes", "size", right=("articles", "quotes", "size"))
            for month in found.months:
                old.add_row(month.name, f"{month.articles:,}", f"{month.quotes:,}", plan.terabytes(month.bytes))
            output.print(old)
        if found.other:
            output.print(f"Without a month, and fetched before {oldest}: {len(found.other):,} articles.")
        if not yes and found.articles:
            _confirm(f"Delete {found.articles:,} articles from before {oldest} for good?")
        with progress_bars() as bars:
            tasks = {step: bars.add_task(words, visible=False) for step, words in _STEPS.items()}

            def show(step: str, done: int, total: int) -> None:
                bars.update(tasks[step], completed=done, total=total, visible=True)

            report = retention.apply(settings, found, show)
        output.print(
            f"{len(report.months)} months deleted: {report.articles:,} articles and {report.quotes:,} quotes, "
            f"{plan.terabytes(report.bytes)}. {report.copies:,} copies were written again, {report.letters:,} dead "
            "letters discarded.",
            soft_wrap=True,
        )


def _confirm(question: str) -> None:
    errors.print("A backup keeps them: `whosaid backup`.", markup=False)
    if not sys.stdin.isatty():
        raise InputError(f"{question} There is no terminal to answer on; --yes answers.")
    typer.confirm(question, abort=True, err=True)
