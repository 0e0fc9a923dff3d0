"""Takes articles down: away from the indices with their quotes, and kept out when they come again.

The order matters. First the tombstones, which every sink asks for before and after it writes; then the removal from
every version of the indices that can be written. A rebuild honours tombstones as a sink does, and clears a version
before it is searched. What holds an article still is told: a version that was replaced and is blocked, until
`whosaid reindex --forget`; the topics, until their retention.

Copies of what was taken down stay, unless they are meant too. Those that counted as copies of it are written again, so
that one of them is the first of its cluster now and its quotes are found.
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
from pipeline.errors import BackpressureError, ClusterUnavailable, InputError, NotFoundError
from pipeline.reindex.rebuild import Origin
from pipeline.settings import Settings
from pipeline.sink import documents, index_versions, indices, removal
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.tombstones import Tombstone, Tombstones

_PAGE = 1000
_AT_ONCE = 500  # articles removed at once
_MOMENT = 1.0  # seconds until the last look for what a sink had in hand
_FIELDS = ["id", "url", "source.id", "fetched", "quote_count", "cluster"]
_UNREADABLE = frozenset(
    {index_health.Fault.CLOSED, index_health.Fault.AWAY, index_health.Fault.FOREIGN, index_health.Fault.ALIAS_TAKEN}
)

Progress = Callable[[str, int, int], None]
"""Told the step ("find", "remove", "copies"), how much of it is done, and of how much."""


@dataclass(frozen=True)
class Selection:
    """Which articles are meant: by id, by address, or all of a source."""

    ids: Sequence[str] = ()
    urls: Sequence[str] = ()
    source: str | None = None
    copies: bool = False
    """Also the syndicated copies of them."""
    ahead: bool = False
    """Also articles that are not there yet."""


@dataclass(frozen=True)
class SelectedArticle:
    """An article that is meant."""

    id: str
    url: str = ""
    source: str = ""
    fetched: datetime | None = None
    quotes: int = 0
    cluster: str | None = None


@dataclass
class TakedownReport:
    """What was done."""

    articles: list[SelectedArticle] = field(default_factory=list)
    already: set[str] = field(default_factory=set)
    """Those of them that were taken down before."""
    removed: removal.Removed = field(default_factory=removal.Removed)
    copies_kept: int = 0
    """Copies that stay and were written again, without what was taken down as their first."""
    source: str | None = None
    """The source of which nothing is taken any more."""
    held_by: list[str] = field(default_factory=list)
    """Replaced versions of the indices that still hold some of them, though nobody searches those."""


def find(settings: Settings, selection: Selection) -> list[SelectedArticle]:
    """The articles that are meant, as they are now.

    Raises:
        InputError: nothing is selected; or the indices cannot be read whole.
        NotFoundError: an id or an address that no article has.
        ClusterUnavailable: Elasticsearch does not answer.
    """
    if not (selection.ids or selection.urls or selection.source):
        raise InputError("Say which articles: by id, --url or --source.")
    with _connection(settings) as client:
        _refuse_unreadable(client, settings)
        found = {one.id: one for one in _select(client, settings, selection)}
        found |= _known_before(client, settings, selection, found)
        missing = _missing(selection, found.values())
        if missing and not selection.ahead:
            raise NotFoundError(
                f"No article has the {'address' if missing[0] in selection.urls else 'id'} {missing[0][:200]}"
                + (f" (and {len(missing) - 1:,} more of those given)" if len(missing) > 1 else "")
                + "; --ahead keeps out also what is not there yet."
            )
        for one in missing:
            by_url = one in selection.urls
            made = SelectedArticle(identity.article_id(one), url=one) if by_url else SelectedArticle(one)
            found[made.id] = made
        if selection.copies:
            clusters = sorted({one.cluster for one in found.values() if one.cluster})
            for some in chunks(clusters, _AT_ONCE):
                found |= {one.id: one for one in _search(client, settings, {"terms": {"cluster": some}})}
        return list(found.values())


def take_down(
    settings: Settings,
    articles: Sequence[SelectedArticle],
    *,
    because: str,
    by: str,
    source: str | None = None,
    progress: Progress = lambda *_: None,
) -> TakedownReport:
    """Takes the articles down; with a source, also all that comes of it later.

    Doing it again finishes what was cut off.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer or does not take it. What has a tombstone by then is kept out
            already; the message says whether something is still there.
    """
    report = TakedownReport(list(articles), source=source)
    now = datetime.now(UTC)
    with _connection(settings) as client:
        tombstones = Tombstones(client, settings)
        tombstones.prepare()
        wanted = [
            Tombstone(id=one.id, url=one.url, source=one.source, because=because, by=by, at=now, fetched=one.fetched,
                      quotes=one.quotes)
            for one in articles
        ]  # fmt: skip
        if source is not None:
            tombstones.add([Tombstone(kind="source", id=source, source=source, because=because, by=by, at=now)])
        new = tombstones.add(wanted)
        report.already = {one.id for one in articles} - new
        ids = [one.id for one in articles]
        for done, some in enumerate(chunks(ids, _AT_ONCE)):
            _remove(client, settings, some, report.removed)
            progress("remove", min(len(ids), (done + 1) * _AT_ONCE), len(ids))
        time.sleep(_MOMENT)
        for some in chunks(ids, _AT_ONCE):
            _remove(client, settings, some, report.removed)
        report.copies_kept = _free_copies(client, settings, ids, progress)
        report.held_by = _held_by(client, settings, ids)
    return report


def restorable(settings: Settings, ids: Sequence[str], source: str | None) -> list[Tombstone]:
    """The tombstones of these articles, or those of a source and of its articles.

    Raises:
        NotFoundError: an article or a source that is not taken down.
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with _connection(settings) as client:
        tombstones = Tombstones(client, settings)
        there = tombstones.named(ids)
        missing = [id for id in ids if id not in there]
        if missing:
            raise NotFoundError(f"{missing[0][:80]} is not taken down; `whosaid article deleted` lists what is.")
        found = list(there.values())
        if source is not None:
            of_source = list(tombstones.all(source=source))
            if not of_source:
                raise NotFoundError(f"Nothing of the source {source} is taken down; see `whosaid article deleted`.")
            found += [one for one in of_source if one.key not in there]
        return found


def lift(settings: Settings, tombstones: Collection[Tombstone]) -> None:
    """Deletes the tombstones: the articles may come again.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with _connection(settings) as client:
        Tombstones(client, settings).remove(tombstones)


def listed(settings: Settings, source: str | None = None) -> list[Tombstone]:
    """What is taken down, oldest first.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with _connection(settings) as client:
        return list(Tombstones(client, settings).all(source=source))


def _connection(settings: Settings) -> AbstractContextManager[Elasticsearch]:
    return elasticsearch_client.connection(settings, max_retries=3, retry_on_timeout=True)


def _refuse_unreadable(client: Elasticsearch, settings: Settings) -> None:
    wrong = [
        one for one in index_health.Examiner(client, settings).look(deep=True).problems if one.fault in _UNREADABLE
    ]  # fmt: skip
    if wrong:
        raise InputError(
            f"Some indices cannot be read, so not all that is meant would be found. {index_health.hint(wrong)}"
        )


def _select(client: Elasticsearch, settings: Settings, selection: Selection) -> Iterator[SelectedArticle]:
    if selection.source is not None:
        yield from _search(client, settings, {"term": {"source.id": selection.source}})
    for some in chunks(selection.ids, _AT_ONCE):
        yield from _search(client, settings, {"ids": {"values": some}})
    for some in chunks(selection.urls, _AT_ONCE):
        canonical = [identity.canonical_url(url) for url in some]
        terms = [{"terms": {name: [*some, *canonical]}} for name in ("url", "canonical_url")]
        yield from _search(client, settings, {"bool": {"should": terms}})


def _known_before(
    client: Elasticsearch, settings: Settings, selection: Selection, found: Collection[str]
) -> dict[str, SelectedArticle]:
    """Articles that have a tombstone already: a removal that was cut off is done again, and to its end."""
    ids = {*selection.ids, *(identity.article_id(url) for url in selection.urls)} - set(found)
    known = Tombstones(client, settings).named(ids)
    return {one.id: SelectedArticle(one.id, one.url, one.source, one.fetched, one.quotes) for one in known.values()}


def _missing(selection: Selection, found: Iterable[SelectedArticle]) -> list[str]:
    ids, urls = set(), set()
    for one in found:
        ids.add(one.id)
        urls |= {one.url, identity.canonical_url(one.url)}
    missing = [id for id in selection.ids if id not in ids]
    for url in selection.urls:
        if not {url, identity.canonical_url(url)} & urls and identity.article_id(url) not in ids:
            missing.append(url)
    return missing


def _search(client: Elasticsearch, settings: Settings, query: dict[str, Any]) -> Iterator[SelectedArticle]:
    """The articles that are searched and match; those that were written a moment ago, too."""
    index = settings.articles_alias
    client.indices.refresh(index=index, ignore_unavailable=True)
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


def _remove(client: Elasticsearch, settings: Settings, ids: Collection[str], removed: removal.Removed) -> None:
    """Removes the articles from every version that can be written, however long that is kept from being written."""
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
                    "is over; after a reindex that runs, for example."
                ) from error
            time.sleep(error.retry_after)


def _held_by(client: Elasticsearch, settings: Settings, ids: Collection[str]) -> list[str]:
    """The retired versions that have some of the articles."""
    held = []
    for version in index_versions.all_versions(client, settings):
        pattern = indices.pattern(settings, "articles", version.name)
        for some in chunks(ids, _AT_ONCE) if version.retired else ():
            if client.count(index=pattern, query={"ids": {"values": some}}, ignore_unavailable=True)["count"]:
                held.append(version.name)
                break
    return held


def _free_copies(client: Elasticsearch, settings: Settings, ids: Sequence[str], progress: Progress) -> int:
    """Writes what counted as a copy of the articles again; how many articles that were."""
    orphans: set[str] = set()
    for some in chunks(ids, _AT_ONCE):
        query = {"terms": {"duplicate_of": some}}
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
    for some in chunks(sorted(orphans), _PAGE // 10):
        answer = client.search(
            index=settings.articles_alias, query={"ids": {"values": some}}, size=len(some) * 2,
            sort=[{"published": "asc"}, {"id": "asc"}], allow_partial_search_results=False, ignore_unavailable=True,
        )  # fmt: skip
        batch = writer.batch([_event(settings, hit["_source"]) for hit in answer["hits"]["hits"]])
        _insist(batch.write)
        written += len(some)
        progress("copies", written, len(orphans))
    client.indices.refresh(index=[settings.articles_alias, settings.quotes_alias], ignore_unavailable=True)
    return written


def _event(settings: Settings, document: dict[str, Any]) -> Event:
    enriched = documents.restore(document)
    origin = Origin(topics.enriched(settings).name, enriched.article.id.encode())
    return Event(origin, enriched.model_copy(update={"duplicate_of": None, "cluster": None, "copied": {}}))


def _insist(step: Callable[[], Any], seconds: float = 60) -> None:
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
