"""What becomes of a channel: sent, tried again later and later, paused with the reason, at once where it is gone."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.alerts.channels import judge
from pipeline.alerts.models import ChannelState
from pipeline.alerts.progress import Outcome, after, may_send
from pipeline.settings import AlertSettings

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SETTINGS = AlertSettings(backoff_initial=4, backoff_maximum=60, max_failures=6)


def failed(state: ChannelState, times: int, outcome: Outcome) -> list[ChannelState]:
    states = []
    for _ in range(times):
        state = after(state, outcome, now=NOW, settings=SETTINGS, rng=random.Random(1))
        states.append(state)
    return states


def test_a_success_forgets_failures() -> None:
    state = ChannelState(failures=4, error="status 500", next_try=NOW)
    assert after(state, Outcome(), now=NOW, settings=SETTINGS) == ChannelState(sent=NOW)
    partly = after(state, Outcome(note="one recipient is refused"), now=NOW, settings=SETTINGS)
    assert partly == ChannelState(sent=NOW, error="one recipient is refused")


def test_it_waits_longer_each_time_and_is_paused_at_last() -> None:
    states = failed(ChannelState(sent=NOW), 6, Outcome("desk.example answers with status 500."))
    waits = [(state.next_try - NOW).total_seconds() for state in states if state.next_try]
    assert len(waits) == 5
    for wait, most in zip(waits, (4, 8, 16, 32, 60), strict=True):
        assert most / 2 <= wait <= most
    assert [bool(state.paused) for state in states] == [False] * 5 + [True]
    assert states[-1].paused == "6 tries in a row failed. The last: desk.example answers with status 500."
    assert states[-1].sent == NOW
    assert not may_send(states[0], NOW)
    assert may_send(states[0], NOW + timedelta(seconds=4))
    assert not may_send(states[-1], NOW + timedelta(days=9))


def test_one_that_is_gone_is_paused_at_once() -> None:
    (state,) = failed(ChannelState(), 1, judge("desk.example", 410))
    assert state.paused == "desk.example says that it is gone for good (410); it is not asked again."


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (503, "30", 30),
        (429, "Thu, 26 Nov 2026 12:02:00 GMT", 120),
        (500, "Thu, 26 Nov 1926 12:02:00 GMT", 0),
        (500, "soon", None),
        (500, "9" * 400, 999_999_999),
        (404, "", None),
    ],
)
def test_a_receiver_may_ask_us_to_wait(status: int, retry_after: str, seconds: float | None) -> None:
    outcome = judge("desk.example", status, retry_after, NOW)
    assert outcome.failure
    assert outcome.retry_after == seconds
    (state,) = failed(ChannelState(), 1, outcome)
    assert state.next_try
    wait = (state.next_try - NOW).total_seconds()
    assert max(2, min(seconds or 0, 86_400)) <= wait <= max(4, min(seconds or 0, 86_400))


def test_any_2xx_accepts_and_no_redirect_is_followed() -> None:
    assert [judge("desk.example", status).failure for status in (200, 202, 204)] == [None] * 3
    assert "give the final address" in str(judge("desk.example", 302).failure)
