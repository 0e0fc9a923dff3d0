"""`whosaid search`: searches quotes, and prints them as a table, JSON, JSON lines or CSV."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from pipeline.cli.console import Row, errors, output, print_json, print_lines, quotes_table
from pipeline.cli.searching import WORDS, make_query, open_reader, with_search
from pipeline.control_characters import escaped_in_json
from pipeline.errors import InputError
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.search.results import QuoteHit, QuotePage


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    @with_search
    def search(
        given: dict[str, Any],
        words: str = WORDS,
        sort: str = typer.Option(None, help="newest, oldest or relevance."),
        page: int = typer.Option(1, min=1, help="Page of the results."),
        size: int = typer.Option(20, min=1, max=100, help="Quotes to show."),
        everything: bool = typer.Option(False, "--all", help="All quotes found, however many; for --csv and --jsonl."),
        as_json: bool = typer.Option(False, "--json", help="A page as JSON, with facets and the next cursor."),
        as_jsonl: bool = typer.Option(False, "--jsonl", help="A line of JSON for each quote."),
        as_csv: bool = typer.Option(False, "--csv", help="As CSV, for spreadsheets and pandas."),
    ) -> None:
        """Searches quotes by their words, speaker, type, time, source and more."""
        settings = load()
        if sum((as_json, as_jsonl, as_csv)) > 1:
            raise InputError("Choose one of --json, --jsonl and --csv.")
        if everything and as_json:
            raise InputError("--json is one page; for all quotes take --all with --jsonl or --csv.")
        query = make_query(q=words, sort=sort, page=page, size=size, **given)
        with open_reader(settings) as reader:
            if everything:
                print_hits(reader.each_quote(query), as_csv=as_csv, as_jsonl=as_jsonl)
                return
            found = reader.search_quotes(query, facets=as_json)
        if as_json:
            print_json(found.model_dump(mode="json"))
        elif as_csv or as_jsonl:
            print_hits(found.hits, as_csv=as_csv, as_jsonl=as_jsonl)
        else:
            _print_page(found)


def row(hit: "QuoteHit") -> Row:
    """The line of a quote in a table."""
    on = hit.said_on.isoformat() if hit.said_on else hit.date_mention
    detail = ", ".join(filter(None, (hit.addressee and f"to {hit.addressee}", hit.medium, on)))
    published = f"{hit.published:%Y-%m-%d} " if hit.published else ""
    where = f"{published}{hit.source.name} · {hit.article_id}"
    return Row(hit.speaker.name if hit.speaker else None, hit.spoken, hit.type.value, detail, where)


def print_hits(hits: Iterable["QuoteHit"], *, as_csv: bool, as_jsonl: bool) -> None:
    """Prints quotes as CSV, as lines of JSON, or as rows of a table."""
    from pipeline.search import export

    if as_csv:
        print_lines(export.csv_pieces(hits))
    elif as_jsonl:
        print_lines(map(escaped_in_json, export.jsonl_pieces(hits)))
    else:
        for hit in hits:
            output.print(quotes_table([row(hit)], header=False))


def _print_page(page: "QuotePage") -> None:
    if page.reason:
        errors.print(f"There may be more quotes than these. {page.reason}", markup=False, soft_wrap=True)
    if not page.hits:
        better = "".join(f" Did you mean {one.better}?" for one in page.suggestions)
        errors.print(
            f"No quotes match; try fewer words.{better} `whosaid status` shows how many quotes there are.",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        return
    output.print(quotes_table(map(row, page.hits)))
    if page.total > len(page.hits):
        errors.print(f"{page.total:,} quotes in all; --size or --page shows more, --all --csv all of them.")
