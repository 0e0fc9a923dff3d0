"""Countries are known by all the names that news calls them."""

from importlib.resources import files

import pytest

from pipeline.text import countries


@pytest.mark.parametrize("name", ["U.S.", "the US", "USA", "United States", "the United States", "America"])
def test_the_united_states_by_any_name(name: str) -> None:
    assert countries.find(name) == countries.Country("US", "United States")


@pytest.mark.parametrize(
    ("name", "code"),
    [("Britain", "GB"), ("Côte d’Ivoire", "CI"), ("TÜRKIYE", "TR"), ("Burma", "MM"), ("Kosovo", "XK")],
)
def test_other_names_give_the_code(name: str, code: str) -> None:
    country = countries.find(name)
    assert country is not None
    assert country.code == code


def test_a_part_of_a_country_keeps_its_name() -> None:
    assert countries.find("Scotland") == countries.Country("GB", "Scotland")


@pytest.mark.parametrize("name", ["Georgia", "us", "Us", "Paris", "Congo", ""])
def test_what_may_be_something_else_is_no_country(name: str) -> None:
    assert countries.find(name) is None


@pytest.mark.parametrize(
    ("word", "code"),
    [("Ukrainian", "UA"), ("Americans", "US"), ("Britons", "GB"), ("Swiss", "CH"), ("Georgian", "GE")],
)
def test_peoples_have_a_country(word: str, code: str) -> None:
    country = countries.of_people(word)
    assert country is not None
    assert country.code == code


def test_the_table_has_each_code_once_and_no_name_twice() -> None:
    rows = [line.split("\t") for line in (files("pipeline.text") / "countries.tsv").read_text("utf-8").splitlines()]
    codes = [row[0] for row in rows]
    assert len(codes) == len(set(codes)) == 250
    assert all(len(code) == 2 and code.isupper() for code in codes)
    for column in (1, 2, 3):
        names = [name.casefold() for row in rows for name in "".join(row[column : column + 1]).split("|") if name]
        assert len(names) == len(set(names))
