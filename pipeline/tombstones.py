"""Keeps tombstones: one document for each article that was taken down, and one for each source that is kept out.

The sink looks up every batch here, before and after it writes (pipeline.sink.writer); both times in real time, so that
a tombstone of a moment ago counts. A tombstone has no text of the article: only its id, address and source, and who
took it down, when and why.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from elasticsearch import ApiError, Elasticsearch
from pydantic import BaseModel, ConfigDict

from pipeline import elasticsearch_client
from pipeline.elasticsearch_client import chunks
from pipeline.identity import digest
from pipeline.models import UtcDatetime
from pipeline.settings import Settings

_AT_ONCE = 500
_PAGE = 1000
_MISSING = "index_not_found_exception"
_MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "kind": {"type": "keyword"},
        "id": {"type": "keyword"},
        "url": {"type": "keyword", "ignore_above": 4096},
        "source": {"type": "keyword", "ignore_above": 1024},
        "because": {"type": "keyword", "ignore_above": 8192},
        "by": {"type": "keyword", "ignore_above": 1024},
        "at": {"type": "date"},
        "fetched": {"type": "date"},
        "quotes": {"type": "integer"},
    },
}


class Tombstone(BaseModel):
    """An article that was taken down; or, of kind `source`, a source whose articles are all kept out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["article", "source"] = "article"
    id: str
    url: str = ""
    source: str = ""
    because: str
    by: str
    at: UtcDatetime
    fetched: UtcDatetime | None = None
    """When a connector read the article; its event on the topic is not older."""
    quotes: int = 0
    """How many quotes were removed with it."""

    @property
    def key(self) -> str:
        """The id of its document."""
        return self.id if self.kind == "article" else _source_key(self.id)


@dataclass(frozen=True)
class Subject:
    """The id of an article that may have been taken down, and that of its source."""

    id: str
    source: str = ""


class Tombstones:
    """The tombstones of one cluster. All methods raise the client's own errors."""

    def __init__(self, client: Elasticsearch, settings: Settings) -> None:
        self._client = client
        self._index = settings.tombstones_index

    def prepare(self) -> None:
        """Makes the index where it is missing."""
        form = {"mappings": _MAPPING, "settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"}}
        elasticsearch_client.create_index(self._client, self._index, **form)

    def among(self, subjects: Iterable[Subject]) -> dict[str, Tombstone]:
        """By id, the tombstones of those articles that are taken down, alone or with their source."""
        taken_down: dict[str, Tombstone] = {}
        for chunk in chunks(subjects, _AT_ONCE):
            keys = {subject.id for subject in chunk}
            keys |= {_source_key(subject.source) for subject in chunk if subject.source}
            tombstones = self._get(keys)
            for subject in chunk:
                of_article, of_source = tombstones.get(subject.id), tombstones.get(_source_key(subject.source))
                if of_article and of_article.kind == "article":
                    taken_down[subject.id] = of_article
                elif of_source and of_source.kind == "source":
                    taken_down[subject.id] = of_source
        return taken_down

    def add(self, tombstones: Collection[Tombstone]) -> set[str]:
        """Writes the tombstones that are not there yet; the ids of those."""
        new: set[str] = set()
        for chunk in chunks(tombstones, _AT_ONCE):
            operations: list[dict[str, Any]] = []
            for tombstone in chunk:
                operations += [{"create": {"_id": tombstone.key}}, tombstone.model_dump(mode="json", exclude_none=True)]
            answer = self._client.bulk(index=self._index, operations=operations, refresh=True)
            for tombstone, item in zip(chunk, answer["items"], strict=True):
                result = item["create"]
                if result["status"] == 201:
                    new.add(tombstone.id)
                elif result["status"] != 409:
                    raise ApiError(str(result["error"]), meta=answer.meta, body={"error": result["error"]})
        return new

    def remove(self, tombstones: Collection[Tombstone]) -> None:
        """Deletes the tombstones, so that the articles may come again."""
        for chunk in chunks(tombstones, _AT_ONCE):
            deletions = [{"delete": {"_id": tombstone.key}} for tombstone in chunk]
            answer = self._client.bulk(index=self._index, operations=deletions, refresh=True)
            for item in answer["items"]:
                result = item["delete"]
                if result["status"] not in (200, 404):
                    raise ApiError(str(result["error"]), meta=answer.meta, body={"error": result["error"]})

    def all(self, *, source: str | None = None) -> Iterator[Tombstone]:
        """All tombstones, oldest first; or those of a source and of its articles."""
        query: dict[str, Any] = {"match_all": {}}
        if source is not None:
            own = {"bool": {"filter": [{"term": {"kind": "source"}}, {"term": {"id": source}}]}}
            query = {"bool": {"should": [own, {"term": {"source": source}}]}}
        if not self._client.indices.exists(index=self._index):
            return
        elasticsearch_client.refresh(self._client, [self._index])
        sort = [{"at": "asc"}, {"id": "asc"}, {"kind": "asc"}]
        for page in elasticsearch_client.pages(self._client, index=self._index, query=query, sort=sort, size=_PAGE):
            yield from (Tombstone.model_validate(hit["_source"]) for hit in page)

    def count(self) -> int:
        """How many articles are taken down."""
        query = {"term": {"kind": "article"}}
        return elasticsearch_client.count(self._client, self._index, query, ignore_unavailable=True)

    def named(self, ids: Collection[str]) -> dict[str, Tombstone]:
        """By id, the tombstones of those of the articles that have one of their own."""
        of_articles: dict[str, Tombstone] = {}
        for chunk in chunks(sorted(ids), _AT_ONCE):
            tombstones = self._get(set(chunk))
            of_articles |= {key: tombstone for key, tombstone in tombstones.items() if tombstone.kind == "article"}
        return of_articles

    def _get(self, keys: set[str]) -> dict[str, Tombstone]:
        """The tombstones with these keys, in real time. The shard of an index just made is waited for."""
        return elasticsearch_client.wait_for_shards(lambda: self._get_now(keys)) if keys else {}

    def _get_now(self, keys: set[str]) -> dict[str, Tombstone]:
        answer = self._client.mget(
            index=self._index, ids=sorted(keys), filter_path="docs._id,docs.found,docs._source,docs.error"
        )
        tombstones: dict[str, Tombstone] = {}
        for document in answer["docs"]:
            if (document.get("error") or {}).get("type") != _MISSING:
                # A failed look-up must not pass for "nothing was taken down".
                elasticsearch_client.raise_failure(document, answer)
            if document.get("found"):
                tombstones[document["_id"]] = Tombstone.model_validate(document["_source"])
        return tombstones


def by_day(at: datetime) -> str:
    """The day of a time, for readers."""
    return f"{at:%Y-%m-%d}"


def _source_key(source: str) -> str:
    return digest("tombstone of source", source)
