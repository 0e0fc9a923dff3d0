"""The parameters of searches: what is taken, and what is refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.search import moments
from pipeline.search.parameters import QuoteQuery, SpeakerParameters

NOW = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


def test_a_date_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(ValidationError, match="2025-03-12"):
        QuoteQuery(since="last week")


def test_how_long_ago_stays_so_in_a_link() -> None:
    assert QuoteQuery(since="7d").model_dump(mode="json", exclude_defaults=True) == {"since": "7d"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"since": "2026-03-02", "until": "2026-03-01"}, "lies after until"),
        ({"since": "1d", "until": "7d"}, "lies after until"),
        ({"confidence": 0.9, "confidence_max": 0.5}, "no quote can be found"),
    ],
)
def test_limits_that_nothing_can_meet_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        QuoteQuery(**wrong)


def test_empty_fields_of_a_form_do_not_restrict() -> None:
    empty = QuoteQuery.model_validate(
        {"q": "", "speaker": " ", "type": [""], "since": "", "until": "", "modality": "", "confidence": "", "page": ""}
    )
    assert empty == QuoteQuery()
    assert not empty.restricts


def test_a_condition_restricts_and_an_arrangement_does_not() -> None:
    assert QuoteQuery(words="bridge").restricts
    assert not QuoteQuery(page=2, sort="oldest", copies=True).restricts


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        QuoteQuery.model_validate({"speakr": "vey"})


@pytest.mark.parametrize(
    "wrong", [{"size": 101}, {"size": 0}, {"page": 0}, {"confidence": 1.1}, {"speaker": "x" * 201}, {"q": "x" * 301}]
)
def test_values_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        QuoteQuery.model_validate(wrong)


def test_too_long_a_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        SpeakerParameters.model_validate({"prefix": "x" * 201})


def test_dates_are_kept_as_dates_and_times_as_times() -> None:
    query = QuoteQuery.model_validate({"since": "2026-03-01", "until": "2026-03-02T08:00:00Z"})
    assert query.since == date(2026, 3, 1)
    assert not isinstance(query.since, datetime)
    assert query.until == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("24h", datetime(2026, 3, 30, 9, 30, tzinfo=UTC)), ("7d", date(2026, 3, 24)), ("2 W", date(2026, 3, 17)),
        ("1m", date(2026, 2, 28)), ("3m", date(2025, 12, 31)), ("1y", date(2025, 3, 31)), ("today", date(2026, 3, 31)),
        ("Yesterday", date(2026, 3, 30)), ("9999y", date(1, 3, 31)), ("9999m", date(1192, 12, 31)),
    ],
)  # fmt: skip
def test_how_long_ago_counts_back_from_now(given: str, meant: date) -> None:
    query = QuoteQuery(since=given)
    assert query.since == given.lower().replace(" ", "")
    assert moments.moment(query.since, now=NOW) == meant
