"""Defines what the search service shows of parts that it does not know: `whosaid serve` hands it in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from pipeline.search.reader import Reader


def _silent() -> str | None:
    return None


@dataclass(frozen=True)
class Surroundings:
    """The pages about other parts, and what the home page says of them.

    Attributes:
        routers: each makes the routes of some pages.
        sources_line: gives a line on how the sources fare; None where that cannot be said now.
    """

    routers: Sequence[Callable[[Reader], APIRouter]] = ()
    sources_line: Callable[[], str | None] = _silent
