"""Lays out bars for the pages' charts. The templates draw them as SVG, with a table of the same numbers behind."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipeline.search.results import Histogram

HEIGHT = 100
"""The height of a chart of columns, in its own units."""

_STEP, _GAP = 10, 2  # units from column to column, and between two
_LEAST = 2  # units of the lowest column that is not empty, so that one quote is seen beside thousands
_FEW = 6  # columns for which there is room at least


@dataclass(frozen=True)
class Column:
    """One interval: its name, how many there are, the address of those ("": none), and its place in the drawing."""

    label: str
    count: int
    url: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Columns:
    """A chart of columns; `width` and `HEIGHT` are the size of the drawing, `most` the highest count."""

    columns: list[Column]
    interval: str
    width: int
    most: int

    @property
    def total(self) -> int:
        """How many quotes it shows."""
        return sum(column.count for column in self.columns)


@dataclass(frozen=True)
class Line:
    """One line of a chart of lines: its name, its points as SVG has them, and its total."""

    name: str
    points: str
    total: int


@dataclass(frozen=True)
class Period:
    """One interval of a chart of lines: its name, its place in the drawing, and of each line the count and address."""

    label: str
    x: int
    values: list[tuple[int, str]]


@dataclass(frozen=True)
class Lines:
    """A chart of several lines over the same intervals; `width` and `HEIGHT` are the size of the drawing."""

    lines: list[Line]
    periods: list[Period]
    interval: str
    width: int
    most: int


@dataclass(frozen=True)
class Row:
    """A value with its count, the address of its quotes, and the length of its bar in hundredths."""

    name: str
    count: int
    url: str
    length: int
    before: int | None = None
    """How many there were in the period before; None where periods are not compared."""


def columns(histogram: Histogram, address: Callable[[date, date], str]) -> Columns:
    """The chart of a histogram.

    Args:
        histogram: its bars.
        address: gives the address of the quotes from one day to another, both included.
    """
    most = max((bar.count for bar in histogram.bars), default=0)
    made = []
    for at, bar in enumerate(histogram.bars):
        where = address(bar.start, _last(bar.start, histogram.interval))
        made.append(_column(at, _label(bar.start, histogram.interval), bar.count, most, where))
    return Columns(made, histogram.interval, max(_FEW, len(made)) * _STEP, most)


def lines(series: Sequence[tuple[str, Histogram, Callable[[date, date], str]]]) -> Lines:
    """The chart of several histograms with the same intervals, each with a name and what gives its addresses."""
    interval = series[0][1].interval if series else "day"
    most = max((bar.count for _, histogram, _ in series for bar in histogram.bars), default=0)
    number = max((len(histogram.bars) for _, histogram, _ in series), default=0)
    made = [
        Line(name, _points([bar.count for bar in histogram.bars], most), sum(bar.count for bar in histogram.bars))
        for name, histogram, _ in series
    ]
    periods = [
        Period(
            label=_label(series[0][1].bars[at].start, interval),
            x=at * _STEP - _STEP // 2,
            values=[
                (bar.count, address(bar.start, _last(bar.start, interval)))
                for _, histogram, address in series
                for bar in histogram.bars[at : at + 1]
            ],
        )
        for at in range(number)
    ]
    return Lines(made, periods, interval, max(1, number - 1) * _STEP, most)


def _points(counts: Sequence[int], most: int) -> str:
    """The points of a line, from edge to edge; the line of one interval is level."""
    heights = [HEIGHT - round(count / most * HEIGHT) if most else HEIGHT for count in counts]
    return " ".join(f"{at * _STEP},{height}" for at, height in enumerate(heights * 2 if len(heights) == 1 else heights))


def hours(counts: Sequence[tuple[datetime, int]]) -> Columns:
    """The chart of numbers by the hour; its columns lead nowhere."""
    most = max((count for _, count in counts), default=0)
    made = [
        _column(at, f"{hour.day} {hour:%B}, {hour:%H}:00", count, most, "") for at, (hour, count) in enumerate(counts)
    ]
    return Columns(made, "hour", max(_FEW, len(made)) * _STEP, most)


def rows(values: Iterable[tuple[str, int, str]]) -> list[Row]:
    """Bars beside each other's names; each value is a name, a count and an address."""
    given = list(values)
    most = max((count for _, count, _ in given), default=0)
    return [Row(name, count, url, length(count, most)) for name, count, url in given]


def _column(at: int, label: str, count: int, most: int, url: str) -> Column:
    height = max(_LEAST, round(count / most * HEIGHT)) if count else 0
    return Column(label, count, url, at * _STEP + _GAP // 2, HEIGHT - height, _STEP - _GAP, height)


def length(count: int, most: int) -> int:
    """The length of a bar, in hundredths of the longest."""
    return max(_LEAST, round(count / most * 100)) if count and most else 0


def _last(start: date, interval: str) -> date:
    """The last day of the interval."""
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[interval]
    try:
        after = start + timedelta(days=days)
    except OverflowError:
        return date.max
    if interval == "month":
        after = after.replace(day=1)
    elif interval == "year":
        after = after.replace(month=1, day=1)
    return after - timedelta(days=1)


def _label(start: date, interval: str) -> str:
    match interval:
        case "week":
            return f"week of {start.day} {start:%B} {start.year}"
        case "month":
            return f"{start:%B} {start.year}"
        case "year":
            return str(start.year)
        case _:
            return f"{start.day} {start:%B} {start.year}"
