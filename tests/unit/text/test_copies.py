"""How well copies made of the sample articles are found, by the code that the figures in the docs come from."""

import pytest

from benchmarks.near_duplicates import CHANGES, Measurement
from pipeline.samples import articles
from pipeline.settings import Settings


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    return Measurement([article.body for article in articles()], seed=2)


def test_copies_are_found_and_other_articles_are_not(measurement: Measurement) -> None:
    result = measurement.at(Settings().sink.similarity)
    assert sum(result.made.values()) == 22 * len(CHANGES)
    assert result.recall >= 0.93
    assert result.precision >= 0.99
    assert result.wrong == 0


@pytest.mark.parametrize("kind", ["headline", "byline", "advertisements", "tail cut by a third", "every 20th word"])
def test_what_sites_do_most_is_found_nearly_always(measurement: Measurement, kind: str) -> None:
    result = measurement.at(Settings().sink.similarity)
    assert result.found[kind] >= 0.9 * result.made[kind]


def test_a_stricter_threshold_finds_less(measurement: Measurement) -> None:
    assert measurement.at(0.8).recall < measurement.at(0.4).recall
