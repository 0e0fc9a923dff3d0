"""Names of people fall into their parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.names import person_name
from pipeline.text.names.given_names import FEMALE, MALE
from pipeline.text.names.person_name import PersonName, gender_of, is_initial, is_title, key, parse, without_possessive


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Marco Rubio", PersonName(given="Marco", family="Rubio")),
        ("Rubio", PersonName(family="Rubio")),
        ("Senator Marco Rubio's", PersonName(titles=("Senator",), given="Marco", family="Rubio")),
        ("Mr. Smith", PersonName(titles=("Mr.",), family="Smith")),
        ("Gen. Sir Nick Carter", PersonName(titles=("Gen.", "Sir"), given="Nick", family="Carter")),
        ("Vice-President Ana Roth", PersonName(titles=("Vice-President",), given="Ana", family="Roth")),
        ("Donald J. Trump", PersonName(given="Donald", middle=("J.",), family="Trump")),
        ("Ana María López", PersonName(given="Ana", middle=("María",), family="López")),
        ("Martin Luther King Jr.", PersonName(given="Martin", middle=("Luther",), family="King", suffix="Jr.")),
        ("John Davison III", PersonName(given="John", family="Davison", suffix="III")),
        ("Ursula von der Leyen", PersonName(given="Ursula", particles=("von", "der"), family="Leyen")),
        ("Von der Leyen", PersonName(particles=("Von", "der"), family="Leyen")),
        ("Mohammed bin Salman", PersonName(given="Mohammed", particles=("bin",), family="Salman")),
        ("Robert De Niro", PersonName(given="Robert", particles=("De",), family="Niro")),
        ("Bashar al-Assad", PersonName(given="Bashar", family="al-Assad")),
        ("Siobhán O’Brien", PersonName(given="Siobhán", family="O’Brien")),
        ("Ocasio-Cortez", PersonName(family="Ocasio-Cortez")),
        ("J.K. Rowling", PersonName(given="J.K.", family="Rowling")),
        ("李克强", PersonName(family="李克强")),
        ("Stephen King", PersonName(given="Stephen", family="King")),
        ("King", PersonName(family="King")),  # a lone word is a name, never a title
        ("Pope Francis", PersonName(titles=("Pope",), family="Francis")),
        ("", PersonName()),
    ],
)
def test_a_name_falls_into_its_parts(text: str, name: PersonName) -> None:
    assert parse(text) == name


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("Senator Marco Rubio", "Marco Rubio"),
        ("Pope Francis", "Pope Francis"),
        ("Queen Elizabeth II", "Queen Elizabeth II"),
        ("Prof Ursula von der Leyen", "Ursula von der Leyen"),
        ("Ms Diallo", "Diallo"),
        ("Harry Belden Jr.", "Harry Belden Jr."),
    ],
)
def test_the_full_name_has_no_titles_but_those_that_belong_to_it(text: str, full: str) -> None:
    assert parse(text).full == full


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
        ("Mrs. Clinton", "female"),
        ("Mr Robin Hale", "male"),
        ("Lady Robin Hale", "female"),
        ("Angela Merkel", "female"),
        ("José Ortega", "male"),
        ("Anne-Marie Duval", "female"),
        ("Robin Hale", None),  # both bear it
        ("Xyzzy Hale", None),
        ("Stanley", None),  # a lone word is a family name: no evidence
        ("Spokeswoman Kim Lund", "female"),
    ],
)
def test_titles_and_given_names_tell_the_gender_where_they_can(text: str, gender: str | None) -> None:
    assert parse(text).gender == gender


def test_no_given_name_is_on_both_lists_and_all_are_plain() -> None:
    assert not FEMALE & MALE
    assert gender_of("KATARINA") == "female"
    assert all(name == name.lower() and name.isalpha() for name in FEMALE | MALE)


def test_titles_and_initials_are_known() -> None:
    assert is_title("Senator")
    assert is_title("Dr.")
    assert is_title("vice-president")
    assert not is_title("Marco")
    assert is_initial("J.")
    assert is_initial("J.R.R.")
    assert not is_initial("Jo")
    assert person_name.REGAL <= person_name.TITLES


@given(st.text(max_size=60))
def test_no_text_raises_and_the_parts_are_words_of_it(text: str) -> None:
    name = parse(text)
    for part in (*name.titles, *name.words, *name.suffix.split()):
        assert part in text
