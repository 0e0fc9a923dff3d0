"""`whosaid version`: prints the versions of WhoSaid and of what it is built on."""

import platform
from importlib.metadata import version as installed

import typer

from pipeline.cli.console import output


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def version() -> None:
        """Shows the versions of WhoSaid and of what it is built on."""
        output.print(f"whosaid {installed('whosaid')}")
        for package in ("spacy", "faust-streaming", "kafka-python", "elasticsearch"):
            output.print(f"{package} {installed(package)}", style="dim")
        output.print(f"python {platform.python_version()}", style="dim")
