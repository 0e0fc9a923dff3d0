"""Reads the indices: the one way in which the command line, the API and the pages come to quotes and articles."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from elasticsearch import ApiError, BadRequestError, Elasticsearch, TransportError

from pipeline import elasticsearch_client, index_health
from pipeline.errors import ClusterUnavailable, InputError, NotFoundError, TakenDownError
from pipeline.search import queries, result_mapping
from pipeline.search.queries import QuoteQuery
from pipeline.search.results import ArticleView, Counts, Named, QuotePage
from pipeline.settings import Settings
from pipeline.tombstones import Tombstones, by_day

logger = logging.getLogger(__name__)

_FORBIDDEN = 403
_GRACE = 2
"""Seconds beyond the cluster's own limit before we hang up: its answer that the time ran out is better than none."""

_IDS_AT_ONCE = 1000


class Reader:
    """Searches the cluster of the settings. May be shared by threads. Close it, or use it in a `with`.

    A cluster without any index yet holds nothing, which is no error.

    Every method raises:
        ClusterUnavailable: Elasticsearch does not answer, refused, or is too busy.
    """

    def __init__(self, settings: Settings, client: Elasticsearch | None = None) -> None:
        self._settings = settings
        connected = client or elasticsearch_client.connect(settings)
        self._client = connected.options(request_timeout=settings.search.timeout + _GRACE)
        self._examiner = index_health.Examiner(self._client, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def search_quotes(self, query: QuoteQuery, *, facets: bool = False) -> QuotePage:
        """One page of the quotes that fit.

        Raises:
            InputError: the query cannot be done; the message says what to change.
        """
        size = query.size or self._settings.search.page_size
        body = queries.quotes(query, size=size, timeout=self._settings.search.timeout, facets=facets)
        state = self._look("quotes")
        answer = self._search(self._settings.quotes_alias, _without(body, state.foreign("quotes")))
        reason = self._missing(answer, state, "quotes")
        found = answer["hits"]["hits"]
        return QuotePage(
            total=answer["hits"]["total"]["value"],
            hits=[result_mapping.hit(one) for one in found],
            next=queries.cursor(query.order, found[-1]["sort"]) if len(found) == size else None,
            facets=result_mapping.facets(answer.get("aggregations", {})) if facets else None,
            complete=not reason,
            reason=reason or None,
            seconds=answer["took"] / 1000,
        )

    def article(self, id: str) -> ArticleView:
        """The article with its quotes and entities.

        Raises:
            TakenDownError: the article was taken down.
            NotFoundError: no article has this id.
        """
        state = self._look("articles")
        body = _without(queries.article(id), state.foreign("articles"))
        answer = self._search(self._settings.articles_alias, body)
        found = answer["hits"]["hits"]
        if not found and (reason := self._missing(answer, state, "articles")):
            raise ClusterUnavailable(f"Whether there is an article {id[:80]} cannot be told now. {reason}")
        if not found:
            self._tell_taken_down(id)
            raise NotFoundError(f"No article has the id {id[:80]}: it was never read, or is older than what is kept.")
        return ArticleView.model_validate(found[0]["_source"])

    def speakers(self, prefix: str = "", size: int = 10) -> list[Named]:
        """Speakers with a name of which a word begins so (all, without a prefix), most quoted first."""
        body = queries.speakers(prefix, size)
        return result_mapping.named(
            self._search(self._settings.quotes_alias, body).get("aggregations", {}).get("speakers", {})
        )

    def existing(self, ids: Iterable[str]) -> set[str]:
        """Those of the article ids that can be searched now."""
        return set(self.revisions(ids))

    def revisions(self, ids: Iterable[str]) -> dict[str, int]:
        """The revision in which each of these articles can be searched now, by id; of those that can be."""
        found: dict[str, int] = {}
        for some in elasticsearch_client.chunks(ids, _IDS_AT_ONCE):
            answer = self._search(self._settings.articles_alias, queries.existing(some))
            for hit in answer["hits"]["hits"]:
                id, revision = hit["fields"]["id"][0], int(hit["fields"].get("revision", [0])[0])
                found[id] = max(revision, found.get(id, -1))
        return found

    def counts(self) -> Counts:
        """How much there is. Speakers and sources are close estimates once there are thousands."""
        articles = self._search(self._settings.articles_alias, {"size": 0, "track_total_hits": True})
        answer = self._search(self._settings.quotes_alias, queries.counts())
        totals = answer.get("aggregations", {})
        newest = totals.get("newest", {}).get("value")
        return Counts(
            articles=articles["hits"]["total"]["value"],
            quotes=answer["hits"]["total"]["value"],
            speakers=totals.get("speakers", {}).get("value", 0),
            sources=totals.get("sources", {}).get("value", 0),
            newest=datetime.fromtimestamp(newest / 1000, UTC) if newest is not None else None,
        )

    def check(self) -> list[str]:
        """Returns if quotes can be searched now: why not all of them, a sentence each with what mends it."""
        state = self._look("quotes", "articles", deep=True)
        reasons = [one.sentence for one in state.problems if one.hides]
        alias = self._settings.quotes_alias
        if reasons and not state.searchable("quotes", alias):
            raise ClusterUnavailable(" ".join(reasons))
        self._search(alias, {"size": 0, "terminate_after": 1, "track_total_hits": False})
        return reasons

    def problems(self) -> list[str]:
        """All that is wrong with the indices, also what keeps the sinks from writing: a sentence each, as `check`."""
        return [one.sentence for one in self._look("quotes", "articles", deep=True).problems]

    def taken_down(self) -> int | None:
        """How many articles are taken down; none where it may not be asked."""
        with self._errors():
            try:
                return Tombstones(self._client, self._settings).count()
            except ApiError as error:
                if error.status_code != _FORBIDDEN:
                    raise
                return None

    def _tell_taken_down(self, id: str) -> None:
        with self._errors():
            try:
                tombstone = Tombstones(self._client, self._settings).named([id]).get(id) if id else None
            except ApiError as error:
                if error.status_code not in (_FORBIDDEN, 200):
                    raise
                return  # who may not ask is told that there is none, which is true
        if tombstone is not None:
            raise TakenDownError(f"The article {id[:80]} was taken down on {by_day(tombstone.at)}.")

    def _look(self, *kinds: str, deep: bool = False) -> index_health.State:
        """How the indices are. Who may not ask, searches all the same, and is told nothing."""
        with self._errors():
            try:
                return self._examiner.look(kinds, deep=deep)
            except ApiError as error:
                if error.status_code != _FORBIDDEN:
                    raise
                logger.warning("The state of the indices cannot be seen: %s", elasticsearch_client.reason(error))
                return index_health.State()

    def _missing(self, answer: dict[str, Any], state: index_health.State, kind: str) -> str:
        """Why the answer does not have all that there is, in sentences; empty where it has."""
        reasons = [one.sentence for one in state.hidden(kind)]
        shards = answer["_shards"]
        lost = shards["total"] - shards["successful"]
        if answer["timed_out"]:
            reasons.append("The time that a search may take ran out; narrow it down, or raise WHOSAID_SEARCH__TIMEOUT.")
        elif lost:
            away = [
                one.sentence for one in self._look(kind, deep=True).hidden(kind) if one.fault is index_health.Fault.AWAY
            ]
            failures = shards.get("failures", ())
            if away:
                reasons += away
            elif not all(_starting(one) for one in failures) and not state.foreign(kind):
                reasons.append(f"{lost:,} of {shards['total']:,} shards did not answer ({_first_failure(failures)}).")
        return " ".join(reasons)

    def _search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a search. The shards of an index just made are waited for."""
        with self._errors():
            answer = elasticsearch_client.wait_for_shards(
                lambda: self._client.search(index=index, body=body, ignore_unavailable=True, allow_no_indices=True)
            )
            return dict(answer.body)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except BadRequestError as error:
            raise InputError(f"Elasticsearch does not take this search: {_reason(error)}.") from error
        except ApiError as error:
            if error.status_code == 429:
                raise ClusterUnavailable("Elasticsearch has too much to do; try again in a moment.") from error
            raise elasticsearch_client.unavailable(self._client, error) from error
        except TransportError as error:
            raise elasticsearch_client.unavailable(self._client, error) from error


def _reason(error: BadRequestError) -> str:
    """Elasticsearch's own words for the root of it."""
    body = error.body if isinstance(error.body, dict) else {}
    details = body.get("error", {})
    causes = details.get("root_cause", []) if isinstance(details, dict) else []
    return str(causes[0].get("reason", error.message) if causes else error.message).rstrip(".")


def _without(body: dict[str, Any], foreign: list[str]) -> dict[str, Any]:
    """The search without what is in indices that are not ours."""
    if not foreign:
        return body
    query = {"bool": {"must": [body["query"]], "must_not": [{"terms": {"_index": foreign}}]}}
    return body | {"query": query}


def _starting(failure: dict[str, Any]) -> bool:
    """Whether a shard only has not started yet."""
    return str(failure.get("reason", {}).get("type")) == "no_shard_available_action_exception"


def _first_failure(failures: Sequence[dict[str, Any]]) -> str:
    """Elasticsearch's own reason of the first shard that did not answer."""
    for failure in failures:
        reason = failure.get("reason", {})
        return f"{failure.get('index')}: {reason.get('reason') or reason.get('type')}"
    return "Elasticsearch does not say why"
