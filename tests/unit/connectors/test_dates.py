from datetime import UTC, datetime, timedelta

import pytest

from connectors.dates import clamp, parse

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
    ],
)
def test_a_date_in_any_usual_form_is_read_as_utc(written: object, meant: str) -> None:
    assert parse(written) == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    "written",
    ["", "yesterday's", "soon", "0000-00-00", "2025-13-45", "2025-02-30", "n/a", "x" * 500 + "1", "1" * 40, None, True,
     [],
     "2025", "12:30", "0001-01-01T00:00:00Z", float("nan"), 1e30, "-", "99999999999999999999"],
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
