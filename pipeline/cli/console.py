"""The screen: where output goes, and how quotes look in a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.errors import InputError
from pipeline.models import Quote

output = Console(highlight=False)
"""What was asked for: tables, texts. Standard output."""

errors = Console(stderr=True, highlight=False)
"""Progress and errors. Standard error, so that output can be piped."""

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
    return Row(quote.speaker.name if quote.speaker else None, " … ".join(quote.parts), quote.type.value, detail, where)


def quotes_table(rows: Iterable[Row], *, title: str | None = None) -> Table:
    """The table of who said what: below each quote how it was reported, to whom, where, when and by which source."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("who", ratio=1, min_width=14, max_width=30)
    table.add_column("said what", ratio=4)
    for one in rows:
        speaker = Text(one.speaker, style="bold") if one.speaker else Text("unknown", style="dim italic")
        about = " · ".join(filter(None, (one.type, one.detail, one.where)))
        table.add_row(speaker, Text.assemble(one.said, "\n", (about, "dim")))
    return table


def marked(body: str, quotes: Sequence[Quote]) -> Text:
    """The body with each quote's segments in its speaker's colour and the speaker's name behind the last one."""
    colours: dict[str, str] = {}
    text, at = Text(), 0
    pieces = sorted((start, end, quote) for quote in quotes for start, end in quote.segments)
    for start, end, quote in sorted(pieces, key=lambda piece: piece[:2]):
        if start < at:  # a quote within a quote keeps the outer one's colour
            continue
        name = quote.speaker.name if quote.speaker else "unknown"
        colour = colours.setdefault(name, PALETTE[len(colours) % len(PALETTE)])
        text.append(body[at:start])
        text.append(body[start:end], style=f"{colour} underline")
        if (start, end) == quote.segments[-1]:
            text.append(f" [{name}]", style=f"{colour} dim")
        at = end
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
