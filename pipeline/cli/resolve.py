"""`whosaid resolve`: runs a part that decides who is who in articles; or decides old ones again."""

from datetime import UTC, datetime

import typer

from pipeline.cli.console import moment, output, progress
from pipeline.cli.part_process import SUPERVISED, part, wait_for_engines
from pipeline.errors import InputError


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def resolve(
        supervised: bool = SUPERVISED,
        again: bool = typer.Option(
            False, "--again", help="Decide articles again that were decided before, by what is known now; then end."
        ),
        since: str = typer.Option(None, help="With --again: published on this day or later (2025-03-12; UTC)."),
        until: str = typer.Option(None, help="With --again: published on this day or earlier."),
    ) -> None:
        """Runs a resolver: decides which person, organisation or place each name in the articles means."""
        if again:
            _again(moment(since, "--since"), moment(until, "--until"))
            return
        if since or until:
            raise InputError("--since and --until choose what --again decides again; say --again, too.")
        with part("resolve", supervised, elasticsearch="synchronous") as settings:
            from pipeline.entities import consumer
            from pipeline.sink.events import DeadLetters

            wait_for_engines()
            consumer.run(settings, DeadLetters(settings))


def _again(since: datetime | None, until: datetime | None) -> None:
    from pipeline.entities.again import resolve_again
    from pipeline.settings import load

    first, last = (moment.astimezone(UTC).date() if moment else None for moment in (since, until))
    if first and last and first > last:
        raise InputError(f"--since ({first}) lies after --until ({last}), so that there is no article between them.")
    with progress("Resolving again") as show_progress:
        done = resolve_again(load(), since=first, until=last, progress=show_progress)
    output.print(
        f"{done.articles:,} articles were resolved again: {done.opened:,} names that were open have an entity now, "
        f"{done.moved:,} have another one.",
        soft_wrap=True,
    )
