"""`whosaid enrich`: runs an enrichment worker."""

import typer

from pipeline.cli.part_process import SUPERVISED, part, wait_for_engines


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def enrich(supervised: bool = SUPERVISED) -> None:
        """Runs an enrichment worker: articles in, entities and quotes out. Start as many as there are partitions."""
        with part("enrich", supervised, elasticsearch="none") as settings:
            from pipeline.agents import worker

            wait_for_engines()
            worker.run(settings)
