"""Makes the documents of the store of entities, and says how their fields are indexed."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.entities import names
from pipeline.entities.models import Decision, Ruling
from pipeline.entities.profile import Profile

__all__ = [
    "ANALYSIS",
    "DECISIONS",
    "ENTITIES",
    "RULINGS",
    "decision_document",
    "entity_document",
    "ruled",
    "ruling_document",
]

_KEYWORD = {"type": "keyword", "ignore_above": 512}
_STORED = {"type": "object", "enabled": False}

ANALYSIS: dict[str, Any] = {"analyzer": {"names": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}}}
"""Accents are folded before: a small build of Elasticsearch has no filter for that."""

ENTITIES: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": {"type": "keyword"}, "kind": {"type": "keyword"}, "name": _KEYWORD, "country": {"type": "keyword"},
        "names": _KEYWORD, "folded": {"type": "text", "analyzer": "names"}, "keys": {"type": "keyword"},
        "mentions": {"type": "integer"}, "first_seen": {"type": "date"}, "last_seen": {"type": "date"},
        "variants": _STORED, "titles": _STORED, "affiliations": _STORED, "features": _STORED, "links": _KEYWORD,
        "told": {"type": "keyword", "ignore_above": 512}, "redirect": {"type": "keyword"}, "named": _KEYWORD,
        "aliases": _KEYWORD,
    },
}  # fmt: skip
DECISIONS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "article": {"type": "keyword"}, "day": {"type": "date"}, "revision": {"type": "long"},
        "entities": {"type": "keyword"}, "locals": {"type": "keyword"}, "pairs": {"type": "keyword"},
        "named": {"type": "keyword", "ignore_above": 512}, "decision": _STORED,
    },
}  # fmt: skip
RULINGS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": {"type": "keyword"}, "entity": {"type": "keyword"}, "other": {"type": "keyword"},
        "articles": {"type": "keyword"}, "at": {"type": "date"}, "undone": {"type": "boolean"}, "ruling": _STORED,
    },
}  # fmt: skip


def decision_document(decision: Decision, rulings: Sequence[Ruling]) -> dict[str, Any]:
    """The document of a decision: what was decided, and what holds by the rulings."""
    pairs: dict[str, None] = {}
    named: dict[str, None] = {}
    entities: dict[str, None] = {}
    for link in decision.links:
        entity = ruled(decision.article, link.entity, rulings)
        if entity:
            entities[entity] = None
            named[f"{entity} {link.name}"] = None
            pairs |= dict.fromkeys(f"{local} {entity}" for local in link.locals)
    return {
        "article": decision.article, "day": decision.day or None, "revision": decision.revision,
        "entities": list(entities), "pairs": list(pairs), "named": list(named),
        "locals": sorted({local for link in decision.links for local in link.locals}),
        "decision": decision.model_dump(mode="json"),
    }  # fmt: skip


def ruling_document(ruling: Ruling) -> dict[str, Any]:
    """The document of a ruling, with what it is about."""
    return {
        "id": ruling.id, "entity": ruling.entity, "other": ruling.other or None, "articles": ruling.articles,
        "at": ruling.at.isoformat(), "undone": ruling.undone, "ruling": ruling.model_dump(mode="json"),
    }  # fmt: skip


def ruled(article: str, entity: str | None, rulings: Iterable[Ruling]) -> str | None:
    """The entity that is meant in the article, by the splits that hold."""
    for ruling in rulings:
        if ruling.action == "split" and not ruling.undone and ruling.entity == entity and article in ruling.articles:
            entity = ruling.other
    return entity


def entity_document(profile: Profile) -> dict[str, Any]:
    """The document of an entity, with what it is found by."""
    folded = dict.fromkeys(names.fold(name) for name in profile.all_names())
    return profile.document() | {"folded": list(folded), "told": list(profile.features)}
