"""Names of people fall into their parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.names import forms, person_name
from pipeline.text.names.forms import person_parts
from pipeline.text.names.given_names import FEMALE, MALE
from pipeline.text.names.name_index import Mention, gender_told
from pipeline.text.names.person_name import gender_of, is_title, key, without_possessive


@pytest.mark.parametrize(
    ("text", "name", "words", "titles", "suffix"),
    [
        ("Marco Rubio", "Marco Rubio", "marco rubio", "", ""),
        ("Senator Marco Rubio's", "Marco Rubio", "marco rubio", "senator", ""),
        ("Mr. Smith", "Smith", "smith", "mr", ""),
        ("Gen. Sir Nick Carter KC", "Nick Carter", "nick carter", "gen sir", ""),
        ("Vice-President Ana Roth", "Ana Roth", "ana roth", "vice-president", ""),
        ("Martin Luther King Jr.", "Martin Luther King Jr.", "martin luther king", "", "jr"),
        ("Ursula von der Leyen", "Ursula von der Leyen", "ursula von der leyen", "", ""),
        ("Siobhán O’Brien", "Siobhán O’Brien", "siobhan o'brien", "", ""),
        ("Ocasio–Cortez", "Ocasio–Cortez", "ocasio cortez", "", ""),
        ("李克强", "李克强", "李克强", "", ""),
        ("King", "King", "king", "", ""),  # a lone word is a name, never a title
        ("Pope Francis", "Francis", "francis", "pope", ""),
        ("", "", "", "", ""),
    ],
)
def test_a_name_falls_into_its_parts(text: str, name: str, words: str, titles: str, suffix: str) -> None:
    parts = person_parts(text)
    assert (parts.text, " ".join(parts.words), " ".join(parts.titles), parts.suffix) == (name, words, titles, suffix)


@pytest.mark.parametrize(
    ("text", "bare"),
    [("Rubio's", "Rubio"), ("Rubio’s", "Rubio"), ("James’", "James"), ("James", "James"), ("NATO'S", "NATO"), ("", "")],
)
def test_a_possessive_ending_is_taken_off(text: str, bare: str) -> None:
    assert without_possessive(text) == bare


def test_words_compare_without_accents_case_stops_and_article() -> None:
    assert key("Díaz") == key("DIAZ")
    assert key("al-Assad") == key("Assad")
    assert key("Jr.") == "jr"
    assert key("O’Brien") == key("O'Brien")


@pytest.mark.parametrize(
    ("text", "gender"),
    [
        ("Mrs. Clinton", "she"),
        ("Mr Robin Hale", "he"),
        ("Lady Robin Hale", "she"),
        ("Angela Merkel", "she"),
        ("José Ortega", "he"),
        ("Anne-Marie Duval", "she"),
        ("Robin Hale", None),  # both bear it
        ("Xyzzy Hale", None),
        ("Stanley", None),  # a lone word is a family name: no evidence
        ("Spokeswoman Kim Lund", "she"),
    ],
)
def test_titles_and_given_names_tell_the_gender_where_they_can(text: str, gender: str | None) -> None:
    assert gender_told(Mention.of(text, "PERSON")) == gender


def test_no_given_name_is_on_both_lists_and_all_are_plain() -> None:
    assert not FEMALE & MALE
    assert gender_of("KATARINA") == "female"
    assert all(name == name.lower() and name.isalpha() for name in FEMALE | MALE)


def test_titles_are_known() -> None:
    assert is_title("Senator")
    assert is_title("Dr.")
    assert is_title("vice-president")
    assert not is_title("Marco")
    assert person_name.REGAL <= person_name.TITLES


@given(st.text(max_size=60))
def test_no_text_raises_and_the_name_is_part_of_it(text: str) -> None:
    parts = person_parts(text)
    assert parts.text in " ".join(text.split())
    assert all(parts.words)


def test_surface_remembers_short_mentions_alone() -> None:
    assert [forms.surface(" The  Vale\nRail’s ") for _ in range(2)] == ["Vale Rail", "Vale Rail"]
    before = forms._surface.cache_info()
    long = "the " + "Velm " * 200
    assert forms.surface(long) == ("Velm " * 200).strip()
    assert forms._surface.cache_info() == before
