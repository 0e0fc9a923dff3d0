"""Decides when a source is polled next: by how often it publishes, what it asks for, and how often it failed.

A feed's items have dates, so its pace is known from the first poll on, and a busy feed is polled as often as the
settings allow. The pace of other sources is learnt from poll to poll. All functions are pure: they take what is known
and the time, and never wait.
"""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.backoff import Backoff

_LEARN = 0.3  # weight of the newest poll in the average
_LEARN_MOST = 0.5  # weight of a poll after a long time
_POLLS_AN_ARTICLE = 2.0  # an article is found after half an interval on average
_FIRST_MINIMUMS = 4  # minimum intervals that the first interval of a new source has
_GROWTH = 2.0  # times the interval before, at the most
_FIRST_BACKOFF = 60.0
_JITTER = 0.1  # of the interval, so that sources spread out
_DAY = 86_400.0
_PACE_DAYS = 3.0  # a feed's pace is that of so many last days
_FEWEST_DATES = 3  # that tell a pace
_SHORTEST_SPAN = 3600.0  # seconds: a feed may give all of its items the time at which it was made
_FAST, _SLOW = 16.0, 8.0  # articles a day; an estimate for a feed of 20 may be a fifth too low
_FIRST_MAXIMUM = 3600.0  # seconds to the second poll, at the most: dates may be wrong


@dataclass(frozen=True)
class PollingStats:
    """What is learnt about a source from its polls."""

    per_day: float | None = None  # articles a day, as learnt; None: unknown
    failures: int = 0  # in a row
    last_poll: datetime | None = None


@dataclass(frozen=True)
class Limits:
    """The shortest and longest time between two polls by the settings, in seconds."""

    minimum: float
    maximum: float


def pace(dates: Iterable[datetime], now: datetime) -> float | None:
    """Articles a day by the dates of a feed's items; None where too few of them are in the past.

    It is the pace of the last three days, or of less where the items reach less far back.
    """
    ages = sorted(age for date in dates if (age := (now - date).total_seconds()) >= 0)
    if len(ages) < _FEWEST_DATES:
        return None
    recent = sum(age <= _PACE_DAYS * _DAY for age in ages)
    if recent and recent < len(ages):
        return recent / _PACE_DAYS
    return (len(ages) - 1) * _DAY / max(ages[-1], _SHORTEST_SPAN)


def succeeded(
    stats: PollingStats,
    now: datetime,
    articles: int,
    asked: float | None,
    limits: Limits,
    rng: random.Random,
    *,
    dates: Iterable[datetime] = (),
) -> tuple[PollingStats, datetime]:
    """The statistics after a poll that found `articles`, and when the next poll is due.

    `asked` are the seconds that the source asks for (ttl, sy:updatePeriod, Cache-Control). They make polls rarer, up to
    six hours: many feeds ask for a day only by a default of their software. `dates` are those of a feed's items.
    """
    passed = (now - stats.last_poll).total_seconds() if stats.last_poll is not None else None
    known = pace(dates, now)
    if known is not None:
        per_day: float | None = known
        interval = _prompt(known, limits.minimum)
    else:
        per_day = _learnt(stats.per_day, articles, passed, limits)
        interval = limits.minimum * _FIRST_MINIMUMS if per_day is None else _patient(per_day)
    # A quiet hour tells little about a day, and dates may be wrong: the interval grows step by step.
    growing = _FIRST_MAXIMUM if passed is None else max(limits.minimum * _FIRST_MINIMUMS, _GROWTH * passed)
    interval = min(max(min(interval, growing), limits.minimum), limits.maximum)
    if asked:
        interval = max(interval, min(asked, limits.maximum, _DAY / 4))
    learnt = PollingStats(per_day=per_day, failures=0, last_poll=now)
    return learnt, now + timedelta(seconds=_jittered(interval, rng))


def _learnt(per_day: float | None, articles: int, passed: float | None, limits: Limits) -> float | None:
    """Articles a day after a poll that found so many, `passed` seconds after the one before."""
    if passed is not None and passed > 0:
        measured = articles * _DAY / max(passed, limits.minimum)
        # A poll after a long time tells more than one after a short time.
        weight = min(_LEARN_MOST, _LEARN * max(1.0, passed / (_DAY / 4)))
        per_day = measured if per_day is None else per_day + weight * (measured - per_day)
    return per_day


def _patient(per_day: float) -> float:
    """Seconds between two polls that find half an article each."""
    return _DAY / max(per_day * _POLLS_AN_ARTICLE, 1e-6)


def _prompt(per_day: float, minimum: float) -> float:
    """Seconds between two polls of a feed: the minimum where it is fast, with a gradual passage from where it is slow.

    A conditional request for a small file costs the host next to nothing; that is not so of a sitemap or a page.
    """
    if per_day >= _FAST:
        return minimum
    if per_day <= _SLOW:
        return _patient(per_day)
    share = math.log(per_day / _SLOW) / math.log(_FAST / _SLOW)
    return math.pow(_patient(_SLOW), 1 - share) * math.pow(minimum, share)


def failed(
    stats: PollingStats, now: datetime, retry_after: float | None, limits: Limits, rng: random.Random
) -> tuple[PollingStats, datetime]:
    """The statistics after a poll that failed, and when to retry: each failure doubles the wait, up to the maximum.

    `last_poll` stays: the articles that are found after an outage were published in all that time.
    """
    failures = stats.failures + 1
    wait = Backoff(max(_FIRST_BACKOFF, limits.minimum), limits.maximum, rng, tries=failures - 1).next()
    if retry_after:
        wait = max(wait, min(retry_after, 7 * _DAY))
    return replace(stats, failures=failures), now + timedelta(seconds=max(wait, limits.minimum))


def _jittered(interval: float, rng: random.Random) -> float:
    return interval * (1 + rng.uniform(0, _JITTER))
