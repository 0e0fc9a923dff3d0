"""The short form of `make fuzz`, and that it would find what it looks for."""

import random

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS, Target
from tests.thorough import examples


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_changed_documents_are_read_or_refused(target: Target) -> None:
    result = fuzz([target], runs=examples(150), seed=7)
    assert result.runs[target.name] == examples(150)
    assert result.finds == [], result.finds[0].reason


def test_a_crash_and_a_hang_would_be_found() -> None:
    def crashing(data: bytes) -> None:
        assert b"\x00" not in data

    def hanging(data: bytes) -> None:
        while b"\xff" in data:
            pass

    good = b"a good document"
    crash, hang = Target("crash", [good], crashing), Target("hang", [good], hanging)
    crashes = fuzz([crash], runs=1000, seed=1).finds
    assert any(b"\x00" in find.data and "AssertionError" in find.reason for find in crashes)
    hangs = fuzz([hang], runs=300, seed=1, hang=0.05).finds
    assert hangs
    assert all(b"\xff" in find.data and "more than" in find.reason for find in hangs)


def test_changes_follow_the_seed_and_stay_within_a_size() -> None:
    corpus = [b"x" * 1000, b"<rss>"]
    one = [mutated(corpus[0], random.Random(seed), corpus) for seed in range(200)]
    assert one == [mutated(corpus[0], random.Random(seed), corpus) for seed in range(200)]
    assert len(set(one)) > 150
    assert max(map(len, one)) <= 200_000
