from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.parsing.dates import FUTURE_TOLERANCE, clamp, from_timestamp, parse

NOON = "2025-03-12T12:00:00+00:00"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2025-03-12T12:00:00Z", NOON),
        ("2025-03-12T14:00:00+02:00", NOON),
        ("2025-03-12T14:00:00+0200", NOON),
        ("2025-03-12T14:00:00+02", NOON),
        ("2025-03-12 12:00:00", NOON),
        ("2025-03-12T12:00", NOON),
        ("2025-03-12t12:00:00z", NOON),
        ("2025-03-12T12:00:00.123456789Z", "2025-03-12T12:00:00.123456+00:00"),
        ("20250312T120000Z", NOON),
        ("20250312T1200+0000", NOON),
        ("2025-03-12", "2025-03-12T00:00:00+00:00"),
        ("20250312", "2025-03-12T00:00:00+00:00"),
        ("2025-03-11T24:00:00Z", "2025-03-12T00:00:00+00:00"),
        ("2025-03-12T11:59:60Z", NOON),
        ("Wed, 12 Mar 2025 12:00:00 GMT", NOON),
        ("Wed, 12 Mar 2025 08:00:00 EDT", NOON),
        ("Wed, 12 Mar 2025 07:00:00 EST", NOON),
        ("Wed, 12 Mar 2025 13:00:00 CET", NOON),
        ("Wed, 12 Mar 2025 13:00:00 BST", NOON),
        ("12 Mar 2025 12:00:00 +0000", NOON),
        ("Wed, 12 Mar 2025 14:00:00 +02:00", NOON),
        ("12 Mar 2025 06:30:00 -05:30", NOON),
        ("Wed, 12 Mar 25 12:00:00 +0000", NOON),
        ("Fri, 12 Mar 2025 12:00:00 +0000", NOON),  # a wrong weekday
        ("  Wed,  12 Mar 2025\n12:00:00 GMT ", NOON),
        ("March 12, 2025 12:00", NOON),
        ("March 12, 2025", "2025-03-12T00:00:00+00:00"),
        ("12 March 2025", "2025-03-12T00:00:00+00:00"),
        ("2025-3-12", "2025-03-12T00:00:00+00:00"),
        ("2025-03-12T8:0:0-4", NOON),
        ("2025-03-12T14:00:00 GMT+0200", NOON),
        ("2025-03-12 13:00:00 CET", NOON),
        ("2025-03-12 12:00 PM", NOON),
        ("Wed, 12 Mar 2025 14:00:00 GMT+0200", NOON),
        ("Wed Mar 12 2025 14:00:00 GMT+0200 (Eastern European Standard Time)", NOON),
        ("Wed, 12 Mar 2025 14:00:00 UTC+2", NOON),
        ("Wed, 12 Mar 2025 13:00:00 MET", NOON),
        ("Wed, 12 Mar 2025 03:00:00 PM +0300", NOON),
        ("March 12, 2025 8:00 am EDT", NOON),
        ("March 12, 2025 2:00 p.m. EET", NOON),
        ("12.3.2025, 12:00 Uhr", NOON),
        ("12.03.2025", "2025-03-12T00:00:00+00:00"),
        ("1741780800", NOON),
        ("1741780800000", NOON),
        (1741780800, NOON),
        (1741780800.0, NOON),
        (1741780800000, NOON),
        (Decimal("1741780800"), NOON),
    ],
)
def test_a_date_in_any_usual_form_is_read_as_utc(written: object, meant: str) -> None:
    assert parse(written) == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    "written",
    ["", "yesterday's", "soon", "0000-00-00", "2025-13-45", "2025-02-30", "n/a", "x" * 500 + "1", "1" * 40, None, True,
     [],
     "2025", "12:30", "0001-01-01T00:00:00Z", float("nan"), 1e30, "-", "99999999999999999999",
     10**308, 10**309, 10**400, -(10**400), "1" * 309,
     "9" * 99, float("inf"),
     -float("inf"), Decimal("1e400"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), {"date": [10**400]},
     b"2025"],
)  # fmt: skip
def test_what_is_no_date_is_none(written: object) -> None:
    assert parse(written) is None


def test_a_naive_datetime_is_taken_as_utc() -> None:
    assert parse(datetime(2025, 3, 12, 12)) == datetime(2025, 3, 12, 12, tzinfo=UTC)


def test_the_future_is_set_to_now_and_a_little_ahead_is_not() -> None:
    now = datetime(2025, 3, 12, 12, tzinfo=UTC)
    assert clamp(now + timedelta(days=400), now) == (now, True)
    assert clamp(now + timedelta(minutes=5), now) == (now + timedelta(minutes=5), False)
    assert clamp(None, now) == (None, False)
    last = datetime.max.replace(tzinfo=UTC)
    assert clamp(last, last) == (last, False)
    assert clamp(last, now) == (now, True)


@pytest.mark.parametrize("seconds", [1e15, -1e15, 1e300, float("nan"), float("inf"), 253_402_300_800, -62_135_596_801])
def test_a_time_outside_of_the_calendar_is_none(seconds: float) -> None:
    assert from_timestamp(seconds) is None


ZONES = st.one_of(
    st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=14))]),
)
EDGES = st.one_of(
    st.datetimes(max_value=datetime(1, 1, 3)),
    st.datetimes(min_value=datetime(9999, 12, 30)),
    st.datetimes(),
)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(min_value=1, max_value=4000).map(lambda digits: 10**digits),
    st.integers(min_value=1, max_value=4000).map(lambda digits: -(10**digits)),
    st.floats(),
    st.decimals(),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


@given(EDGES, ZONES)
@example(datetime(1, 1, 1), timezone(timedelta(hours=14)))
@example(datetime(9999, 12, 31, 23, 59, 59), timezone(-timedelta(hours=14)))
def test_at_its_edges_the_calendar_gives_a_date_or_none(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)
    now = datetime(2025, 3, 12, 12, tzinfo=UTC)
    for written in (aware, aware.isoformat(), moment.isoformat(), aware.strftime("%a, %d %b %Y %H:%M:%S %z")):
        found = parse(written)
        assert found is None or (found.tzinfo is UTC and found.year >= 1700)
        kept, _ = clamp(found, now)
        assert kept is None or kept <= now + FUTURE_TOLERANCE
    if moment.year >= 1701 and moment.year < 9999:
        assert parse(aware) == aware


@given(ANYTHING)
@example(-0.0)
@example(True)
@pytest.mark.guarantee("any-date")
def test_whatever_it_is_given_it_raises_nothing(value: object) -> None:
    found = parse(value)
    assert found is None or found.tzinfo is UTC
    if not isinstance(value, list | dict):
        assert parse(str(value)[:4000]) is None or parse(str(value)[:4000]) >= datetime(1700, 1, 1, tzinfo=UTC)  # type: ignore[operator]


@given(st.from_regex(r"[0-9T:+. -]{1,40}|[0-9]{1,400}(\.[0-9]{1,5})?", fullmatch=True))
def test_what_looks_like_a_date_raises_nothing(text: str) -> None:
    found = parse(text)
    assert found is None or found.tzinfo is UTC
