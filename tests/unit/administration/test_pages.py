"""What the pages about running WhoSaid make of what they are given."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.scheduling.intervals import PollingStats
from connectors.scheduling.overview import now, overview
from connectors.scheduling.source_state import SourceState
from connectors.source_files import make
from pipeline.administration import health, sources, statistics
from pipeline.alerts.book import Account
from pipeline.alerts.models import Channel, ChannelState, Condition, SavedSearch
from pipeline.errors import InputError
from pipeline.search.results import Steps, Writing

MOMENT = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
FRESH = SourceState(make("https://ana:hunter2@news.test/feed", name="The Paper"), added=MOMENT)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("news.example", "https://news.example"),
        (" http://news.example/feed?x=1 ", "http://news.example/feed?x=1"),
        ("HTTPS://NEWS.example", "HTTPS://NEWS.example"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
    ],
)
def test_an_address_is_taken_as_people_type_it(typed: str, address: str) -> None:
    assert sources.address_of(typed) == address


@pytest.mark.parametrize(
    "typed",
    ["", "  ", "news", "/etc/passwd", "file:///etc/passwd", "kafka://broker.example", "javascript:alert(1)",
     "http://", "http://[bad", "https://a.example/" + "x" * 2000],
)  # fmt: skip
def test_what_is_no_web_address_is_refused_with_a_way_out(typed: str) -> None:
    with pytest.raises(InputError, match="Type the web address of a site"):
        sources.address_of(typed)


def test_a_row_says_how_a_source_fares_without_its_password() -> None:
    state = replace(
        FRESH, stats=PollingStats(per_day=12.34, failures=2), last_success=MOMENT - timedelta(hours=3), articles=7,
        due=MOMENT + timedelta(minutes=5), last_error="https://ana:hunter2@news.test/feed answers 500.",
    )  # fmt: skip
    row = sources.row(state, MOMENT)
    assert (row.name, row.condition, row.last_success, row.next) == ("The Paper", "failing", "3 h ago", "in 5 min")
    assert (row.per_day, row.articles) == ("12.3", 7)
    assert "hunter2" not in str(row)
    assert sources.row(replace(state, paused=True), MOMENT).next == "–"


def test_the_home_page_tells_how_the_sources_fare() -> None:
    assert health.sentence(overview([], now())) is None
    one = replace(FRESH, last_success=now())
    assert health.sentence(overview([one], now())) == "1 source is read, last 0 s ago."
    failing = replace(FRESH, config=make("https://b.test/"), stats=PollingStats(failures=1))
    paused = replace(FRESH, config=make("https://c.test/"), paused=True)
    several = health.sentence(overview([one, failing, paused], now()))
    assert several == "3 sources are read, last 0 s ago; 1 fails, 1 is paused."


def test_delays_are_those_of_the_steps_and_never_negative() -> None:
    latest = [Steps(fetched=0, enriched=second, indexed=second + 0.5) for second in range(100)]
    analysed, written, whole = statistics.delays(Writing(articles=100, copies=0, hours=[], latest=latest))
    assert (analysed.median, analysed.p95, analysed.longest) == (50, 95, 99)
    assert (written.median, written.longest) == (0.5, 0.5)
    assert whole.longest == 99.5
    ahead = [Steps(fetched=10, enriched=9, indexed=9)]  # a clock that is late
    assert {delay.longest for delay in statistics.delays(Writing(articles=1, copies=0, hours=[], latest=ahead))} == {0}
    assert statistics.delays(Writing(articles=0, copies=0, hours=[], latest=[])) == []


def test_what_a_receiver_answers_is_for_administrators_alone() -> None:
    failing = ChannelState(failures=2, error="desk.example answers with status 500.")
    paused = ChannelState(failures=9, paused="wire.example says that it is gone for good (410).")
    searches = [
        SavedSearch(
            id=f"{name}aaaaaaaa", name=name, created=MOMENT, changed=MOMENT, webhook="https://desk.example/",
            channels={Channel.WEBHOOK: state},
        )
        for name, state in (("Desk", failing), ("Wire", paused))
    ]  # fmt: skip
    failures = [(one, Channel.WEBHOOK) for one in searches]
    account = Account(
        {Condition.FAILING: 1, Condition.PAUSED: 1}, 7, 100, [0.5] * 90 + [-0.1] * 4 + [6.0] * 6, failures
    )
    told = statistics.telling(account, admin=True)
    assert told
    assert told.failure == "Wire: wire.example says that it is gone for good (410)."
    (delay,) = told.delays
    assert (delay.median, delay.p95, delay.longest, told.failing) == (0.5, 6.0, 6.0, 2)
    reader = statistics.telling(account, admin=False)
    assert reader
    assert (reader.failure, reader.failing) == (None, 2)
    assert statistics.telling(None, admin=True) is None
