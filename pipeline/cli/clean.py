"""`whosaid clean`: removes what the embedded engines keep."""

import typer

from pipeline.cli.console import output
from pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def clean() -> None:
        """Removes the data of the embedded engines: articles, quotes, logs. The engines' own files stay."""
        from pipeline.embedded.stack import remove_data

        removed = remove_data(load())
        output.print(f"Removed {removed}." if removed else "Nothing to remove.", markup=False)
