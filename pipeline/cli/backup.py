"""`whosaid backup`: saves topics and indices in a folder."""

from pathlib import Path

import typer

from pipeline.cli.console import StepBars, output
from pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def backup(
        folder: Path = typer.Argument(..., help="Where it goes; empty, or not there yet."),
        repository: str = typer.Option("", help="Snapshot repository of the cluster; the embedded one needs none."),
    ) -> None:
        """Saves all topics and indices. Articles may go on being read, enriched and indexed meanwhile."""
        from pipeline.backup import whole

        with StepBars() as bars:
            made = whole.back_up(load(), folder.absolute(), repository, bars.show)
        events = sum(topic.events for topic in made.topics)
        output.print(
            f"{events:,} events of {len(made.topics)} topics and the snapshot {made.snapshot} are in {folder}."
        )
        if unreadable := sum(topic.unreadable for topic in made.topics):
            output.print(f"{unreadable:,} places on the topics could not be read, and are left out.")
