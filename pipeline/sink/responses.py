"""What a failure means: try again, give the document up, or nothing at all.

====================================================  ==========================================================
What Elasticsearch says                               What the sink does
====================================================  ==========================================================
409, of a version                                     nothing: a newer revision is there, or a replay met its own
404, of a deletion                                    nothing: it is gone already
429, 408, 502, 503, 504; lost connection; timeout     the same again, later
401, 403, blocked, closed or missing index, too many  the same again, later: the cluster's trouble, not the
shards in the cluster                                 document's; somebody has to mend it, and the log says what
500 of one document                                   again, a few times; then the document is refused
413                                                   smaller requests; a document that is alone is refused
other 400s: mapping, parsing, ids, versions           the document is refused: a dead letter with this reason
====================================================  ==========================================================
"""

import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from elasticsearch import ApiError, TransportError

from pipeline import elasticsearch_client

POISON_TRIES = 10
"""Tries for a document at which Elasticsearch itself breaks (500) while it takes others."""


class Verdict(Enum):
    """What becomes of an operation."""

    DONE = auto()
    STALE = auto()
    RETRY = auto()
    RETRY_LIMITED = auto()
    """Elasticsearch broke at this document: retried a few times, then refused."""
    REFUSED = auto()


@dataclass(frozen=True)
class Answer:
    """What Elasticsearch said to one operation; `kind` and `reason` are its own words."""

    verdict: Verdict
    kind: str = ""
    reason: str = ""


_DONE = Answer(Verdict.DONE)
_RETRY_STATUS = frozenset({401, 403, 404, 408, 429, 502, 503, 504})
_RETRY_TYPES = frozenset({
    "cluster_block_exception",
    "index_closed_exception",
    "index_not_found_exception",
    "security_exception",
    "validation_exception",  # the cluster has all the shards it may have
    "unavailable_shards_exception",
    "process_cluster_event_timeout_exception",
})  # fmt: skip


def of_item(action: str, item: dict[str, Any]) -> Answer:
    """The answer to one operation of a bulk request; `action` is "index" or "delete"."""
    status = int(item["status"])
    error = item.get("error") or {}
    if status < 300 or (action == "delete" and status == 404 and not error):
        return _DONE
    kind = str(error.get("type", status))
    words = _shortened(str(error.get("reason", f"status {status}")))
    cause = (error.get("caused_by") or {}).get("reason")
    text = f"{words}: {cause}" if cause and cause not in words else words
    if status == 409:
        return Answer(Verdict.STALE, kind, text)
    if status in _RETRY_STATUS or kind in _RETRY_TYPES:
        return Answer(Verdict.RETRY, kind, text)
    return Answer(Verdict.RETRY_LIMITED if status >= 500 else Verdict.REFUSED, kind, text)


def of_request(error: ApiError | TransportError) -> Answer:
    """The answer to a whole request that failed. A refusal may be due to one operation in it: try them apart."""
    if isinstance(error, TransportError):
        return Answer(Verdict.RETRY, type(error).__name__, str(error))
    kind = elasticsearch_client.error_type(error)
    refused = error.status_code in (400, 413) and kind not in _RETRY_TYPES
    return Answer(Verdict.REFUSED if refused else Verdict.RETRY, kind, elasticsearch_client.reason(error))


def _shortened(words: str) -> str:
    """Elasticsearch quotes the value that it refused; the cause that stands behind it says more."""
    return words if len(words) <= 600 else f"{words[:400]} … {words[-150:]}"


class Backoff:
    """How long to wait before the next try: twice as long each time, up to a limit, with jitter.

    The jitter (half to all of the time) keeps sinks that lost the cluster together from coming back together.
    """

    def __init__(self, initial: float, maximum: float, randomness: random.Random | None = None) -> None:
        self._initial = initial
        self._maximum = maximum
        self._random = randomness or random.Random()  # noqa: S311 - not a secret
        self.tries = 0

    def next(self) -> float:
        """Seconds to wait now."""
        # The exponent is bounded: 2.0 ** 1024 is no float, and a cluster may be away for weeks.
        delay = min(self._maximum, self._initial * 2.0 ** min(self.tries, 60))
        self.tries += 1
        return delay * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It went on: the next wait is short again."""
        self.tries = 0
