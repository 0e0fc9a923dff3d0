"""Keeps what the batches of one cluster share: indices, look-ups, requests, and how long to wait after a failure."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.backoff import Backoff
from pipeline.errors import BackpressureError, ClusterUnavailable, IndicesUnfit
from pipeline.models import DeadLetter
from pipeline.settings import Settings
from pipeline.sink import bulk, indices, removal
from pipeline.sink.events import Event
from pipeline.sink.indices import Indices
from pipeline.sink.lookup import Lookup
from pipeline.sink.near_duplicates import NearDuplicates
from pipeline.sink.refresher import Refresher
from pipeline.tombstones import Subject, Tombstones

logger = logging.getLogger(__name__)


class Target:
    """What the batches of one cluster share."""

    def __init__(
        self,
        client: Elasticsearch,
        settings: Settings,
        indices: Indices,
        *,
        also: Sequence[str] = (),
        keep_letters: Callable[[Sequence[DeadLetter]], None] | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """A target in `indices`.

        Args:
            client: sends the requests.
            settings: of the sink.
            indices: what is written to.
            also: other versions of the indices in which copies are looked for.
            keep_letters: keeps the dead letters of articles before what was written of these is deleted. Without it,
                what was written of a refused article stays. Other letters are in the outcome of their batch alone.
            beat: is called with each step of a batch, so that a part shows that it works on.
        """
        self.settings = settings
        self.keep_letters = keep_letters
        self.beat = beat
        self._client = client
        self._also = also
        self.looker = ThreadPoolExecutor(3, thread_name_prefix="look-up")
        """Does what writes nothing, while the batches' own thread goes on: a look-up for a plan, a second look at the
        tombstones, and a refresh; no more than these at a time."""
        self._use(indices)
        self.bulk = bulk.Bulk(client, settings.sink.batch_bytes)
        self.backoff = Backoff(settings.sink.backoff_initial, settings.sink.backoff_maximum)

    def check(self) -> bool:
        """Makes sure that searches find what is written. Whether the aliases now name another version, as `moved`.

        Raises:
            BackpressureError: searches would not find what is written, until somebody mends that.
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
        """
        try:
            state = self.indices.check()
        except IndicesUnfit as error:
            raise BackpressureError(
                f"Nothing is written, as no search would find it. {error}", retry_after=self.backoff.next()
            ) from error
        other = self.indices.searched and state.version not in (None, self.indices.version)
        return other and self.moved()

    def moved(self) -> bool:
        """Whether the aliases now name another version of the indices; this writer then writes to that one."""
        try:
            if not self.indices.searched or indices.current(self._client, self.settings) == self.indices.version:
                return False
            self._use(indices.prepare(self._client, self.settings))
        except (*elasticsearch_client.ERRORS, ClusterUnavailable) as error:
            logger.warning("Elasticsearch does not say now which version the aliases name: %s", error)
            return False
        logger.info("The aliases were swapped; continuing with version %s of the indices", self.indices.version)
        return True

    def stay(self) -> None:
        """Makes sure that searches find what is written, and that the aliases name the version that is written.

        Any thread may call it.

        Raises:
            IndicesUnfit: it is not so.
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
        """
        state = self.indices.check()
        if self.indices.searched and state.version not in (None, self.indices.version):
            raise IndicesUnfit("The aliases name another version of the indices.")

    @property
    def state(self) -> tuple[object, int]:
        """Changes where what was looked up before may be of no use any more."""
        return self.version, self.duplicates.forgotten

    def index(self, event: Event, kind: str, now: datetime) -> str:
        """The index in which the event's documents of this kind belong; `now` is the time of writing."""
        month = indices.month(event.enriched.article, now=now, months=self.settings.sink.months)
        return indices.name(self.settings, kind, month, self.indices.version)

    def sees(self, ids: Collection[str]) -> bool:
        """Whether a search sees all that was written of these articles."""
        return self.refresher.sees(ids)

    def catch_up(self, ids: Collection[str]) -> None:
        """Makes searches see what was written of these articles. Raises the client's own errors."""
        self._forget(self.refresher.catch_up(ids))

    def refresh_if_due(self) -> None:
        """Makes searches see what was written, where it is time for that."""
        self._forget(self.refresher.refresh_if_due())

    def taken_down(self, events: Iterable[Event]) -> set[str]:
        """The ids of the events' articles that are taken down. Raises the client's own errors."""
        return set(self.tombstones.among(Subject(event.id, event.enriched.article.source.id) for event in events))

    def remove(self, ids: Collection[str]) -> None:
        """Removes articles with their quotes. Raises as `removal.remove`."""
        removal.remove(self._client, self.settings, self.indices.version, ids)

    def _forget(self, seen: Collection[str] | None) -> None:
        if seen is not None:
            self.duplicates.forget_seen(seen)

    def _use(self, indices: Indices) -> None:
        self.version = object()
        """Another one after each swap of the aliases: batches begin again then."""
        self.indices = indices
        self.lookup = Lookup(self._client, self.settings, indices.version)
        self.refresher = Refresher(self._client, self.settings, self.looker, indices.version)
        self.tombstones = Tombstones(self._client, self.settings)
        self.duplicates = NearDuplicates(self._client, self.settings, indices.version, *self._also)
