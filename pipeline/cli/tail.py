"""`whosaid tail`: prints new quotes that match, as they become searchable."""

from typing import TYPE_CHECKING, Any

import typer

from pipeline.cli.console import errors
from pipeline.cli.search import print_hits
from pipeline.cli.searching import WORDS, make_query, open_reader, with_search
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where it is used: the other commands should start at once
    from pipeline.search.reader import Reader


def register(app: typer.Typer) -> None:
    """Adds the command."""

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
        with open_reader(settings) as reader:
            _follow(reader, query, seconds, as_jsonl=as_jsonl)


def _follow(reader: "Reader", query: Any, seconds: int | None, *, as_jsonl: bool) -> None:
    """Prints what a stream of events would send."""
    import asyncio
    import json
    from datetime import UTC, datetime

    from pipeline.search import conditions, stream
    from pipeline.search.results import QuoteHit

    conditions.terms_of(query)  # what is wrong is told at once
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
            print_hits([hit], as_csv=False, as_jsonl=as_jsonl)

    asyncio.run(follow())
