"""Sends searches to the indices, made for the state that these are in, and says what an answer lacks."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from elasticsearch import ApiError, BadRequestError, Elasticsearch, TransportError

from pipeline import elasticsearch_client, index_health
from pipeline.errors import ClusterUnavailable, InputError
from pipeline.settings import Settings

__all__ = ["STATE_KEPT", "IndexSearch"]

logger = logging.getLogger(__name__)

STATE_KEPT = 1.0
"""Seconds for which the state of the indices is remembered: as long a search may not tell that an index was closed."""

_FORBIDDEN = 403
_NOT_THERE = frozenset({index_health.Fault.AWAY, index_health.Fault.OPENING})
_GRACE = 2
"""Seconds that we wait beyond the cluster's own limit, to get its answer that the time ran out."""

_AT_A_TIME = 8  # requests beside those of the threads that search


class _Seen(NamedTuple):
    """The state of the indices, and by the monotonic clock when it was asked for."""

    at: float
    state: index_health.State


class IndexSearch:
    """Searches of one cluster's indices. Threads may share it. Close it.

    Every method raises:
        ClusterUnavailable: Elasticsearch does not answer, refused, or is too busy.
        InputError: Elasticsearch does not take the search.
    """

    def __init__(self, settings: Settings, client: Elasticsearch) -> None:
        self._settings = settings
        self.client = client.options(request_timeout=settings.search.timeout + _GRACE)
        """The connections, for what is asked beside searches. They close with this."""
        self._examiner = index_health.Examiner(self.client, settings)
        self._seen: dict[str, _Seen] = {}  # by kind
        self._pool = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="searches")

    def close(self) -> None:
        """Closes the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.client.close()

    def search(self, index: str, body: dict[str, Any], *, foreign: Sequence[str] = ()) -> dict[str, Any]:
        """The answer to a search. The shards of an index just made are waited for.

        Args:
            index: the index or alias.
            body: the request.
            foreign: indices behind the alias that are not ours: nothing is searched in them.
        """
        body = _without(body, foreign)
        with self.errors():
            answer = elasticsearch_client.wait_for_shards(
                lambda: self.client.search(index=index, body=body, ignore_unavailable=True, allow_no_indices=True)
            )
            return dict(answer.body)

    def search_together(
        self, index: str, bodies: Sequence[dict[str, Any]], *, foreign: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """The answers to several searches, which are sent at the same time."""
        search = partial(self.search, index, foreign=foreign)
        return list(self._pool.map(search, bodies) if len(bodies) > 1 else map(search, bodies))

    def search_by_state(
        self, kind: str, request: Callable[[bool], dict[str, Any]]
    ) -> tuple[index_health.State, dict[str, Any]]:
        """The state of the indices of a kind, and the answer to a search of them.

        The state seldom changes. So it is asked for every second at the most, at the same time as the search, which is
        made for the state that was seen last; it is sent once more where it turns out to be made for another one.

        Args:
            kind: quotes or articles.
            request: makes the search; it is told whether an index may have documents without terms.
        """
        alias = {"quotes": self._settings.quotes_alias, "articles": self._settings.articles_alias}[kind]

        def search(state: index_health.State) -> dict[str, Any]:
            return self.search(alias, request(bool(state.without_terms(kind))), foreign=state.foreign(kind))

        if (seen := self._seen.get(kind)) is None:
            state = self._see(kind)
            return state, search(state)
        known, old = seen.state, time.monotonic() - seen.at > STATE_KEPT
        looking = self._pool.submit(self._see, kind) if old else None
        answer: dict[str, Any] | None = None
        failed: Exception | None = None
        try:
            answer = search(known)
        except (InputError, ClusterUnavailable) as error:
            failed = error
        if looking is None and answer is not None and _known(answer, known):
            return known, answer
        state = looking.result() if looking else self._see(kind)
        if not _alike(state, known, kind):
            answer = search(state)
        elif failed is not None:
            raise failed
        assert answer is not None
        return state, answer

    def _see(self, kind: str) -> index_health.State:
        """The state of the indices of a kind, which is remembered."""
        at = time.monotonic()
        state = self.look(kind)
        self._seen[kind] = _Seen(at, state)
        return state

    def look(self, *kinds: str, deep: bool = False) -> index_health.State:
        """The state of the indices; empty for a user who may search but not see it."""
        with self.errors():
            try:
                return self._examiner.look(kinds, deep=deep)
            except ApiError as error:
                if error.status_code != _FORBIDDEN:
                    raise
                logger.warning("This user may not see the state of the indices: %s", elasticsearch_client.reason(error))
                return index_health.State()

    def missing(self, answers: Sequence[dict[str, Any]], state: index_health.State, kind: str) -> str:
        """Why the answers are not complete, in sentences; empty where they are."""
        reasons = [problem.sentence for problem in state.hidden(kind)]
        lacking = next((one for one in answers if one["_shards"]["total"] > one["_shards"]["successful"]), None)
        if any(one["timed_out"] for one in answers):
            reasons.append("The time that a search may take ran out; narrow it down, or raise WHOSAID_SEARCH__TIMEOUT.")
        elif lacking:
            reasons += self._lost(lacking["_shards"], state, kind)
        return " ".join(reasons)

    def _lost(self, shards: dict[str, Any], state: index_health.State, kind: str) -> list[str]:
        """Why some shards did not answer."""
        now = self.look(kind, deep=True)
        if away := [problem.sentence for problem in now.hidden(kind) if problem.fault in _NOT_THERE]:
            return away
        failures = shards.get("failures", ())
        lost = shards["total"] - shards["successful"]
        if state.foreign(kind):
            return []
        if all(_starting(failure) for failure in failures):
            if lost <= sum(index.shards for index in now.indices if index.just_made):
                return []  # they are empty
            return [f"{lost:,} of {shards['total']:,} shards were still being opened; search again to see all."]
        return [f"{lost:,} of {shards['total']:,} shards did not answer ({_first_failure(failures)})."]

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns the client's errors into ours, within a `with`."""
        try:
            yield
        except BadRequestError as error:
            raise InputError(f"Elasticsearch does not take this search: {_reason(error)}.") from error
        except ApiError as error:
            if error.status_code == 429:
                raise ClusterUnavailable("Elasticsearch has too much to do; try again in a moment.") from error
            raise elasticsearch_client.unavailable(self.client, error) from error
        except TransportError as error:
            raise elasticsearch_client.unavailable(self.client, error) from error


def _reason(error: BadRequestError) -> str:
    """Elasticsearch's own words for the cause."""
    body = error.body if isinstance(error.body, dict) else {}
    details = body.get("error", {})
    causes = details.get("root_cause", []) if isinstance(details, dict) else []
    return str(causes[0].get("reason", error.message) if causes else error.message).rstrip(".")


def _without(body: dict[str, Any], foreign: Sequence[str]) -> dict[str, Any]:
    """The search without the indices that are not ours."""
    if not foreign:
        return body
    query = {"bool": {"must": [body["query"]], "must_not": [{"terms": {"_index": list(foreign)}}]}}
    return body | {"query": query}


def _alike(state: index_health.State, other: index_health.State, kind: str) -> bool:
    """Whether the same search is made for both."""
    foreign = state.foreign(kind) == other.foreign(kind)
    return foreign and bool(state.without_terms(kind)) == bool(other.without_terms(kind))


def _known(answer: dict[str, Any], state: index_health.State) -> bool:
    """Whether every hit comes from an index that was seen; somebody else's may have got the alias since."""
    return {hit["_index"] for hit in answer["hits"]["hits"]} <= {index.name for index in state.indices}


def _starting(failure: dict[str, Any]) -> bool:
    """Whether the shard has only not started yet."""
    return str(failure.get("reason", {}).get("type")) == "no_shard_available_action_exception"


def _first_failure(failures: Sequence[dict[str, Any]]) -> str:
    """Elasticsearch's own reason for the first shard that did not answer."""
    for failure in failures:
        reason = failure.get("reason", {})
        return f"{failure.get('index')}: {reason.get('reason') or reason.get('type')}"
    return "Elasticsearch does not say why"
