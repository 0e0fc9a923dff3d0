"""First articles by their bands: all that share one are found, none that was removed, and they take little memory."""

import base64
import random
import time
import tracemalloc
from datetime import UTC, datetime

import pytest

from pipeline.sink.near_duplicates import LIKELY, _First, _Firsts
from pipeline.text.fingerprint import HASHES, ROWS, bands

NOW = datetime(2026, 11, 27, tzinfo=UTC)
BYTES = 4  # of a hash


def first(id: str, *, text: int, shared: int = 0) -> _First:
    """An article whose fingerprint the text decides, but for `shared` bands that all have."""
    band = ROWS * BYTES
    values = bytes(band * shared) + random.Random(text).randbytes(HASHES * BYTES - band * shared)
    return _First(id, "1:" + base64.b64encode(values).decode(), NOW, "2026.11")


def test_articles_that_share_a_band_are_found() -> None:
    firsts = _Firsts()
    some = [first(f"a{number}", text=number, shared=1) for number in range(5)]
    for one in some:
        firsts.add(one)
        firsts.add(one)
    firsts.add(first("other", text=9))
    assert firsts.like(some[0].fingerprint) == {one.id: one for one in some}
    firsts.remove("a0")
    firsts.remove("a0")
    firsts.add(first("a1", text=10))
    assert firsts.like(some[0].fingerprint).keys() == {"a2", "a3", "a4"}
    for id in ("a1", "a2", "a3", "a4", "other"):
        firsts.remove(id)
    assert not firsts.like(some[0].fingerprint)
    assert not firsts._by_band


def test_of_many_that_share_a_band_those_of_rare_ones_are_found() -> None:
    firsts = _Firsts()
    for number in range(4 * LIKELY):
        firsts.add(first(f"a{number}", text=number, shared=4))
    for number in (50, 60):
        found = firsts.like(first("copy", text=number, shared=4).fingerprint)
        assert len(found) == LIKELY
        assert next(iter(found)) == f"a{number}"


def test_a_band_that_many_share_costs_no_more_for_each() -> None:
    """Of 4,000, as a sink remembers them: adding and removing takes as long for the last as for the first."""

    def fill(number: int) -> float:
        firsts = _Firsts()
        began = time.process_time()
        for one in some[:number]:
            firsts.add(one)
        for one in some[:number]:
            firsts.remove(one.id)
        assert not firsts._by_band
        return time.process_time() - began

    some = [first(f"a{number}", text=number, shared=9) for number in range(4_000)]
    fill(4_000)  # the bands are remembered, as far as that goes
    assert fill(4_000) < 30 * fill(400)


def test_the_oldest_are_dropped() -> None:
    firsts = _Firsts(most=3)
    for number in range(5):
        firsts.add(first(f"a{number}", text=number, shared=1))
    assert firsts.like(first("x", text=9, shared=1).fingerprint).keys() == {"a2", "a3", "a4"}


@pytest.mark.parametrize("fingerprint", ["", "1:", "1:?", "2:" + "A" * 684, "x" * 10_000])
def test_what_is_no_fingerprint_is_like_nothing(fingerprint: str) -> None:
    firsts = _Firsts()
    firsts.add(_First("a1", fingerprint, NOW, "2026.11"))
    assert not firsts.like(fingerprint)


def test_an_article_takes_little_memory() -> None:
    """A sink remembers some thousands of them while much waits."""
    some = [first(f"a{number}", text=number) for number in range(500)]
    firsts = _Firsts()
    tracemalloc.start()
    try:
        for one in some:
            firsts.add(one)
        bands.cache_clear()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(some) < 3_000
