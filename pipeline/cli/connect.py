"""`whosaid connect`: runs the connectors."""

from pathlib import Path

import typer

from pipeline.cli.part_process import SUPERVISED, part, wait_for_engines


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def connect(
        sources: Path = typer.Option(None, help="A YAML file of sources; without it: those of `whosaid source`."),
        once: bool = typer.Option(False, "--once", help="Read each source that is due a single time, then return."),
        supervised: bool = SUPERVISED,
    ) -> None:
        """Runs the connectors: reads sources for ever and publishes their articles."""
        with part("connect", supervised) as settings:
            from connectors.scheduling import runner

            wait_for_engines()
            runner.run(settings, sources, once=once)
