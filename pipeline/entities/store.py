"""Keeps entities, decisions and rulings in Elasticsearch.

A decision's document is the point at which writers agree: the first writer to create it for a revision has decided, and
every other one takes over what it finds. Entities are updated with the state that they were read in (`if_seq_no`), and
again where somebody was faster, so that no writer undoes another's work. The counts of an entity serve to weigh
evidence; exact ones come from the decisions.
"""

import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.elasticsearch_client import chunks
from pipeline.entities import documents
from pipeline.entities.models import Decision, Link, Mention, Ruling
from pipeline.entities.profile import Profile, entity_id
from pipeline.entities.resolver import Pool, is_full, search_keys
from pipeline.errors import ClusterUnavailable
from pipeline.settings import Settings

Seen = Mapping[str, Sequence[tuple[Link, str]]]
"""By entity, the links that name it, each with its day."""

_AT_ONCE = 500
_MOST_CANDIDATES = 3000
_OF_SURNAME = 30
_MOST_FEATURES = 60
_TRIES = 20
_RECENT, _RECENT_ENTITIES = 5.0, 20_000
_MISSING = "index_not_found_exception"
_FOR_SCORING = {"excludes": ["names", "folded", "told"]}
"""What a document has twice, so that it is found: candidates come without."""


class EntityStore:
    """The entities of one cluster. All methods raise the client's own errors, and ClusterUnavailable."""

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self.entities = settings.entities_index
        self.decisions = settings.entity_decisions_index
        self.rulings = settings.entity_rulings_index
        self._recent: OrderedDict[str, tuple[float, Profile]] = OrderedDict()

    def prepare(self) -> None:
        """Makes the indices where they are missing, and adds the fields that they lack."""
        wanted = {
            self.entities: documents.ENTITIES,
            self.decisions: documents.DECISIONS,
            self.rulings: documents.RULINGS,
        }
        there = self._client.indices.get_mapping(index=list(wanted), ignore_unavailable=True)
        for index, mapping in wanted.items():
            if index not in there:
                self._create(index, mapping)
            elif mapping["properties"].keys() - there[index]["mappings"].get("properties", {}).keys():
                self._client.indices.put_mapping(index=index, properties=mapping["properties"])

    def _create(self, index: str, mapping: dict[str, Any]) -> None:
        elastic = self._settings.elasticsearch
        settings = {
            "number_of_shards": elastic.shards, "number_of_replicas": elastic.replicas, "analysis": documents.ANALYSIS,
            "refresh_interval": "1s",
        }  # fmt: skip
        elasticsearch_client.create_index(self._client, index, mappings=mapping, settings=settings)

    def delete(self) -> None:
        """Deletes the indices; the topic still has all that they are made of."""
        for index in (self.entities, self.decisions, self.rulings):
            self._client.options(ignore_status=404).indices.delete(index=index)
        self._recent.clear()

    def refresh(self) -> None:
        """Makes all that was written searchable now."""
        names = [self.entities, self.decisions, self.rulings]
        elasticsearch_client.refresh(self._client, names, ignore_unavailable=True)

    # Entities

    def get(self, ids: Collection[str]) -> dict[str, Profile]:
        """The entities of these ids that there are, in real time."""
        found: dict[str, Profile] = {}
        for chunk in chunks(sorted(ids), _AT_ONCE):
            answer = self._mget(self.entities, chunk)
            for document in answer:
                seq = document["_seq_no"], document["_primary_term"]
                found[document["_id"]] = Profile.of(document["_source"], seq)
        return found

    def final(self, id: str) -> Profile | None:
        """The entity of the id, or the one that it was merged into."""
        for _ in range(10):
            profile = self.get([id]).get(id)
            if profile is None or not profile.redirect:
                return profile
            id = profile.redirect
        return None

    def linked(self, links: Collection[str]) -> dict[str, str]:
        """By id in a knowledge base, the entity that has it."""
        found: dict[str, str] = {}
        for chunk in chunks(sorted(links), _AT_ONCE):
            hits = self._hits(self.entities, {"terms": {"links": chunk}}, size=2 * _AT_ONCE)
            found |= {link: hit["_id"] for hit in hits for link in hit["_source"]["links"]}
        return {link: id for link, id in found.items() if link in links}

    def merged_into(self, id: str) -> list[str]:
        """The ids of all entities that were merged into this one."""
        found: dict[str, None] = {}
        waiting = [id]
        while waiting:
            hits = self._hits(self.entities, {"terms": {"redirect": waiting}}, source=False)
            waiting = [hit["_id"] for hit in hits if hit["_id"] not in found and hit["_id"] != id]
            found |= dict.fromkeys(waiting)
        return list(found)

    def pool(self, mentions: Iterable[Mention]) -> Pool:
        """The entities that the mentions may mean, as far as they can be told from names."""
        keys: dict[str, None] = {}
        surnames: dict[str, set[str]] = {}
        ids: dict[str, None] = {}
        for mention in mentions:
            ids[entity_id(mention.kind, mention.name, mention.country)] = None
            if is_full(mention):
                keys |= dict.fromkeys(search_keys(mention))
            else:
                features = surnames.setdefault(search_keys(mention)[-1] if search_keys(mention) else "", set())
                features.update(mention.features)
        found = self._with_keys(list(keys)) | self._of_surnames(surnames)
        found |= self.get(self._senses(list(ids), found))
        now = time.monotonic()
        recent = [profile for until, profile in self._recent.values() if until > now]
        missing = {profile.redirect for profile in (*found.values(), *recent) if profile.redirect} - found.keys()
        found |= self.get({id for id in missing if id})
        pool = Pool()
        for profile in found.values():
            pool.add(profile)
        for profile in recent:
            known = pool.entities.get(profile.id)
            if known is None or (known.seq or (0, 0)) < (profile.seq or (0, 0)):
                pool.add(profile)
        return pool

    def _senses(self, ids: Sequence[str], found: Mapping[str, Profile]) -> list[str]:
        """The ids, and the next number of each id that is there already: another writer may have made that one."""
        next_ones = []
        for id in ids:
            sense = 2
            while f"{id}.{sense}" in found:
                sense += 1
            next_ones.append(f"{id}.{sense}")
        return [*ids, *next_ones]

    def _with_keys(self, keys: list[str]) -> dict[str, Profile]:
        found: dict[str, Profile] = {}
        for chunk in chunks(keys, _AT_ONCE):
            hits = self._hits(
                self.entities, {"terms": {"keys": chunk}}, size=_MOST_CANDIDATES, sort=[{"mentions": "desc"}],
                source=_FOR_SCORING,
            )  # fmt: skip

            found |= {hit["_id"]: _profile(hit) for hit in hits}
        return found

    def _of_surnames(self, surnames: Mapping[str, set[str]]) -> dict[str, Profile]:
        """The entities of each surname that best fit what is said of the mentions."""
        found: dict[str, Profile] = {}
        wanted = [(key, features) for key, features in surnames.items() if key]
        for chunk in chunks(wanted, 50):
            searches: list[dict[str, Any]] = []
            for key, features in chunk:
                fitting = [{"term": {"told": feature}} for feature in sorted(features)[:_MOST_FEATURES]]
                query = {"bool": {"filter": [{"term": {"keys": key}}], "should": fitting}}
                search = {"query": query, "size": _OF_SURNAME, "seq_no_primary_term": True, "_source": _FOR_SCORING}
                searches += [{"allow_partial_search_results": False}, search]
            answer = self._client.msearch(index=self.entities, searches=searches)
            for response in answer["responses"]:
                elasticsearch_client.raise_failure(response, answer)
                found |= {hit["_id"]: _profile(hit) for hit in response["hits"]["hits"]}
        return found

    def reserve(self, profiles: Iterable[Profile]) -> bool:
        """Creates new entities; whether all were new. One that was there is another writer's, made just before."""
        operations: list[dict[str, Any]] = []
        for profile in profiles:
            operations += [{"create": {"_id": profile.id}}, documents.entity_document(profile)]
        conflict = False
        for result in self._bulk(self.entities, operations):
            conflict |= result["status"] == 409
        return not conflict

    def see(self, seen: Seen) -> dict[str, Profile]:
        """Takes links into the entities that they name; makes those that are missing; all of them as they are now."""
        return self.change(list(seen), lambda profile: [profile.see(link, day) for link, day in seen[profile.id]],
                    {id: _blank(id, links[0][0]) for id, links in seen.items()})  # fmt: skip

    def change(self, ids: Collection[str], how: Any, new: Mapping[str, Profile] | None = None) -> dict[str, Profile]:
        """Changes entities, each again with its new state where somebody else was faster; the changed ones.

        Args:
            ids: the entities; those that are missing are taken from `new`, or passed over.
            how: changes a profile in place.
            new: the entities that are made where they are missing.
        """
        left = set(ids)
        changed: dict[str, Profile] = {}
        for _ in range(_TRIES):
            if not left:
                break
            there = self.get(left)
            left &= there.keys() | (new or {}).keys()
            profiles = {id: there.get(id) or Profile.of((new or {})[id].document()) for id in left}
            operations: list[dict[str, Any]] = []
            for id, profile in profiles.items():
                how(profile)
                action: dict[str, Any] = {"_id": id}
                if profile.seq:
                    action |= {"if_seq_no": profile.seq[0], "if_primary_term": profile.seq[1]}
                operations += [{"index" if profile.seq else "create": action}, documents.entity_document(profile)]
            for result in self._bulk(self.entities, operations):
                if result["status"] != 409:
                    profile = profiles[result["_id"]]
                    profile.seq = result["_seq_no"], result["_primary_term"]
                    changed[profile.id] = profile
                    left.discard(profile.id)
        if left:
            raise ClusterUnavailable(f"Other writers change {len(left)} entities all the time; try again.")
        self._remember(changed.values())
        return changed

    def _remember(self, profiles: Iterable[Profile]) -> None:
        until = time.monotonic() + _RECENT
        for profile in profiles:
            self._recent[profile.id] = until, profile
            self._recent.move_to_end(profile.id)
        now = time.monotonic()
        while self._recent and (len(self._recent) > _RECENT_ENTITIES or next(iter(self._recent.values()))[0] < now):
            self._recent.popitem(last=False)

    # Decisions

    def decided(self, articles: Collection[str]) -> dict[str, Decision]:
        """The decisions of these articles that there are, in real time."""
        found = {}
        for chunk in chunks(sorted(articles), _AT_ONCE):
            for document in self._mget(self.decisions, chunk):
                found[document["_id"]] = Decision.model_validate(document["_source"]["decision"])
        return found

    def decide(self, decisions: Sequence[Decision], rulings: Sequence[Ruling]) -> list[bool]:
        """Writes the decisions that no other writer has made; of each, whether it holds."""
        return self._put(decisions, rulings, "external")

    def redecide(self, articles: Collection[str], rulings: Sequence[Ruling]) -> None:
        """Applies the rulings to the decisions of these articles."""
        self._put(list(self.decided(articles).values()), rulings, "external_gte")

    def _put(
        self, decisions: Sequence[Decision], rulings: Sequence[Ruling], versions: Literal["external", "external_gte"]
    ) -> list[bool]:
        operations: list[dict[str, Any]] = []
        for decision in decisions:
            version = decision.revision * 64 + decision.resolver
            action = {"_id": decision.article, "version": version, "version_type": versions}
            operations += [{"index": action}, documents.decision_document(decision, rulings)]
        return [result["status"] != 409 for result in self._bulk(self.decisions, operations)]

    def decisions_of(self, entity: str) -> Iterator[Decision]:
        """The decisions that name an entity, as rulings have it."""
        pages = elasticsearch_client.pages(
            self._client,
            index=self.decisions,
            query={"term": {"entities": entity}},
            sort=[{"article": "asc"}],
            size=500,
        )
        for page in pages:
            yield from (Decision.model_validate(hit["_source"]["decision"]) for hit in page)

    def decisions_between(self, since: date | None, until: date | None) -> Iterator[Decision]:
        """The decisions about articles of these days, both included, in the order of the articles' ids."""
        with elasticsearch_client.point_in_time(self._client, self.decisions, keep_alive="5m") as pit:
            pages = elasticsearch_client.pages(
                self._client, pit=pit, query=_days(since, until), sort=[{"article": "asc"}], size=500
            )
            for page in pages:
                yield from (Decision.model_validate(hit["_source"]["decision"]) for hit in page)

    def count_decisions(self, since: date | None, until: date | None) -> int:
        """How many articles of these days are decided."""
        return elasticsearch_client.count(self._client, self.decisions, _days(since, until))

    def replace(self, decisions: Sequence[Decision], rulings: Sequence[Ruling]) -> list[bool]:
        """Writes decisions in place of others about the same revisions; of each, whether it holds."""
        return self._put(decisions, rulings, "external_gte")

    def count(self) -> int:
        """How many entities there are, without those that were merged into others."""
        query = {"bool": {"must_not": [{"exists": {"field": "redirect"}}]}}
        return elasticsearch_client.count(self._client, self.entities, query, ignore_unavailable=True)

    def forget(self, articles: Collection[str]) -> None:
        """Deletes the decisions of articles."""
        self._delete(self.decisions, articles)

    def drop(self, entities: Collection[str]) -> None:
        """Deletes entities."""
        for id in entities:
            self._recent.pop(id, None)
        self._delete(self.entities, entities)

    def _delete(self, index: str, ids: Collection[str]) -> None:
        for result in self._bulk(index, [{"delete": {"_id": id}} for id in sorted(ids)], lines=1):
            if result["status"] not in (200, 404):
                raise ClusterUnavailable(f"Elasticsearch did not delete {result['_id'][:80]}; try again.")

    # Rulings

    def rule(self, rulings: Iterable[Ruling]) -> None:
        """Writes rulings; they are found at once."""
        operations: list[dict[str, Any]] = []
        for ruling in rulings:
            operations += [{"index": {"_id": ruling.id}}, documents.ruling_document(ruling)]
        self._bulk(self.rulings, operations, refresh=True)

    def claim(self, ruling: Ruling) -> Ruling:
        """Writes a ruling unless there is one of its id already; the one that holds, or held until it was undone."""
        results = self._bulk(
            self.rulings, [{"create": {"_id": ruling.id}}, documents.ruling_document(ruling)], refresh=True
        )
        first = next(iter(results))["status"] != 409
        return ruling if first else self.ruling(ruling.id) or ruling

    def ruling(self, id: str) -> Ruling | None:
        """The ruling of the id."""
        found = self._mget(self.rulings, [id])
        return Ruling.model_validate(found[0]["_source"]["ruling"]) if found else None

    def rulings_about(self, ids: Collection[str]) -> list[Ruling]:
        """The rulings about these entities, oldest first, also undone ones."""
        query = {"bool": {"should": [{"terms": {field: sorted(ids)}} for field in ("entity", "other")]}}
        return self._rulings(query)

    def splits(self, articles: Collection[str] | None = None) -> list[Ruling]:
        """The rulings that hold about articles (all of them without a list), oldest first."""
        filters: list[dict[str, Any]] = [{"term": {"undone": False}}, {"exists": {"field": "articles"}}]
        if articles is None:
            return self._rulings({"bool": {"filter": filters}})
        found: dict[str, Ruling] = {}
        for chunk in chunks(sorted(articles), _AT_ONCE):
            filters = [{"term": {"undone": False}}, {"terms": {"articles": chunk}}]
            found |= {ruling.id: ruling for ruling in self._rulings({"bool": {"filter": filters}})}
        return sorted(found.values(), key=lambda ruling: (ruling.at, ruling.id))

    def _rulings(self, query: dict[str, Any]) -> list[Ruling]:
        hits = self._hits(self.rulings, query, size=10_000, sort=[{"at": "asc"}, {"id": "asc"}])
        return [Ruling.model_validate(hit["_source"]["ruling"]) for hit in hits]

    # Requests

    def _hits(self, index: str, query: dict[str, Any], *, size: int = 1000, source: bool | dict[str, Any] = True,
              sort: list[Any] | None = None) -> list[dict[str, Any]]:  # fmt: skip
        answer = elasticsearch_client.wait_for_shards(
            lambda: self._client.search(
                index=index, query=query, size=size, sort=sort, source=source, seq_no_primary_term=True,
                track_total_hits=False, allow_partial_search_results=False,
            )
        )  # fmt: skip
        return list(answer["hits"]["hits"])

    def _mget(self, index: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        if not ids:
            return []
        answer = elasticsearch_client.wait_for_shards(lambda: self._client.mget(index=index, ids=ids))
        for document in answer["docs"]:
            if (document.get("error") or {}).get("type") != _MISSING:
                elasticsearch_client.raise_failure(document, answer)
        return [document for document in answer["docs"] if document.get("found")]

    def _bulk(
        self, index: str, operations: Sequence[dict[str, Any]], *, refresh: bool = False, lines: int = 2
    ) -> Iterator[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for chunk in chunks(operations, lines * _AT_ONCE):
            answer = self._client.bulk(index=index, operations=chunk, refresh=refresh)
            for item in answer["items"]:
                (result,) = item.values()
                if result["status"] != 409:
                    elasticsearch_client.raise_failure(result, answer)
                results.append(result)
        return iter(results)


def _days(since: date | None, until: date | None) -> dict[str, Any]:
    if not (since or until):
        return {"match_all": {}}
    limits = {"gte": since and since.isoformat(), "lte": until and until.isoformat()}
    return {"range": {"day": {name: value for name, value in limits.items() if value}}}


def _profile(hit: Mapping[str, Any]) -> Profile:
    return Profile.of(hit["_source"], (hit["_seq_no"], hit["_primary_term"]))


def _blank(id: str, link: Link) -> Profile:
    return Profile(id, link.kind, link.name, link.country)
