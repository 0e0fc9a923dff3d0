"""Waits between tries."""

import random

from pipeline.backoff import Backoff


def test_waits_grow_to_the_limit_and_begin_anew_after_success() -> None:
    backoff = Backoff(1, 10, random.Random(7))
    waits = [backoff.next() for _ in range(8)]
    for wait, whole in zip(waits, [1, 2, 4, 8, 10, 10, 10, 10], strict=True):
        assert whole / 2 <= wait <= whole
    backoff.reset()
    assert backoff.next() <= 1


def test_waits_differ_so_that_parts_do_not_come_back_together() -> None:
    assert len({Backoff(1, 60).next() for _ in range(20)}) > 10


def test_an_engine_may_be_away_for_weeks() -> None:
    backoff = Backoff(0.5, 60)
    assert max(backoff.next() for _ in range(5000)) <= 60


def test_tries_that_were_kept_count() -> None:
    assert 4 <= Backoff(1, 60, tries=3).next() <= 8
