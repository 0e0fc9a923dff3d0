"""The words of a search are marked where they stand in the text as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.search import highlighting
from tests.unit.search.test_result_mapping import wanted


def marked(text: str, words: str) -> list[str]:
    return [text[start:end] for start, end in highlighting.matches(text, wanted(words))]


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("😀 naïve 𝒷ridge 😀 winters, really?", "winter", ["winters"]),
        ("Zoë’s café, O’Brien's", "zoe cafe obrien", ["Zoë’s", "café", "O’Brien's"]),
        ("re\u0301sume\u0301 of it", "résumé", ["re\u0301sume\u0301"]),
        ("two cold winters, two winters", '"two winters"', ["two winters"]),
        ("two cold winters; tax", '"winters two"~2', ["two", "winters"]),
        ("two cold dark grey long winters", '"winters two"~2', []),
        ("negotiators negotiate", "negotiat*", ["negotiators", "negotiate"]),
        ("Zelenskyy and Zelensky", "zelensky~", ["Zelenskyy", "Zelensky"]),
        ("tax or levy", "tax OR levy", ["tax", "levy"]),
        ("tax not levy", "tax -levy", ["tax"]),
        ("step by step", "step-by-step", ["step by step"]),
        ("港は閉まっている", "港", ["港"]),
        ("", "tax", []),
    ],
)
def test_words_are_marked_as_they_are_written(text: str, words: str, found: list[str]) -> None:
    assert marked(text, words) == found


def test_a_passage_holds_what_was_found() -> None:
    text = "Nothing here. " * 30 + "The harbour tax was raised, and the tax on fuel too." + " More words." * 30
    passage, found = highlighting.passage(text, highlighting.matches(text, wanted("tax")))
    assert [passage[start:end] for start, end in found] == ["tax", "tax"]
    assert passage in text
    assert len(passage) <= highlighting.PASSAGE
    assert highlighting.passage(text, []) == ("", [])


@given(st.text(alphabet="ab ", max_size=400), st.sampled_from(["a", "b", "ab", '"a b"', "aab~"]))
def test_marks_are_in_order_and_within_the_text(text: str, words: str) -> None:
    found = highlighting.matches(text, wanted(words))
    edges = [edge for one in found for edge in one]
    assert edges == sorted(edges)
    passage, inside = highlighting.passage(text, found)
    assert bool(inside) == bool(found)
    assert all(0 <= start < end <= len(passage) for start, end in inside)


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [("form", "from", 1), ("tax", "taxi", 1), ("vey", "vay", 1), ("abc", "cba", 2), ("", "ab", 2)],
)
def test_the_distance_of_two_words_counts_letters(one: str, other: str, steps: int) -> None:
    assert highlighting.distance(one, other, 2) == steps
    assert highlighting.distance("abcdef", "uvwxyz", 2) > 2


@given(st.text(alphabet="abeés'’ ", max_size=200), st.sampled_from(["abe", "abes", "é's", "abe abs"]))
def test_plain_words_are_found_as_all_others_are(text: str, words: str) -> None:
    plain = highlighting.matches(text, wanted(words))
    tokens = highlighting._tokens(text)
    assert plain == highlighting._merged({one for term in wanted(words) for one in highlighting._find(term, tokens)})
