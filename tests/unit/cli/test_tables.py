"""Tables fit a terminal of eighty columns, and what they count has the right number."""

from datetime import date, timedelta
from io import StringIO

import pytest

from pipeline.alerts.models import SavedSearch
from pipeline.cli import alert, trends
from pipeline.cli.console import Console, counted
from pipeline.search.results import Bar, Histogram, Series, Trends
from pipeline.settings import AlertSettings, Settings
from tests.unit.alerts.test_messages import AT


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """A terminal of eighty columns, in which tables are shown."""
    shown = StringIO()
    console = Console(file=shown, width=80)
    monkeypatch.setattr(trends, "output", console)
    monkeypatch.setattr(alert, "errors", console)
    return shown


@pytest.mark.parametrize(
    ("number", "told"), [(None, "? articles"), (0, "0 articles"), (1, "1 article"), (1234, "1,234 articles")]
)
def test_what_is_counted_has_the_right_number(number: int | None, told: str) -> None:
    assert counted(number, "article") == told


def test_two_nouns_may_differ_in_more_than_an_s() -> None:
    assert [counted(number, "entity", "entities") for number in (1, 2)] == ["1 entity", "2 entities"]


@pytest.mark.parametrize("days", [1, 30, 170, 4000])
def test_trends_show_their_last_bar(terminal: StringIO, days: int) -> None:
    first = date(2026, 1, 1)
    bars = [Bar(start=first + timedelta(days=at), count=1) for at in range(days)]
    series = [Series(name=name, id=name, count=days, histogram=Histogram(bars=bars)) for name in ("Ann", "x" * 60)]
    trends.print_trends(Trends(interval="day", total=days, series=series), as_json=False)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in terminal.getvalue()
    assert any(line.rstrip().endswith("█") for line in lines)


@pytest.mark.parametrize(
    ("webhook", "warned"),
    [
        ("http://127.0.0.1:8099/x", True),
        ("http://localhost/", True),
        ("http://[::1]/", True),
        ("http://10.0.0.8/", True),
        ("https://desk.example/", False),
        ("https://8.8.8.8/", False),
        (None, False),
    ],
)
def test_a_private_receiver_is_told_when_it_is_saved(terminal: StringIO, webhook: str | None, warned: bool) -> None:
    saved = SavedSearch(id="abcdefghijkl", name="x", webhook=webhook, created=AT, changed=AT)
    alert._warn(saved, Settings())
    assert ("WHOSAID_ALERTS__ALLOW_PRIVATE_ADDRESSES=true" in terminal.getvalue()) == warned
    allowing = Settings(alerts=AlertSettings(allow_private_addresses=True))
    before = terminal.getvalue()
    alert._warn(saved, allowing)
    assert terminal.getvalue() == before
