"""Reads quotes and articles from the indices, for the command line, the API and the pages."""

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
"""Seconds that we wait beyond the cluster's own limit, to get its answer that the time ran out."""

_IDS_AT_ONCE = 1000


class Reader:
    """Searches the cluster of the settings. Threads may share it. Close it, or use it in a `with`.

    A cluster without any index has no results, which is no error.

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
        """Closes the connections."""
        self._client.close()

    def search_quotes(self, query: QuoteQuery, *, facets: bool = False) -> QuotePage:
        """A page of the matching quotes.

        Raises:
            InputError: the query is invalid; the message says what to change.
        """
        size = query.size or self._settings.search.page_size
        body = queries.quotes(query, size=size, timeout=self._settings.search.timeout, facets=facets)
        state = self._look("quotes")
        answer = self._search(self._settings.quotes_alias, _without(body, state.foreign("quotes")))
        reason = self._missing(answer, state, "quotes")
        hits = answer["hits"]["hits"]
        return QuotePage(
            total=answer["hits"]["total"]["value"],
            hits=[result_mapping.quote_hit(hit) for hit in hits],
            next=queries.cursor(query.order, hits[-1]["sort"]) if len(hits) == size else None,
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
        hits = answer["hits"]["hits"]
        if not hits and (reason := self._missing(answer, state, "articles")):
            raise ClusterUnavailable(f"Elasticsearch cannot say now whether there is an article {id[:80]}. {reason}")
        if not hits:
            self._tell_taken_down(id)
            raise NotFoundError(f"No article has the id {id[:80]}: it was never read, or is older than what is kept.")
        return ArticleView.model_validate(hits[0]["_source"])

    def speakers(self, prefix: str = "", size: int = 10) -> list[Named]:
        """Speakers with a name in which a word begins with `prefix` (all without one), the most quoted first."""
        body = queries.speakers(prefix, size)
        return result_mapping.name_counts(
            self._search(self._settings.quotes_alias, body).get("aggregations", {}).get("speakers", {})
        )

    def existing(self, ids: Iterable[str]) -> set[str]:
        """The ids among these whose articles can be searched now."""
        return set(self.revisions(ids))

    def revisions(self, ids: Iterable[str]) -> dict[str, int]:
        """By id, the revision in which each of these articles can be searched now; others are left out."""
        revisions: dict[str, int] = {}
        for chunk in elasticsearch_client.chunks(ids, _IDS_AT_ONCE):
            answer = self._search(self._settings.articles_alias, queries.existing(chunk))
            for hit in answer["hits"]["hits"]:
                id, revision = hit["fields"]["id"][0], int(hit["fields"].get("revision", [0])[0])
                revisions[id] = max(revision, revisions.get(id, -1))
        return revisions

    def counts(self) -> Counts:
        """Counts what can be searched. Speakers and sources are close estimates where there are thousands."""
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
        """Returns if quotes can be searched now. A sentence for each reason why some cannot, with the remedy."""
        state = self._look("quotes", "articles", deep=True)
        reasons = [problem.sentence for problem in state.problems if problem.hides]
        alias = self._settings.quotes_alias
        if reasons and not state.searchable("quotes", alias):
            raise ClusterUnavailable(" ".join(reasons))
        self._search(alias, {"size": 0, "terminate_after": 1, "track_total_hits": False})
        return reasons

    def problems(self) -> list[str]:
        """A sentence for each fault of the indices, also for those that keep the sinks from writing."""
        return [problem.sentence for problem in self._look("quotes", "articles", deep=True).problems]

    def taken_down(self) -> int | None:
        """How many articles are taken down; None where this user may not see that."""
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
                return  # a user who may not see tombstones is told that there is no such article, which is true
        if tombstone is not None:
            raise TakenDownError(f"The article {id[:80]} was taken down on {by_day(tombstone.at)}.")

    def _look(self, *kinds: str, deep: bool = False) -> index_health.State:
        """The state of the indices; empty for a user who may search but not see it."""
        with self._errors():
            try:
                return self._examiner.look(kinds, deep=deep)
            except ApiError as error:
                if error.status_code != _FORBIDDEN:
                    raise
                logger.warning("This user may not see the state of the indices: %s", elasticsearch_client.reason(error))
                return index_health.State()

    def _missing(self, answer: dict[str, Any], state: index_health.State, kind: str) -> str:
        """Why the answer is not complete, in sentences; empty where it is."""
        reasons = [problem.sentence for problem in state.hidden(kind)]
        shards = answer["_shards"]
        lost = shards["total"] - shards["successful"]
        if answer["timed_out"]:
            reasons.append("The time that a search may take ran out; narrow it down, or raise WHOSAID_SEARCH__TIMEOUT.")
        elif lost:
            hidden = self._look(kind, deep=True).hidden(kind)
            away = [problem.sentence for problem in hidden if problem.fault is index_health.Fault.AWAY]
            failures = shards.get("failures", ())
            if away:
                reasons += away
            elif not all(_starting(failure) for failure in failures) and not state.foreign(kind):
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
    """Elasticsearch's own words for the cause."""
    body = error.body if isinstance(error.body, dict) else {}
    details = body.get("error", {})
    causes = details.get("root_cause", []) if isinstance(details, dict) else []
    return str(causes[0].get("reason", error.message) if causes else error.message).rstrip(".")


def _without(body: dict[str, Any], foreign: list[str]) -> dict[str, Any]:
    """The search without the indices that are not ours."""
    if not foreign:
        return body
    query = {"bool": {"must": [body["query"]], "must_not": [{"terms": {"_index": foreign}}]}}
    return body | {"query": query}


def _starting(failure: dict[str, Any]) -> bool:
    """Whether the shard has only not started yet."""
    return str(failure.get("reason", {}).get("type")) == "no_shard_available_action_exception"


def _first_failure(failures: Sequence[dict[str, Any]]) -> str:
    """Elasticsearch's own reason for the first shard that did not answer."""
    for failure in failures:
        reason = failure.get("reason", {})
        return f"{failure.get('index')}: {reason.get('reason') or reason.get('type')}"
    return "Elasticsearch does not say why"
