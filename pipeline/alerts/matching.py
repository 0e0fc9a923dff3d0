"""Says what runs saved searches must offer; pipeline.search.matching does it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from pipeline.alerts.messages import Quote
from pipeline.alerts.models import Delivery, SavedSearch


class Hit(NamedTuple):
    """A quote that a saved search found."""

    search: str
    article: str
    said: str
    """The hash of what was said."""
    read: datetime | None
    """When a connector read the article; None where that is not known."""


@dataclass
class Found:
    """What saved searches found, and why some cannot be run, by id."""

    hits: list[Hit] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class Matching(Protocol):
    """Runs saved searches (pipeline.search.matching). Its methods raise ClusterUnavailable."""

    def find(self, searches: Sequence[SavedSearch], articles: Collection[str]) -> Found:
        """What the searches find among the quotes of these articles that can be searched now."""

    def look(self, deliveries: Sequence[Delivery], refresh: bool) -> Mapping[str, Quote]:
        """By the delivery's id, the quotes that are still there."""
