"""Sorts the answers of Elasticsearch: done, stale, try again, or refused.

====================================================  ==========================================================
What Elasticsearch says                               What the sink does
====================================================  ==========================================================
409, of a version                                     nothing: a newer revision is there, or a replay met its own
404, of a deletion                                    nothing: the document is gone already
429, 408, 502, 503, 504; lost connection; timeout     tries again later
401, 403, blocked, closed or missing index, too many  tries again later: the fault is the cluster's, not the
shards in the cluster                                 document's; somebody has to mend it, and the log says what
500 of one document                                   tries again a few times; then refuses the document
413                                                   sends smaller requests; refuses a document that is alone
other 400s: mapping, parsing, ids, versions           refuses the document: a dead letter with this reason
====================================================  ==========================================================
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from elasticsearch import ApiError, TransportError

from pipeline import elasticsearch_client

POISON_TRIES = 10
"""Tries for a document that Elasticsearch answers with 500 while it takes others."""


class Verdict(Enum):
    """What the sink does about an answer."""

    DONE = auto()
    STALE = auto()
    RETRY = auto()
    RETRY_LIMITED = auto()
    """Elasticsearch broke at this document: retried a few times, then refused."""
    REFUSED = auto()


@dataclass(frozen=True)
class Answer:
    """The answer to an operation; `kind` and `reason` are Elasticsearch's own words."""

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
    reason = _shortened(str(error.get("reason", f"status {status}")))
    cause = (error.get("caused_by") or {}).get("reason")
    if cause and cause not in reason:
        reason = f"{reason}: {cause}"
    if status == 409:
        return Answer(Verdict.STALE, kind, reason)
    if status in _RETRY_STATUS or kind in _RETRY_TYPES:
        return Answer(Verdict.RETRY, kind, reason)
    return Answer(Verdict.RETRY_LIMITED if status >= 500 else Verdict.REFUSED, kind, reason)


def of_request(error: ApiError | TransportError) -> Answer:
    """The answer to a whole request that failed. One operation may be the cause of a refusal: send them apart."""
    if isinstance(error, TransportError):
        return Answer(Verdict.RETRY, type(error).__name__, str(error))
    kind = elasticsearch_client.error_type(error)
    refused = error.status_code in (400, 413) and kind not in _RETRY_TYPES
    return Answer(Verdict.REFUSED if refused else Verdict.RETRY, kind, elasticsearch_client.reason(error))


def _shortened(words: str) -> str:
    """The words without most of the value that Elasticsearch quotes: the cause, which comes last, says more."""
    return words if len(words) <= 600 else f"{words[:400]} … {words[-150:]}"
