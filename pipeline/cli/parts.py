"""`whosaid enrich|sink|serve|connect|push`: one part of the pipeline each, for clusters and for `whosaid up`."""

from pathlib import Path

import typer

from pipeline.cli.part_process import SUPERVISED, part


def register(app: typer.Typer) -> None:
    """Adds the commands."""

    @app.command()
    def enrich(supervised: bool = SUPERVISED) -> None:
        """Enrichment worker: articles in, entities and quotes out. Start as many as there are partitions."""
        with part("enrich", supervised) as settings:
            from pipeline.agents import worker

            worker.run(settings)

    @app.command()
    def sink(supervised: bool = SUPERVISED) -> None:
        """Sink: enriched articles into Elasticsearch. Start as many as there are partitions."""
        with part("sink", supervised) as settings:
            from pipeline.sink import consumer

            consumer.run(settings)

    @app.command()
    def serve(supervised: bool = SUPERVISED) -> None:
        """Search service: the API and the page."""
        with part("serve", supervised) as settings:
            from pipeline.search import service

            service.run(settings)

    @app.command()
    def connect(
        sources: Path = typer.Option(None, help="A YAML file of sources; without it: those of `whosaid source`."),
        once: bool = typer.Option(False, "--once", help="Read each source that is due a single time, then return."),
        supervised: bool = SUPERVISED,
    ) -> None:
        """Connectors: reads sources for ever and publishes their articles."""
        with part("connect", supervised) as settings:
            from connectors.scheduling import runner

            runner.run(settings, sources, once=once)

    @app.command()
    def push(supervised: bool = SUPERVISED) -> None:
        """Push endpoint: takes articles over HTTP, and what WebSub hubs tell of."""
        with part("push", supervised) as settings:
            from connectors.push import server as endpoint

            endpoint.serve(settings)
