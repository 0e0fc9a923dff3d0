"""Parses dates, times and how long ago, as people give them, and makes periods of them."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from pydantic import BeforeValidator

from pipeline.errors import InputError

_RELATIVE = re.compile(r"(\d{1,4})\s*(h|d|w|m|y)(?:ago)?", re.IGNORECASE)
_DAYS = {"today": 0, "yesterday": 1}
_FORMS = "write a date like 2025-03-12, a time like 2025-03-12T08:30Z, or how long ago: 24h, 7d, 2w, 3m, 1y, today"


def _moment(value: object) -> object:
    """Parses a date, a time, or how long ago. A date stays a date, as it means its whole day and not its midnight."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _DAYS or _RELATIVE.fullmatch(text):
            return text.lower().replace(" ", "")
        try:
            value = date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(_FORMS) from None
    try:
        if isinstance(value, date):
            utc(value)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999 in UTC") from None
    return value


def moment(given: "datetime | date | str", *, now: datetime) -> datetime | date:
    """The date or time that somebody gave; what is relative counts back from `now` (UTC). Years begin with year 1."""
    if not isinstance(given, str):
        return given
    if given in _DAYS:
        return (now - timedelta(days=_DAYS[given])).date()
    match = _RELATIVE.fullmatch(given)
    if match is None:
        raise InputError(f"{_FORMS[0].upper()}{_FORMS[1:]}.")
    number, unit = int(match[1]), match[2].lower()
    if unit in "my":
        months = now.year * 12 + now.month - 1 - number * (12 if unit == "y" else 1)
        year, month = max(date.min.year, months // 12), months % 12 + 1
        return date(year, month, min(now.day, monthrange(year, month)[1]))
    if unit == "h":
        return now - timedelta(hours=number)
    return now.date() - timedelta(days=number * (7 if unit == "w" else 1))


def period(since: datetime | date | None, until: datetime | date | None) -> dict[str, str]:
    """The range of times from one to the other; a date includes its whole day."""
    period = {}
    if since:
        period["gte"] = utc(since).isoformat()
    if isinstance(until, datetime):
        period["lte"] = utc(until).isoformat()
    elif until:  # up to the end of the day; the last day of all has no next one
        period["lt" if until < date.max else "lte"] = utc(
            min(until, date.max - timedelta(1)) + timedelta(1)
        ).isoformat()
    return period


def utc(moment: datetime | date) -> datetime:
    """The time in UTC; that of a date is its midnight, and a time without a zone is in UTC."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime | date | str | None, BeforeValidator(_moment)]
"""A parameter that is a date, a time, or how long ago; what is relative stays as it was written."""
