"""`whosaid serve`: runs the search service."""

import typer

from pipeline.cli.part_process import SUPERVISED, part


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def serve(supervised: bool = SUPERVISED) -> None:
        """Runs the search service: the API and the pages, among them those of sources and dead letters."""
        with part("serve", supervised) as settings:
            from pipeline.administration import pages
            from pipeline.search import service

            service.run(settings, pages.surroundings(settings))
