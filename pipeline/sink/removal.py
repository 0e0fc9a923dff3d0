"""Removes articles with all their quotes, also while others write.

Quotes are deleted before their articles: where quotes are, their article is too, so a removal that was cut off finds
the article and goes on. Each document is deleted with the version that it has there. So a newer revision that comes in
between stays, and the next look finds it; and an article that may come again later is not refused as older than its own
deletion.
"""

from collections.abc import Collection
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from pipeline.errors import BackpressureError
from pipeline.settings import Settings
from pipeline.sink.bulk import Bulk, Operation, Pending
from pipeline.sink.bulk_answers import Verdict
from pipeline.sink.lookup import Lookup, Place

_LOOKS = 20
_RETRY = 1.0  # seconds


@dataclass
class Removed:
    """How many documents were deleted."""

    articles: int = 0
    quotes: int = 0


def remove(client: Elasticsearch, settings: Settings, version: str, ids: Collection[str]) -> Removed:
    """Deletes the articles and their quotes from a version of the indices; returns when a look finds none of them.

    Raises:
        BackpressureError: Elasticsearch does not take the deletions now; try again later.
        elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
    """
    removed = Removed()
    if not ids:
        return removed
    lookup = Lookup(client, settings, version)
    bulk = Bulk(client, settings.sink.batch_bytes)
    for _ in range(_LOOKS):
        quotes, articles = lookup.whole(ids)
        if not quotes and not articles:
            return removed
        removed.quotes += _delete(bulk, quotes)
        removed.articles += _delete(bulk, articles)
    raise BackpressureError(
        f"{len(ids):,} articles are to be removed from {version}, but some of them keep coming back",
        retry_after=_RETRY,
    )


def _delete(bulk: Bulk, places: list[Place]) -> int:
    """Deletes the documents at these places, in these versions; how many were there."""
    done = 0
    pending = Pending(Operation(place.id, place.index, place.id, place.version) for place in places)
    while pending:
        for operation, answer in bulk.send(pending.take(bulk.size.bytes)):
            if answer.verdict is Verdict.DONE:
                done += 1
            elif answer.verdict is not Verdict.STALE:
                raise BackpressureError(
                    f"{operation.id} is not deleted from {operation.index} ({answer.kind}: {answer.reason})",
                    retry_after=_RETRY,
                )
    return done
