"""`whosaid serve`: runs the search service."""

import typer

from pipeline.cli.part_process import SUPERVISED, part, wait_for_engines


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def serve(supervised: bool = SUPERVISED) -> None:
        """Runs the search service: the API and the pages, among them those of sources and dead letters."""
        with part("serve", supervised) as settings:
            from pipeline.administration import pages
            from pipeline.search import service

            wait_for_engines()
            service.run(settings, pages.surroundings(settings))
