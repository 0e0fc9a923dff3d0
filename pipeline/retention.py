"""Deletes months that nobody needs any more, and keeps what is left consistent.

A month is a pair of indices, so that deleting it gives its disk back at once. The quotes of a month go before its
articles: where quotes are, their article is too. Then

* articles of the index `other`, which has no month, go where they were fetched before the kept months: their own date
  is older than the window of the indices, or cannot be believed;
* copies in kept months whose first article is gone are written again, so that one of them becomes the first and its
  quotes are found;
* dead letters that wait with an article of a deleted month are discarded with the reason, so that a replay does not
  bring the month back.

Tombstones, sources and topics stay: what was taken down stays away, and topics have a retention of their own. Every
step can be repeated: a run that was cut off is finished by the next one.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client, events, index_health, takedown
from pipeline.dead_letters.log import Filter, Letter, Letters
from pipeline.elasticsearch_client import chunks
from pipeline.errors import ClusterUnavailable, InputError
from pipeline.events import EventError
from pipeline.models import Article, Enriched
from pipeline.settings import Settings
from pipeline.sink import index_versions, indices, removal

BECAUSE = "older than the months that are kept (whosaid retain)"
"""Why such a dead letter is discarded."""

_AT_ONCE = 500
_UNREADABLE = frozenset({index_health.Fault.FOREIGN, index_health.Fault.ALIAS_TAKEN, index_health.Fault.NO_VERSION})

Progress = Callable[[str, int, int], None]
"""Is told the step ("delete", "other", "copies"), how much of it is done, and of how much."""


@dataclass(frozen=True)
class Month:
    """A month that is to go: its indices, and how much is in them."""

    name: str
    indices: tuple[str, ...]
    """The quotes' before the articles'."""
    articles: int
    quotes: int
    bytes: int


@dataclass(frozen=True)
class Selection:
    """What is older than the months that are kept."""

    before: datetime
    """The first moment of the oldest month that is kept."""
    months: tuple[Month, ...] = ()
    other: tuple[str, ...] = ()
    """The ids of articles in the index `other` that are as old."""

    @property
    def articles(self) -> int:
        """How many articles it has."""
        return sum(month.articles for month in self.months) + len(self.other)


@dataclass
class RetentionReport:
    """What was done."""

    months: list[str] = field(default_factory=list)
    articles: int = 0
    quotes: int = 0
    bytes: int = 0
    copies: int = 0
    letters: int = 0


def first_kept(months: int, now: datetime) -> datetime:
    """The first moment of the oldest of so many months, of which the current one is the last."""
    number = now.year * 12 + now.month - 1 - (months - 1)
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) if number >= 12 else datetime.min.replace(tzinfo=UTC)


def find(settings: Settings, months: int, now: datetime | None = None) -> Selection:
    """What is older than so many months.

    Raises:
        InputError: the indices are in a state in which it is unclear what is ours.
        ClusterUnavailable: Elasticsearch does not answer.
    """
    before = first_kept(months, now or datetime.now(UTC))
    with elasticsearch_client.connection(settings) as client:
        problems = index_health.Examiner(client, settings).look().problems
        unreadable = [problem for problem in problems if problem.fault in _UNREADABLE]
        if unreadable:
            raise InputError(f"Nothing is deleted. {index_health.hint(unreadable)}")
        return Selection(before, tuple(_months(client, settings, before)), tuple(_other(client, settings, before)))


def apply(settings: Settings, selection: Selection, progress: Progress = lambda *_: None) -> RetentionReport:
    """Deletes what was found, and mends what refers to it.

    Raises:
        BrokerUnavailable: Kafka does not answer; nothing is deleted then.
        ClusterUnavailable: Elasticsearch does not answer, or refuses. Do it again: what is done stays done.
    """
    report = RetentionReport()
    with Letters(settings) as letters:
        for letter in letters.scan(Filter()):
            if _is_old(letter, selection.before, settings):
                letters.discard(letter, BECAUSE)
                report.letters += 1
    with elasticsearch_client.connection(settings, **elasticsearch_client.STUBBORN) as client:
        for done, month in enumerate(selection.months, start=1):
            for index in month.indices:
                client.indices.delete(index=index, ignore_unavailable=True)
            report.months.append(month.name)
            report.articles += month.articles
            report.quotes += month.quotes
            report.bytes += month.bytes
            progress("delete", done, len(selection.months))
        removed = removal.Removed()
        for done, chunk in enumerate(chunks(selection.other, _AT_ONCE)):
            takedown.remove(client, settings, chunk, removed)
            progress("other", min(len(selection.other), (done + 1) * _AT_ONCE), len(selection.other))
        report.articles += removed.articles
        report.quotes += removed.quotes
        refused: ClusterUnavailable | None = None
        for chunk in chunks(_missing_firsts(client, settings), _AT_ONCE):
            try:
                report.copies += takedown.free_copies(client, settings, chunk, progress)
            except ClusterUnavailable as error:  # those behind it are freed all the same
                refused = refused or error
        if refused is not None:
            raise refused
    return report


def _months(client: Elasticsearch, settings: Settings, before: datetime) -> Iterator[Month]:
    """The months of every version that end before that moment, oldest first."""
    names = [name for version in index_versions.all_versions(client, settings) for name in version.names]
    oldest = f"{before:%Y.%m}"
    old = sorted({indices.month_of(name) for name in names if indices.month_of(name) != indices.OTHER})
    for month in old:
        if month >= oldest:
            return
        own = [name for name in names if indices.month_of(name) == month]
        own.sort(key=lambda name: (f"-{indices.KINDS[0]}-" not in name, name))
        stats = client.indices.stats(index=own, metric=["docs", "store"], forbid_closed_indices=False)
        counts = {name: one["primaries"] for name, one in stats["indices"].items()}

        def total(kind: str, counts: dict[str, dict[str, dict[str, int]]] = counts) -> int:
            return sum(one.get("docs", {}).get("count", 0) for name, one in counts.items() if f"-{kind}-" in name)

        yield Month(
            name=month,
            indices=tuple(own),
            articles=total("articles"),
            quotes=total("quotes"),
            bytes=sum(one["total"].get("store", {}).get("size_in_bytes", 0) for one in stats["indices"].values()),
        )


def _other(client: Elasticsearch, settings: Settings, before: datetime) -> Iterator[str]:
    """The ids of articles without a month that were fetched before that moment, in the version that is searched."""
    version = indices.current(client, settings)
    for page in elasticsearch_client.pages(
        client, index=indices.name(settings, "articles", indices.OTHER, version), ignore_unavailable=True,
        query={"range": {"fetched": {"lt": before.isoformat()}}}, source=False, sort=[{"id": "asc"}], size=1000,
    ):  # fmt: skip
        yield from (hit["_id"] for hit in page)


def _missing_firsts(client: Elasticsearch, settings: Settings) -> Iterator[str]:
    """The ids of articles that something is a copy of, and that are not there any more."""
    aliases = [settings.articles_alias, settings.quotes_alias]
    elasticsearch_client.refresh(client, aliases, ignore_unavailable=True)
    after: dict[str, str] | None = None
    while True:
        composite = {"size": _AT_ONCE, "sources": [{"first": {"terms": {"field": "duplicate_of"}}}]}
        answer = client.search(
            index=aliases, size=0, ignore_unavailable=True, allow_partial_search_results=False,
            aggs={"firsts": {"composite": composite | ({"after": after} if after else {})}},
        )  # fmt: skip
        found = answer.get("aggregations", {}).get("firsts", {})
        firsts = [bucket["key"]["first"] for bucket in found.get("buckets", ())]
        if not firsts:
            return
        there = client.search(
            index=settings.articles_alias, query={"ids": {"values": firsts}}, size=len(firsts), source=False,
            ignore_unavailable=True, allow_partial_search_results=False,
        )  # fmt: skip
        present = {hit["_id"] for hit in there["hits"]["hits"]}
        yield from (first for first in firsts if first not in present)
        after = found.get("after_key")
        if after is None:
            return


def _is_old(letter: Letter, before: datetime, settings: Settings) -> bool:
    """Whether the letter's article belongs to a month before that moment; not where that cannot be told."""
    article = _article(letter, max(events.LARGEST_ARTICLE, settings.sink.max_event_bytes))
    if article is None:
        return False
    month = indices.month(article, now=datetime.now(UTC), months=settings.sink.months)
    return month < f"{before:%Y.%m}" if month != indices.OTHER else article.fetched < before


def _article(letter: Letter, largest: int) -> Article | None:
    with suppress(EventError):
        return events.decode(Article, letter.content.value, largest=largest)
    with suppress(EventError):
        return events.decode(Enriched, letter.content.value, largest=largest).article
    return None
