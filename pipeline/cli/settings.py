"""`whosaid settings`: prints every setting with its value and where that comes from, its purpose and its default."""

import json

import typer
from rich.padding import Padding
from rich.text import Text

from pipeline.cli.console import output
from pipeline.settings import load, origins, shown, value_of, variables


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def settings(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        """Prints every setting: its variable, its value now and where that comes from, what it is for, its default.

        Secrets are not shown. Values come from variables, or from the TOML file that WHOSAID_CONFIG names.
        """
        now, from_where = load(), origins()
        rows = [
            {
                "variable": variable,
                "value": shown(variable, value_of(now, variable)),
                "default": shown(variable, field.get_default(call_default_factory=True)),
                "set": variable in from_where,
                "from": from_where.get(variable, "default"),
                "description": field.description or "",
            }
            for variable, field in variables()
        ]
        if as_json:
            typer.echo(json.dumps(rows, indent=1))
            return
        for row in rows:
            value = Text(str(row["value"]), style="bold" if row["set"] else "")
            origin = Text(f"  ({row['from']})" if row["set"] else "", style="dim")
            output.print(Text.assemble(str(row["variable"]), " = ", value, origin), soft_wrap=True)
            output.print(Padding(Text(f"{row['description']} Default: {row['default']}", style="dim"), (0, 0, 0, 4)))
