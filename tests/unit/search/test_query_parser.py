"""What a person types becomes terms, and nothing else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.search.query_parser import MAX_CHARACTERS, MAX_TERMS, Term, parse


def test_words_are_terms_of_their_own() -> None:
    assert parse("harbour  bridge") == [Term("harbour"), Term("bridge")]


@pytest.mark.parametrize("text", ['"stand for years"', "“stand for years”", "„stand for years“", "«stand for years»"])
def test_quotation_marks_of_any_kind_make_a_phrase(text: str) -> None:
    assert parse(text) == [Term("stand for years", phrase=True)]


def test_a_phrase_that_is_not_closed_goes_to_the_end() -> None:
    assert parse('bridge "stand for') == [Term("bridge"), Term("stand for", phrase=True)]


def test_a_minus_leaves_a_word_or_a_phrase_out() -> None:
    assert parse('-ferry -"two winters"') == [
        Term("ferry", excluded=True),
        Term("two winters", phrase=True, excluded=True),
    ]


def test_a_hyphen_within_a_word_is_part_of_it() -> None:
    assert parse("step-by-step") == [Term("step-by-step")]


def test_a_star_behind_three_letters_stands_for_the_rest_of_the_word() -> None:
    assert parse("negotiat*") == [Term("negotiat", prefix=True)]


@pytest.mark.parametrize("text", ["*bridge", "**bridge"])
def test_a_leading_star_means_nothing(text: str) -> None:
    assert parse(text) == [Term("bridge")]


def test_a_star_behind_fewer_letters_means_nothing() -> None:
    assert parse("br*") == [Term("br")]


@pytest.mark.parametrize("text", ["speaker.name:x", "a AND b", "/ab+/", "bridge~2", "[a TO z]", "_exists_:text"])
def test_query_syntax_is_only_text(text: str) -> None:
    assert all(not term.prefix and not term.phrase for term in parse(text))
    assert " ".join(term.text for term in parse(text)) == text


def test_the_same_word_twice_is_one_term() -> None:
    assert parse("bridge bridge") == [Term("bridge")]


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_typed_is_no_term(text: str) -> None:
    assert parse(text) == []


@pytest.mark.parametrize("text", ["***", "— “”", "-", '""', "?!"])
def test_signs_alone_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="no word"):
        parse(text)


def test_too_many_terms_are_refused() -> None:
    with pytest.raises(InputError, match="16 words"):
        parse(" ".join(f"w{n}" for n in range(MAX_TERMS + 1)))


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(InputError, match="300 characters"):
        parse("a" * (MAX_CHARACTERS + 1))


def test_too_long_a_phrase_is_refused() -> None:
    with pytest.raises(InputError, match="phrase"):
        parse('"' + "a " * 33 + '"')


@given(st.text(max_size=MAX_CHARACTERS))
def test_any_text_becomes_few_terms_with_words_in_them_or_is_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        terms = parse(text)
        assert len(terms) <= MAX_TERMS
        assert all(any(map(str.isalnum, term.text)) for term in terms)
        assert all('"' not in term.text for term in terms)
