"""The mark of the worker behind which nothing comes, with a clock that the test moves."""

from typing import Any

from pipeline.events import LAST
from pipeline.sink.backlog_end import BacklogEnd
from tests.unit.sink.factory import record

INFINITE = float("inf")


def some(sent: int | None, *, last: bool = False) -> Any:
    """A record that its worker sent at this time."""
    return record(b"{}", timestamp=sent, headers=[("trace", b"1"), *([(LAST, b"1")] if last else [])])


def test_a_mark_counts_until_a_later_event_comes() -> None:
    now = 10.0
    end = BacklogEnd(lambda: now)
    end.note([some(5), some(None)])
    assert end.at == INFINITE
    end.note([some(7, last=True), some(6)])
    assert now < end.at < now + 0.5, "what was sent together gets into one batch"
    now = 10.2
    end.note([])
    assert end.at < now
    end.note([some(6)])
    assert now < end.at < now + 0.5, "it was sent before the marked one, into another partition"
    end.note([some(7)])
    assert now < end.at < now + 0.5, "so it may be where times are equal"
    end.note([some(8)])
    assert end.at == INFINITE


def test_an_event_from_the_future_hides_a_mark_for_a_second_only() -> None:
    now = 10.0
    end = BacklogEnd(lambda: now)
    end.note([some(2**62)])
    end.note([some(7, last=True)])
    assert end.at == INFINITE
    now = 12.0
    end.note([some(9, last=True)])
    assert end.at < INFINITE
