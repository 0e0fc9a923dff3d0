"""Decides when a source is polled next: by how often it publishes, what it asks for, and how often it failed.

All functions are pure: they take what is known and the time, and never wait.
"""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_LEARN = 0.3  # weight of the newest poll in the average
_LEARN_MOST = 0.5  # weight of a poll after a long time
_POLLS_AN_ARTICLE = 2.0  # an article is found after half an interval on average
_FIRST_MINIMUMS = 4  # minimum intervals that the first interval of a new source has
_GROWTH = 2.0  # times the interval before, at the most
_FIRST_BACKOFF = 60.0
_BACKOFF_EXPONENT_LIMIT = 20
_JITTER = 0.1  # of the interval, so that sources spread out
_DAY = 86_400.0


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


def succeeded(
    stats: PollingStats, now: datetime, articles: int, asked: float | None, limits: Limits, rng: random.Random
) -> tuple[PollingStats, datetime]:
    """The statistics after a poll that found `articles`, and when the next poll is due.

    `asked` are the seconds that the source asks for (ttl, sy:updatePeriod, Cache-Control). They make polls rarer, up to
    six hours: many feeds ask for a day only by a default of their software.
    """
    per_day = stats.per_day
    if stats.last_poll is not None and (passed := (now - stats.last_poll).total_seconds()) > 0:
        measured = articles * _DAY / max(passed, limits.minimum)
        # A poll after a long time tells more than one after a short time.
        weight = min(_LEARN_MOST, _LEARN * max(1.0, passed / (_DAY / 4)))
        per_day = measured if per_day is None else per_day + weight * (measured - per_day)
    interval = limits.minimum * _FIRST_MINIMUMS if per_day is None else _DAY / max(per_day * _POLLS_AN_ARTICLE, 1e-6)
    if stats.last_poll is not None:  # a quiet hour tells little about a day: the interval grows step by step
        passed = (now - stats.last_poll).total_seconds()
        interval = min(interval, max(limits.minimum * _FIRST_MINIMUMS, _GROWTH * passed))
    interval = min(max(interval, limits.minimum), limits.maximum)
    if asked:
        interval = max(interval, min(asked, limits.maximum, _DAY / 4))
    learnt = PollingStats(per_day=per_day, failures=0, last_poll=now)
    return learnt, now + timedelta(seconds=_jittered(interval, rng))


def failed(
    stats: PollingStats, now: datetime, retry_after: float | None, limits: Limits, rng: random.Random
) -> tuple[PollingStats, datetime]:
    """The statistics after a poll that failed, and when to retry: each failure doubles the wait, up to the maximum.

    `last_poll` stays: the articles that are found after an outage were published in all that time.
    """
    failures = stats.failures + 1
    first = max(_FIRST_BACKOFF, limits.minimum)
    wait = min(first * 2 ** min(failures - 1, _BACKOFF_EXPONENT_LIMIT), limits.maximum)
    wait = rng.uniform(wait / 2, wait)  # sources that failed for the same reason retry at different times
    if retry_after:
        wait = max(wait, min(retry_after, 7 * _DAY))
    return replace(stats, failures=failures), now + timedelta(seconds=max(wait, limits.minimum))


def _jittered(interval: float, rng: random.Random) -> float:
    return interval * (1 + rng.uniform(0, _JITTER))
