"""Fingerprints: equal for ever, near for near copies, far for other texts."""

import random

import pytest

from pipeline.samples import articles
from pipeline.text.fingerprint import BANDS, FEWEST_WORDS, bands, fingerprint, similarity

WORDS = [f"word{n}" for n in range(5000)]


def text(seed: int, count: int = 600) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def print_of(words: str) -> str:
    found = fingerprint(words)
    assert found is not None
    return found


KNOWN = ("1:uvTEAVtnjQHn", "2.00.c13ce829809b")


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    """So are its bands, as long as `BANDING` is the same: the index has those of articles that were written before."""
    known = print_of(" ".join(f"w{n}" for n in range(100)))
    assert known.startswith(KNOWN[0])
    assert bands(known)[0] == KNOWN[1]


def test_case_punctuation_and_spaces_do_not_matter() -> None:
    plain = text(1)
    assert print_of(plain) == print_of(plain.upper().replace(" ", ",\n "))


@pytest.mark.parametrize("words", ["", "Too short.", "word " * (FEWEST_WORDS - 1)])
def test_too_few_words_have_none(words: str) -> None:
    assert fingerprint(words) is None


def test_odd_texts_have_one_too() -> None:
    assert fingerprint("\ud800 \x00 é 漢字 " * 40) is not None
    assert fingerprint("word " * 10**6) is not None


@pytest.mark.parametrize("kept", [0.9, 0.7, 0.5, 0.2])
def test_similarity_is_about_the_overlap(kept: float) -> None:
    off = []
    for seed in range(20):
        words = text(seed).split()
        cut = words[: int(len(words) * kept)]
        off.append(similarity(print_of(" ".join(words)), print_of(" ".join(cut))) - kept)
    assert abs(sum(off) / len(off)) < 0.03
    assert max(map(abs, off)) < 0.16  # four standard deviations


def test_near_copies_share_bands_and_other_texts_do_not() -> None:
    found = 0
    for seed in range(100):
        words = text(seed).split()
        found += bool(set(bands(print_of(" ".join(words)))) & set(bands(print_of(" ".join(words[:360])))))
    assert found >= 95  # of texts that overlap by 0.6 the bands find 0.987
    prints = [print_of(article.body) for article in articles() if fingerprint(article.body)]
    pairs = [(one, other) for at, one in enumerate(prints) for other in prints[:at]]
    assert not [pair for pair in pairs if set(bands(pair[0])) & set(bands(pair[1]))]
    assert max(similarity(*pair) for pair in pairs) < 0.1


def test_bands_are_as_many_as_they_should_be() -> None:
    assert len(set(bands(print_of(text(1))))) == BANDS


@pytest.mark.parametrize("strange", ["", "1:", "1:????", "2:" + "A" * 684, "x" * 2000, "1:" + "A" * 100])
def test_what_is_no_fingerprint_of_ours_is_like_nothing(strange: str) -> None:
    assert bands(strange) == ()
    assert similarity(strange, strange) == 0
    assert similarity(strange, print_of(text(1))) == 0
