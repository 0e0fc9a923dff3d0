"""Finds countries by their names in news, and by the names of their people: "the U.S.", "Britain", "Ukrainian"."""

from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

_WORDS = frozenset({"us", "Us", "states"})


class Country(NamedTuple):
    """A country or territory: ISO 3166-1 alpha-2 code (XK is Kosovo) and the name we call it."""

    code: str
    name: str


def find(name: str) -> Country | None:
    """The country of that name, with or without "the"; parts (England) keep their name and give the whole's code.

    Georgia alone is none: it may be the state in the U.S.
    """
    return None if name in _WORDS else _tables()[0].get(_plain(name))


def of_people(word: str) -> Country | None:
    """The country of a people or an adjective: "Ukrainian", "Britons"."""
    people = _tables()[1]
    plain = _plain(word)
    return people.get(plain) or people.get(plain.removesuffix("s"))


def _plain(name: str) -> str:
    words = name.casefold().replace("’", "'").split()
    if words[:1] == ["the"]:
        words = words[1:]
    return " ".join(words)


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, Country], dict[str, Country]]:
    # countries.tsv: code, name, other names, people and adjectives; several of a kind are parted by |. The
    # other names of parts of the country begin with +.
    names: dict[str, Country] = {}
    people: dict[str, Country] = {}
    for line in (files("pipeline.text") / "countries.tsv").read_text(encoding="utf-8").splitlines():
        code, name, others, adjectives = [*line.split("\t"), "", ""][:4]
        country = Country(code, name)
        for alias in (name, *others.split("|")):
            if alias.startswith("+"):
                names[_plain(alias[1:])] = Country(code, alias[1:])
            elif alias:
                names[_plain(alias)] = country
        for alias in adjectives.split("|"):
            if alias:
                people[_plain(alias)] = country
    return names, people
