"""Tells which entity the names in articles mean: what a search by name finds, counted by who is who.

In articles, a name has an id that is the same for all bearers of the name. It is counted for an entity where nearly all
articles with the name mean that one; a name that means several, or is often left open, stays by itself.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.elasticsearch_client import chunks
from pipeline.entities import lookup
from pipeline.entities.models import Kind
from pipeline.entities.profile import Profile
from pipeline.entities.store import EntityStore
from pipeline.settings import Settings

MOST = 1000
"""The most names that are told at once: the first ones."""

_NEARLY_ALL = 0.9  # of the articles with a name
_AT_ONCE = 30  # names in an expression: Elasticsearch takes a thousand characters
_PAIRS = 5  # entities of a name that are looked at


class Meaning(NamedTuple):
    """An entity that a name means."""

    id: str
    name: str
    kind: Kind


def meanings(client: Elasticsearch, settings: Settings, locals: Collection[str]) -> dict[str, Meaning]:
    """By id of a name, the entity that it means in nearly all articles; empty where this user may not read them.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    store = EntityStore(client, settings)

    def read() -> dict[str, Meaning]:
        with elasticsearch_client.translate_errors(client):
            meant = dict(_meant(client, store, list(locals)[:MOST]))
            final = _final(store, set(meant.values()))
        found = ((local, final[id]) for local, id in meant.items() if id in final)
        return {local: Meaning(one.id, one.name, one.kind) for local, one in found}

    return lookup.readable(read) or {}


def _meant(client: Elasticsearch, store: EntityStore, locals: list[str]) -> Iterator[tuple[str, str]]:
    """The names that mean one entity in nearly all articles, each with the entity's id."""
    parts = list(chunks(locals, _AT_ONCE))
    if not parts:
        return
    searches: list[dict[str, Any]] = []
    for part in parts:
        searches += [{"index": store.decisions, "ignore_unavailable": True}, _counts(part)]
    answer = elasticsearch_client.wait_for_shards(lambda: client.msearch(searches=searches))
    for part, response in zip(parts, answer["responses"], strict=True):
        elasticsearch_client.raise_failure(response, answer)
        counted = response.get("aggregations", {})
        articles = {bucket["key"]: bucket["doc_count"] for bucket in counted.get("locals", {}).get("buckets", ())}
        pairs: dict[str, Counter[str]] = {local: Counter() for local in part}
        for bucket in counted.get("pairs", {}).get("buckets", ()):
            local, _, id = bucket["key"].partition(" ")
            pairs.setdefault(local, Counter())[id] = bucket["doc_count"]
        for local, ids in pairs.items():
            for id, count in ids.most_common(1):
                if count >= _NEARLY_ALL * articles.get(local, count):
                    yield local, id


def _counts(locals: list[str]) -> dict[str, Any]:
    beginnings = "|".join(lookup.literal(local) for local in locals)
    return {
        "size": 0, "track_total_hits": False, "query": {"terms": {"locals": locals}},
        "aggs": {
            "locals": {"terms": {"field": "locals", "include": locals, "size": len(locals)}},
            "pairs": {
                "terms": {"field": "pairs", "include": f"({beginnings}) .*", "size": len(locals) * _PAIRS}
            },
        },
    }  # fmt: skip


def _final(store: EntityStore, ids: Collection[str]) -> dict[str, Profile]:
    """By id, the entity, or the one that it was merged into."""
    found: dict[str, Profile] = store.get(ids)
    for _ in range(lookup.LONGEST_CHAIN):
        missing = {profile.redirect for profile in found.values() if profile.redirect} - found.keys()
        if not missing:
            break
        found |= store.get({id for id in missing if id})
    final = {}
    for id in ids:
        profile = found.get(id)
        for _ in range(lookup.LONGEST_CHAIN):
            if profile and profile.redirect:
                profile = found.get(profile.redirect)
        if profile and not profile.redirect:
            final[id] = profile
    return final
