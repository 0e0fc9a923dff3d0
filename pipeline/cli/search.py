"""`whosaid search`: searches quotes by their words, speaker, type, time and source."""

import typer
from pydantic import ValidationError

from pipeline.cli.console import Row, day, errors, output, print_json, quotes_table
from pipeline.errors import InputError, validation_message
from pipeline.models import QuoteType
from pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def search(
        words: str = typer.Argument("", help='Words that were said; "in quotation marks": next to each other.'),
        speaker: str = typer.Option(None, help="Name, or part of the name, of who said it."),
        type_: list[QuoteType] = typer.Option([], "--type", help="How it was reported; may be repeated."),
        since: str = typer.Option(None, help="Published on this day or later (2025-03-12)."),
        until: str = typer.Option(None, help="Published on this day or earlier."),
        source: str = typer.Option(None, help="Name, id or domain of the source."),
        size: int = typer.Option(20, min=1, max=100, help="Quotes to show."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        """Searches quotes by their words, speaker, type, time and source."""
        settings = load()
        first, last = day(since, "--since"), day(until, "--until")
        from pipeline.search.queries import QuoteQuery
        from pipeline.search.reader import Reader

        try:
            query = QuoteQuery(
                words=words, speaker=speaker, type=type_, since=first, until=last, source=source, size=size
            )
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False)[0]
            raise InputError(
                f"The search cannot be made of that ({problem['loc'][-1]}): {validation_message(problem)}."
            ) from None
        with Reader(settings) as reader:
            page = reader.search_quotes(query)
        if as_json:
            print_json(page.model_dump(mode="json"))
            return
        if page.reason:
            errors.print(f"There may be more quotes than these. {page.reason}", markup=False, soft_wrap=True)
        if not page.hits:
            errors.print("No quotes match; try fewer words. `whosaid status` shows how many quotes there are.")
            return
        rows = []
        for hit in page.hits:
            on = hit.said_on.isoformat() if hit.said_on else hit.date_mention
            detail = ", ".join(filter(None, (hit.addressee and f"to {hit.addressee}", hit.medium, on)))
            published = f"{hit.published:%Y-%m-%d} " if hit.published else ""
            where = f"{published}{hit.source.name} · {hit.article_id}"
            rows.append(Row(hit.speaker.name if hit.speaker else None, hit.said, hit.type.value, detail, where))
        output.print(quotes_table(rows))
        if page.total > len(page.hits):
            errors.print(f"{page.total:,} quotes in all; --size shows more.")
