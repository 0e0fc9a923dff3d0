"""Reads quotes and articles from the indices, for the command line, the API and the pages."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

from elasticsearch import ApiError, Elasticsearch
from elasticsearch import NotFoundError as NotFoundFault

from pipeline import elasticsearch_client, index_health
from pipeline.entities import lookup, meanings
from pipeline.errors import ClusterUnavailable, NotFoundError, TakenDownError
from pipeline.search import conditions, counting, cursors, parameters, queries, result_mapping, suggestions
from pipeline.search.index_search import IndexSearch
from pipeline.search.parameters import ArticleQuery, QuoteQuery
from pipeline.search.result_mapping import Stamps
from pipeline.search.results import (
    ArticleHit,
    ArticlePage,
    ArticleView,
    Counts,
    Named,
    QuoteHit,
    QuotePage,
    Spread,
    Suggestion,
    Writing,
)
from pipeline.settings import Settings
from pipeline.tombstones import Tombstones, by_day

_FORBIDDEN = 403

_BY_ENTITY = {"speaker": "speaker.id", "entity": "entities.id"}
"""By parameter, the field of quotes with the ids that names have in articles."""

_MOST_ENTITIES = 10
"""Names in a search whose entities are looked up: each is a few requests to Elasticsearch."""

_IDS_AT_ONCE = 1000
_AT_ONCE = 500  # quotes of a page that nobody sees
_KEEP_ALIVE = "5m"


class Placed(NamedTuple):
    """A quote with its place in the order of indexing."""

    hit: QuoteHit
    place: queries.Place


class Aggregated(NamedTuple):
    """How many quotes were found, what was counted over them, and why some may be missing (None: none is)."""

    total: int
    counted: dict[str, Any]
    reason: str | None


class Reader:
    """Searches the cluster of the settings. Threads may share it. Close it, or use it in a `with`.

    A cluster without any index has no results, which is no error.

    Every method raises:
        ClusterUnavailable: Elasticsearch does not answer, refused, or is too busy.
    """

    def __init__(self, settings: Settings, client: Elasticsearch | None = None) -> None:
        self._settings = settings
        self._searches = IndexSearch(settings, client or elasticsearch_client.connect(settings))
        self._client = self._searches.client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._searches.close()

    @property
    def client(self) -> Elasticsearch:
        """Its connections, for what is asked beside searches. They close with it."""
        return self._client

    def search_quotes(
        self,
        query: QuoteQuery,
        *,
        facets: bool | Sequence[counting.Facet] = False,
        facet_size: int = parameters.FACET_SIZE,
        histogram: bool = False,
    ) -> QuotePage:
        """A page of the matching quotes; `facets` are all, or those named.

        Raises:
            InputError: the query is invalid; the message says what to change.
        """
        size = query.size or self._settings.search.page_size
        names = (counting.FACETS if facets else ()) if isinstance(facets, bool) else tuple(facets)
        wanted = counting.Wanted(names, facet_size, histogram)
        request = partial(queries.quotes, size=size, timeout=self._settings.search.timeout)
        request(query)  # before the cluster is asked anything: the query may be invalid
        query = self._with_entities(query)
        state, answer = self._searches.search_by_state("quotes", lambda older: request(query, older=older))
        total, hits = answer["hits"]["total"]["value"], answer["hits"]["hits"]
        answers = [answer, *self._counted(query, wanted, total, state)]
        found = {name: one for other in answers[1:] for name, one in other.get("aggregations", {}).items()}
        reason = self._searches.missing(answers, state, "quotes")
        terms = conditions.terms_of(query)
        return QuotePage(
            total=total,
            hits=[result_mapping.quote_hit(hit, terms) for hit in hits],
            next=cursors.encode(query.order, hits[-1]["sort"]) if len(hits) == size else None,
            facets=result_mapping.facets(found, facet_size) if names else None,
            histogram=result_mapping.histogram(found.get("histogram", {})) if histogram else None,
            suggestions=self._suggestions(query) if not total else [],
            complete=not reason,
            reason=reason or None,
            seconds=sum(one["took"] for one in answers) / 1000,
        )

    def _counted(
        self, query: QuoteQuery, wanted: counting.Wanted, found: int, state: index_health.State
    ) -> list[dict[str, Any]]:
        """The answers with the facets and the histogram of a search that has found so many quotes."""
        older, foreign = bool(state.without_terms("quotes")), state.foreign("quotes")
        timeout = self._settings.search.timeout
        bodies = queries.counted(query, wanted, found=found, timeout=timeout, older=older)
        return self._searches.search_together(self._settings.quotes_alias, bodies, foreign=foreign)

    def each_quote(self, query: QuoteQuery) -> Iterator[QuoteHit]:
        """All matching quotes, as they are when this begins, in the order of the query, however many there are.

        Pages, cursors and sizes of the query do not count. Only one page is in memory at a time.

        Raises:
            InputError: the query is invalid.
            ClusterUnavailable: also where a part of the quotes cannot be searched now, as a part is not all.
        """
        arranged = query.model_copy(update={"page": 1, "cursor": None})
        request = partial(queries.quotes, size=_AT_ONCE, timeout=self._settings.search.timeout)
        request(arranged)  # as in search_quotes
        arranged = self._with_entities(arranged)
        state = self._searches.look("quotes", deep=True)
        if hidden := state.hidden("quotes"):
            raise ClusterUnavailable(" ".join(problem.sentence for problem in hidden))
        body = request(arranged, older=bool(state.without_terms("quotes")))
        terms, alias = conditions.terms_of(query), self._settings.quotes_alias
        with self._searches.errors():
            try:
                with elasticsearch_client.point_in_time(self._client, alias, keep_alive=_KEEP_ALIVE) as pit:
                    for page in elasticsearch_client.pages(
                        self._client, sort=body["sort"], size=_AT_ONCE, pit=pit, query=body["query"]
                    ):
                        yield from (result_mapping.quote_hit(hit, terms) for hit in page)
            except NotFoundFault:  # nothing was ever indexed
                return

    def quote(self, id: str) -> QuoteHit:
        """The quote with this id.

        Raises:
            NotFoundError: no quote has this id.
        """
        state = self._searches.look("quotes")
        answer = self._searches.search(self._settings.quotes_alias, queries.quote(id), foreign=state.foreign("quotes"))
        hits = answer["hits"]["hits"]
        if not hits and (reason := self._searches.missing([answer], state, "quotes")):
            raise ClusterUnavailable(f"Elasticsearch cannot say now whether there is a quote {id[:80]}. {reason}")
        if not hits:
            raise NotFoundError(
                f"No quote has the id {id[:80]}: it was never found, its article changed or was taken down."
            )
        return result_mapping.quote_hit(hits[0])

    def similar(self, id: str, size: int = 10) -> list[QuoteHit]:
        """Quotes of other articles that have rare words in common with this one, the most alike first.

        Raises:
            NotFoundError: no quote has this id.
        """
        answer = self._searches.search(self._settings.quotes_alias, queries.similar(self.quote(id), size))
        return [result_mapping.quote_hit(hit) for hit in answer["hits"]["hits"]]

    def spread(self, id: str, size: int = 50) -> Spread:
        """Where the words of a quote appeared: in it and in other articles, whole, cut or changed; the oldest first.

        Raises:
            NotFoundError: no quote has this id.
        """
        original = self.quote(id)
        answer = self._searches.search(self._settings.quotes_alias, queries.spread(original, size))
        found = [result_mapping.quote_hit(hit) for hit in answer["hits"]["hits"]]
        return result_mapping.spread(original, found, answer["hits"]["total"]["value"])

    def articles(self, query: ArticleQuery) -> ArticlePage:
        """A page of the matching articles.

        Raises:
            InputError: the query is invalid; the message says what to change.
        """
        request = partial(queries.articles, query, timeout=self._settings.search.timeout)
        request()  # as in search_quotes
        state, answer = self._searches.search_by_state("articles", lambda older: request(older=older))
        reason, hits = self._searches.missing([answer], state, "articles"), answer["hits"]["hits"]
        return ArticlePage(
            total=answer["hits"]["total"]["value"],
            hits=[ArticleHit.model_validate(hit["_source"]) for hit in hits],
            next=cursors.encode(query.order, hits[-1]["sort"]) if len(hits) == query.size else None,
            complete=not reason,
            reason=reason or None,
        )

    def aggregate(self, query: QuoteQuery, aggregations: dict[str, Any]) -> Aggregated:
        """What Elasticsearch counts over the quotes that a query finds.

        Raises:
            InputError: the query is invalid.
        """
        request = partial(queries.number, timeout=self._settings.search.timeout)
        request(query)  # as in search_quotes
        query = self._with_entities(query)
        at_once = {} if query.selects else {"aggs": aggregations}  # most quotes: their number need not be known first
        state, answer = self._searches.search_by_state("quotes", lambda older: request(query, older=older) | at_once)
        answers, total = [answer], answer["hits"]["total"]["value"]
        if not at_once:
            body = request(query, older=bool(state.without_terms("quotes")))
            body |= {"track_total_hits": False, "aggs": counting.fitting(aggregations, total)}
            counted = self._searches.search(self._settings.quotes_alias, body, foreign=state.foreign("quotes"))
            answers.append(counted)
        reason = self._searches.missing(answers, state, "quotes")
        return Aggregated(total, answers[-1].get("aggregations", {}), reason or None)

    def stamps(self, since: int) -> Stamps:
        """When quotes were indexed, at `since` or later, in milliseconds since 1970, with the marks of these times."""
        return result_mapping.stamps(self._searches.search(self._settings.quotes_alias, queries.stamps(since)))

    def indexed_at(
        self, query: QuoteQuery, stamps: Sequence[int], *, after: queries.Place | None = None, size: int = _AT_ONCE
    ) -> tuple[list[Placed], Stamps]:
        """The matching quotes that were indexed at these times, in that order, and the times' marks as it sees them."""
        body = queries.indexed_at(self._with_entities(query), stamps, after=after, size=size)
        answer = self._searches.search(self._settings.quotes_alias, body)
        return _placed(answer, query), result_mapping.stamps(answer)

    def indexed_between(
        self, query: QuoteQuery, since: int, until: int, *, after: queries.Place | None = None, size: int = _AT_ONCE
    ) -> list[Placed]:
        """The matching quotes that were indexed from `since` until before `until`, in that order."""
        body = queries.indexed_between(self._with_entities(query), since, until, after=after, size=size)
        return _placed(self._searches.search(self._settings.quotes_alias, body), query)

    def older(self) -> list[str]:
        """The indices of an earlier release, whose articles are found by the letters of their texts alone."""
        state = self._searches.look("quotes")
        return state.without_terms("quotes")

    def meant(self, kind: str, value: str) -> tuple[lookup.Expansion, list[dict[str, Any]]]:
        """What a name or id of a speaker or entity means across articles, and the conditions of its quotes.

        Both are empty for names of other kinds.
        """
        if kind not in _BY_ENTITY:
            return lookup.Expansion(), []
        meant = lookup.expand(self._client, self._settings, value)
        return meant, meant.clauses(_BY_ENTITY[kind])

    def likely(self, name: str) -> str | None:
        """The name of the entity that somebody may have meant who wrote this name, which is none of its names."""
        return lookup.likely(self._client, self._settings, name)

    def _with_entities(self, query: QuoteQuery) -> QuoteQuery:
        """The query with what its names mean across articles (pipeline.entities)."""
        found: dict[str, list[dict[str, Any]]] = {}
        for kind in _BY_ENTITY:
            for name in getattr(query, kind)[:_MOST_ENTITIES]:
                found.setdefault(kind, []).extend(self.meant(kind, name)[1])
        return query.with_entities(found) if found else query

    def _suggestions(self, query: QuoteQuery) -> list[Suggestion]:
        """Searches that may have been meant, by the spelling of words that no quote has."""
        meant = [
            Suggestion(parameter=kind, typed=name, better=better)
            for kind in _BY_ENTITY
            for name in getattr(query, kind)[:_MOST_ENTITIES]
            if (better := self.likely(name))
        ]
        alias = self._settings.quotes_alias
        if meant or (body := suggestions.presence(query)) is None:
            return meant
        words = suggestions.missing(query, self._searches.search(alias, body))
        if (body := suggestions.request(words)) is None:
            return []
        return suggestions.of(query, words, self._searches.search(alias, body).get("suggest", {}))

    def entity(self, id: str) -> lookup.EntityHit | None:
        """The entity of the id, or the one that it was merged into; None where it is none's."""
        return lookup.entity(self._client, self._settings, id)

    def meanings(self, names: Collection[str]) -> dict[str, meanings.Meaning]:
        """By id that a name has in articles, the entity that it means in nearly all of them."""
        return meanings.meanings(self._client, self._settings, names)

    def article(self, id: str) -> ArticleView:
        """The article with its quotes and entities.

        Raises:
            TakenDownError: the article was taken down.
            NotFoundError: no article has this id.
        """
        state = self._searches.look("articles")
        answer = self._searches.search(
            self._settings.articles_alias, queries.article(id), foreign=state.foreign("articles")
        )
        hits = answer["hits"]["hits"]
        if not hits and (reason := self._searches.missing([answer], state, "articles")):
            raise ClusterUnavailable(f"Elasticsearch cannot say now whether there is an article {id[:80]}. {reason}")
        if not hits:
            self._tell_taken_down(id)
            raise NotFoundError(f"No article has the id {id[:80]}: it was never read, or is older than what is kept.")
        return ArticleView.model_validate(hits[0]["_source"])

    def speakers(self, prefix: str = "", size: int = 10) -> list[Named]:
        """Speakers with a name in which a word begins with `prefix` (all without one), the most quoted first."""
        _, answer = self._searches.search_by_state("quotes", lambda older: queries.speakers(prefix, size, older=older))
        return result_mapping.name_counts(answer.get("aggregations", {}).get("speakers", {}))

    def existing(self, ids: Iterable[str]) -> set[str]:
        """The ids among these whose articles can be searched now."""
        return set(self.revisions(ids))

    def revisions(self, ids: Iterable[str]) -> dict[str, int]:
        """By id, the revision in which each of these articles can be searched now; others are left out."""
        revisions: dict[str, int] = {}
        for chunk in elasticsearch_client.chunks(ids, _IDS_AT_ONCE):
            answer = self._searches.search(self._settings.articles_alias, queries.existing(chunk))
            for hit in answer["hits"]["hits"]:
                id, revision = hit["fields"]["id"][0], int(hit["fields"].get("revision", [0])[0])
                revisions[id] = max(revision, revisions.get(id, -1))
        return revisions

    def counts(self) -> Counts:
        """Counts what can be searched. Speakers and sources are close estimates where there are thousands."""
        articles = self._searches.search(self._settings.articles_alias, {"size": 0, "track_total_hits": True})
        answer = self._searches.search(self._settings.quotes_alias, queries.counts())
        totals = answer.get("aggregations", {})
        newest = totals.get("newest", {}).get("value")
        return Counts(
            articles=articles["hits"]["total"]["value"],
            quotes=answer["hits"]["total"]["value"],
            speakers=totals.get("speakers", {}).get("value", 0),
            sources=totals.get("sources", {}).get("value", 0),
            newest=datetime.fromtimestamp(newest / 1000, UTC) if newest is not None else None,
        )

    def writing(self, since: datetime) -> Writing:
        """What was written since a moment, by the hour, and how long the steps of the latest articles took."""
        answer = self._searches.search(self._settings.articles_alias, queries.writing(since))
        return result_mapping.writing(answer, since, datetime.now(UTC))

    def check(self) -> list[str]:
        """Returns if quotes can be searched now. A sentence for each reason why some cannot, with the remedy."""
        state = self._searches.look("quotes", "articles", deep=True)
        reasons = [problem.sentence for problem in state.problems if problem.hides]
        alias = self._settings.quotes_alias
        if reasons and not state.searchable("quotes", alias):
            raise ClusterUnavailable(" ".join(reasons))
        self._searches.search(alias, {"size": 0, "terminate_after": 1, "track_total_hits": False})
        return reasons

    def problems(self) -> list[str]:
        """A sentence for each fault of the indices, also for those that keep the sinks from writing."""
        return [problem.sentence for problem in self._searches.look("quotes", "articles", deep=True).problems]

    def taken_down(self) -> int | None:
        """How many articles are taken down; None where this user may not see that."""
        with self._searches.errors():
            try:
                return Tombstones(self._client, self._settings).count()
            except ApiError as error:
                if error.status_code != _FORBIDDEN:
                    raise
                return None

    def _tell_taken_down(self, id: str) -> None:
        with self._searches.errors():
            try:
                tombstone = Tombstones(self._client, self._settings).named([id]).get(id) if id else None
            except ApiError as error:
                if error.status_code not in (_FORBIDDEN, 200):
                    raise
                return  # a user who may not see tombstones is told that there is no such article, which is true
        if tombstone is not None:
            raise TakenDownError(f"The article {id[:80]} was taken down on {by_day(tombstone.at)}.")


def _placed(answer: dict[str, Any], query: QuoteQuery) -> list[Placed]:
    wanted = conditions.terms_of(query)
    hits = answer["hits"]["hits"]
    return [Placed(result_mapping.quote_hit(hit, wanted), (int(hit["sort"][0]), str(hit["sort"][1]))) for hit in hits]
