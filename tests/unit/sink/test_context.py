"""The window around a quote: near it, whole words, and right whatever the event says."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sink.context import WINDOW, window

SENTENCES = "".join(f"This is sentence {number:03} of the day. " for number in range(100))


def test_a_paragraph_that_is_short_is_kept_whole() -> None:
    body = "One.\n“Yes,” she said. “No.”\nTwo."
    start, end = window(body, (6, 10), (5, 28))
    assert body[start:end] == "“Yes,” she said. “No.”\n"


def test_a_long_paragraph_is_cut_where_sentences_begin_and_end() -> None:
    at = SENTENCES.index("sentence 050")
    start, end = window(SENTENCES, (at, at + 12), (0, len(SENTENCES)))
    kept = SENTENCES[start:end]
    assert kept.startswith("This is sentence 0")
    assert kept.endswith("of the day.")
    assert WINDOW / 2 <= at - start <= WINDOW
    assert WINDOW / 2 <= end - at - 12 <= WINDOW


def test_without_sentences_it_is_cut_between_words() -> None:
    body = "word " * 1000
    start, end = window(body, (2500, 2504), (0, 5000))
    assert body[start:end].startswith("word ")
    assert body[start:end].endswith(" word")


def test_without_words_it_is_cut_all_the_same() -> None:
    assert window("x" * 5000, (2500, 2504), (0, 5000)) == (2500 - WINDOW, 2504 + WINDOW)


def test_it_does_not_leave_the_paragraph() -> None:
    at = SENTENCES.index("sentence 050")
    start, end = window(SENTENCES, (at, at + 12), (at - 10, at + 20))
    assert (start, end) == (at - 10, at + 20)


number = st.integers(-(2**40), 2**40) | st.integers(-5, 3000)


@given(st.text(max_size=40).map(lambda text: text * 60), st.tuples(number, number), st.tuples(number, number))
def test_whatever_the_event_says_the_window_is_in_the_body(
    body: str, quote: tuple[int, int], paragraph: tuple[int, int]
) -> None:
    start, end = window(body, quote, paragraph)
    assert 0 <= start <= end <= len(body)
    inside = max(0, min(quote[1], len(body)) - max(quote[0], 0))
    assert end - start <= inside + 2 * WINDOW
