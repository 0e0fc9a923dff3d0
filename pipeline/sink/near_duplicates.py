"""Finds articles that are near copies of an indexed one, and the quotes that both have.

The sink does this, not enrichment: agents do not know Elasticsearch, and only the writer can say at the moment of
writing what an article is a copy of. A lookup in an agent would be older, by the time that the event waits on the
topic; and the topic would keep its answer for every replay, when other articles are indexed. Enrichment computes the
fingerprint (pipeline.text.fingerprint), which depends on the text alone; the sink looks up the fingerprint's bands.

* The **first** article of a cluster is the one that was indexed first; its id is the cluster's id. Articles are
  compared with first ones only, so that a cluster does not drift from copy to copy. A first article stays first.
* Copies are looked for among the articles published in the same month, the month before and the month after.
* Of the first articles that share a band with another one, those with the rarest bands are compared with it (`LIKELY`).
  Texts with much boilerplate share some bands with thousands; a copy shares others, too.
* This module remembers what is written and cannot be searched yet (pipeline.sink.refresher: up to a second, while
  much waits up to fifteen). Two sinks do not see each other's: two copies that reach two sinks at once both become
  first articles. When either is written again, the one that was published later (at equal times, the one with the
  larger id) becomes a copy of the other.
* A **quote** whose words another article of the cluster has carries that article's id and is not counted in statistics;
  a quote that only the copy has is counted. The index decides: where a first article later drops a quote, its copies'
  same quote stays uncounted until they are written again.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.elasticsearch_client import chunks
from pipeline.models import ModelInfo
from pipeline.settings import Settings
from pipeline.sink import documents, indices, refresher
from pipeline.sink.events import Event
from pipeline.sink.lookup import Place
from pipeline.text.fingerprint import bands, similarity
from pipeline.tombstones import Tombstones

_REMEMBERED = 2 * refresher.MOST  # articles that a search may not see yet, where refreshes fail; some 4 kB each
_AT_ONCE = 100  # articles asked for in one request
_MANY = 8  # articles of a month that are asked for in a request of their own
_QUOTES_AT_ONCE = 10_000  # quotes asked for in one request; Elasticsearch takes 65,536
_PAGE = 10_000
_CROWD = 50  # hits for each article of a request, on the average, from which on each is asked for apart
_FIELDS: list[Any] = ["revision", "model.engine", "cluster", "duplicate_of",
                      {"field": "published", "format": "strict_date_time"},
                      {"field": "fetched", "format": "strict_date_time"}]  # fmt: skip

LIKELY = 20
"""The most first articles that are looked at for one article: those that have the rarest bands in common with it."""


@dataclass(frozen=True, slots=True)
class _First:
    """The first article of a cluster."""

    id: str
    fingerprint: str
    since: datetime
    month: str

    @property
    def age(self) -> tuple[datetime, str]:
        return self.since, self.id


class _Firsts:
    """First articles by their bands. It keeps at most `most` of them, and drops the oldest."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._by_id: OrderedDict[str, tuple[_First, list[int]]] = OrderedDict()  # with the numbers of its bands
        self._by_band: dict[int, _First | dict[str, _First]] = {}  # most bands have one, for which none is a dict

    def add(self, first: _First) -> None:
        self.remove(first.id)
        keys = _keys(first.fingerprint)
        self._by_id[first.id] = first, keys
        for key in keys:
            others = self._by_band.setdefault(key, first)
            if isinstance(others, dict):
                others[first.id] = first
            elif others is not first:
                self._by_band[key] = {others.id: others, first.id: first}
        if self._most is not None and len(self._by_id) > self._most:
            self.remove(next(iter(self._by_id)))

    def remove(self, id: str) -> None:
        for key in self._by_id.pop(id, (None, ()))[1]:
            others = self._by_band.get(key)
            if isinstance(others, dict):
                others.pop(id, None)
                if len(others) == 1:
                    self._by_band[key] = next(iter(others.values()))
            else:
                self._by_band.pop(key, None)

    def get(self, id: str) -> _First | None:
        """The first article with this id, if it is one of them."""
        return self._by_id.get(id, (None,))[0]

    def like(self, fingerprint: str) -> dict[str, _First]:
        """The first articles that share a band with the fingerprint, by id; of many `LIKELY`, those of rare bands."""
        found = [self._by_band[key] for key in _keys(fingerprint) if key in self._by_band]
        like = {first.id: first for first in found if isinstance(first, _First)}
        for others in sorted((others for others in found if isinstance(others, dict)), key=len):
            like.update(islice(others.items(), LIKELY))
        return dict(islice(like.items(), LIKELY))


@dataclass
class Known:
    """What the indices have of a batch."""

    places: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """By id, where the articles of the batch are, in the first of the versions; those that are nowhere are left out."""
    firsts: _Firsts = field(default_factory=_Firsts)
    """First articles of which one of the batch may be a copy."""
    own: dict[str, str] = field(default_factory=dict)
    """The first article that each article of the batch has so far."""
    copies: set[str] = field(default_factory=set)
    """Articles of the batch that are copies, whatever is remembered of them."""

    def forget(self, ids: Iterable[str]) -> None:
        """Forgets articles that were removed since."""
        for id in ids:
            self.places.pop(id, None)
            self.own.pop(id, None)
            self.firsts.remove(id)


class NearDuplicates:
    """Finds copies in some versions of the indices. `look_up` and `place` raise the client's own errors."""

    def __init__(self, client: Elasticsearch, settings: Settings, *versions: str) -> None:
        self._client = client
        self._settings = settings
        self._versions = versions
        self._tombstones = Tombstones(client, settings)
        self.forgotten = 0
        """How often `forget_seen` was called: what was looked up before and not placed yet is of no use then."""
        self._recent = _Firsts(_REMEMBERED)
        self._quotes: OrderedDict[str, tuple[str, tuple[str, ...]]] = OrderedDict()  # by article: its cluster, words

    def look_up(self, newest: Mapping[str, Event], now: datetime) -> Known:
        """What the indices have of these events, as far as a search sees it. `now` decides the months."""
        known, wanted = Known(), _wanted(newest)
        for ids in chunks(newest, _AT_ONCE):
            some = {id: wanted[id] for id in ids if id in wanted}
            if not all(self._ask(names, query, ids, some, known) for names, query in self._questions(ids, some, now)):
                self._ask_apart(ids, some, known, now)
        return known

    def place(self, newest: Mapping[str, Event], known: Known, now: datetime) -> dict[str, Event]:
        """The events with their clusters, in the same order. `known` and `now` are those of `look_up`."""
        wanted = _wanted(newest)
        if not wanted:
            return dict(newest)
        asked: set[str] = set()
        while new := self._likely(wanted.values(), known) - newest.keys() - asked:
            self._forget_taken_down(new, known)  # then others may be the likely ones
            asked |= new
        placed = dict(newest)
        for id, event in wanted.items():
            placed[id] = self._placed(event, known, now)
        self._mark_quotes(placed, wanted, known)
        return placed

    def _likely(self, events: Collection[Event], known: Known) -> set[str]:
        """The first articles of which one of the events may be placed as a copy."""
        likely = {known.own[event.id] for event in events if event.id in known.own}
        for event in events:
            for firsts in (self._recent, known.firsts):
                likely |= firsts.like(event.enriched.fingerprint or "").keys()
        return likely

    def rehearse(self, event: Event, now: datetime) -> None:
        """Computes all that `place` computes from the event alone, and raises what is wrong with it."""
        first = self._first(event, now)
        bands(first.fingerprint)
        similarity(first.fingerprint, first.fingerprint)
        for quote in event.enriched.quotes:
            documents.said_hash(quote)

    def wrote(self, events: Iterable[Event], now: datetime) -> None:
        """Remembers events that were written: a search may not see them yet."""
        for event in events:
            enriched = event.enriched
            if enriched.cluster is None or not enriched.fingerprint:
                continue
            if enriched.duplicate_of is None:
                self._recent.add(self._first(event, now))
            else:
                self._recent.remove(event.id)
            own = (quote for quote in enriched.quotes if quote.id not in enriched.copied)
            self._quotes.pop(event.id, None)
            self._quotes[event.id] = enriched.cluster, tuple(map(documents.said_hash, own))
        while len(self._quotes) > _REMEMBERED:
            self._quotes.popitem(last=False)

    def forget_seen(self, ids: Iterable[str]) -> None:
        """Forgets what was written of these articles: all of it can be searched now."""
        for id in ids:
            self._recent.remove(id)
            self._quotes.pop(id, None)
        self.forgotten += 1

    def apart(self, newest: Mapping[str, Event], known: Known, others: Iterable[Event]) -> bool:
        """Whether no event can get into one cluster with one of the others, which are being written.

        `known` is what `look_up` has found; those of the others that `place` has placed come with their clusters.
        """
        beside, clusters = _Firsts(), set()
        for number, other in enumerate(others):
            clusters.add(other.enriched.cluster)
            if other.enriched.fingerprint:
                beside.add(_First(str(number), other.enriched.fingerprint, other.enriched.article.fetched, ""))
        for id, event in _wanted(newest).items():
            fingerprint = event.enriched.fingerprint or ""
            there, remembered = known.firsts.like(fingerprint), self._recent.like(fingerprint)
            if len(there) == LIKELY or len(remembered) == LIKELY:
                return False  # they are not all, and others may be chosen once the other events are written
            likely = {*there, *remembered, known.own.get(id, id)}
            if beside.like(fingerprint) or not clusters.isdisjoint(likely):
                return False
        return True

    def _forget_taken_down(self, remembered: Iterable[str], known: Known | None = None) -> None:
        """Forgets the remembered articles that were taken down: nothing may become a copy of them."""
        down = self._tombstones.named(set(remembered))
        if known is not None:
            known.forget(down)
        for id in down:
            self._recent.remove(id)
            self._quotes.pop(id, None)

    def _first(self, event: Event, now: datetime) -> _First:
        article = event.enriched.article
        month = indices.month(article, now=now, months=self._settings.sink.months)
        return _First(event.id, event.enriched.fingerprint or "", article.published or article.fetched, month)

    def _placed(self, event: Event, known: Known, now: datetime) -> Event:
        fingerprint, id = event.enriched.fingerprint or "", event.id
        least = self._settings.sink.similarity
        me = self._first(event, now)
        months = set(_around(me.month))
        own = known.own.get(id)
        candidates = self._recent.like(fingerprint) | known.firsts.like(fingerprint)
        if own is not None and (mine := known.firsts.get(own)) is not None:
            candidates[own] = mine
        alike = {
            other: score
            for other, first in candidates.items()
            if other not in known.copies | {id}
            and first.month in months
            and (score := similarity(fingerprint, first.fingerprint)) >= least
        }
        if own == id:  # it stays first, unless an older one is there: two sinks had not seen each other's
            alike = {other: score for other, score in alike.items() if candidates[other].age < me.age}
        first = own if own in alike else min(alike, key=lambda other: (-alike[other], other), default=id)
        if first == id:
            known.firsts.add(me)
        else:
            known.copies.add(id)
        update: dict[str, Any] = {"cluster": first, "duplicate_of": None if first == id else first, "copied": {}}
        return replace(event, enriched=event.enriched.model_copy(update=update))

    def _mark_quotes(self, placed: dict[str, Event], wanted: Collection[str], known: Known) -> None:
        """Marks the quotes that another article of the cluster has; in a cluster of one article there are none."""
        shared = {id for id in wanted if placed[id].enriched.duplicate_of or id in known.own}
        held = self._held([placed[id] for id in wanted if id in shared]) if shared else defaultdict(dict)
        members = Counter(placed[id].enriched.cluster for id in wanted)
        for id in wanted:
            enriched = placed[id].enriched
            if id not in shared and members[enriched.cluster] == 1:
                continue
            cluster, copied = str(enriched.cluster), {}
            for quote in enriched.quotes:
                words = documents.said_hash(quote)
                holders = held.get((cluster, words), {})
                other = next((holder for holder in holders if holder != id), None)
                if other is not None and id not in holders:
                    copied[quote.id] = other
                elif id not in holders:
                    held.setdefault((cluster, words), {})[id] = None
            if copied:
                changed = enriched.model_copy(update={"copied": copied})
                placed[id] = replace(placed[id], enriched=changed)

    def _held(self, events: list[Event]) -> dict[tuple[str, str], dict[str, None]]:
        """By cluster and words, the articles that have such a quote and are counted for it."""
        held: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for some in chunks(
            events, _AT_ONCE, weight=lambda event: len(event.enriched.quotes), max_weight=_QUOTES_AT_ONCE
        ):
            words = {documents.said_hash(quote) for event in some for quote in event.enriched.quotes}
            clusters = {str(event.enriched.cluster) for event in some}
            query = {
                "bool": {
                    "filter": [{"terms": {"cluster": sorted(clusters)}}, {"terms": {"said_hash": sorted(words)}}],
                    "must_not": [{"exists": {"field": "duplicate_of"}}],
                }
            }
            for hit in self._search(self._names("quotes", "*"), query, ["cluster", "said_hash", "article_id"], None):
                fields = hit["fields"]
                held[fields["cluster"][0], fields["said_hash"][0]][fields["article_id"][0]] = None
            self._forget_taken_down(article for article, (cluster, _) in self._quotes.items() if cluster in clusters)
            for article, (cluster, hashes) in self._quotes.items():
                for one in hashes if cluster in clusters else ():
                    held[cluster, one].setdefault(article)
        return held

    def _questions(
        self, ids: Collection[str], wanted: Mapping[str, Event], now: datetime
    ) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """Indices, and what is asked of them: where the articles are, and first ones of which they may be copies.

        Each keyword costs an index a look into each of its segments, and each index that is asked reads all keywords of
        a request. So the articles of a month are compared with those of its neighbours only, and a month of which there
        are many is asked apart. Copies have no keywords; those that an older version wrote have some, and are passed
        over by `_note`: to leave them out here would double what a search costs.
        """
        by_month: dict[str, list[Event]] = defaultdict(list)
        for event in wanted.values():
            by_month[self._first(event, now).month].append(event)
        options: list[dict[str, Any]] = [{"ids": {"values": list(ids)}}]
        for month, events in by_month.items():
            found = {
                "terms": {"bands": sorted({band for event in events for band in bands(event.enriched.fingerprint)})}
            }
            near = self._names("articles", _around(month))
            if len(events) > _MANY:
                yield [f"{name}*" for name in near], found  # a pattern may name no index
            else:
                options.append({"bool": {"filter": [found, {"terms": {"_index": near}}]}})
        yield self._names("articles", "*"), {"bool": {"should": options}}

    def _ask(
        self,
        names: list[str],
        query: Mapping[str, Any],
        ids: Collection[str],
        wanted: Mapping[str, Event],
        known: Known,
    ) -> bool:
        """Notes what a question finds; False where it finds too much, of which nothing is noted."""
        most = _CROWD * len(ids)
        hits = next(self._pages(names, query, _FIELDS, "fingerprint", size=most), [])
        if len(hits) == most:
            return False
        for hit in hits:
            if indices.ours(hit["_index"]):
                self._note(hit, ids, wanted, known)
        return True

    def _ask_apart(self, ids: Collection[str], wanted: Mapping[str, Event], known: Known, now: datetime) -> None:
        """Notes where the articles are, their first ones, and for each the first ones that are most likely alike.

        Elasticsearch's score (BM25) is the higher, the rarer the bands are that they have in common.
        """
        everywhere = self._names("articles", "*")
        for hit in self._search(everywhere, {"ids": {"values": list(ids)}}, _FIELDS, "fingerprint"):
            self._note(hit, ids, wanted, known)
        if not wanted:
            return
        searches: list[dict[str, Any]] = []
        for event in wanted.values():
            near = self._names("articles", _around(self._first(event, now).month))
            shared = [{"term": {"bands": band}} for band in bands(event.enriched.fingerprint or "")]
            query = {"bool": {"filter": {"terms": {"_index": near}}, "should": shared, "minimum_should_match": 1}}
            place = {"index": [f"{name}*" for name in near], "allow_partial_search_results": False}
            shown = {"docvalue_fields": _FIELDS, "_source": ["fingerprint"], "track_total_hits": False}
            # Bands are as rare as they are in all of these months; one that has few articles knows of no rare ones.
            place["search_type"] = "dfs_query_then_fetch"
            searches += [place | elasticsearch_client.STRICT, {"query": query, "size": LIKELY} | shown]
        answer = self._client.msearch(searches=searches)
        for response in answer["responses"]:
            elasticsearch_client.raise_failure(response, answer)
            for hit in response["hits"]["hits"]:
                self._note(hit, ids, wanted, known)
        firsts = {known.own[id] for id in wanted if id in known.own}
        missing = sorted(first for first in firsts if known.firsts.get(first) is None)
        if missing:
            for hit in self._search(everywhere, {"ids": {"values": missing}}, _FIELDS, "fingerprint"):
                self._note(hit, (), {}, known)

    def _note(self, hit: Mapping[str, Any], ids: Collection[str], wanted: Mapping[str, Event], known: Known) -> None:
        id, fields = hit["_id"], hit["fields"]
        if id in ids and indices.version_of(hit["_index"]) == self._versions[0]:
            place = _place(hit)
            if place not in known.places[id]:
                known.places[id].append(place)
        first = fields.get("duplicate_of", [id])[0]
        fingerprint = hit.get("_source", {}).get("fingerprint")
        if id in wanted and (fingerprint or first != id):
            known.own[id] = first
        if first == id and fingerprint:
            since = fields.get("published") or fields["fetched"]
            month = indices.month_of(hit["_index"])
            known.firsts.add(_First(id, fingerprint, datetime.fromisoformat(since[0]), month))

    def _names(self, kind: str, months: Iterable[str]) -> list[str]:
        return [
            indices.name(self._settings, kind, month, version) for version in self._versions for month in sorted(months)
        ]

    def _search(
        self, names: list[str], query: Mapping[str, Any], fields: list[Any], source: str | None
    ) -> Iterator[dict[str, Any]]:
        for page in self._pages(names, query, fields, source):
            yield from (hit for hit in page if indices.ours(hit["_index"]))

    def _pages(
        self, names: list[str], query: Mapping[str, Any], fields: list[Any], source: str | None, *, size: int = _PAGE
    ) -> Iterator[list[dict[str, Any]]]:
        return elasticsearch_client.pages(
            self._client, index=names, query=query, source=False if source is None else None,
            source_includes=source, docvalue_fields=fields, sort=indices.BY_ID, size=size,
            filter_path="hits.hits._index,hits.hits._id,hits.hits.fields,hits.hits._source,hits.hits.sort",
            **elasticsearch_client.STRICT,
        )  # fmt: skip


def _keys(fingerprint: str) -> list[int]:
    """A number for each band: 60 bits of its hash take 32 bytes, where the band takes 80.

    Two bands that share a number do no harm, as articles that share one are compared.
    """
    return [hash(band) >> 4 for band in bands(fingerprint)]


def _wanted(newest: Mapping[str, Event]) -> dict[str, Event]:
    """The events of which copies are looked for."""
    return {id: event for id, event in newest.items() if event.enriched.fingerprint and not event.indexed}


def _place(hit: Mapping[str, Any]) -> Place:
    fields = hit["fields"]
    model = ModelInfo(name="", version="", engine=fields.get("model.engine", [""])[0])
    return Place(hit["_index"], hit["_id"], documents.version(int(fields["revision"][0]), model))


def _around(month: str) -> Iterator[str]:
    """The month, the one before and the one after."""
    yield month
    if month != indices.OTHER:
        at = int(month[:4]) * 12 + int(month[5:]) - 1
        yield from (f"{number // 12:04d}.{number % 12 + 1:02d}" for number in (at - 1, at + 1))
