"""Bars of charts, and the addresses behind them."""

from datetime import date
from typing import Literal

import pytest

from pipeline.search import charts, links
from pipeline.search.parameters import QuoteQuery
from pipeline.search.results import Bar, Histogram

QUERY = QuoteQuery(words="tax", since="7d", page=3)


def drawn(interval: Literal["day", "week", "month", "year"], *bars: tuple[date, int]) -> charts.Columns:
    histogram = Histogram(interval=interval, bars=[Bar(start=start, count=count) for start, count in bars])
    return charts.columns(histogram, links.period(QUERY))


@pytest.mark.parametrize(
    ("interval", "start", "label", "last"),
    [
        ("day", date(2026, 2, 28), "28 February 2026", "2026-02-28"),
        ("week", date(2026, 2, 23), "week of 23 February 2026", "2026-03-01"),
        ("month", date(2024, 2, 1), "February 2024", "2024-02-29"),
        ("month", date(2026, 12, 1), "December 2026", "2026-12-31"),
        ("year", date(2023, 1, 1), "2023", "2023-12-31"),
        ("year", date(9999, 1, 1), "9999", "9999-12-31"),
    ],
)
def test_a_column_leads_to_its_own_days(
    interval: Literal["day", "week", "month", "year"], start: date, label: str, last: str
) -> None:
    column = drawn(interval, (start, 1)).columns[0]
    assert column.label == label
    assert column.url == f"/search?q=tax&since={start}&until={last}"


def test_columns_are_as_high_as_their_counts() -> None:
    chart = drawn(
        "day", (date(2026, 3, 1), 1000), (date(2026, 3, 2), 0), (date(2026, 3, 3), 500), (date(2026, 3, 4), 1)
    )
    assert [column.height for column in chart.columns] == [100, 0, 50, 2]
    assert [column.y + column.height for column in chart.columns] == [charts.HEIGHT] * 4
    assert (chart.most, chart.total) == (1000, 1501)
    assert chart.width >= chart.columns[-1].x + chart.columns[-1].width
    assert drawn("day").columns == []


def test_rows_are_as_long_as_their_counts() -> None:
    made = charts.rows([("a", 200, "/a"), ("b", 50, "/b"), ("c", 0, "/c")])
    assert [(row.name, row.length) for row in made] == [("a", 100), ("b", 25), ("c", 0)]
    assert charts.rows([]) == []


def test_exports_take_the_whole_search() -> None:
    query = QuoteQuery(words="tax", type=["direct"], page=4, size=5)
    assert links.whole(query) == "?q=tax&type=direct"
    assert links.speaker("a/b") == "/speakers/a%2Fb"


def test_lines_go_from_edge_to_edge() -> None:
    def address(first: date, last: date) -> str:
        return f"{first}/{last}"

    def line(*counts: int) -> Histogram:
        days = [Bar(start=date(2026, 3, 1 + at), count=count) for at, count in enumerate(counts)]
        return Histogram(interval="day", bars=days)

    chart = charts.lines([("a", line(0, 4, 2), address), ("b", line(1, 1, 0), address)])
    assert [one.points for one in chart.lines] == ["0,100 10,0 20,50", "0,75 10,75 20,100"]
    assert chart.width == 20
    assert [(one.x, one.values[0]) for one in chart.periods][1] == (5, (4, "2026-03-02/2026-03-02"))
    level = charts.lines([("a", line(3), address)])
    assert (level.lines[0].points, level.width) == ("0,0 10,0", 10), "one day is a line, too"
    assert charts.lines([]).lines == []
