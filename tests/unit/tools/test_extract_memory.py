"""When the memory of text analysis counts as flat."""

import pytest

from benchmarks.extract_memory import judge

LEARNT = [20_000, 30_000, 40_010, 40_010]


@pytest.mark.parametrize(
    ("megabytes", "words", "code"),
    [
        ([180.0, 200.0, 220.0, 220.5], LEARNT, 0),
        ([180.0, 200.0, 220.0, 230.0], LEARNT, 1),
        ([180.0, 200.0, 220.0, 230.0], [20_000, 30_000, 39_000, 40_010], 0),
        ([180.0], [20_000], 0),
    ],
)
def test_growth_counts_once_all_words_are_learnt(megabytes: list[float], words: list[int], code: int) -> None:
    assert judge(megabytes, words) == code


def test_a_run_that_is_too_short_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    judge([180.0, 190.0], [20_000, 30_000])
    assert "Not judged: the pipeline was still learning words (30,000 of 40,000)" in capsys.readouterr().out
