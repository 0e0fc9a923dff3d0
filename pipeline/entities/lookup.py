"""Finds entities by id or by any name, and says by which ids and in which articles their quotes are found.

In articles, a name has an id that is the same for all bearers of the name. So the quotes of an entity are those of the
ids of its names; where a name means somebody else in other articles, the articles are told apart one by one.
"""

import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from elasticsearch import ApiError, Elasticsearch
from pydantic import BaseModel, Field

from pipeline import elasticsearch_client
from pipeline.entities import names
from pipeline.entities.models import Decision, Kind, Ruling
from pipeline.entities.name_match import SAME, compare
from pipeline.entities.profile import Profile
from pipeline.entities.store import EntityStore
from pipeline.errors import ClusterUnavailable, NotFoundError
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_ARTICLES = 10_000
"""The most articles by which one name is told apart: the newest."""

LONGEST_CHAIN = 10
"""The most entities that were merged, each into the next."""

_FORBIDDEN = 403
_LIKELY = 0.5  # how well a name must fit to be suggested
_MAX_ENTITIES, _MAX_LOCALS, _MAX_NAMES = 50, 500, 50
_ID = re.compile(r"[polg]-[0-9a-z]{2,14}(\.\d{1,6})?(~[0-9a-f]{6})*")
_SPECIAL = re.compile(r"[.?+*|{}\[\]()\"\\#@&<>~^$-]")


class Variant(BaseModel):
    """A name of an entity, with how many articles call it so."""

    name: str
    script: str
    articles: int


class Dated(BaseModel):
    """A title or an affiliation, with when it was seen first and last."""

    name: str
    first: str | None = None
    last: str | None = None


class Companion(BaseModel):
    """An entity that is named in the same articles."""

    id: str
    name: str
    articles: int


class EntityHit(BaseModel):
    """An entity that was found."""

    id: str
    kind: Kind
    name: str
    country: str | None = None
    mentions: int = 0
    title: str | None = None
    affiliation: str | None = None
    links: list[str] = Field(default_factory=list)
    score: float = Field(default=0, description="How well it fits what was asked for, from 0 to 1.")


class EntityView(EntityHit):
    """An entity with all that is known of it."""

    merged: list[str] = Field(default_factory=list, description="Ids that mean it, too.")
    first_seen: str | None = None
    last_seen: str | None = None
    articles: int = 0
    variants: list[Variant] = Field(default_factory=list)
    aliases: list[str] = Field(default_factory=list)
    titles: list[Dated] = Field(default_factory=list)
    affiliations: list[Dated] = Field(default_factory=list)
    company: list[Companion] = Field(default_factory=list)
    rulings: list[Ruling] = Field(default_factory=list)


@dataclass(frozen=True)
class Expansion:
    """What to search the quotes of one or several entities by."""

    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    locals: tuple[str, ...] = ()
    """Ids of names that mean these entities in every article."""
    only: dict[str, list[str]] = field(default_factory=dict)
    """Ids of names that mean them in these articles."""
    without: dict[str, list[str]] = field(default_factory=dict)
    """Ids of names that mean them in all articles but these."""

    def clauses(self, field_name: str = "speaker.id", article: str = "article_id") -> list[dict[str, Any]]:
        """Conditions of which a quote of the entities meets one."""
        found: list[dict[str, Any]] = [{"terms": {field_name: list(self.locals)}}] if self.locals else []
        for local, articles in self.only.items():
            found.append({"bool": {"filter": [{"term": {field_name: local}}, {"terms": {article: articles}}]}})
        for local, articles in self.without.items():
            found.append(
                {"bool": {"filter": [{"term": {field_name: local}}], "must_not": [{"terms": {article: articles}}]}}
            )
        return found


class Directory:
    """Looks entities up. Threads may share it.

    Every method raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._store = EntityStore(client, settings)

    def search(self, text: str, *, kind: Kind | None = None, size: int = 10) -> list[EntityHit]:
        """The entities of the id or name, best first: accents, spelling, order and slips of the pen are forgiven."""
        with self._errors():
            if _ID.fullmatch(text.strip()):
                profile = self._store.final(text.strip())
                return [_hit(profile, 1.0)] if profile else []
            scored = self._scored(text, kind, max(size * 3, 30))
        return [_hit(profile, score) for score, profile in scored[:size]]

    def complete(self, prefix: str, size: int = 10) -> list[EntityHit]:
        """The entities with a name in which words begin so, the most frequent first."""
        folded = names.fold(prefix)
        if not folded:
            return []
        query = {
            "bool": {
                "filter": [
                    {"match_bool_prefix": {"folded": {"query": folded, "operator": "and", "max_expansions": 50}}}
                ],
                "must_not": [{"exists": {"field": "redirect"}}],
            }
        }
        body = {"query": query, "size": size, "sort": [{"mentions": "desc"}, {"id": "asc"}], "track_total_hits": False}
        with self._errors():
            hits = self._search(self._store.entities, body)["hits"]["hits"]
        return [_hit(Profile.of(hit["_source"]), 1.0) for hit in hits]

    def find(self, id: str) -> EntityView:
        """All that is known of an entity.

        Raises:
            NotFoundError: no entity has the id.
        """
        with self._errors():
            profile = self._store.final(id)
            if profile is None:
                raise NotFoundError(f"There is no entity {id[:80]}; `whosaid entity search NAME` finds its id.")
            merged = self._store.merged_into(profile.id)
            whole = profile.together(self._store.get(merged).values()) if merged else profile
            ids = [profile.id, *merged]
            answer = self._aggregate(ids)
            company = self._company(answer["company"]["buckets"], ids)
            rulings = self._store.rulings_about(ids)
        counts: Counter[str] = Counter()
        for bucket in answer["variants"]["buckets"]:
            counts[bucket["key"].partition(" ")[2]] += bucket["doc_count"]
        return EntityView(
            **_hit(whole, 1.0).model_dump(),
            merged=merged,
            first_seen=whole.seen.first or None,
            last_seen=whole.seen.last or None,
            articles=answer["articles"],
            variants=[
                Variant(name=n, script=names.script(n), articles=count) for n, count in counts.most_common(_MAX_NAMES)
            ],
            aliases=profile.aliases,
            titles=_dated(whole.titles),
            affiliations=_dated(whole.affiliations),
            company=company,
            rulings=rulings,
        )

    def decision(self, article: str) -> Decision:
        """Who is who in an article, with the reasons.

        Raises:
            NotFoundError: the names of the article are not resolved.
        """
        with self._errors():
            found = self._store.decided([article]).get(article)
        if found is None:
            raise NotFoundError(
                f"Nobody has resolved the names of an article {article[:80]}; `whosaid resolve` does it."
            )
        return found

    def expand(self, name_or_id: str) -> Expansion:
        """What to search the quotes of the entity, or of the bearers of the name, by; empty where there is none."""
        with self._errors():
            profiles = self._meant(name_or_id.strip())
            if not profiles:
                return Expansion()
            ids = [profile.id for profile in profiles]
            ids += [id for one in list(ids) for id in self._store.merged_into(one)]
            ids = list(dict.fromkeys(ids))
            called = dict.fromkeys(name for profile in profiles for name in profile.all_names())
            return self._expansion(ids, list(called)[:_MAX_NAMES])

    # How

    def _meant(self, text: str) -> list[Profile]:
        if _ID.fullmatch(text):
            profile = self._store.final(text)
            return [profile] if profile else []
        scored = self._scored(text, None, _MAX_ENTITIES)
        return [profile for score, profile in scored if score >= SAME][:_MAX_ENTITIES]

    def _scored(self, text: str, kind: Kind | None, size: int) -> list[tuple[float, Profile]]:
        profiles = self._fitting(text, kind, size)
        scored = [(_fit(text, profile), profile) for profile in profiles.values()]
        best = [item for item in scored if item[0] > 0]
        return sorted(best, key=lambda item: (-item[0] - 0.02 * math.log10(1 + item[1].seen.count), item[1].id))

    def _fitting(self, text: str, kind: Kind | None, size: int) -> dict[str, Profile]:
        folded = names.fold(text)
        if not folded:
            return {}
        slips = {"query": folded, "operator": "and", "fuzziness": "AUTO", "max_expansions": 20}
        keys = dict.fromkeys([*names.blocking_keys(text, person=True), *names.blocking_keys(text, person=False)])
        query: dict[str, Any] = {
            "bool": {
                "should": [
                    {"constant_score": {"filter": {"terms": {"keys": list(keys)}}, "boost": 4}},
                    {"match": {"folded": {"query": folded, "operator": "and", "boost": 2}}},
                    {"match": {"folded": slips}},
                ],
                "minimum_should_match": 1,
            }
        }  # fmt: skip
        if kind:
            query["bool"]["filter"] = [{"term": {"kind": kind.value}}]
        boosted = {
            "function_score": {
                "query": query,
                "field_value_factor": {"field": "mentions", "modifier": "log2p", "missing": 0},
            }
        }
        answer = self._search(self._store.entities, {"query": boosted, "size": size})
        found: dict[str, Profile] = {}
        for hit in answer["hits"]["hits"]:
            profile: Profile | None = Profile.of(hit["_source"])
            if profile and profile.redirect:
                other = self._store.final(profile.redirect)
                profile = other.together([profile]) if other else None
            if profile and profile.id not in found:
                found[profile.id] = profile
        return found

    def _expansion(self, ids: list[str], called: Sequence[str]) -> Expansion:
        endings = "|".join(map(literal, ids))
        answer = self._search(
            self._store.decisions,
            {
                "size": 0, "track_total_hits": False, "query": {"terms": {"entities": ids}},
                "aggs": {"pairs": {"terms": {"field": "pairs", "include": f".* ({endings})", "size": _MAX_LOCALS}}},
            },
        )  # fmt: skip
        counts: Counter[str] = Counter()
        for bucket in answer.get("aggregations", {}).get("pairs", {}).get("buckets", ()):
            counts[bucket["key"].partition(" ")[0]] += bucket["doc_count"]
        others = self._others(ids, list(counts))
        expansion = Expansion(tuple(ids), tuple(called), tuple(local for local in counts if not others[local]))
        for local, count in others.items():
            if not count:
                continue
            mine = [f"{local} {id}" for id in ids]
            if count <= min(counts[local], MAX_ARTICLES):
                query = {"bool": {"filter": [{"term": {"locals": local}}], "must_not": [{"terms": {"pairs": mine}}]}}
                expansion.without[local] = self._articles(query)
            else:
                expansion.only[local] = self._articles({"terms": {"pairs": mine}})
        return expansion

    def _others(self, ids: Collection[str], locals: Sequence[str]) -> dict[str, int]:
        """By id of a name, in how many articles it means somebody else, or is left open."""
        if not locals:
            return {}
        filters = {
            str(at): {
                "bool": {
                    "filter": [{"term": {"locals": local}}],
                    "must_not": [{"terms": {"pairs": [f"{local} {id}" for id in ids]}}],
                }
            }
            for at, local in enumerate(locals)
        }
        body = {"size": 0, "track_total_hits": False, "aggs": {"others": {"filters": {"filters": filters}}}}
        buckets = self._search(self._store.decisions, body)["aggregations"]["others"]["buckets"]
        return {local: buckets[str(at)]["doc_count"] for at, local in enumerate(locals)}

    def _articles(self, query: dict[str, Any]) -> list[str]:
        body = {"query": query, "size": MAX_ARTICLES, "_source": False, "docvalue_fields": ["article"],
                "sort": [{"day": "desc"}], "track_total_hits": False}  # fmt: skip
        hits = self._search(self._store.decisions, body)["hits"]["hits"]
        return [hit["fields"]["article"][0] for hit in hits]

    def _aggregate(self, ids: list[str]) -> dict[str, Any]:
        beginnings = "|".join(map(literal, ids))
        body = {
            "size": 0, "track_total_hits": True, "query": {"terms": {"entities": ids}},
            "aggs": {
                "variants": {"terms": {"field": "named", "include": f"({beginnings}) .*", "size": _MAX_NAMES * 2}},
                "company": {"terms": {"field": "entities", "size": 12 + len(ids)}},
            },
        }  # fmt: skip
        answer = self._search(self._store.decisions, body)
        return {**answer["aggregations"], "articles": answer["hits"]["total"]["value"]}

    def _company(self, buckets: Iterable[dict[str, Any]], ids: Collection[str]) -> list[Companion]:
        others = {bucket["key"]: bucket["doc_count"] for bucket in buckets if bucket["key"] not in ids}
        profiles = self._store.get(others.keys())
        return [Companion(id=id, name=profiles[id].name, articles=n) for id, n in others.items() if id in profiles][:12]

    def _search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = elasticsearch_client.wait_for_shards(
            lambda: self._client.search(index=index, body=body, ignore_unavailable=True, allow_no_indices=True)
        )
        return dict(answer.body)

    def _errors(self) -> Any:
        return elasticsearch_client.translate_errors(self._client)


def literal(text: str) -> str:
    """The text as a part of one of Elasticsearch's regular expressions."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def entity(client: Elasticsearch, settings: Settings, id: str) -> EntityHit | None:
    """The entity of the id; None where the text is no such id, or this user may not read entities.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    if not _ID.fullmatch(id):
        return None
    hits = readable(lambda: Directory(client, settings).search(id))
    return hits[0] if hits else None


def likely(client: Elasticsearch, settings: Settings, name: str) -> str | None:
    """The name of the entity that somebody may have meant who wrote this name, which is none of its names.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    hits = readable(lambda: Directory(client, settings).search(name, size=3)) or []
    other = (hit.name for hit in hits if hit.score >= _LIKELY and names.fold(hit.name) != names.fold(name))
    return next(other, None)


def expand(client: Elasticsearch, settings: Settings, name_or_id: str) -> Expansion:
    """What to search the quotes of an entity by; empty where the store has none, or this user may not read it.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    return readable(lambda: Directory(client, settings).expand(name_or_id)) or Expansion()


def readable(read: Callable[[], T]) -> T | None:
    """What is read, or None where this user may not read who is who."""
    try:
        return read()
    except ClusterUnavailable as error:
        if isinstance(error.__cause__, ApiError) and error.__cause__.status_code == _FORBIDDEN:
            logger.warning("This user may not read who is who: %s", elasticsearch_client.reason(error.__cause__))
            return None
        raise


def count(settings: Settings) -> int | None:
    """How many entities there are; None where this user may not read them.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with elasticsearch_client.connect(settings) as client:
        try:
            return EntityStore(client, settings).count()
        except elasticsearch_client.ERRORS as error:
            if isinstance(error, ApiError) and error.status_code == _FORBIDDEN:
                return None
            raise elasticsearch_client.unavailable(client, error) from error


def _fit(text: str, profile: Profile) -> float:
    """How well a name fits an entity: as its names are alike; a part of a name fits less."""
    own = names.parse(text, person=profile.person)
    best = 0.0
    for name in profile.all_names()[:_MAX_NAMES]:
        other = names.parse(name, person=profile.person)
        score = compare(text, name, person=profile.person).score
        sounds = {word.sound for word in other.words}
        if (own.words and all(word.sound in sounds for word in own.words)) or (
            not profile.person and len(own.words) == 1 and own.plain == names.acronym(other)
        ):
            score = max(score, 0.9)
        best = max(best, score)
    return best


def _hit(profile: Profile, score: float) -> EntityHit:
    def latest(spans: dict[str, Any]) -> str | None:
        return max(spans, key=lambda name: (spans[name].last, spans[name].count), default=None)

    return EntityHit(
        id=profile.id, kind=profile.kind, name=profile.name, country=profile.country, mentions=profile.seen.count,
        title=latest(profile.titles), affiliation=latest(profile.affiliations), links=profile.links,
        score=round(min(1.0, score), 3),
    )  # fmt: skip


def _dated(spans: dict[str, Any]) -> list[Dated]:
    ordered = sorted(spans.items(), key=lambda item: (item[1].first or "", item[0]))
    return [Dated(name=name, first=span.first or None, last=span.last or None) for name, span in ordered]
