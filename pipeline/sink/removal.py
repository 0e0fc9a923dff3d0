"""Removes articles with their quotes, wholly, whoever writes at the same time.

Quotes go before their articles: where quotes are, their article is too, so that a removal that was cut off is found by
the article and done again. Each document is deleted with the version that it has there, so that a newer revision which
came in between stays and is found by the next look; and so that the article, once it may come again, is not refused as
older than its own deletion.
"""

from collections.abc import Collection
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from pipeline.errors import BackpressureError
from pipeline.settings import Settings
from pipeline.sink.bulk import Bulk, Operation, Pending
from pipeline.sink.lookup import Lookup, Place
from pipeline.sink.responses import Verdict

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
        BackpressureError: Elasticsearch does not take it now; do it again later.
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
        f"Of {len(ids):,} articles that are to be removed from {version} some come again and again", retry_after=_RETRY
    )


def _delete(bulk: Bulk, places: list[Place]) -> int:
    """Deletes what is at these places, in these versions; how many were there."""
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
