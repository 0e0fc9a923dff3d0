"""`whosaid resolve`: runs a part that decides who is who in articles."""

import typer

from pipeline.cli.part_process import SUPERVISED, part


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def resolve(supervised: bool = SUPERVISED) -> None:
        """Runs a resolver: decides which person, organisation or place each name in the articles means."""
        with part("resolve", supervised) as settings:
            from pipeline.entities import consumer

            consumer.run(settings)
