"""`whosaid extract`: prints the quotes of texts, pages, feeds and archives; no engine is needed."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from pipeline.cli.console import (
    errors,
    moment,
    output,
    print_json,
    progress_bars,
    quotes_table,
    reading_progress,
    row,
)
from pipeline.errors import InputError, NotFoundError, SourceError
from pipeline.models import Article
from pipeline.settings import Settings, load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from connectors.base import Step
    from pipeline.text.analyser import Analyser, Analysis, Document
    from pipeline.text.jsonl import Line
    from pipeline.text.quotes.extract import Explanation


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def extract(
        file: str = typer.Argument(
            "-", metavar="FILE|FOLDER|URL|-", help="Whatever `whosaid ingest` takes; - reads standard input."
        ),
        published: str = typer.Option(None, help="When it was published (2025-03-12); relative dates count from it."),
        jsonl: bool = typer.Option(
            False,
            "--jsonl",
            help='JSON lines in, {"id","text",…} or any that `whosaid ingest` takes; JSON lines '
            '{"id","entities","quotes"} out.',
        ),
        as_json: bool = typer.Option(False, "--json", help="Text, entities and quotes as JSON; of several, a list."),
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
            _jsonl(file, settings, processes)
            return
        when = moment(published, "--published")
        from pipeline.text.analyser import Analyser

        analyses: list[tuple[Article, Analysis]] = []
        explanations: list[tuple[Article, list[Explanation]]] = []
        with reading_progress("Reading") as show_item, closing(_Target(file, settings, when, show_item)) as target:
            analyser = Analyser(settings.enrichment.model, fast=settings.enrichment.fast)
            if explain:
                explanations += target.explain(analyser)
            else:
                analyses += target.analyse(analyser)
        if as_json:
            _print_json([*map(_explained_as_json, explanations), *map(_analysed_as_json, analyses)])
        elif explain:
            _print_explained(explanations)
        else:
            _print_quotes(analyses)
        target.end()


class _Target:
    """A file, folder, address or standard input: its articles, as `whosaid ingest` reads them, and what went wrong.

    `show_item` takes each step of the reading and prints its problem.

    Raises:
        InputError: there is no such file, or it is nothing that an article is read from.
    """

    def __init__(
        self, name: str, settings: Settings, published: datetime | None, show_item: "Callable[[Step], None]"
    ) -> None:
        if name != "-" and "://" not in name and not Path(name).expanduser().exists():
            raise InputError(f"{name} cannot be read: No such file or directory.")
        from connectors import one_shot

        self._name = name
        self._show_item = show_item
        items = one_shot.read(name, settings, published=published)
        self._first = next(items, None)  # what is wrong with the name is said before spaCy is loaded
        self._items = items
        self._waiting: deque[Article] = deque()
        self._read = 0
        self._problems = 0
        self._failures: list[tuple[Article, str]] = []

    def analyse(self, analyser: "Analyser") -> Iterator[tuple[Article, "Analysis"]]:
        """Each article with what it says; those that cannot be analysed are kept for the end."""
        from pipeline.text.analyser import AnalysisError

        for analysis in analyser.analyse(self._documents()):
            article = self._waiting.popleft()
            if isinstance(analysis, AnalysisError):
                self._failures.append((article, analysis.error))
            else:
                yield article, analysis

    def explain(self, analyser: "Analyser") -> Iterator[tuple[Article, "list[Explanation]"]]:
        """Each article with its quotes and the reasons for them."""
        from pipeline.text.analyser import AnalysisError

        for explanations in map(analyser.explain, self._documents()):
            article = self._waiting.popleft()
            if isinstance(explanations, AnalysisError):
                self._failures.append((article, explanations.error))
            else:
                yield article, explanations

    def close(self) -> None:
        """Ends the reading, also where it has not come to the end."""
        self._items.close()

    def end(self) -> None:
        """Says what could not be read, once the rest is printed.

        Raises:
            InputError: the only article cannot be analysed.
            NotFoundError: there was no article, and nothing wrong.
            typer.Exit: some, or all, could not be read; what, was said.
        """
        if self._read == len(self._failures) == 1 and not self._problems:
            raise InputError(f"{self._name} cannot be read as an article: {self._failures[0][1]}")
        for article, error in self._failures:
            errors.print(f"{_where(article)}: {error}", soft_wrap=True)
        if wrong := self._problems + len(self._failures):
            errors.print(f"{wrong:,} could not be read; each is named above.")
            raise typer.Exit(SourceError.exit_code)
        if not self._read:
            raise NotFoundError(f"There is no article in {self._name}.")

    def _documents(self) -> Iterator["Document"]:
        from pipeline.text.analyser import Document

        item = self._first
        while item is not None:
            self._show_item(item)
            self._problems += bool(item.problem)
            if (article := item.article) is not None:
                self._read += 1
                self._waiting.append(article)
                yield Document(article.id, article.body, article.published, article.language)
            item = next(self._items, None)


def _print_quotes(texts: Sequence[tuple[Article, "Analysis"]]) -> None:
    several = len(texts) > 1
    rows = [row(quote, _where(article) if several else "") for article, analysis in texts for quote in analysis.quotes]
    if rows:
        output.print(quotes_table(rows))
    elif texts:
        errors.print(f"Nobody is quoted in {'these texts' if several else 'this text'}.")


def _print_explained(texts: Sequence[tuple[Article, "list[Explanation]"]]) -> None:
    from pipeline.cli import explanation

    for article, quotes in texts:
        if len(texts) > 1:
            output.print(Text(_where(article), style="bold"))
        if quotes:
            output.print(explanation.explained(quotes))
        else:
            errors.print("Nobody is quoted in this text.")


def _print_json(texts: Sequence[dict[str, Any]]) -> None:
    if texts:
        print_json(texts if len(texts) > 1 else texts[0])


def _analysed_as_json(text: tuple[Article, "Analysis"]) -> dict[str, Any]:
    article, analysis = text
    return _as_json(article) | {
        "entities": [entity.model_dump(mode="json") for entity in analysis.entities],
        "quotes": [quote.model_dump(mode="json") for quote in analysis.quotes],
    }


def _explained_as_json(text: tuple[Article, "list[Explanation]"]) -> dict[str, Any]:
    from pipeline.cli import explanation

    article, quotes = text
    return _as_json(article) | {"quotes": [explanation.as_json(why) for why in quotes]}


def _as_json(article: Article) -> dict[str, Any]:
    """The article in few words, with the text that all offsets count in."""
    return {"id": article.id, "url": article.url, "headline": article.headline, "text": article.body}


def _where(article: Article) -> str:
    return article.headline or article.raw.get("origin") or article.url


def _jsonl(file: str, settings: Settings, processes: int | None) -> None:
    from pipeline.text import jsonl

    with ExitStack() as held:
        try:
            lines: Iterable[bytes] = (
                sys.stdin.buffer if file == "-" else held.enter_context(Path(file).expanduser().open("rb"))
            )
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror or error}.") from None
        if not output.is_terminal:  # on a terminal the answers themselves show how far it is
            bars = held.enter_context(progress_bars("{task.completed:,.0f} lines"))
            lines = bars.track(lines, description="Reading")
        out = sys.stdout.buffer
        report = jsonl.run(lines, out, settings=settings.enrichment, processes=processes, reader=as_ingested)
    if report.failed:
        errors.print(f"{report.failed:,} of {report.answered:,} lines could not be read; each answer says why.")
        raise typer.Exit(SourceError.exit_code)


def as_ingested(record: Mapping[str, Any]) -> "Line | str":
    """The article in a line, as `whosaid ingest` reads it; or why there is none."""
    from connectors.parsing import json_record
    from pipeline.text.jsonl import Line

    try:
        article = json_record.to_article(record, source=None, fetched=datetime.now(UTC))
    except json_record.BadRecord as error:
        return f"The line {error}."
    return Line(article.id, article.body, article.published, article.language)
