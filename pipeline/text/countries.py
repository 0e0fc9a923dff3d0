"""Countries by the names that news calls them and their people: "the U.S.", "Britain", "Ukrainian"."""

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
        for one in (name, *others.split("|")):
            if one.startswith("+"):
                names[_plain(one[1:])] = Country(code, one[1:])
            elif one:
                names[_plain(one)] = country
        for one in adjectives.split("|"):
            if one:
                people[_plain(one)] = country
    return names, people
