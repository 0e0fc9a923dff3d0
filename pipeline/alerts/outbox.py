"""Keeps deliveries in Elasticsearch: what saved searches found, what is sent, and by which message.

A delivery's id is made of what it tells, and it is only ever created: whoever finds the same again, after a kill or
beside another process, changes nothing. A delivery that was sent stays, as the memory that it was.

Each lane has a document with its message of now: that one's id and the deliveries that it tells. It is written before
the message is sent, in one piece, and only in place of the state that it was read in. So a message is the same whenever
and by whomever it has to be sent again, and of two processes that begin one at the same time, one does.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from elasticsearch import ConflictError, Elasticsearch
from elasticsearch import NotFoundError as Missing

from pipeline import elasticsearch_client
from pipeline.alerts.models import Channel, Delivery, lane
from pipeline.alerts.store import make_index
from pipeline.elasticsearch_client import chunks
from pipeline.settings import Settings

MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "search": {"type": "keyword"},
        "channel": {"type": "keyword"},
        "lane": {"type": "keyword"},
        "article": {"type": "keyword"},
        "said": {"type": "keyword"},
        "state": {"type": "keyword"},
        "message": {"type": "keyword"},
        "members": {"type": "keyword"},
        "found": {"type": "date"},
        "since": {"type": "date"},
        "ended": {"type": "date"},
        "holder": {"type": "keyword"},
        "until": {"type": "date"},
    },
}
SENT, GONE = "sent", "gone"
"""How a delivery ends: told, or no longer there to be told."""

_WAITING, _LANE, _LEASE = "waiting", "lane", "lease"
_AT_ONCE = 500
_PAGE = 1000
_LANES = 20_000


class Overtaken(Exception):
    """Another process was faster."""


class Message(NamedTuple):
    """The last message of a lane, and the state of its document (None: the lane has none yet)."""

    id: str
    waiting: list[Delivery]
    """What it tells and is not noted as sent."""
    accepted: bool
    """Whether a part of it is noted as sent: then the receiver has all of it."""
    place: tuple[int, int] | None


class Outbox:
    """The deliveries of one cluster. Threads may share it. Every method raises the client's own errors."""

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._index = settings.deliveries_index

    def prepare(self) -> None:
        """Makes the index where it is missing."""
        make_index(self._client, self._settings, self._index, MAPPING)

    def add(self, deliveries: Iterable[Delivery]) -> int:
        """Adds those that were never there; how many these are."""
        new = 0
        unique = {delivery.id: delivery for delivery in deliveries}
        for chunk in chunks(unique.values(), _AT_ONCE):
            operations: list[dict[str, Any]] = []
            for delivery in chunk:
                document = delivery.model_dump(mode="json", exclude_none=True)
                document |= {"lane": delivery.lane, "state": _WAITING}
                operations += [{"create": {"_id": delivery.id}}, document]
            new += sum(result["status"] == 201 for result in self._bulk(operations))
        return new

    def lanes(self, *, without: Collection[str] = ()) -> list[tuple[str, Channel]]:
        """The lanes in which something waits, but for some; of each the saved search and the channel."""
        self._client.indices.refresh(index=self._index)
        query = {"bool": {"filter": [_is_waiting()], "must_not": [{"terms": {"lane": sorted(without)}}]}}
        found = []
        for name in self._by_lane(query):
            search, _, channel = name.partition(":")
            found.append((search, Channel(channel)))
        return found

    def last(self, search: str, channel: Channel) -> Message:
        """The last message of a lane, in real time."""
        found = self._get(f"{_LANE}:{lane(search, channel)}")
        if found is None:
            return Message("", [], False, None)
        source = found["_source"]
        documents = self._documents(source["members"])
        return Message(
            id=source["message"],
            waiting=[_delivery(one) for one in documents if one["_source"]["state"] == _WAITING],
            accepted=any(one["_source"]["state"] == SENT for one in documents),
            place=(found["_seq_no"], found["_primary_term"]),
        )

    def next(
        self, search: str, channel: Channel, place: tuple[int, int] | None, size: int, ended: Collection[str] | None
    ) -> Message | None:
        """Begins the next message of a lane; None where nothing waits.

        A search may be a second behind what was written. Who has just read the lane's document does not know what was
        sent before that and when, and gives None for `ended`: then the index is refreshed first. Who has written it
        himself gives what he has sent since the index was refreshed. What others send later changes the document.

        Args:
            search: the saved search.
            channel: its channel.
            place: the state of the lane's document when all that its message tells had ended.
            size: the most deliveries of one message.
            ended: the ids of deliveries that this process has sent since a refresh; None where that is not known.

        Raises:
            Overtaken: another process has begun a message.
        """
        name = lane(search, channel)
        if ended is None:
            self._client.indices.refresh(index=self._index)
            ended = ()
        query = {"bool": {"filter": [_is_waiting(), {"term": {"lane": name}}]}}
        order = [{"found": "asc"}, {"article": "asc"}, {"said": "asc"}]
        answer = elasticsearch_client.wait_for_shards(
            lambda: self._client.search(
                index=self._index, query=query, size=size + len(ended), sort=order, track_total_hits=False,
                allow_partial_search_results=False,
            )
        )  # fmt: skip
        chosen = [_delivery(hit) for hit in answer["hits"]["hits"] if hit["_id"] not in ended][:size]
        if not chosen:
            return None
        id = f"msg_{uuid.uuid4().hex}"
        document = {
            "state": _LANE, "search": search, "message": id, "members": [delivery.id for delivery in chosen],
        }  # fmt: skip
        now = self._put(f"{_LANE}:{name}", document, place)
        if now is None:
            raise Overtaken
        return Message(id, chosen, False, now)

    def end(self, deliveries: Iterable[Delivery], state: str, now: datetime | None = None) -> None:
        """Notes that deliveries were sent, or that nothing is left to send."""
        operations: list[dict[str, Any]] = []
        ended = (now or datetime.now(UTC)).isoformat()
        for delivery in deliveries:
            operations += [{"update": {"_id": delivery.id}}, {"doc": {"state": state, "ended": ended}}]
        self._bulk(operations, passing=(404,))

    def counts(self, state: str = _WAITING) -> dict[str, int]:
        """How many deliveries wait (or are in another state), by lane."""
        if not self._client.indices.exists(index=self._index):
            return {}
        return self._by_lane({"term": {"state": state}})

    def forget_search(self, search: str) -> int:
        """Deletes the deliveries of a saved search that was removed; how many."""
        return self._delete({"term": {"search": search}})

    def forget_lane(self, search: str, channel: Channel) -> int:
        """Deletes what waits for a channel that a saved search no longer has; how many."""
        return self._delete({"bool": {"filter": [_is_waiting(), {"term": {"lane": lane(search, channel)}}]}})

    def prune(self, now: datetime | None = None) -> int:
        """Forgets what ended longer ago than the settings keep it; how many deliveries that were."""
        before = (now or datetime.now(UTC)) - timedelta(days=self._settings.alerts.keep_days)
        return self._delete({"range": {"ended": {"lt": before.isoformat()}}})

    # The lease of the one process that sends

    def hold(self, holder: str, now: datetime | None = None) -> bool:
        """Takes or renews the right to send; whether `holder` has it now. It ends by itself some seconds later."""
        moment = now or datetime.now(UTC)
        until = moment + timedelta(seconds=self._settings.alerts.lease)
        found = self._get(_LEASE)
        place = None
        if found is not None:
            lease = found["_source"]
            if lease["holder"] != holder and datetime.fromisoformat(lease["until"]) > moment:
                return False
            place = found["_seq_no"], found["_primary_term"]
        document = {"state": _LEASE, "holder": holder, "until": until.isoformat()}
        return self._put(_LEASE, document, place) is not None

    def holder(self) -> str:
        """Who has the right to send, as HOST:PROCESS:…; empty where nobody has it."""
        found = self._get(_LEASE)
        return str(found["_source"]["holder"]) if found else ""

    def release(self, holder: str) -> None:
        """Gives the right to send back."""
        found = self._get(_LEASE)
        if found and found["_source"]["holder"] == holder:
            place = {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]}
            with suppress(ConflictError, Missing):
                self._client.delete(index=self._index, id=_LEASE, **place)

    # Requests

    def _get(self, id: str) -> Mapping[str, Any] | None:
        """A document in real time; None where there is none."""
        try:
            found = elasticsearch_client.wait_for_shards(lambda: self._client.get(index=self._index, id=id))
        except Missing:
            return None
        return dict(found.body)

    def _put(self, id: str, document: Mapping[str, Any], place: tuple[int, int] | None) -> tuple[int, int] | None:
        """Writes a document in place of the state that it was read in (None: there was none); its state now.

        None where another process was faster.
        """
        where: dict[str, Any] = {"op_type": "create"}
        if place is not None:
            where = {"if_seq_no": place[0], "if_primary_term": place[1]}
        try:
            answer = self._client.index(index=self._index, id=id, document=document, **where)
        except ConflictError:
            return None
        return answer["_seq_no"], answer["_primary_term"]

    def _documents(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """The documents of deliveries, in real time; those that were deleted are left out."""
        found: list[Mapping[str, Any]] = []
        for chunk in chunks(ids, _AT_ONCE):
            answer = elasticsearch_client.wait_for_shards(
                lambda chunk=chunk: self._client.mget(index=self._index, ids=chunk)  # type: ignore[misc]
            )
            for document in answer["docs"]:
                elasticsearch_client.raise_failure(document, answer)
                if document["found"]:
                    found.append(document)
        return found

    def _by_lane(self, query: Mapping[str, Any]) -> dict[str, int]:
        """How many deliveries a query finds, by lane; those of the longest waiting first."""
        lanes = {
            "terms": {"field": "lane", "size": _LANES, "order": {"first": "asc"}},
            "aggs": {"first": {"min": {"field": "found"}}},
        }
        answer = elasticsearch_client.wait_for_shards(
            lambda: self._client.search(
                index=self._index, size=0, query=query, aggs={"lanes": lanes}, track_total_hits=False,
                allow_partial_search_results=False,
            )
        )  # fmt: skip
        return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["lanes"]["buckets"]}

    def _delete(self, query: Mapping[str, Any]) -> int:
        """Deletes what a query finds. A small build of Elasticsearch has no delete-by-query."""
        if not self._client.indices.exists(index=self._index):
            return 0
        deleted = 0
        while True:
            self._client.indices.refresh(index=self._index)
            answer = self._client.search(
                index=self._index, query=query, size=_PAGE, source=False, allow_partial_search_results=False
            )
            ids = [hit["_id"] for hit in answer["hits"]["hits"]]
            if not ids:
                return deleted
            self._bulk([{"delete": {"_id": id}} for id in ids], lines=1, passing=(404,))
            deleted += len(ids)

    def _bulk(
        self, operations: Sequence[dict[str, Any]], *, lines: int = 2, passing: Collection[int] = ()
    ) -> list[dict[str, Any]]:
        """The results of a bulk request; a conflict is a result, any other failure is raised."""
        results: list[dict[str, Any]] = []
        for chunk in chunks(operations, lines * _AT_ONCE):
            answer = elasticsearch_client.wait_for_shards(
                lambda chunk=chunk: self._client.bulk(index=self._index, operations=chunk)  # type: ignore[misc]
            )
            for item in answer["items"]:
                (result,) = item.values()
                if result["status"] != 409 and result["status"] not in passing:
                    elasticsearch_client.raise_failure(result, answer)
                results.append(result)
        return results


def _is_waiting() -> dict[str, Any]:
    return {"term": {"state": _WAITING}}


def _delivery(document: Mapping[str, Any]) -> Delivery:
    return Delivery.model_validate(document["_source"])
