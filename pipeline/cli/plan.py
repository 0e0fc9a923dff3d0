"""`whosaid plan`: says how large an installation must be for so many articles a day."""

from dataclasses import asdict
from math import ceil

import typer
from rich.table import Table

from pipeline.cli.console import output, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def plan(
        articles_per_day: str = typer.Option(..., "--articles-per-day", help="10k, 1M, 100000 …"),
        months: int = typer.Option(24, min=1, max=1200, help="Months that articles are searchable."),
        peak: float = typer.Option(5.0, min=1, max=1000, help="How many times the average a peak of news has."),
        wait: float = typer.Option(
            5.0, min=0, max=1440, help="Minutes that an article may wait for enrichment at a peak."
        ),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        """Says what so many articles a day take: workers, partitions, brokers, shards, nodes, disks, and what costs.

        From figures that were measured (docs/scale.md); nothing is asked and nothing is changed.
        """
        from pipeline import plan as planning

        given = planning.Assumptions(months=months, peak=peak, wait=60 * wait)
        found = planning.plan(planning.amount(articles_per_day), given)
        if as_json:
            print_json(asdict(found) | {"settings": found.settings})
            return
        size = planning.terabytes
        table = Table(show_header=False, box=None, pad_edge=False)
        for name, value in (
            (
                "Articles",
                f"{found.articles_per_day:,} a day, {found.rate:,.1f} a second, {found.peak_rate:,.1f} at a peak",
            ),
            ("Connectors", f"{found.connectors:,} × whosaid connect"),
            (
                "Enrichment",
                f"{found.workers:,} × whosaid enrich with {ceil(found.enrichment_cores / found.workers)} cores and "
                f"{size(found.worker_memory)} of memory",
            ),
            ("", f"at a peak {found.longest_queue:,} articles wait, {found.longest_wait / 60:.1f} minutes at the most"),
            ("Sinks", f"{found.sinks:,} × whosaid sink"),
            (
                "Kafka",
                f"{found.brokers:,} brokers, {found.partitions:,} partitions a topic, {found.kafka_replication} "
                f"replicas, {size(found.kafka_disk)} for {given.retention:.0f} days",
            ),
            (
                "Elasticsearch",
                f"{found.nodes:,} nodes, {size(found.index_disk)} for {months} months ({size(found.month_disk)} a "
                f"month), {found.shards:,} shards an index, {found.replicas} replicas",
            ),
        ):
            table.add_row(name, value)
        output.print(table)
        output.print("\nWhat costs:")
        for driver in found.drivers:
            output.print(f"- {driver}", soft_wrap=True)
        output.print("\nSettings:")
        for name, text in found.settings.items():
            output.print(f"{name}={text}", soft_wrap=True)
