"""`whosaid sink`: runs a sink."""

import typer

from pipeline.cli.part_process import SUPERVISED, part, wait_for_engines


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def sink(supervised: bool = SUPERVISED) -> None:
        """Runs a sink: writes enriched articles to Elasticsearch. Start as many as there are partitions."""
        with part("sink", supervised, elasticsearch="synchronous") as settings:
            from pipeline.sink import consumer

            wait_for_engines()
            consumer.run(settings)
