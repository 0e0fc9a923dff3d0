"""`whosaid restore`: brings topics and indices back from a backup."""

from pathlib import Path

import typer

from pipeline.cli.console import StepBars, output
from pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def restore(folder: Path = typer.Argument(..., help="A backup.")) -> None:
        """Restores a backup into empty topics and a cluster without our indices. Start the parts afterwards."""
        from pipeline.backup import whole

        with StepBars() as bars:
            done = whole.restore(load(), folder.absolute(), bars.show)
        output.print(f"{sum(done.events.values()):,} events and {len(done.indices)} indices are restored.")
        output.print("Start the parts: they go on from where they were.")
