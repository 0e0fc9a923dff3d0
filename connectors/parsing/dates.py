"""Parses dates as news sources write them, and finds those that lie in the future."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

FUTURE_TOLERANCE = timedelta(minutes=10)
"""How far a date may be ahead of our clock before it counts as wrong."""

_EARLIEST = datetime(1700, 1, 1, tzinfo=UTC)  # the first newspapers; earlier dates are defaults of some software
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{12,13}")
_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]\s*(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d{4,}-\d\d?-|.*(?<![+-])\b0{3}[1-9]\b")
_MILLISECONDS = 10**11  # from here on a number counts milliseconds: as seconds it would be the year 5138
_LATEST = 10**14
_LIMIT = 100  # characters; no date is longer
# Names of zones with one meaning in news; dateparser knows more, but is slow and guesses.
_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "BST": 1, "CET": 1,
    "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "SGT": 8, "HKT": 8, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "WET": 0, "WEST": 1, "ET": -5, "PT": -8,
    "CT": -6, "MT": -7, "MET": 1, "MEST": 2,
}  # fmt: skip
_OFFSET = re.compile(
    r"(:\d\d(?:[.,]\d+)?(?:\s?[ap]\.?m\.?)?)\s*(?:GMT|UTC|Z)?\s*([+-])(\d\d?)(?::?(\d\d))?(?:\s*\([^()]*\))?$",
    re.IGNORECASE,
)  # with the text around an offset, at which parsers stop
_ZONE = re.compile(r"\s*\b(" + "|".join(_ZONES) + r")$")
_ONE_DIGIT = re.compile(r"(?<=[-+T :])(\d)(?=[-+T :.,Z]|$)")
_DOTTED = re.compile(
    r"(\d\d?)\.\s?(\d\d?)\.\s?(\d{4})(?:[,\s-]+(?:um\s)?(\d\d?:\d\d.*?)(?:\sUhr)?)?"
)  # the day comes first
_HALF_OF_DAY = re.compile(r"\d\s?[ap]\.?m\b", re.IGNORECASE)


def parse(text: object) -> datetime | None:
    """The time that the text states, in UTC; None where it states none. A time without a zone is read as UTC.

    It raises nothing, whatever it is given.
    """
    if isinstance(text, datetime):
        return _sane(text)
    if isinstance(text, int | float | Decimal) and not isinstance(text, bool):
        return _from_epoch(text)
    if not isinstance(text, str):
        return None
    text = " ".join(text.split())
    if not 4 < len(text) <= _LIMIT or not any(character.isdigit() for character in text):
        return None
    if _EPOCH.fullmatch(text):
        return _from_epoch(float(text))  # 13 digits at the most before the point
    text = _with_offset(text)
    if dotted := _DOTTED.fullmatch(text):
        day, month, year, time = dotted.groups()
        text = f"{year}-{month}-{day} {time or ''}".strip()
    if _HALF_OF_DAY.search(text):  # the parser of mail reads 2 pm as 2 am
        return _from_words(text) or _from_mail(text)
    if _NUMBERS.match(text):  # an ISO date that is wrong is not read as another format
        return _from_iso(_ONE_DIGIT.sub(r"0\1", text))
    return _from_iso(text) or _from_mail(text) or _from_words(text)


def clamp(moment: datetime | None, now: datetime) -> tuple[datetime | None, bool]:
    """The time, and whether it lay in the future and was set to now."""
    if (
        moment is not None and moment - now > FUTURE_TOLERANCE
    ):  # `now + tolerance` would overflow at the end of the calendar
        return now, True
    return moment, False


def _with_offset(text: str) -> str:
    """The text with its zone written as +0200, where it has a time of day and a known zone."""
    if zone := _ZONE.search(text):
        return f"{text[: zone.start()]} {_ZONES[zone.group(1)]:+03d}00"
    return _OFFSET.sub(lambda found: f"{found[1]} {found[2]}{found[3]:0>2}{found[4] or '00'}", text)


def from_timestamp(seconds: float) -> datetime | None:
    """The time so many seconds after 1970; None outside of the calendar, where some files' times are."""
    try:
        return _sane(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError, ValueError):
        return None


def _from_epoch(number: float | Decimal) -> datetime | None:
    """The time of a number of seconds or milliseconds since 1970."""
    try:
        if not -_LATEST <= number <= _LATEST:  # compared before the conversion: 400 digits fit no float
            return None
        seconds = float(number)
        return from_timestamp(seconds / 1000 if abs(seconds) >= _MILLISECONDS else seconds)
    except (ArithmeticError, ValueError):  # a signalling NaN
        return None


def _from_iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    offset = timedelta()
    if zone and zone[0] in "+-":
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
        offset = -offset if zone[0] == "-" else offset
    try:
        # The standards allow 24:00 and leap seconds; datetime, and its fromisoformat, do not.
        moment = datetime(int(year), int(month), int(day), tzinfo=UTC) + timedelta(
            hours=_below(hour, 24),
            minutes=_below(minute, 59),
            seconds=_below(second, 60),
            microseconds=int((fraction or "0")[:6].ljust(6, "0")),
        )
        return _sane(moment - offset)
    except (ValueError, OverflowError):
        return None


def _below(number: str | None, limit: int) -> int:
    value = int(number or 0)
    if value > limit:
        raise ValueError(f"{value} is more than {limit}")
    return value


def _from_mail(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except Exception:  # it raises anything on strange text
        return None
    return _sane(moment)


def _from_words(text: str) -> datetime | None:
    import dateparser  # loading it takes long, and few dates need it

    # strict: a year or month alone is no date of an article
    rules = {"TO_TIMEZONE": "UTC", "TIMEZONE": "UTC", "RETURN_AS_TIMEZONE_AWARE": True, "STRICT_PARSING": True}
    try:
        moment: datetime | None = dateparser.parse(text, languages=["en"], settings=rules)
    except Exception:  # dateparser raises anything on strange text
        return None
    return _sane(moment) if moment else None


def _sane(moment: datetime) -> datetime | None:
    try:
        aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
        moment = aware.astimezone(UTC)
    except Exception:  # hours of the years 1 and 9999 that lie outside of the calendar in UTC
        return None
    return moment if moment >= _EARLIEST else None
