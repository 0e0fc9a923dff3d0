"""Hands the pages about the other parts to the search service, which knows none of them."""

from pipeline.administration import dead_letters, health, sources, statistics
from pipeline.search.surroundings import Surroundings
from pipeline.settings import Settings


def surroundings(settings: Settings) -> Surroundings:
    """What the search service shows of the other parts."""
    return Surroundings(
        routers=(
            lambda reader: sources.router(reader, settings),
            lambda reader: dead_letters.router(settings),
            lambda reader: statistics.router(reader, settings),
        ),
        sources_line=health.sources_line(settings),
    )
