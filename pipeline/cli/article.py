"""`whosaid article ID`: an article with its quotes marked."""

import typer
from rich.text import Text

from pipeline.cli.console import marked, output, print_json, quotes_table, row
from pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def article(
        id: str = typer.Argument(..., metavar="ID", help="The article's id, as `whosaid search` shows it."),
        as_json: bool = typer.Option(False, "--json", help="The article, its entities and quotes as JSON."),
    ) -> None:
        """Prints an article with its quotes marked, each in its speaker's colour."""
        from pipeline.search.reader import Reader

        with Reader(load()) as reader:
            view = reader.article(id)
        if as_json:
            print_json(view.model_dump(mode="json"))
            return
        published = f"{view.published:%Y-%m-%d %H:%M} UTC" if view.published else "undated"
        output.print(Text(view.headline or view.url, style="bold"))
        output.print(Text(f"{view.source.name}, {published}\n{view.url}\n", style="dim"))
        output.print(marked(view.body, view.quotes))
        if view.quotes:
            output.print()
            output.print(quotes_table(row(quote) for quote in view.quotes))
