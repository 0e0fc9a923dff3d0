"""Takes articles down: removes them and their quotes from the indices, and keeps them out when they come again.

The order matters. The tombstones come first; every sink looks them up before and after it writes. Then the articles are
removed from every version of the indices that can be written. A rebuild respects tombstones as a sink does, and clears
a version before it is searched. The report names what still holds an article: a version that was replaced and is
blocked, until `whosaid reindex --forget`. The topics hold it until their retention.

Copies of an article stay, unless they are selected too. Copies of a removed article are written again, so that one of
them becomes the first article of its cluster and its quotes are found.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client, identity, index_health, topics
from pipeline.elasticsearch_client import chunks
from pipeline.entities import curation
from pipeline.errors import BackpressureError, ClusterUnavailable, InputError, NotFoundError
from pipeline.index_health import Fault
from pipeline.models import DeadLetter
from pipeline.reindex.rebuild import Origin
from pipeline.settings import Settings
from pipeline.sink import documents, index_versions, indices, removal
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.tombstones import Tombstone, Tombstones

_PAGE = 1000
_AT_ONCE = 500  # articles removed in one step
_MOMENT = 1.0  # seconds before the last look for what a sink was writing
_FIELDS = ["id", "url", "source.id", "fetched", "quote_count", "cluster"]
_UNREADABLE = frozenset({Fault.CLOSED, Fault.AWAY, Fault.OPENING, Fault.FOREIGN, Fault.ALIAS_TAKEN})

Progress = Callable[[str, int, int], None]
"""Is told the step ("find", "remove", "copies"), how much of it is done, and of how much."""


@dataclass(frozen=True)
class Selection:
    """Selects articles by id, by address, or all of a source."""

    ids: Sequence[str] = ()
    urls: Sequence[str] = ()
    source: str | None = None
    copies: bool = False
    """Also their syndicated copies."""
    ahead: bool = False
    """Also articles that are not indexed yet."""


@dataclass(frozen=True)
class SelectedArticle:
    """An article that is selected."""

    id: str
    url: str = ""
    source: str = ""
    fetched: datetime | None = None
    quotes: int = 0
    cluster: str | None = None


@dataclass
class TakedownReport:
    """What was taken down."""

    articles: list[SelectedArticle] = field(default_factory=list)
    already: set[str] = field(default_factory=set)
    """The ids of the articles that were taken down before."""
    removed: removal.Removed = field(default_factory=removal.Removed)
    copies_kept: int = 0
    """How many copies stay and were written again, as the article that they copied is removed."""
    source: str | None = None
    """The source whose articles are all kept out from now on."""
    held_by: list[str] = field(default_factory=list)
    """Replaced versions of the indices that still hold some of the articles, which nobody searches; and the topic of
    entities, where it could not be told."""


def find(settings: Settings, selection: Selection) -> list[SelectedArticle]:
    """The selected articles, as they are now.

    Raises:
        InputError: nothing is selected, or the indices cannot be read completely.
        NotFoundError: no article has one of the ids or addresses.
        ClusterUnavailable: Elasticsearch does not answer.
    """
    if not (selection.ids or selection.urls or selection.source):
        raise InputError("Say which articles: by id, --url or --source.")
    with _connection(settings) as client:
        _refuse_unreadable(client, settings)
        articles = {article.id: article for article in _select(client, settings, selection)}
        articles |= _known_before(client, settings, selection, articles)
        missing = _missing(selection, articles.values())
        if missing and not selection.ahead:
            raise NotFoundError(
                f"No article has the {'address' if missing[0] in selection.urls else 'id'} {missing[0][:200]}"
                + (f" (and {len(missing) - 1:,} more of those given)" if len(missing) > 1 else "")
                + "; --ahead keeps out also what is not there yet."
            )
        for name in missing:
            by_url = name in selection.urls
            article = SelectedArticle(identity.article_id(name), url=name) if by_url else SelectedArticle(name)
            articles[article.id] = article
        if selection.copies:
            clusters = sorted({article.cluster for article in articles.values() if article.cluster})
            for chunk in chunks(clusters, _AT_ONCE):
                copies = _search(client, settings, {"terms": {"cluster": chunk}})
                articles |= {article.id: article for article in copies}
        return list(articles.values())


def take_down(
    settings: Settings,
    articles: Sequence[SelectedArticle],
    *,
    because: str,
    by: str,
    source: str | None = None,
    progress: Progress = lambda *_: None,
) -> TakedownReport:
    """Takes the articles down; with a source, also all articles of it that come later.

    A second call finishes a removal that was cut off.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer, or refuses. Articles that have a tombstone by then are kept
            out already; the message says whether some are still there.
    """
    report = TakedownReport(list(articles), source=source)
    now = datetime.now(UTC)
    with _connection(settings) as client:
        tombstones = Tombstones(client, settings)
        tombstones.prepare()
        wanted = [
            Tombstone(id=article.id, url=article.url, source=article.source, because=because, by=by, at=now,
                      fetched=article.fetched, quotes=article.quotes)
            for article in articles
        ]  # fmt: skip
        if source is not None:
            tombstones.add([Tombstone(kind="source", id=source, source=source, because=because, by=by, at=now)])
        new = tombstones.add(wanted)
        ids = [article.id for article in articles]
        report.already = set(ids) - new
        for done, chunk in enumerate(chunks(ids, _AT_ONCE)):
            remove(client, settings, chunk, report.removed)
            progress("remove", min(len(ids), (done + 1) * _AT_ONCE), len(ids))
        time.sleep(_MOMENT)
        for chunk in chunks(ids, _AT_ONCE):
            remove(client, settings, chunk, report.removed)
        report.held_by = _held_by(client, settings, ids)
        told = [curation.forget(client, settings, chunk) for chunk in chunks(ids, _AT_ONCE)]
        if not all(told):
            report.held_by.append(topics.entities(settings).name)
        report.copies_kept = free_copies(client, settings, ids, progress)  # last: it may say that a copy is refused
    return report


def restorable(settings: Settings, ids: Sequence[str], source: str | None) -> list[Tombstone]:
    """The tombstones of these articles, or those of a source and of its articles.

    Raises:
        NotFoundError: an article or the source is not taken down.
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with _connection(settings) as client:
        tombstones = Tombstones(client, settings)
        there = tombstones.named(ids)
        missing = [id for id in ids if id not in there]
        if missing:
            raise NotFoundError(f"{missing[0][:80]} is not taken down; `whosaid article deleted` lists what is.")
        restorables = list(there.values())
        if source is not None:
            of_source = list(tombstones.all(source=source))
            if not of_source:
                raise NotFoundError(f"Nothing of the source {source} is taken down; see `whosaid article deleted`.")
            restorables += [tombstone for tombstone in of_source if tombstone.key not in there]
        return restorables


def lift(settings: Settings, tombstones: Collection[Tombstone]) -> None:
    """Deletes the tombstones, so that the articles may come again.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with _connection(settings) as client:
        Tombstones(client, settings).remove(tombstones)


def listed(settings: Settings, source: str | None = None) -> list[Tombstone]:
    """The tombstones, oldest first.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with _connection(settings) as client:
        return list(Tombstones(client, settings).all(source=source))


def _connection(settings: Settings) -> AbstractContextManager[Elasticsearch]:
    return elasticsearch_client.connection(settings, **elasticsearch_client.STUBBORN)


def _refuse_unreadable(client: Elasticsearch, settings: Settings) -> None:
    problems = index_health.Examiner(client, settings).look(deep=True).problems
    unreadable = [problem for problem in problems if problem.fault in _UNREADABLE]
    if unreadable:
        raise InputError(
            f"Some indices cannot be read, so some of the articles would not be found. {index_health.hint(unreadable)}"
        )


def _select(client: Elasticsearch, settings: Settings, selection: Selection) -> Iterator[SelectedArticle]:
    if selection.source is not None:
        yield from _search(client, settings, {"term": {"source.id": selection.source}})
    for chunk in chunks(selection.ids, _AT_ONCE):
        yield from _search(client, settings, {"ids": {"values": chunk}})
    for chunk in chunks(selection.urls, _AT_ONCE):
        canonical = [identity.canonical_url(url) for url in chunk]
        terms = [{"terms": {name: [*chunk, *canonical]}} for name in ("url", "canonical_url")]
        yield from _search(client, settings, {"bool": {"should": terms}})


def _known_before(
    client: Elasticsearch, settings: Settings, selection: Selection, known_ids: Collection[str]
) -> dict[str, SelectedArticle]:
    """Selected articles that have a tombstone already: their removal may have been cut off."""
    ids = {*selection.ids, *(identity.article_id(url) for url in selection.urls)} - set(known_ids)
    known = Tombstones(client, settings).named(ids)
    return {
        tombstone.id: SelectedArticle(
            tombstone.id, tombstone.url, tombstone.source, tombstone.fetched, tombstone.quotes
        )
        for tombstone in known.values()
    }


def _missing(selection: Selection, articles: Iterable[SelectedArticle]) -> list[str]:
    ids, urls = set(), set()
    for article in articles:
        ids.add(article.id)
        urls |= {article.url, identity.canonical_url(article.url)}
    missing = [id for id in selection.ids if id not in ids]
    for url in selection.urls:
        if not {url, identity.canonical_url(url)} & urls and identity.article_id(url) not in ids:
            missing.append(url)
    return missing


def _search(client: Elasticsearch, settings: Settings, query: dict[str, Any]) -> Iterator[SelectedArticle]:
    """The matching articles, also those that were written a moment ago."""
    index = settings.articles_alias
    elasticsearch_client.refresh(client, [index], ignore_unavailable=True)
    for page in elasticsearch_client.pages(
        client, index=index, query=query, source_includes=_FIELDS, sort=indices.BY_ID, size=_PAGE,
        ignore_unavailable=True,
    ):  # fmt: skip
        for hit in page:
            source = hit["_source"]
            yield SelectedArticle(
                source["id"], source.get("url", ""), source.get("source", {}).get("id", ""),
                datetime.fromisoformat(source["fetched"]) if source.get("fetched") else None,
                int(source.get("quote_count", 0)), source.get("cluster"),
            )  # fmt: skip


def remove(client: Elasticsearch, settings: Settings, ids: Collection[str], removed: removal.Removed) -> None:
    """Removes the articles from every version that is not retired; waits while one is blocked for writing.

    Raises:
        ClusterUnavailable: it is blocked for longer than a request may take.
    """
    until = time.monotonic() + settings.elasticsearch.request_timeout
    while True:
        try:
            for version in index_versions.all_versions(client, settings):
                if version.retired is None:
                    gone = removal.remove(client, settings, version.name, ids)
                    removed.articles += gone.articles
                    removed.quotes += gone.quotes
            return
        except BackpressureError as error:
            if time.monotonic() > until:
                raise ClusterUnavailable(
                    f"The articles are kept out from now on, but some are still there: {error}. Do it again when that "
                    "is over, for example after a running reindex."
                ) from error
            time.sleep(error.retry_after)


def _held_by(client: Elasticsearch, settings: Settings, ids: Collection[str]) -> list[str]:
    """The retired versions that have some of the articles."""
    held = []
    for version in index_versions.all_versions(client, settings):
        pattern = indices.pattern(settings, "articles", version.name)
        for chunk in chunks(ids, _AT_ONCE) if version.retired else ():
            if elasticsearch_client.count(client, pattern, {"ids": {"values": chunk}}, ignore_unavailable=True):
                held.append(version.name)
                break
    return held


def free_copies(client: Elasticsearch, settings: Settings, ids: Sequence[str], progress: Progress) -> int:
    """Writes the copies of articles that are gone again, so that one becomes the first of them; how many there were.

    Raises:
        ClusterUnavailable: some could not be written; what they were stays. It raises the client's own errors, too.
    """
    orphans: set[str] = set()
    for chunk in chunks(ids, _AT_ONCE):
        query = {"terms": {"duplicate_of": chunk}}
        for alias, field_ in ((settings.articles_alias, "id"), (settings.quotes_alias, "article_id")):
            answer = client.search(
                index=alias, query=query, size=0, ignore_unavailable=True, allow_partial_search_results=False,
                aggs={"articles": {"terms": {"field": field_, "size": 10_000}}},
            )  # fmt: skip
            orphans |= {
                bucket["key"] for bucket in answer.get("aggregations", {}).get("articles", {}).get("buckets", ())
            }
    if not orphans:
        return 0
    version = indices.current(client, settings)
    writer = Writer(client, settings, indices.Indices(client, settings, elasticsearch_client.modules(client), version))
    written = 0
    refused: list[DeadLetter] = []
    for chunk in chunks(sorted(orphans), _PAGE // 10):
        answer = client.search(
            index=settings.articles_alias, query={"ids": {"values": chunk}}, size=len(chunk) * 2,
            sort=[{"published": "asc"}, {"id": "asc"}], allow_partial_search_results=False, ignore_unavailable=True,
        )  # fmt: skip
        batch = writer.batch([_event(settings, hit["_source"]) for hit in answer["hits"]["hits"]])
        _retry(batch.write)
        refused += batch.outcome.letters
        written += len(chunk)
        progress("copies", written, len(orphans))
    elasticsearch_client.refresh(client, [settings.articles_alias, settings.quotes_alias], ignore_unavailable=True)
    if refused:
        raise ClusterUnavailable(
            f"The articles are gone, but {(refused[0].key or b'').decode()} could not be written again whole and may "
            f"still count as a copy of one: {refused[0].reason}. Do it again once that is mended."
        )
    return written


def _event(settings: Settings, document: dict[str, Any]) -> Event:
    enriched = documents.restore(document)
    origin = Origin(topics.enriched(settings).name, enriched.article.id.encode())
    return Event(origin, enriched.model_copy(update={"duplicate_of": None, "cluster": None, "copied": {}}))


def _retry(step: Callable[[], Any], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            step()
            return
        except BackpressureError as error:
            if time.monotonic() > until:
                raise ClusterUnavailable(
                    f"The articles are taken down, but their copies still count as copies: {error}. Do it again later."
                ) from error
            time.sleep(error.retry_after)
