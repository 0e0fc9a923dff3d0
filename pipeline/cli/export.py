"""`whosaid export`: writes every quote of a search into a file of CSV, JSON lines or Parquet."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipeline.cli.console import errors, progress
from pipeline.cli.searching import WORDS, make_query, open_reader, with_search
from pipeline.errors import InputError
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where it is used: the other commands should start at once
    from pipeline.search.results import QuoteHit

_KINDS = (".csv", ".jsonl", ".parquet")


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    @with_search
    def export(
        given: dict[str, Any],
        file: Path = typer.Argument(..., help="File to write: .csv, .jsonl or .parquet."),
        words: str = WORDS,
        sort: str = typer.Option("newest", help="newest, oldest or relevance."),
    ) -> None:
        """Writes every quote of a search into a file, however many. An export that fails leaves no file."""
        settings = load()
        if file.suffix not in _KINDS:
            raise InputError(f"The name of the file must end in .csv, .jsonl or .parquet, not in {file.name!r}.")
        query = make_query(q=words, sort=sort, **given)
        with open_reader(settings) as reader:
            total = reader.search_quotes(query.model_copy(update={"size": 1})).total
            with progress("Export", total) as show:
                written = 0

                def counted() -> Iterator["QuoteHit"]:
                    nonlocal written
                    for hit in reader.each_quote(query):
                        written += 1
                        if not written % 500:
                            show(written, total)
                        yield hit

                _write(file, counted())
        errors.print(f"{file} has {written:,} quotes.")


def _write(file: Path, hits: Iterator["QuoteHit"]) -> None:
    """Writes beside the file first, so that nobody reads a part of it.

    Raises:
        InputError: the file cannot be written.
    """
    from pipeline.search import export

    kinds: dict[str, Callable[[Iterator[QuoteHit]], Iterator[str] | Iterator[bytes]]] = {
        ".csv": export.csv_pieces,
        ".jsonl": export.jsonl_pieces,
        ".parquet": export.parquet_pieces,
    }
    make = kinds[file.suffix]
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as written:
            for piece in make(hits):
                written.write(piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece)
        part.replace(file)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
