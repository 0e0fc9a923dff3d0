"""Keeps saved searches in Elasticsearch. Their secrets are there, so whoever may read the index may sign as we do."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ConflictError, Elasticsearch
from elasticsearch import NotFoundError as Missing
from pydantic import ValidationError

from pipeline import elasticsearch_client
from pipeline.alerts.models import (
    MAX_SEARCHES,
    Channel,
    ChannelState,
    SavedSearch,
    is_id,
    new_id,
    new_secret,
)
from pipeline.errors import ClusterUnavailable, InputError, NotFoundError, validation_fault
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

_PAGE = 1000
_TRIES = 5
_PRIORITY = 200  # of the templates: above those that come with Elasticsearch
_OPAQUE = {"type": "object", "enabled": False}
_OWN = frozenset({"name", "query", "webhook", "secret", "email"})
MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": {"type": "keyword"},
        "name": {"type": "keyword", "ignore_above": 1024},
        "enabled": {"type": "boolean"},
        "created": {"type": "date"},
        "changed": {"type": "date"},
        "told": _OPAQUE,
        "channels": _OPAQUE,
    },
}


class SavedSearches:
    """The saved searches of one cluster. Threads may share it.

    Every method raises the client's own errors.
    """

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._index = settings.alerts_index

    def prepare(self) -> None:
        """Makes the index where it is missing."""
        make_index(self._client, self._settings, self._index, MAPPING)

    def all(self) -> list[SavedSearch]:
        """Every saved search that can be read, the oldest first; none where there is no index yet.

        One that cannot, as another release saved it, stops no other: the log names it.
        """
        if not self._client.indices.exists(index=self._index):
            return []
        elasticsearch_client.refresh(self._client, [self._index])
        found: list[SavedSearch] = []
        order = [{"created": "asc"}, {"id": "asc"}]
        pages = elasticsearch_client.wait_for_shards(
            lambda: list(elasticsearch_client.pages(self._client, index=self._index, sort=order, size=_PAGE))
        )
        for page in pages:
            for hit in page:
                try:
                    found.append(_search(hit["_id"], hit["_source"]))
                except InputError as error:
                    logger.error("%s", error)
        return found

    def stamp(self) -> tuple[int, float]:
        """Is another whenever a saved search was added, changed or removed: how many there are, and when they changed.

        The sum of the times tells of each change; the last of them would not, where clocks differ.
        """
        elasticsearch_client.refresh(self._client, [self._index])
        answer = elasticsearch_client.wait_for_shards(
            lambda: self._client.search(
                index=self._index, size=0, track_total_hits=True, aggs={"changes": {"sum": {"field": "changed"}}},
                allow_partial_search_results=False,
            )
        )  # fmt: skip
        return int(answer["hits"]["total"]["value"]), float(answer["aggregations"]["changes"]["value"] or 0)

    def get(self, id: str) -> SavedSearch:
        """The saved search of this id, as it is now.

        Raises:
            NotFoundError: there is none.
            InputError: it cannot be read.
        """
        return _search(id, self._document(id)["_source"])

    def add(
        self,
        *,
        name: str,
        query: Mapping[str, Any],
        webhook: str | None = None,
        secret: str | None = None,
        email: list[str] | None = None,
        now: datetime | None = None,
    ) -> SavedSearch:
        """Saves a search. One with a webhook and no secret gets one.

        Raises:
            InputError: there are too many.
            pydantic.ValidationError: a part of it is invalid.
        """
        moment = now or datetime.now(UTC)
        search = SavedSearch(
            id=new_id(), name=name, query=dict(query), webhook=webhook, email=email or [], created=moment,
            changed=moment, secret=secret or (new_secret() if webhook else None),
        )  # fmt: skip
        self.prepare()
        there = elasticsearch_client.count(self._client, self._index)
        if there >= MAX_SEARCHES:
            raise InputError(f"There are {MAX_SEARCHES:,} saved searches, which is the most; remove one first.")
        elasticsearch_client.wait_for_shards(
            lambda: self._client.create(index=self._index, id=search.id, document=document(search), refresh=True)
        )
        return search

    def change(self, id: str, **changes: Any) -> SavedSearch:
        """Changes what is told, of what, and to whom; a channel with another receiver begins anew.

        Raises:
            NotFoundError: there is none of this id.
            pydantic.ValidationError: a part of it is invalid.
        """

        def changed(before: SavedSearch) -> SavedSearch:
            values = before.model_dump() | changes | {"changed": datetime.now(UTC)}
            if values["webhook"] and not values["secret"]:
                values["secret"] = new_secret()
            for channel in (Channel.WEBHOOK, Channel.EMAIL):
                if channel in changes and changes[channel] != getattr(before, channel):
                    values["channels"] = {**values["channels"], channel: ChannelState()}
            return SavedSearch.model_validate(values)

        return self._rewrite(id, changed)

    def turn(self, id: str, *, on: bool) -> SavedSearch:
        """Turns it on, which also resumes its paused channels, or off.

        Raises:
            NotFoundError: there is none of this id.
        """

        def turned(before: SavedSearch) -> SavedSearch:
            states = {
                channel: ChannelState(sent=state.sent) if on else state for channel, state in before.channels.items()
            }
            return before.model_copy(update={"enabled": on, "channels": states, "changed": datetime.now(UTC)})

        return self._rewrite(id, turned)

    def remove(self, id: str) -> str:
        """Removes it, also where it cannot be read; its name.

        Raises:
            NotFoundError: there is none of this id.
        """
        name = self._document(id)["_source"].get("name", "")
        self._client.options(ignore_status=404).delete(index=self._index, id=id, refresh=True)
        return str(name)

    def note(self, states: Sequence[tuple[str, Channel, ChannelState]]) -> None:
        """Notes how channels of saved searches fare. Those of searches that were removed meanwhile are passed over."""
        operations: list[dict[str, Any]] = []
        for id, channel, state in states:
            document = {"channels": {channel.value: state.model_dump(mode="json")}}
            operations += [{"update": {"_id": id, "retry_on_conflict": _TRIES}}, {"doc": document}]
        if not operations:
            return
        answer = self._client.bulk(index=self._index, operations=operations)
        for item in answer["items"]:
            (result,) = item.values()
            if result["status"] not in (404, 409):  # 409: others change it all the time; it is noted the next time
                elasticsearch_client.raise_failure(result, answer)

    def _document(self, id: str) -> Mapping[str, Any]:
        try:
            if is_id(id):
                found = elasticsearch_client.wait_for_shards(lambda: self._client.get(index=self._index, id=id))
                return dict(found.body)
        except Missing:
            pass
        raise NotFoundError(f"There is no saved search {id[:80]}; `whosaid alert list` shows those there are.")

    def _rewrite(self, id: str, change: Callable[[SavedSearch], SavedSearch]) -> SavedSearch:
        """Writes what `change` makes of a saved search, of its newest state where others change it, too."""
        for _ in range(_TRIES):
            found = self._document(id)
            search = change(_search(id, found["_source"]))
            if self._replace(search, found):
                return search
        raise ClusterUnavailable(f"Others change the saved search {id} all the time; try again.")

    def _replace(self, search: SavedSearch, found: Mapping[str, Any]) -> bool:
        """Writes it in place of what was found; False where somebody was faster."""
        try:
            self._client.index(
                index=self._index, id=search.id, document=document(search), refresh=True,
                if_seq_no=found["_seq_no"], if_primary_term=found["_primary_term"],
            )  # fmt: skip
        except ConflictError:
            return False
        return True


class Watched:
    """The saved searches, read again when they have changed. One thread."""

    def __init__(self, searches: SavedSearches) -> None:
        self._searches = searches
        self._stamp: tuple[int, float] | None = None
        self._known: list[SavedSearch] = []
        self.fresh = False
        """Whether the last `current` read them again."""

    def current(self) -> list[SavedSearch]:
        """The saved searches as they are now; how their channels fare is as of the last change by a person."""
        stamp = self._searches.stamp()
        self.fresh = stamp != self._stamp
        if self.fresh:
            self._known = self._searches.all()
            self._stamp = stamp
        return self._known

    def forget(self) -> None:
        """Reads them again the next time."""
        self._stamp = None


def make_index(client: Elasticsearch, settings: Settings, index: str, mapping: Mapping[str, Any]) -> None:
    """Makes an index where it is missing, and a template, by which a write to a deleted one makes it as it was.

    Raises the client's own errors.
    """
    if client.indices.exists(index=index):
        return
    form: dict[str, Any] = {
        "mappings": mapping,
        "settings": {
            "number_of_shards": 1,
            "number_of_replicas": settings.elasticsearch.replicas,
            "refresh_interval": "1s",
        },
    }
    client.indices.put_index_template(name=index, index_patterns=[index], template=form, priority=_PRIORITY)
    elasticsearch_client.create_index(client, index, **form)


def document(search: SavedSearch) -> dict[str, Any]:
    """The document of a saved search."""
    fields = search.model_dump(mode="json", exclude=set(_OWN - {"name"}))
    return fields | {"told": search.model_dump(mode="json", include=set(_OWN - {"name"}))}


def _search(id: str, document: Mapping[str, Any]) -> SavedSearch:
    """The saved search in a document.

    Raises:
        InputError: it cannot be read.
    """
    own = {name: value for name, value in document.items() if name != "told"}
    try:
        return SavedSearch.model_validate(own | document.get("told", {}))
    except ValidationError as error:
        raise InputError(
            f"The saved search {id} cannot be read: {validation_fault(error.errors())}. If no newer WhoSaid saved it, "
            f"remove it: `whosaid alert remove {id}`."
        ) from None
