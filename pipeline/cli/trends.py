"""`whosaid trends`: how often the most frequent speakers, entities and sources come, over time."""

from collections.abc import Sequence
from typing import Any

import typer
from rich.table import Table

from pipeline.cli.console import errors, output, print_json, table
from pipeline.cli.searching import WORDS, open_reader, parameters, with_search
from pipeline.settings import load

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60  # bars of a sparkline
_NARROWEST = 10
_NAME = 30  # characters of the column of names
_BESIDE = 16  # characters of the column of numbers and between the columns


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    @with_search
    def trends(
        given: dict[str, Any],
        words: str = WORDS,
        by: str = typer.Option("speakers", help="speakers, entities, sources, cues, types, addressees, media …"),
        interval: str = typer.Option("day", help="What a bar is: day, week, month, year."),
        size: int = typer.Option(10, min=1, max=30, help="Lines to show."),
        rising: bool = typer.Option(False, "--rising", help="What is said more in the last --days than before."),
        days: int = typer.Option(7, min=1, max=366, help="Days of --rising."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        """Shows how often the most frequent speakers, entities, sources … come, over time."""
        settings = load()
        with open_reader(settings) as reader:
            from pipeline.search import analyses

            if rising:
                ask = parameters(analyses.RisingParameters, q=words, by=by, days=days, size=size, **given)
                risen = analyses.rising(reader, ask)  # type: ignore[arg-type]
                if as_json:
                    print_json(risen.model_dump(mode="json"))
                    return
                risers = _table(by, "now", "before")
                for value in risen.values:
                    risers.add_row(value.name, f"{value.count:,}", "new" if value.new else f"{value.before:,}")
                output.print(risers) if risen.values else errors.print("Nothing is said more than before.")
                return
            wanted = parameters(analyses.TrendParameters, q=words, by=by, interval=interval, size=size, **given)
            found = analyses.trends(reader, wanted)  # type: ignore[arg-type]
        print_trends(found, as_json=as_json, name=by)


def sparkline(counts: Sequence[int], width: int = _WIDTH) -> str:
    """Bars of one line for these counts; where there are more than `width`, several counts make a bar."""
    if not counts:
        return ""
    group = -(-len(counts) // width)
    sums = [sum(counts[at : at + group]) for at in range(0, len(counts), group)]
    most = max(sums) or 1
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] if count else " " for count in sums)


def print_trends(found: Any, *, as_json: bool, name: str = "speakers") -> None:
    """Prints trends as a table with a sparkline for each series, or as JSON."""
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    if found.reason:
        errors.print(f"There may be more quotes than these. {found.reason}", markup=False, soft_wrap=True)
    if not found.series:
        errors.print("No quotes match; `whosaid status` shows how many there are.")
        return
    first = min(series.histogram.bars[0].start for series in found.series if series.histogram.bars)
    last = max(series.histogram.bars[-1].start for series in found.series if series.histogram.bars)
    lines = _table(name, "quotes", f"{first} – {last}, by {found.interval}")
    width = max(_NARROWEST, min(_WIDTH, output.width - _NAME - _BESIDE))
    every = _starts(found)
    for series in found.series:
        counts = {bar.start: bar.count for bar in series.histogram.bars}
        lines.add_row(series.name, f"{series.count:,}", sparkline([counts.get(start, 0) for start in every], width))
    output.print(lines)


def _starts(found: Any) -> list[Any]:
    """The beginnings of all intervals from the first to the last of any series."""
    from pipeline.search import result_mapping

    known = sorted({bar.start for series in found.series for bar in series.histogram.bars})
    whole = result_mapping.bars([(start, 0) for start in known], found.interval)
    return [bar.start for bar in whole.bars] if whole else known


def _table(*titles: str) -> Table:
    made = table(*titles, right=("quotes", "now", "before"))
    made.columns[0].max_width = _NAME
    return made
