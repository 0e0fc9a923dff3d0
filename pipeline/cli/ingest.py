"""`whosaid ingest`: publishes files, folders, pages and standard input to the topic of articles."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from pipeline.cli.console import errors, moment, output, progress, reading_progress
from pipeline.cli.searching import open_reader
from pipeline.errors import NotFoundError, SourceError, UnavailableError
from pipeline.settings import Settings, load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.dead_letters.log import IncomingLetters, Letter

_LOOK = 0.3  # seconds between two looks
_IDS_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def ingest(
        target: str = typer.Argument(
            ...,
            metavar="FILE|FOLDER|URL|-",
            help="txt, html, json, jsonl, csv, NITF or a saved feed (xml), a web archive; - reads standard input.",
        ),
        published: str = typer.Option(None, help="When it was published (2025-03-12), where it does not say itself."),
        source: str = typer.Option(None, help="Name of the source, where it does not say itself."),
        wait: bool = typer.Option(
            False, "--wait", help="Return only when the articles can be searched or are dead letters."
        ),
        timeout: float = typer.Option(600, help="Seconds that --wait waits without anything new."),
    ) -> None:
        """Publishes articles. Returns when Kafka has them all; they are searchable a moment later."""
        from connectors.one_shot import ingest as publish
        from pipeline.dead_letters.log import IncomingLetters

        settings = load()
        when = moment(published, "--published")
        with ExitStack() as held:
            new_letters = IncomingLetters(settings)

            def begin() -> None:
                if wait:
                    held.enter_context(new_letters)

            with reading_progress("Publishing") as show_item:
                report = publish(target, settings, published=when, source=source, progress=show_item, begin=begin)
            articles = "article" if report.articles == 1 else "articles"
            output.print(f"{report.articles:,} {articles} published.")
            dead = _wait(settings, report.revisions, new_letters, timeout) if wait and report.revisions else {}
        _print_ids([id for id in report.ids if id not in dead], searchable=wait)
        if report.problems:
            errors.print(f"{len(report.problems):,} could not be read; each is named above.")
        if report.problems or dead:
            raise typer.Exit(SourceError.exit_code)
        if not report.articles:
            raise NotFoundError(f"There is no article in {target}.")


def _print_ids(ids: Sequence[str], *, searchable: bool) -> None:
    """Says which articles these are, and how to see them and when they can be searched."""
    if not ids:
        return
    more = f" and {len(ids) - _IDS_SHOWN:,} more" if len(ids) > _IDS_SHOWN else ""
    which = f"Id: {ids[0]}" if len(ids) == 1 else f"Ids: {', '.join(ids[:_IDS_SHOWN])}{more}"
    when = "" if searchable else " as soon as it is searchable; `whosaid status` shows how many still wait"
    errors.print(f"{which}. `whosaid article ID` shows an article{when}.", soft_wrap=True)


def _wait(
    settings: Settings, revisions: Mapping[str, int], new_letters: "IncomingLetters", timeout: float
) -> "dict[str, Letter]":
    """Waits until every article can be searched, in its revision or a newer one, or is a dead letter; those letters.

    Raises:
        UnavailableError: nothing more became of them for `timeout` seconds.
    """
    dead: dict[str, Letter] = {}
    with open_reader(settings) as reader, progress("Enriching", len(revisions)) as show_progress:
        missing, last = set(revisions), time.monotonic()
        while missing:
            there = reader.revisions(missing)
            found = {id for id in missing if there.get(id, -1) >= revisions[id]}
            letters = {
                letter.key: letter for letter in new_letters.poll(0.0 if found else _LOOK) if letter.key in missing
            }
            dead |= letters
            for id, letter in letters.items():
                errors.print(_why(id, letter), soft_wrap=True)
            missing -= found | set(letters)
            if found or letters:
                last = time.monotonic()
            show_progress(len(revisions) - len(missing), len(revisions))
            if missing and time.monotonic() - last > timeout:
                raise UnavailableError(
                    f"{len(missing)} of {len(revisions)} articles are not searchable yet; "
                    "`whosaid status` shows what runs."
                )
    output.print(f"{len(revisions) - len(dead):,} searchable.")
    if dead:
        errors.print(f"{len(dead):,} became dead letters; each is named above, and `whosaid dlq list` shows all.")
    return dead


def _why(id: str, letter: "Letter") -> str:
    content = letter.content
    return f"{id} is a dead letter ({content.stage.value}): {content.reason} `whosaid dlq show {letter.id}` shows it."
