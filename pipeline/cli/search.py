"""`whosaid search`: searches quotes, and prints them as a table, JSON, JSON lines or CSV."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from pipeline.cli.console import Row, errors, output, print_json, print_lines, quotes_table
from pipeline.cli.searching import WORDS, make_query, with_search
from pipeline.control_characters import escaped_in_json
from pipeline.errors import InputError
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.search.reader import Reader
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
        from pipeline.search.reader import Reader

        with Reader(settings) as reader:
            if everything:
                _print(reader.each_quote(query), as_csv=as_csv, as_jsonl=as_jsonl)
                return
            found = reader.search_quotes(query, facets=as_json)
        if as_json:
            print_json(found.model_dump(mode="json"))
        elif as_csv or as_jsonl:
            _print(found.hits, as_csv=as_csv, as_jsonl=as_jsonl)
        else:
            _print_page(found)

    @app.command()
    @with_search
    def tail(
        given: dict[str, Any],
        words: str = WORDS,
        seconds: int = typer.Option(None, min=1, help="End after so many seconds; else with Ctrl-C."),
        as_jsonl: bool = typer.Option(False, "--jsonl", help="A line of JSON for each quote."),
    ) -> None:
        """Prints new quotes that match, as they become searchable, until Ctrl-C."""
        settings = load()
        query = make_query(q=words, **given)
        from pipeline.search.reader import Reader

        with Reader(settings) as reader:
            _follow(reader, query, seconds, as_jsonl=as_jsonl)


def row(hit: "QuoteHit") -> Row:
    """The line of a quote in a table."""
    on = hit.said_on.isoformat() if hit.said_on else hit.date_mention
    detail = ", ".join(filter(None, (hit.addressee and f"to {hit.addressee}", hit.medium, on)))
    published = f"{hit.published:%Y-%m-%d} " if hit.published else ""
    where = f"{published}{hit.source.name} · {hit.article_id}"
    return Row(hit.speaker.name if hit.speaker else None, hit.said, hit.type.value, detail, where)


def _print(hits: Iterable["QuoteHit"], *, as_csv: bool, as_jsonl: bool) -> None:
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


def _follow(reader: "Reader", query: Any, seconds: int | None, *, as_jsonl: bool) -> None:
    """Prints what a stream of events would send."""
    import asyncio
    import json
    from datetime import UTC, datetime

    from pipeline.search import queries, stream
    from pipeline.search.results import QuoteHit

    queries.terms_of(query)  # what is wrong is told at once
    errors.print("Waiting for new quotes; Ctrl-C ends.")

    async def follow() -> None:
        events = stream.events(
            reader, query, since=datetime.now(UTC), resumed=False, seconds=seconds, stopping=lambda: False
        )
        async for text in events:
            data = next((line for line in text.splitlines() if line.startswith("data: ")), None)
            if data is None:
                continue
            hit = QuoteHit.model_validate(json.loads(data.removeprefix("data: ")))
            _print([hit], as_csv=False, as_jsonl=as_jsonl)

    asyncio.run(follow())
