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
_WRITTEN = (200, 201)


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

    def lanes(self, *, without: Collection[str] = ()) -> dict[tuple[str, Channel], datetime]:
        """The lanes in which something waits, but for some: of each the search, the channel, and since when it waits.

        What waits longest comes first.
        """
        elasticsearch_client.refresh(self._client, [self._index])
        query = {"bool": {"filter": [_is_waiting()], "must_not": [{"terms": {"lane": sorted(without)}}]}}
        found = {}
        for bucket in self._by_lane(query):
            search, _, channel = bucket["key"].partition(":")
            found[search, Channel(channel)] = datetime.fromtimestamp(bucket["first"]["value"] / 1000, UTC)
        return found

    def begin(self, lanes: Sequence[tuple[str, Channel]], size: int) -> list[Message | None]:
        """Begins the next message of each lane, or gives the one that was begun and not sent to its end.

        None where nothing waits, or where another process was faster.

        Args:
            lanes: of each the saved search and the channel.
            size: the most deliveries of one message.
        """
        messages: list[Message | None] = []
        ended: list[Delivery] = []
        fresh: dict[int, Message] = {}
        for at, last in enumerate(self.last(lanes)):
            if last.waiting and not last.accepted:
                messages.append(last)
                continue
            ended += last.waiting  # whoever sent them was killed as he noted it
            fresh[at] = last
            messages.append(None)
        self.end(ended, SENT)
        places = [last.place for last in fresh.values()]
        for at, message in zip(fresh, self.next([lanes[at] for at in fresh], places, size), strict=True):
            messages[at] = message
        return messages

    def last(self, lanes: Sequence[tuple[str, Channel]]) -> list[Message]:
        """The last message of each lane, in real time."""
        names = [f"{_LANE}:{lane(*one)}" for one in lanes]
        found = {document["_id"]: document for document in self._documents(names)}
        members = dict.fromkeys(id for document in found.values() for id in document["_source"]["members"])
        deliveries = {document["_id"]: document for document in self._documents(list(members))}
        messages = []
        for name in names:
            if name not in found:
                messages.append(Message("", [], False, None))
                continue
            source = found[name]["_source"]
            documents = [deliveries[id] for id in source["members"] if id in deliveries]
            messages.append(
                Message(
                    id=source["message"],
                    waiting=[_delivery(one) for one in documents if one["_source"]["state"] == _WAITING],
                    accepted=any(one["_source"]["state"] == SENT for one in documents),
                    place=(found[name]["_seq_no"], found[name]["_primary_term"]),
                )
            )
        return messages

    def next(
        self, lanes: Sequence[tuple[str, Channel]], places: Sequence[tuple[int, int] | None], size: int
    ) -> list[Message | None]:
        """Begins the next message of each lane; None where nothing waits, or where another process was faster.

        The index is refreshed first: a search may be a second behind what was written, and must not find what was
        sent meanwhile. What others send later changes the lane's document.

        Args:
            lanes: of each the saved search and the channel.
            places: of each the state of its document when all that its message tells had ended.
            size: the most deliveries of one message.
        """
        if not lanes:
            return []
        elasticsearch_client.refresh(self._client, [self._index])
        begun: list[Message | None] = []
        operations: list[dict[str, Any]] = []
        for (search, channel), place, chosen in zip(lanes, places, self._first(lanes, size), strict=True):
            if not chosen:
                begun.append(None)
                continue
            message = Message(f"msg_{uuid.uuid4().hex}", chosen, False, place)
            begun.append(message)
            document = {
                "state": _LANE, "search": search, "message": message.id, "members": [one.id for one in chosen],
            }  # fmt: skip
            operations += [_replacing(f"{_LANE}:{lane(search, channel)}", place), document]
        written = iter(self._bulk(operations))
        return [message if message and next(written)["status"] in _WRITTEN else None for message in begun]

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
        return {bucket["key"]: bucket["doc_count"] for bucket in self._by_lane({"term": {"state": state}})}

    def told(self, since: datetime, most: int) -> tuple[int, list[float]]:
        """How many quotes were told since then, and how many seconds each of the last ones took, from Kafka on."""
        if not self._client.indices.exists(index=self._index):
            return 0, []
        query = {"bool": {"filter": [{"term": {"state": SENT}}, {"range": {"ended": {"gte": since.isoformat()}}}]}}
        answer = elasticsearch_client.wait_for_shards(
            lambda: self._client.search(
                index=self._index, query=query, size=most, sort=[{"ended": "desc"}], track_total_hits=True,
                allow_partial_search_results=False,
            )
        )  # fmt: skip
        told = [_delivery(hit) for hit in answer["hits"]["hits"]]
        ends = [datetime.fromisoformat(hit["_source"]["ended"]) for hit in answer["hits"]["hits"]]
        seconds = [(end - (one.since or one.found)).total_seconds() for one, end in zip(told, ends, strict=True)]
        return int(answer["hits"]["total"]["value"]), seconds

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
        (written,) = self._bulk([_replacing(_LEASE, place), document])
        return written["status"] in _WRITTEN

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

    def _first(self, lanes: Sequence[tuple[str, Channel]], size: int) -> list[list[Delivery]]:
        """The deliveries of each lane that wait longest, at most `size`, as of the last refresh."""
        order = [{"found": "asc"}, {"article": "asc"}, {"said": "asc"}]
        bodies = [
            {
                "query": {"bool": {"filter": [_is_waiting(), {"term": {"lane": lane(*one)}}]}}, "size": size,
                "sort": order, "track_total_hits": False,
            }
            for one in lanes
        ]  # fmt: skip
        answers = elasticsearch_client.search_many(self._client, [(self._index, body) for body in bodies])
        return [[_delivery(hit) for hit in answer["hits"]["hits"]] for answer in answers]

    def _documents(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """The documents of these ids, in real time; those that are missing are left out."""
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

    def _by_lane(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The deliveries that a query finds, counted by lane, with when the first was found; the oldest lane first."""
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
        buckets: list[dict[str, Any]] = answer["aggregations"]["lanes"]["buckets"]
        return buckets

    def _delete(self, query: Mapping[str, Any]) -> int:
        """Deletes what a query finds. A small build of Elasticsearch has no delete-by-query."""
        if not self._client.indices.exists(index=self._index):
            return 0
        deleted = 0
        while True:
            elasticsearch_client.refresh(self._client, [self._index])
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


def _replacing(id: str, place: tuple[int, int] | None) -> dict[str, Any]:
    """The bulk operation that writes a document in place of the state that it was read in (None: there was none)."""
    if place is None:
        return {"create": {"_id": id}}
    return {"index": {"_id": id, "if_seq_no": place[0], "if_primary_term": place[1]}}


def _is_waiting() -> dict[str, Any]:
    return {"term": {"state": _WAITING}}


def _delivery(document: Mapping[str, Any]) -> Delivery:
    return Delivery.model_validate(document["_source"])
