import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.scheduling.intervals import Limits, PollingStats, failed, pace, succeeded

NOW = datetime(2025, 3, 12, 12, tzinfo=UTC)
LIMITS = Limits(minimum=120, maximum=86_400)
DAY = 86_400.0


def simulate(per_day: float, days: float, asked: float | None = None) -> tuple[PollingStats, float]:
    """The stats after `days` of a source that publishes evenly, and the last interval."""
    rng, stats, now, end, published = random.Random(1), PollingStats(), NOW, NOW + timedelta(days=days), 0
    interval = 0.0
    while now < end:
        whole = int((now - NOW).total_seconds() / DAY * per_day)
        stats, due = succeeded(stats, now, whole - published, asked, LIMITS, rng)
        published, interval, now = whole, (due - now).total_seconds(), due
    return stats, interval


@pytest.mark.parametrize(
    ("per_day", "least", "most"), [(500, 60, 180), (48, 600, 1800), (6, 4000, 12_000), (0.5, 50_000, 95_100)]
)
def test_the_interval_follows_how_often_a_source_publishes(per_day: float, least: float, most: float) -> None:
    stats, interval = simulate(per_day, 30)
    assert stats.per_day == pytest.approx(per_day, rel=0.8)
    assert least <= interval <= most


def test_silent_and_loud_sources_are_asked_within_bounds() -> None:
    assert simulate(0, 30)[1] == pytest.approx(86_400, rel=0.11)
    assert simulate(100_000, 2)[1] >= 120


def test_what_a_source_asks_for_makes_polls_rarer_within_reason() -> None:
    assert simulate(500, 10, asked=1800)[1] >= 1800
    assert simulate(500, 10, asked=30 * DAY)[1] <= DAY / 4 * 1.1
    assert simulate(0.5, 10, asked=60)[1] > 10_000


def test_each_failure_doubles_the_wait_and_success_ends_it() -> None:
    stats, waits, rng = PollingStats(per_day=10, last_poll=NOW), [], random.Random(2)
    for _ in range(20):
        stats, due = failed(stats, NOW, None, LIMITS, rng)
        waits.append((due - NOW).total_seconds())
    assert all(120 <= wait <= 86_400 for wait in waits)
    assert waits[6] > waits[0] * 8
    assert waits[-1] >= 43_200
    assert (stats.failures, stats.last_poll) == (20, NOW)
    assert succeeded(stats, NOW + timedelta(days=2), 20, None, LIMITS, rng)[0].failures == 0


def test_retry_after_is_honoured_above_the_backoff_up_to_a_week() -> None:
    def wait(seconds: float) -> float:
        return (failed(PollingStats(), NOW, seconds, LIMITS, random.Random(3))[1] - NOW).total_seconds()

    assert wait(7200) == 7200
    assert wait(10) >= 60
    assert wait(1e9) == 7 * DAY


def test_sources_that_failed_together_do_not_come_back_together() -> None:
    rng = random.Random(4)
    dues = {failed(PollingStats(failures=5), NOW, None, LIMITS, rng)[1] for _ in range(50)}
    assert len(dues) == 50


@given(
    st.floats(0, 1e6), st.integers(0, 10_000), st.one_of(st.none(), st.floats(0.001, 1e9)),
    st.floats(0, 1e7), st.integers(0, 60),
)  # fmt: skip
def test_whatever_happened_the_next_poll_lies_within_the_limits(
    per_day: float, articles: int, asked: float | None, passed: float, failures: int
) -> None:
    stats = PollingStats(per_day, failures, NOW - timedelta(seconds=passed))
    for _, due in (
        succeeded(stats, NOW, articles, asked, LIMITS, random.Random(5)),
        failed(stats, NOW, None, LIMITS, random.Random(5)),
    ):
        assert 120 <= (due - NOW).total_seconds() <= 86_400 * 1.1 + 1


def evenly(per_day: float, count: int) -> list[datetime]:
    """The dates of a feed's newest items."""
    return [NOW - timedelta(days=number / per_day) for number in range(1, count + 1)]


@pytest.mark.parametrize("shown", [10, 20, 500])
@pytest.mark.parametrize("per_day", [0.1, 1, 5, 20, 300])
def test_the_pace_of_a_feed_is_that_of_its_dates(per_day: float, shown: int) -> None:
    assert pace(evenly(per_day, shown), NOW) == pytest.approx(per_day, rel=0.35)


def test_dates_that_tell_no_pace() -> None:
    assert pace([], NOW) is None
    assert pace([NOW - timedelta(hours=1)] * 2, NOW) is None
    assert pace([NOW + timedelta(days=1)] * 9, NOW) is None  # a clock that is ahead
    assert pace([NOW] * 20, NOW) == 19 * 24  # all items have the time at which the feed was made


@pytest.mark.parametrize(
    ("per_day", "least", "most"), [(500, 120, 132), (20, 120, 132), (12, 600, 1000), (8, 3600, 3960), (0.1, 3600, 3960)]
)
def test_the_first_poll_of_a_feed_knows_how_busy_it_is(per_day: float, least: float, most: float) -> None:
    stats, due = succeeded(PollingStats(), NOW, 20, None, LIMITS, random.Random(6), dates=evenly(per_day, 20))
    assert least <= (due - NOW).total_seconds() <= most
    assert stats.per_day == pytest.approx(per_day, rel=0.1)


def test_a_feed_that_falls_silent_is_polled_ever_more_rarely() -> None:
    stats, dates, now, waits = PollingStats(), evenly(40, 20), NOW, []
    while now < NOW + timedelta(days=10):
        stats, due = succeeded(stats, now, 0, None, LIMITS, random.Random(7), dates=dates)
        waits.append((due - now).total_seconds())
        now = due
    assert waits[0] <= 132
    assert waits[-1] > 6 * 3600
    assert all(later <= max(480, 2 * earlier) * 1.11 for earlier, later in pairwise(waits))


def test_what_a_busy_feed_asks_for_still_counts() -> None:
    _, due = succeeded(PollingStats(), NOW, 20, 900, LIMITS, random.Random(8), dates=evenly(40, 20))
    assert (due - NOW).total_seconds() >= 900
