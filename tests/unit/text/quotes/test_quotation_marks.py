"""Which stretches are marked, in every style of marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.quotes.quotation_marks import find_quoted_spans, paragraphs

SOUP = st.text(alphabet="aB.,' \n\"“”‘’«»„`s5—😀é\u0301", max_size=120)


def inner(text: str) -> list[list[str]]:
    return [[text[a:b] for a, b in marked.inner] for marked in find_quoted_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He said “we won” today.", ["we won"]),
        ('He said "we won" today.', ["we won"]),
        ("He said ''we won'' today.", ["we won"]),
        ("He said ``we won'' today.", ["we won"]),
        ("He said «we won» today.", ["we won"]),
        ("He said „we won“ today.", ["we won"]),
        ("He said ‘we won’ today.", ["we won"]),
        ("He said 'we won' today.", ["we won"]),
    ],
)
def test_a_stretch_in_any_style_of_marks_is_found(text: str, expected: list[str]) -> None:
    assert inner(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "The workers' rights and the bosses' duties.",
        "It’s Trump’s idea, the ’90s are over, don’t ask.",
        "He stands 5'10\" tall.",
        "Rock 'n' roll, give 'em hell.",
    ],
)
def test_apostrophes_and_measures_mark_nothing(text: str) -> None:
    assert inner(text) == []


def test_a_nested_quote_belongs_to_the_one_around_it() -> None:
    assert inner("“He said ‘no’ to me,” she said.") == [["He said ‘no’ to me,"]]
    assert inner("‘He said “no” to me,’ she said.") == [["He said “no” to me,"]]


def test_a_quote_over_paragraphs_has_a_piece_for_each() -> None:
    assert inner("“One.\n\n“Two.\n\n“Three,” he said.") == [["One.", "Two.", "Three,"]]


def test_a_missing_closing_mark_costs_at_most_its_paragraph() -> None:
    text = "“We never closed this.\n\nA plain paragraph.\n\n“Closed,” he said."
    assert inner(text) == [["We never closed this."], ["Closed,"]]


def test_a_second_opening_mark_ends_the_unclosed_first() -> None:
    assert inner("“One thing, he said. “Another thing,” she said.") == [["One thing, he said."], ["Another thing,"]]


def test_a_stray_closing_mark_opens_nothing() -> None:
    assert inner("We won” he said. Then all went home.") == []


def test_lines_are_paragraphs_without_the_space_around_them() -> None:
    text = "  one \n\n\t two\n"
    assert [text[a:b] for a, b in paragraphs(text)] == ["one", "two"]


@given(SOUP)
def test_stretches_lie_in_order_inside_the_text_and_apart(text: str) -> None:
    last = 0
    for marked in find_quoted_spans(text):
        for piece in marked.pieces:
            assert last <= piece.start < piece.inner_start < piece.inner_end <= piece.end <= len(text)
            assert "\n" not in text[piece.start : piece.end]
            last = piece.end
