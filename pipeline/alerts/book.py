"""Lists, saves, changes and removes saved searches: for the command, the API and the pages."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from elasticsearch import ApiError, Elasticsearch

from pipeline import elasticsearch_client
from pipeline.alerts.models import Channel, Condition, SavedSearch
from pipeline.alerts.outbox import Outbox
from pipeline.alerts.store import SavedSearches
from pipeline.errors import ClusterUnavailable
from pipeline.settings import Settings

T = TypeVar("T")
_FORBIDDEN = 403
_LAST = 500  # quotes told last, of which it is said how long they took


@dataclass(frozen=True)
class Account:
    """How alerts fare."""

    searches: Mapping[Condition, int]
    """How many saved searches there are, by state."""
    waiting: int
    """Quotes that wait to be sent, of all channels."""
    told: int
    """Quotes that were told in the time asked for."""
    seconds: Sequence[float]
    """How long each of those told last took, from Kafka to the receiver's acceptance."""
    failures: Sequence[tuple[SavedSearch, Channel]]
    """The channels that fail or are paused, with their saved searches."""


class Alerts:
    """The saved searches with what waits for them. Threads may share it.

    Every method raises:
        ClusterUnavailable: Elasticsearch does not answer, or refused.
    """

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._searches = SavedSearches(client, settings)
        self._outbox = Outbox(client, settings)

    def all(self) -> list[SavedSearch]:
        """Every saved search, the oldest first."""
        return self._ask(self._searches.all)

    def waiting(self) -> dict[str, int]:
        """By saved search, how many quotes wait to be sent, of all its channels."""
        counts: dict[str, int] = {}
        for lane, count in self._ask(self._outbox.counts).items():
            search = lane.partition(":")[0]
            counts[search] = counts.get(search, 0) + count
        return counts

    def account(self, since: datetime) -> Account | None:
        """How alerts fare now, and what was told since then; None where this user may not read it."""
        try:
            searches = self.all()
            told, seconds = self._ask(lambda: self._outbox.told(since, _LAST))
            waiting = sum(self.waiting().values())
        except ClusterUnavailable as error:
            if _is_forbidden(error):
                return None
            raise
        failures = [
            (search, channel)
            for search in searches
            for channel in search.wanted
            if search.enabled and (search.state(channel).paused or search.state(channel).failures)
        ]
        return Account(Counter(search.condition for search in searches), waiting, told, seconds, failures)

    def get(self, id: str) -> SavedSearch:
        """The saved search of this id.

        Raises:
            NotFoundError: there is none.
        """
        return self._ask(lambda: self._searches.get(id))

    def add(self, **fields: Any) -> SavedSearch:
        """Saves a search; the fields are those of `SavedSearches.add`.

        Raises:
            InputError: there are too many.
            pydantic.ValidationError: a field is invalid.
        """
        return self._ask(lambda: self._searches.add(**fields))

    def change(self, id: str, **changes: Any) -> SavedSearch:
        """Changes fields of a saved search. What waited for a channel that it no longer has is forgotten.

        Raises:
            NotFoundError: there is none of this id.
            pydantic.ValidationError: a field is invalid.
        """
        before = self.get(id)
        search = self._ask(lambda: self._searches.change(id, **changes))
        for channel in set(before.wanted) - set(search.wanted):
            self._forget(lambda channel=channel: self._outbox.forget_lane(id, channel))  # type: ignore[misc]
        return search

    def turn(self, id: str, *, on: bool) -> SavedSearch:
        """Turns it on, which also resumes its paused channels, or off.

        Raises:
            NotFoundError: there is none of this id.
        """
        return self._ask(lambda: self._searches.turn(id, on=on))

    def remove(self, id: str) -> str:
        """Removes it with all that it found; its name.

        Raises:
            NotFoundError: there is none of this id.
        """
        name = self._ask(lambda: self._searches.remove(id))
        self._forget(lambda: self._outbox.forget_search(id))
        return name

    def _forget(self, forget: Callable[[], int]) -> None:
        """Forgets deliveries; where this user may not, the process that sends does it."""
        try:
            self._ask(forget)
        except ClusterUnavailable as error:
            if not _is_forbidden(error):
                raise

    def _ask(self, request: Callable[[], T]) -> T:
        with elasticsearch_client.translate_errors(self._client):
            return request()


def _is_forbidden(error: ClusterUnavailable) -> bool:
    """Whether Elasticsearch does not let this user do it."""
    return isinstance(error.__cause__, ApiError) and error.__cause__.status_code == _FORBIDDEN
