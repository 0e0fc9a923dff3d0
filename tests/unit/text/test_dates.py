"""Which day a mention means, seen from the day of publication."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import dates
from pipeline.text.dates import find_dates, resolve_date

WEDNESDAY = datetime(2025, 3, 12, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mention", "day"),
    [
        ("on Wednesday", date(2025, 3, 12)),  # a weekday equal to publication's day is that day
        ("Wednesday", date(2025, 3, 12)),
        ("last Wednesday", date(2025, 3, 5)),
        ("late Tuesday", date(2025, 3, 11)),
        ("Late Tuesday", date(2025, 3, 11)),
        ("early on Monday", date(2025, 3, 10)),
        ("Tuesday night", date(2025, 3, 11)),
        ("Tuesday’s", date(2025, 3, 11)),
        ("this Monday", date(2025, 3, 10)),
        ("Thursday", date(2025, 3, 6)),
        ("Sun.", date(2025, 3, 9)),
        ("next Friday", date(2025, 3, 14)),
        ("yesterday", date(2025, 3, 11)),
        ("yesterday afternoon", date(2025, 3, 11)),
        ("earlier today", date(2025, 3, 12)),
        ("this morning", date(2025, 3, 12)),
        ("tonight", date(2025, 3, 12)),
        ("last night", date(2025, 3, 11)),
        ("tomorrow", date(2025, 3, 13)),
        ("last week", date(2025, 3, 5)),
        ("two weeks ago", date(2025, 2, 26)),
        ("three days ago", date(2025, 3, 9)),
        ("16 hours ago", date(2025, 3, 11)),
        ("Tuesday of last week", date(2025, 3, 4)),
        ("Friday last week", date(2025, 3, 7)),
        ("last week on Monday", date(2025, 3, 3)),
        ("Monday of this week", date(2025, 3, 10)),
        ("a week ago Friday", date(2025, 2, 28)),
        ("two weeks ago on Monday", date(2025, 2, 24)),
        ("the Tuesday before last", date(2025, 3, 4)),
        ("the day before yesterday", date(2025, 3, 10)),
        ("Thurs.", date(2025, 3, 6)),
    ],
)
def test_a_relative_mention_is_seen_from_the_day_of_publication(mention: str, day: date) -> None:
    assert resolve_date(mention, WEDNESDAY) == day
    assert resolve_date(mention, None) is None


@pytest.mark.parametrize(
    ("mention", "day"),
    [
        ("March 3", date(2025, 3, 3)),
        ("on 3 March", date(2025, 3, 3)),
        ("the 3rd of March", date(2025, 3, 3)),
        ("Feb. 28", date(2025, 2, 28)),
        ("Wednesday, March 5", date(2025, 3, 5)),
        ("Friday 28 February", date(2025, 2, 28)),
        ("Sept. 5", date(2024, 9, 5)),
        ("Dec 31", date(2024, 12, 31)),
        ("February 29", date(2024, 2, 29)),
        ("March 12", date(2025, 3, 12)),
    ],
)
def test_a_day_without_a_year_is_the_last_such_day(mention: str, day: date) -> None:
    assert resolve_date(mention, WEDNESDAY) == day


def test_one_day_ahead_is_still_this_year_for_time_zones() -> None:
    assert resolve_date("March 13", WEDNESDAY) == date(2025, 3, 13)
    assert resolve_date("March 14", WEDNESDAY) == date(2024, 3, 14)


@pytest.mark.parametrize("mention", ["3 March 2024", "March 3, 2024", "2024-03-03", "Sunday, March 3, 2024"])
def test_a_full_date_needs_no_publication_date(mention: str) -> None:
    assert resolve_date(mention, None) == date(2024, 3, 3)
    assert resolve_date(mention, WEDNESDAY) == date(2024, 3, 3)


def test_a_date_that_the_world_reads_in_two_ways_is_none() -> None:
    assert resolve_date("04/05/2025", WEDNESDAY) is None
    assert resolve_date("13/05/2024", WEDNESDAY) == date(2024, 5, 13)
    assert resolve_date("05/13/2024", WEDNESDAY) == date(2024, 5, 13)
    assert resolve_date("05/05/2024", WEDNESDAY) == date(2024, 5, 5)


@pytest.mark.parametrize(
    "mention",
    [
        *(
            "in January",
            "January 2024",
            "2024",
            "this week",
            "earlier this week",
            "next week",
            "last month",
            "a year ago",
        ),
        *("the weekend", "several days ago", "Monday and Tuesday", "May 1-3", "30 February", "noon", "5", "", "spring"),
        *("the following Friday", "x" * 5000, "Ωmega", "may", "12:30"),
    ],
)
def test_what_is_no_single_day_is_none(mention: str) -> None:
    assert resolve_date(mention, WEDNESDAY) is None


def test_the_hour_of_publication_decides_where_hours_count() -> None:
    morning = WEDNESDAY.replace(hour=1)
    assert resolve_date("yesterday", morning) == resolve_date("yesterday", WEDNESDAY)
    assert resolve_date("three hours ago", morning) == date(2025, 3, 11)
    assert resolve_date("three hours ago", WEDNESDAY) == date(2025, 3, 12)


@pytest.mark.parametrize("published", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time_raise_nothing(published: datetime) -> None:
    assert resolve_date("today", published) == published.date()
    for mention in ("yesterday", "tomorrow", "last week", "on Monday", "March 3", "2 weeks ago", "3 hours ago"):
        assert resolve_date(mention, published) is None or isinstance(resolve_date(mention, published), date)


@given(st.integers(0, 6), st.datetimes(datetime(1990, 1, 8), datetime(2060, 1, 1)))
def test_a_weekday_lies_within_the_week_up_to_publication(weekday: int, published: datetime) -> None:
    name = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[weekday]
    found = resolve_date(f"on {name}", published)
    assert found is not None
    assert found.weekday() == weekday
    assert timedelta() <= published.date() - found < timedelta(days=7)


@given(st.text(max_size=40))
def test_no_text_raises(mention: str) -> None:
    found = resolve_date(mention, WEDNESDAY)
    assert found is None or isinstance(found, date)


def test_mentions_are_found_without_their_preposition() -> None:
    text = (
        "He said on Wednesday that late Tuesday was worse than March 3, 2024, or yesterday morning. On 3 March. Feb. 2."
    )
    found = list(find_dates(text))
    assert [mention.text for mention in found] == [
        *("Wednesday", "late Tuesday", "March 3, 2024", "yesterday morning", "3 March", "Feb. 2"),
    ]
    assert all(text[mention.start : mention.end] == mention.text for mention in found)


def test_mentions_are_found_between_two_offsets_alone() -> None:
    text = "On Monday, on Tuesday, on Wednesday."
    assert [mention.text for mention in find_dates(text, 10, 22)] == ["Tuesday"]


@pytest.mark.parametrize(
    "text",
    [
        "It may 30 times.",
        "they march 5 miles",
        "The Sunday-best suit",
        "at 5:30",
        "May 1-3",
        "Fridays",
        "ago",
        "told The Sun.",
        "They wed in May",
        "Sat down",
    ],
)
def test_what_only_looks_like_a_day_is_no_mention(text: str) -> None:
    assert list(find_dates(text)) == []


@pytest.mark.parametrize(
    ("mention", "published", "meant"),
    [
        ("yesterday", datetime(2024, 3, 1, 12, tzinfo=UTC), date(2024, 2, 29)),
        ("yesterday", datetime(2023, 3, 1, 12, tzinfo=UTC), date(2023, 2, 28)),
        ("Feb. 29", datetime(2024, 3, 5, tzinfo=UTC), date(2024, 2, 29)),
        ("on Thursday", datetime(2024, 3, 1, tzinfo=UTC), date(2024, 2, 29)),
        ("two weeks ago", datetime(2024, 3, 14, tzinfo=UTC), date(2024, 2, 29)),
        ("two hours ago", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), date(2026, 3, 28)),  # summer time began at one
        ("12 hours ago", datetime(2026, 10, 25, 12, tzinfo=UTC), date(2026, 10, 25)),  # a day of 25 hours in Berlin
    ],
)
def test_leap_days_and_summer_time_move_no_date(mention: str, published: datetime, meant: date) -> None:
    assert resolve_date(mention, published) == meant


_WORDS = (
    "early last this on of week weeks ago a two 12 31st 2nd the before yesterday tonight morning day days hour Monday "
    "Tue tue. Fri fri. sat. Sun March Mar. May 1999 2020 2020-03-04 3/4/2020 \u017funday FR\u0130DAY Fr\u0131day "
    "wee\u212a ton\u0131ght morn\u0130ng \u0663 \u2013 , said"
).split()


@given(st.lists(st.sampled_from(_WORDS), max_size=6).map(" ".join))
def test_no_mention_is_passed_over_unread(words: str) -> None:
    found = [match.span() for match in dates._MENTION.finditer(words)]
    assert [(one.start, one.end) for one in find_dates(words)] == found
