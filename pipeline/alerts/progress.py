"""Decides what becomes of a channel after a try to send: sent, tried again later, or paused. Pure functions."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.alerts.models import ChannelState
from pipeline.backoff import Backoff
from pipeline.settings import AlertSettings

_LONGEST = 300  # characters of a reason
_MOST_RETRY_AFTER = 86_400.0


@dataclass(frozen=True)
class Outcome:
    """What became of a try: `failure` is the reason in words, None where the receiver accepted the message."""

    failure: str | None = None
    gone: bool = False
    """Whether the receiver says that it is gone for good (410)."""
    retry_after: float | None = None
    """Seconds that the receiver wants us to wait."""
    note: str | None = None
    """What to tell of a message that was accepted, though not by everybody."""


def after(
    state: ChannelState, outcome: Outcome, *, now: datetime, settings: AlertSettings, rng: random.Random | None = None
) -> ChannelState:
    """The state of the channel after a try."""
    if outcome.failure is None:
        return ChannelState(sent=now, error=outcome.note[:_LONGEST] if outcome.note else None)
    failures = state.failures + 1
    error = outcome.failure[:_LONGEST]
    paused = None
    if outcome.gone:
        paused = f"{error.rstrip('.')}; it is not asked again."
    elif failures >= settings.max_failures:
        paused = f"{failures} tries in a row failed. The last: {error}"
    wait = Backoff(settings.backoff_initial, settings.backoff_maximum, rng, tries=state.failures).next()
    if outcome.retry_after is not None:
        wait = max(wait, min(outcome.retry_after, _MOST_RETRY_AFTER))
    return ChannelState(
        sent=state.sent, failures=failures, error=error, paused=paused,
        next_try=None if paused else now + timedelta(seconds=wait),
    )  # fmt: skip


def may_send(state: ChannelState, now: datetime) -> bool:
    """Whether the channel may be tried now."""
    return state.paused is None and (state.next_try is None or state.next_try <= now)
