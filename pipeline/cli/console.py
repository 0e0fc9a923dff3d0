"""Prints to the terminal: tables of quotes, marked bodies, JSON, progress bars."""

import json
import os
import select
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TextIO

import rich.console
import typer
from rich import box
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from pipeline import redaction
from pipeline.control_characters import escaped_in_json, for_terminal
from pipeline.errors import InputError
from pipeline.models import Quote

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from rich.progress import Progress, TaskID

    from connectors.base import Step


class Console(rich.console.Console):
    """Where people are told something. What strangers wrote comes out as text, whatever it is.

    Control characters in it are dropped, so that no headline clears the screen; what looks like a style of ours
    (`[red]`, `[link=…]`) or like a name of an emoji is shown as it stands. Our own styles are `Text` objects.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False} | options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of what is to be shown; all that is printed comes through here."""
        for segment in super().render(renderable, options):
            clean = segment.control or (segment.text.isascii() and segment.text.isprintable())
            yield segment if clean else Segment(for_terminal(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Leaves it to `main` to end the command."""
        raise BrokenPipeError


def print_json(value: Any, *, indent: int | None = 1) -> None:
    """Prints the value as JSON, letters as they are, with escapes for what a terminal would obey."""
    typer.echo(escaped_in_json(json.dumps(value, ensure_ascii=False, indent=indent)))


def print_lines(pieces: Iterable[str]) -> None:
    """Prints whole lines as they are made, for other programs; a terminal gets them without control characters."""
    terminal = sys.stdout.isatty()
    for piece in pieces:
        sys.stdout.write("\n".join(map(for_terminal, piece.split("\n"))) if terminal else piece)
    sys.stdout.flush()


def unread() -> bool:
    """Whether nobody reads our output any more; what is left to be written then goes nowhere, without an error."""
    closed = [stream for stream in (sys.stdout, sys.stderr) if _is_closed(stream)]
    for stream in closed:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    return bool(closed)


def _is_closed(stream: TextIO) -> bool:
    """Whether the other end of a pipe is closed."""
    try:
        waiting = select.poll()
        waiting.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in waiting.poll(0))
    except (OSError, ValueError):  # no file, as in tests
        return False


output = Console()
"""What was asked for: tables, texts. Standard output."""

errors = Console(stderr=True)
"""Progress and errors. Standard error, so that output can be piped."""


def progress_bars(amount: str | None = None) -> "Progress":
    """Bars on standard error that vanish at the end, for work that may take long; a task is added for each bar.

    Args:
        amount: a format for what is done, with `task`; by default `3/10`.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    title = TextColumn("{task.description}", markup=False)
    done = TextColumn(amount, markup=False) if amount else MofNCompleteColumn()
    columns = (SpinnerColumn(), title, BarColumn(), done, TimeElapsedColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_interactive)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """One bar while the block runs; takes how much is done and how much there is in all (None: unknown)."""
    with progress_bars() as bars:
        bar = bars.add_task(title, total=total)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


@contextmanager
def reading_progress(title: str) -> Iterator[Callable[["Step"], None]]:
    """A bar over a source that is read in the block; takes each item, counts its articles and prints its problem."""
    with progress_bars("{task.fields[articles]:,} articles") as bars:
        bar = bars.add_task(title, total=1.0, articles=0)
        articles = 0

        def show(item: "Step") -> None:
            nonlocal articles
            articles += item.article is not None
            bars.update(bar, completed=item.progress, articles=articles)
            if item.problem:
                errors.print(redaction.in_text(item.problem), soft_wrap=True)

        yield show


PALETTE = ("cyan", "green", "magenta", "yellow", "blue", "red", "bright_cyan", "bright_green", "bright_magenta")


@dataclass(frozen=True)
class Row:
    """One line of the table of who said what."""

    speaker: str | None
    said: str
    type: str
    detail: str = ""
    where: str = ""


def row(quote: Quote, where: str = "") -> Row:
    """The line of a quote: its spoken pieces joined, and beside them to whom, where and when."""
    on = quote.said_on.isoformat() if quote.said_on else quote.date_mention
    detail = ", ".join(filter(None, (quote.addressee and f"to {quote.addressee}", quote.medium, on)))
    return Row(quote.speaker.name if quote.speaker else None, quote.spoken, quote.type.value, detail, where)


def counted(number: int | None, one: str, many: str = "") -> str:
    """A number with its noun: 1 article, 2 articles; ? where it is not known. `many` is by default `one` with an s."""
    return f"{'?' if number is None else f'{number:,}'} {one if number == 1 else many or one + 's'}"


def table(*columns: str, right: Collection[str] = ()) -> Table:
    """An empty table of the form that all tables have; the columns in `right` hold numbers. Long words go on below."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


def quotes_table(rows: Iterable[Row], *, title: str | None = None, header: bool = True) -> Table:
    """The table of who said what: below each quote how it was reported, to whom, where, when and by which source."""
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD if header else None, pad_edge=False, show_header=header
    )
    table.add_column("who", ratio=1, min_width=14, max_width=30)
    table.add_column("said what", ratio=4)
    for line in rows:
        speaker = Text(line.speaker, style="bold") if line.speaker else Text("unknown", style="dim italic")
        about = " · ".join(filter(None, (line.type, line.detail, line.where)))
        table.add_row(speaker, Text.assemble(line.said, "\n", (about, "dim")))
    return table


_CLOSING_MARKS = ("”", "’", '"', "'", "»")
"""Marks that end a quote; its segments have them not."""


def marked(body: str, quotes: Sequence[Quote]) -> Text:
    """The body with each quote's segments in its speaker's colour.

    The speaker's name stands behind the last one and the mark that closes it.
    """
    colours: dict[str, str] = {}
    text, at = Text(), 0
    pieces = [(start, end, quote) for quote in quotes for start, end in quote.segments]
    for start, end, quote in sorted(pieces, key=lambda piece: piece[:2]):
        if start < at:  # a quote within a quote keeps the outer one's colour
            continue
        name = quote.speaker.name if quote.speaker else "unknown"
        colour = colours.setdefault(name, PALETTE[len(colours) % len(PALETTE)])
        text.append(body[at:start])
        text.append(body[start:end], style=f"{colour} underline")
        at = end
        if (start, end) == quote.segments[-1]:
            while body[at : at + 1] in _CLOSING_MARKS:
                at += 1
            text.append(body[end:at])
            text.append(f" [{name}]", style=f"{colour} dim")
    text.append(body[at:])
    return text


def day(value: str | None, option: str) -> date | None:
    """The date that an option was given as (YYYY-MM-DD).

    Raises:
        InputError: it is none.
    """
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InputError(f"{option} must be a date like 2025-03-12, not {value!r}.") from None


def moment(value: str | None, option: str) -> datetime | None:
    """The time that an option was given as: a date, or a date and time; UTC where it names no zone.

    Raises:
        InputError: it is none.
    """
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{option} must be a date like 2025-03-12 or 2025-03-12T08:30, not {value!r}.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class StepBars:
    """A progress bar for each step as it comes."""

    def __enter__(self) -> "StepBars":
        self._context = progress_bars()
        self._bars = self._context.__enter__()
        self._tasks: dict[str, TaskID] = {}
        return self

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)  # type: ignore[arg-type]

    def show(self, step: str, done: int, total: int) -> None:
        """Moves the bar of a step."""
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step)
        self._bars.update(self._tasks[step], completed=done, total=total)
