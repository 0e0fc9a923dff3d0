"""`whosaid push`: runs the push endpoint."""

import typer

from pipeline.cli.part_process import SUPERVISED, part


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def push(supervised: bool = SUPERVISED) -> None:
        """Runs the push endpoint: takes articles over HTTP, and what WebSub hubs send."""
        with part("push", supervised) as settings:
            from connectors.push import server

            server.serve(settings)
