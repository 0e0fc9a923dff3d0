"""Dates as news sources write them: every standard form, many broken ones, and what lies in the future."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

FUTURE_TOLERANCE = timedelta(minutes=10)
"""How far ahead of our clock a source's may be before its date counts as false."""

_EARLIEST = datetime(1700, 1, 1, tzinfo=UTC)  # the first newspapers; what lies before is a default of some software
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{12,13}")
_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]\s*(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d{4,}-\d\d?-|.*(?<![+-])\b0{3}[1-9]\b")
_MILLISECONDS = 10**11  # from here on a number counts milliseconds: as seconds it would be the year 5138
_LATEST = 10**14
_LIMIT = 100  # no date is longer; longer text is none
# Zone names with one meaning in news; dateparser knows more, but is slow and guesses.
_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "BST": 1, "CET": 1,
    "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "SGT": 8, "HKT": 8, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "WET": 0, "WEST": 1, "ET": -5, "PT": -8,
    "CT": -6, "MT": -7, "MET": 1, "MEST": 2,
}  # fmt: skip
_OFFSET = re.compile(
    r"(:\d\d(?:[.,]\d+)?(?:\s?[ap]\.?m\.?)?)\s*(?:GMT|UTC|Z)?\s*([+-])(\d\d?)(?::?(\d\d))?(?:\s*\([^()]*\))?$",
    re.IGNORECASE,
)  # with all that stands around one, where parsers stop at it
_ZONE = re.compile(r"\s*\b(" + "|".join(_ZONES) + r")$")
_ONE_DIGIT = re.compile(r"(?<=[-+T :])(\d)(?=[-+T :.,Z]|$)")
_DOTTED = re.compile(
    r"(\d\d?)\.\s?(\d\d?)\.\s?(\d{4})(?:[,\s-]+(?:um\s)?(\d\d?:\d\d.*?)(?:\sUhr)?)?"
)  # the day comes first
_HALF_OF_DAY = re.compile(r"\d\s?[ap]\.?m\b", re.IGNORECASE)


def parse(text: object) -> datetime | None:
    """The moment that the text names, in UTC; None where it names none. A time without a zone is taken as UTC.

    Whatever it is given, it raises nothing: dates come from strangers.
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
    if _HALF_OF_DAY.search(text):  # parsers of mail take 2 pm for 2 in the night
        return _from_words(text) or _from_mail(text)
    if _NUMBERS.match(text):  # an ISO date that is none is no other date either
        return _from_iso(_ONE_DIGIT.sub(r"0\1", text))
    return _from_iso(text) or _from_mail(text) or _from_words(text)


def clamp(moment: datetime | None, now: datetime) -> tuple[datetime | None, bool]:
    """The moment, and whether it lay in the future and was set to now."""
    if moment is not None and moment - now > FUTURE_TOLERANCE:  # a sum would leave the calendar at its end
        return now, True
    return moment, False


def _with_offset(text: str) -> str:
    """The text with its zone as +0200, where it has a time of the day and a zone that we know."""
    if zone := _ZONE.search(text):
        return f"{text[: zone.start()]} {_ZONES[zone.group(1)]:+03d}00"
    return _OFFSET.sub(lambda found: f"{found[1]} {found[2]}{found[3]:0>2}{found[4] or '00'}", text)


def from_timestamp(seconds: float) -> datetime | None:
    """The moment so many seconds after 1970; None where it lies outside of the calendar, as some files' times do."""
    try:
        return _sane(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError, ValueError):
        return None


def _from_epoch(number: float | Decimal) -> datetime | None:
    """The moment of a number of seconds or milliseconds."""
    try:
        if not -_LATEST <= number <= _LATEST:  # compared before it is converted: 400 digits are no float
            return None
        seconds = float(number)
        return from_timestamp(seconds / 1000 if abs(seconds) >= _MILLISECONDS else seconds)
    except (ArithmeticError, ValueError):  # a decimal that signals
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
        # 24:00 and a leap second are allowed by the standards, not by datetime
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
    except Exception:  # other people's code on other people's text: whatever slips out of it, this is no date
        return None
    return _sane(moment)


def _from_words(text: str) -> datetime | None:
    import dateparser  # few dates need it, and loading it takes long

    # 'strict': a lone year or month is no date of an article
    rules = {"TO_TIMEZONE": "UTC", "TIMEZONE": "UTC", "RETURN_AS_TIMEZONE_AWARE": True, "STRICT_PARSING": True}
    try:
        moment: datetime | None = dateparser.parse(text, languages=["en"], settings=rules)
    except Exception:  # dateparser lets slips of its own through
        return None
    return _sane(moment) if moment else None


def _sane(moment: datetime) -> datetime | None:
    try:
        aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
        moment = aware.astimezone(UTC)
    except Exception:  # in some zones the years 1 and 9999 have hours outside of the calendar
        return None
    return moment if moment >= _EARLIEST else None
