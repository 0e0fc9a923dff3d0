"""`whosaid settings`: every setting with its value, its default and what it is for."""

import json
import os

import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import output
from pipeline.settings import load, shown, value_of, variables


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def settings(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        """Every setting: its variable, its value now, its default, what it is for. Secrets are not shown."""
        now = load()
        rows = [
            {
                "variable": variable,
                "value": shown(variable, value_of(now, variable)),
                "default": shown(variable, field.get_default(call_default_factory=True)),
                "set": variable in os.environ or f"{variable}_FILE" in os.environ,
                "description": field.description or "",
            }
            for variable, field in variables()
        ]
        if as_json:
            typer.echo(json.dumps(rows, indent=1))
            return
        table = Table(pad_edge=False, expand=True)
        table.add_column("Variable", no_wrap=True)
        table.add_column("Value", overflow="fold")
        table.add_column("What it is for", overflow="fold")
        for row in rows:
            value = Text(str(row["value"]), style="bold" if row["set"] else "")
            table.add_row(str(row["variable"]), value, str(row["description"]))
        output.print(table)
