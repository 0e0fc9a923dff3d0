"""Finds when something was said: mentions of days in a text, and the calendar day that each means.

`find_dates` finds the mentions. `resolve_date` gives the day that one means: the last such day up to the day of
publication, since news tells what was said before. A mention that is no day ("in January", "this week", "last year")
gives none; "last week" is seven days before.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import dateparser

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = (
    r"(?:mon(?:day)?|tue(?:s|sday)?|wed(?:s|nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b\.?"
)
_FULL_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_CAPITAL = r"(?-i:(?=[A-Z]))"  # Soldiers march 30 miles, and it may 5 times; months and weekdays have a capital.
_SHORT_WEEKDAY = (  # "Sun." and "Mon" are other words where no "on" stands before them
    r"(?:(?:tues|thurs|weds)\b\.?|(?:tue|wed|thu|thur|fri)\b\.(?!\w)"
    r"|(?<=\bon\ )(?:mon|tue|wed|thu|thur|fri|sat|sun)\b\.?)"
)
_WEEK = r"(?:(?:(?:of|in)\s+)?(?:last|this)\s+week)"
_MONTH_NO_DOT = _MONTH.removesuffix(r"\.?")
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?\b"
_YEAR = r"(?:19|20)\d\d\b"
_PART = r"(?:morning|afternoon|evening|night|lunchtime)"
_COUNT = r"(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,3})"

_MENTION = re.compile(
    rf"""(?<![\w-])(?=[adefjlmnostwy\d])(?:
      (?:(?:early|earlier|late|later)\s+(?:on\s+)?)?(?:(?:last|this|this\s+past)\s+)?
        {_CAPITAL}(?:{_FULL_WEEKDAY}|{_SHORT_WEEKDAY})
        (?:,?\s+{_CAPITAL}{_MONTH}\s+{_DAY}(?!:)(?:,?\s+{_YEAR})?|,?\s+{_DAY}\s+{_CAPITAL}{_MONTH_NO_DOT}(?:,?\s+{_YEAR})?)?
        (?:\s+{_PART})?(?:,?\s+{_WEEK})?
    | last\s+week(?:\s+on)?\s+{_CAPITAL}{_FULL_WEEKDAY}
    | the\s+{_CAPITAL}{_FULL_WEEKDAY}\s+before\s+last
    | {_COUNT}\s+weeks?\s+ago(?:,?\s+(?:on\s+|last\s+)?{_CAPITAL}{_FULL_WEEKDAY})
    | the\s+day\s+before\s+yesterday
    | {_CAPITAL}{_MONTH}\s+{_DAY}(?!:)(?:,?\s+{_YEAR})?(?!\s*[-–]\s*\d)
    | (?:the\s+)?{_DAY}(?:\s+of)?\s+{_CAPITAL}{_MONTH_NO_DOT}(?:,?\s+{_YEAR})?
    | (?:19|20)\d\d-\d\d-\d\d
    | \d{{1,2}}/\d{{1,2}}/(?:19|20)\d\d
    | (?:(?:early|earlier|late|later)\s+)?(?:yesterday|today)(?:\s+{_PART})?
    | (?:early\s+|late\s+)?this\s+(?:morning|afternoon|evening) | tonight | (?:late\s+)?last\s+(?:night|week)
    | {_COUNT}\s+(?:minute|hour|day|week)s?\s+ago
    )(?!\w)(?!-\w)""",
    re.IGNORECASE | re.VERBOSE,
)
_DAY_WORDS = (
    "day", "tue", "wed", "thu", "fri", "on mon", "on sat", "on sun", "morning", "afternoon", "evening", "night", "week",
    "ago", "ı", "\u0307",  # A small "i" without its dot and a capital one with it count as "i" where case is ignored.
)  # fmt: skip
"""Every mention holds one of these, but for those that are a month and a number, or numbers alone."""
_BESIDE_NUMBERS = tuple("jan feb mar apr may jun jul aug sep oct nov dec - /".split())
_DIGIT = re.compile(r"\d")
_LEADING = re.compile(
    r"^(?:(?:on|in|at|by|since|during|from|late|later|early|earlier|this past|the|of|just|back)\s+)+", re.IGNORECASE
)
_TRAILING = re.compile(rf"(?:['’]s|[.,;:])*(?:\s+(?:at\s+)?{_PART})?(?:['’]s)?[.,;:\s]*$", re.IGNORECASE)
_RELATIVE_WEEKDAY = re.compile(rf"(?:(last|this|next|past)\s+)?({_WEEKDAY})", re.IGNORECASE)
_ALONE = {"today": 0, "now": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0,
          "yesterday": -1, "day before yesterday": -2, "last night": -1, "last evening": -1, "tomorrow": 1,
          "last week": -7}  # fmt: skip
_OF_WEEK = re.compile(
    rf"(?P<day>{_WEEKDAY})(?:\s+{_PART})?,?\s+(?:(?:of|in)\s+)?(?P<which>last|this)\s+week"
    rf"|last\s+week\s+(?:on\s+)?(?P<after>{_WEEKDAY})",
    re.IGNORECASE,
)
_WEEKS_BEFORE = re.compile(
    rf"(?P<count>{_COUNT})\s+weeks?\s+ago,?\s+(?:on\s+|last\s+)?(?P<day>{_WEEKDAY})|(?P<last>{_WEEKDAY})\s+before\s+last",
    re.IGNORECASE,
)
_NUMBERS = dict(
    zip("a an one two three four five six seven eight nine ten".split(), (1, 1, *range(1, 11)), strict=True)
)
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_HAS_YEAR = re.compile(_YEAR)
_OF_THE_CLOCK = re.compile(r"\b(?:hour|minute)s?\b", re.IGNORECASE)
_WEEKDAY_BEFORE = re.compile(rf"^{_FULL_WEEKDAY},?\s+(?=.*\d)", re.IGNORECASE)
# Periods are no days; dateparser would give them one.
_PERIOD = re.compile(r"\b(?:weeks?(?! ago)|months?|years?|decades?|quarter|century|weekend)\b", re.IGNORECASE)
_LONGEST = 60


class DateMention(NamedTuple):
    """The words of a text that name a day: `text[start:end]`, without a leading "on"."""

    start: int
    end: int
    text: str


def find_dates(text: str, start: int = 0, end: int | None = None) -> Iterator[DateMention]:
    """The mentions of days between two offsets of the text, in order; "late Tuesday" is one, "on" is no part of it."""
    end = len(text) if end is None else end
    if _may_mention_day(text[max(0, start - len("on ")) : end]):  # an "on" may stand before
        for match in _MENTION.finditer(text, start, end):
            yield DateMention(match.start(), match.end(), match.group())


def _may_mention_day(words: str) -> bool:
    """Whether words hold what a mention of a day must hold; most do not, which is told ten times as fast."""
    folded = words.casefold()
    if any(word in folded for word in _DAY_WORDS):
        return True
    return _DIGIT.search(folded) is not None and any(sign in folded for sign in _BESIDE_NUMBERS)


def resolve_date(mention: str, published: datetime | None) -> date | None:
    """The day that a mention means in an article published at that time, or None where that cannot be said.

    A weekday is the last one up to the day of publication, which may be that day itself; "last Monday" lies before
    it. A day without a year is the last such day (one day ahead counts: the world has time zones). Times of day and
    words like "late" change nothing. "04/05/2025" is none: half the world reads it the other way round.
    """
    if len(mention) > _LONGEST:
        return None
    plain = " ".join(mention.split()).lower()
    plain = _TRAILING.sub("", plain) if plain not in _ALONE else plain
    while plain not in _ALONE and (shorter := _LEADING.sub("", plain)) != plain:
        plain = shorter
    if not plain or (plain not in _ALONE and _PERIOD.search(plain) and not _OF_WEEK.fullmatch(plain)):
        return None
    moment = published.replace(tzinfo=None) if published is not None else None
    if moment is not None and not _OF_THE_CLOCK.search(plain):
        moment = moment.replace(hour=12, minute=0, second=0, microsecond=0)  # One entry of the cache for a whole day.
    return _resolve(plain, moment)


@lru_cache(maxsize=8192)
def _resolve(plain: str, published: datetime | None) -> date | None:
    if published is not None:
        today = published.date()
        shift = _ALONE.get(plain)
        if shift is not None:
            return _moved(today, shift)
        if weekday := _RELATIVE_WEEKDAY.fullmatch(plain):
            return _weekday(weekday[2], weekday[1], today)
        if week := _OF_WEEK.fullmatch(plain):
            monday = today.weekday() + (0 if week["which"] == "this" else 7)
            return _moved(today, _number_of_weekday(week["day"] or week["after"]) - monday)
        if weeks := _WEEKS_BEFORE.fullmatch(plain):
            return _weeks_before(weeks, today)
    elif not _HAS_YEAR.search(plain):
        return None
    if (slashes := _SLASHES.fullmatch(plain)) and slashes[1] != slashes[2] and max(map(int, slashes.group(1, 2))) <= 12:
        return None
    return _parsed(_WEEKDAY_BEFORE.sub("", plain), published)


def _weeks_before(mention: re.Match[str], today: date) -> date | None:
    """The weekday of some weeks before the last one: "a week ago Friday", "the Friday before last"."""
    last = _weekday(mention["day"] or mention["last"], None, today)
    count = mention["count"] or "one"
    weeks = _NUMBERS.get(count) or int(count)
    return None if last is None else _moved(last, -7 * weeks)


def _number_of_weekday(name: str) -> int:
    return next(n for n, weekday in enumerate(_WEEKDAYS) if weekday.startswith(name[:3]))


def _weekday(name: str, which: str | None, today: date) -> date | None:
    back = (today.weekday() - _number_of_weekday(name)) % 7
    if which == "next":
        return _moved(today, 7 - back)
    if which == "last" and back == 0:
        back = 7
    return _moved(today, -back)


def _parsed(plain: str, published: datetime | None) -> date | None:
    settings = {"PREFER_DATES_FROM": "past", "REQUIRE_PARTS": ["day", "month"], "RETURN_AS_TIMEZONE_AWARE": False}
    if published is not None:
        # A day ahead is still this year's: the article may come from the other side of the date line.
        ahead = 0 if re.search(r"\bago\b", plain) else 1
        settings["RELATIVE_BASE"] = published + timedelta(days=ahead) if published.year < 9999 else published
    try:
        moment = dateparser.parse(plain, languages=["en"], settings=settings)
    except (ValueError, OverflowError, RecursionError, TypeError):
        return None  # Not a mention that dateparser can read; what it raises on odd text differs by version.
    return moment.date() if moment is not None else None


def _moved(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None
