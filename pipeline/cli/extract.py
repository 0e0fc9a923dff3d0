"""`whosaid extract`: quotes of a text, without any engine."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.cli.console import errors, moment, output, quotes_table, row
from pipeline.errors import InputError
from pipeline.settings import load

if TYPE_CHECKING:
    from pipeline.text.analyser import Analyser, Document


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def extract(
        file: str = typer.Argument("-", metavar="FILE|-", help="A text file, or - for standard input."),
        published: str = typer.Option(None, help="When it was published (2025-03-12); relative dates count from it."),
        jsonl: bool = typer.Option(
            False, "--jsonl", help='JSON lines {"id","text",…} in, JSON lines {"id","entities","quotes"} out.'
        ),
        as_json: bool = typer.Option(False, "--json", help="Entities and quotes of the text as JSON."),
        explain: bool = typer.Option(
            False, "--explain", help="Show for each quote its cue, rule and score, and who stood to be its speaker."
        ),
        processes: int = typer.Option(None, min=1, help="With --jsonl: spaCy processes; default: the setting."),
    ) -> None:
        """Prints who said what in a text. Nothing has to run for it."""
        settings = load()
        if jsonl and explain:
            raise InputError("--explain is for one text: leave --jsonl out.")
        if jsonl:
            _jsonl(file, processes)
            return
        from pipeline.text.analyser import Analyser, AnalysisError, Document

        when = moment(published, "--published")
        document = Document(id="text", text=read_text(file), published=when)
        analyser = Analyser(settings.enrichment.model, fast=settings.enrichment.fast)
        if explain:
            _explain(analyser, document, file, as_json)
            return
        analysis = analyser.analyse_one(document)
        if isinstance(analysis, AnalysisError):
            raise InputError(f"{file} cannot be read as an article: {analysis.error}")
        if as_json:
            found = {
                "entities": [entity.model_dump(mode="json") for entity in analysis.entities],
                "quotes": [quote.model_dump(mode="json") for quote in analysis.quotes],
            }
            typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        elif analysis.quotes:
            output.print(quotes_table(row(quote) for quote in analysis.quotes))
        else:
            errors.print("Nobody is quoted in this text.")


def _explain(analyser: "Analyser", document: "Document", file: str, as_json: bool) -> None:
    from pipeline.cli import explanation
    from pipeline.text.analyser import AnalysisError

    found = analyser.explain(document)
    if isinstance(found, AnalysisError):
        raise InputError(f"{file} cannot be read as an article: {found.error}")
    if as_json:
        quotes = {"quotes": [explanation.as_json(why) for why in found]}
        typer.echo(json.dumps(quotes, ensure_ascii=False, indent=1))
    elif found:
        output.print(explanation.explained(found))
    else:
        errors.print("Nobody is quoted in this text.")


def read_text(file: str) -> str:
    """The text of a file or of standard input (`-`), untouched.

    Raises:
        InputError: it is missing, a folder, or not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text (byte {error.start}); convert it first.") from None


def _jsonl(file: str, processes: int | None) -> None:
    from pipeline.text import jsonl

    if file == "-":
        jsonl.run(sys.stdin.buffer, sys.stdout.buffer, settings=load().enrichment, processes=processes)
        return
    try:
        with Path(file).open("rb") as lines:
            jsonl.run(lines, sys.stdout.buffer, settings=load().enrichment, processes=processes)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from None
