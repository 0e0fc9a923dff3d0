"""`whosaid kb load`: loads entities of a knowledge base, by which names are resolved."""

from pathlib import Path

import typer

from pipeline.cli.console import errors, output, progress
from pipeline.cli.groups import Commands
from pipeline.errors import InputError, SourceError
from pipeline.settings import load

group = typer.Typer(
    cls=Commands, help="Loads entities of a knowledge base, by which names are resolved.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.add_typer(group, name="kb")


@group.callback()
def _group() -> None:
    """Loads entities of a knowledge base, by which names are resolved."""


@group.command("load")
def load_(
    file: Path = typer.Argument(..., help="The file; also compressed (.gz, .bz2)."),
    form: str = typer.Option("", "--form", help="csv, jsonl, ftm, wikidata or legislators; by default it is told."),
) -> None:
    """Loads entities from CSV, JSON lines, FollowTheMoney, a Wikidata dump, or congress-legislators' YAML."""
    from pipeline import elasticsearch_client
    from pipeline.entities import knowledge
    from pipeline.entities.curation import Curator
    from pipeline.entities.log import EntityLog

    if form and form not in list(knowledge.Form):
        raise InputError(f"There is no form {form!r}; there are {', '.join(knowledge.Form)}.")
    settings = load()
    reading = knowledge.Progress()
    events = EntityLog(settings)
    try:
        with elasticsearch_client.connect(settings) as client, progress("Loading") as show_progress:
            curator = Curator(client, settings, events)
            with elasticsearch_client.translate_errors(client):
                curator.store.prepare()
            for known in knowledge.chunked(knowledge.read(file, knowledge.Form(form) if form else None, reading)):
                curator.learn(known)
                show_progress(reading.entities, None)
    finally:
        events.close()
    output.print(
        f"{reading.entities:,} entities loaded, {reading.passed_over:,} passed over, {reading.unreadable:,} unreadable."
    )
    if reading.unreadable:
        errors.print(f"The first that could not be read: {reading.first_problem}.")
        raise typer.Exit(SourceError.exit_code)
