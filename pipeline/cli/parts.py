"""`whosaid enrich|sink|serve|connect`: one part of the pipeline each, for clusters and for `whosaid up`."""

from pathlib import Path

import typer

from pipeline import logs
from pipeline.cli.supervisor import stop_with_parent
from pipeline.settings import Settings, load

SUPERVISED = typer.Option(False, "--supervised", hidden=True)  # started by `whosaid up`: stop when it dies


def register(app: typer.Typer) -> None:
    """Adds the commands."""

    @app.command()
    def enrich(supervised: bool = SUPERVISED) -> None:
        """Enrichment worker: articles in, entities and quotes out. Start as many as there are partitions."""
        settings = _settings(supervised)
        from pipeline.agents import worker

        worker.run(settings)

    @app.command()
    def sink(supervised: bool = SUPERVISED) -> None:
        """Sink: enriched articles into Elasticsearch. Start as many as there are partitions."""
        settings = _settings(supervised)
        from pipeline.sink import consumer

        consumer.run(settings)

    @app.command()
    def serve(supervised: bool = SUPERVISED) -> None:
        """Search service: the API and the page."""
        settings = _settings(supervised)
        logs.to_stderr(settings)
        from pipeline.search import service

        service.run(settings)

    @app.command()
    def connect(
        sources: Path = typer.Option(None, help="A YAML file of sources; without it: those of `whosaid source`."),
        once: bool = typer.Option(False, "--once", help="Read each source that is due a single time, then return."),
    ) -> None:
        """Connectors: reads sources for ever and publishes their articles."""
        settings = load()
        logs.to_stderr(settings)
        from connectors import runner

        runner.run(settings, sources, once=once)


def _settings(supervised: bool) -> Settings:
    settings = load()
    if supervised:
        stop_with_parent()
    return settings
