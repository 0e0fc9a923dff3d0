"""Verifies that a new version of the indices has all that the old one has.

It compares every article and the number of quotes, and the documents of a sample field by field.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.models import ModelInfo
from pipeline.settings import Settings
from pipeline.sink import documents, indices
from pipeline.tombstones import Tombstones

_PAGE = 5000
_SAMPLE = 200
_FIELDS: Any = ["id", "revision", "model.engine", "enriched", "quote_ids"]
_NOT_COMPARED = {"indexed", "cluster", "duplicate_of", "copied", "context", "context_text", "bands", "terms"}
"""Fields that may differ: the time of writing; which of two copies came first, as two writers may see this differently;
the text around a quote, as older releases keep more of it; the keywords by which copies are found, which each release
makes of the fingerprint; and the terms, which indices of this release do not keep."""


@dataclass
class VerificationResult:
    """How much the new version has, and what is wrong with it: a sentence for each problem, without a full stop."""

    articles: int = 0
    quotes: int = 0
    sampled: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    id: str
    version: int
    enriched: str
    quotes: frozenset[str]


def verify(
    client: Elasticsearch, settings: Settings, old: str, new: str, progress: Callable[[str, int, int], None]
) -> VerificationResult:
    """Compares two versions that nobody writes to. The new one may have more articles, and newer ones.

    Raises the client's own errors.
    """
    patterns = [indices.pattern(settings, kind, version) for version in (old, new) for kind in indices.KINDS]
    elasticsearch_client.refresh(client, patterns)
    total = _count(client, indices.pattern(settings, "articles", old))
    comparison = _Comparison(_entries(client, indices.pattern(settings, "articles", new)))
    for seen, entry in enumerate(_entries(client, indices.pattern(settings, "articles", old)), 1):
        comparison.compare(entry)
        if seen % _PAGE == 0:
            progress("verify", seen, total)
    comparison.finish()
    result = VerificationResult(comparison.articles, _count(client, indices.pattern(settings, "quotes", new)))
    tombstones = Tombstones(client, settings)
    # The old version may still have what was taken down while it was fenced; the new one rightly has not.
    taken_down = tombstones.named({id for id, _ in comparison.suspects})
    result.problems += [f"the article {id} {fault}" for id, fault in comparison.suspects if id not in taken_down]
    if result.quotes != comparison.quotes:
        result.problems.append(f"its articles have {comparison.quotes:,} quotes, but {result.quotes:,} are there")
    sample = comparison.same.chosen
    taken_down = tombstones.named(sample)
    for id in sample:
        if id not in taken_down:
            result.problems += _differences(client, settings, old, new, id)
            result.sampled += 1
    progress("verify", total, total)
    return result


def _count(client: Elasticsearch, index: str) -> int:
    return elasticsearch_client.count(client, index, **elasticsearch_client.STRICT)


class _Comparison:
    """Compares the articles of the old version, which come in the order of their ids, with those of the new one."""

    def __init__(self, new: Iterator[_Entry]) -> None:
        self.articles = 0
        """Articles of the new version; `quotes` is how many quotes they are to have."""
        self.quotes = 0
        self.suspects: list[tuple[str, str]] = []
        """Ids of articles, each with what is wrong with it in the new version."""
        self.same = _Reservoir(_SAMPLE)
        """A sample of the ids of articles that both versions have in the same state."""
        self._new = new
        self._next = next(new, None)

    def compare(self, old: _Entry) -> None:
        """Takes the next article of the old version."""
        while self._next is not None and self._next.id < old.id:
            self._count_next()
        new = self._next
        if new is None or new.id != old.id:
            self.suspects.append((old.id, "is missing"))
        elif new.version < old.version:
            self.suspects.append((old.id, "is there in an older revision"))
        elif (new.version, new.enriched) == (old.version, old.enriched):
            if new.quotes != old.quotes:
                self.suspects.append((old.id, "has other quotes"))
            self.same.offer(old.id)

    def finish(self) -> None:
        """Counts the articles of the new version that come after the last one of the old version."""
        while self._next is not None:
            self._count_next()

    def _count_next(self) -> None:
        assert self._next is not None
        self.articles += 1
        self.quotes += len(self._next.quotes)
        self._next = next(self._new, None)


def _entries(client: Elasticsearch, index: str) -> Iterator[_Entry]:
    """All articles in the order of their ids; where two months have an article, its newest revision."""
    last: _Entry | None = None
    for page in elasticsearch_client.pages(
        client,
        index=index,
        size=_PAGE,
        source=False,
        docvalue_fields=_FIELDS,
        sort=indices.BY_ID,
        **elasticsearch_client.STRICT,
    ):
        for hit in page:
            entry = _entry(hit["fields"])
            if last is not None and last.id != entry.id:
                yield last
                last = None
            last = entry if last is None or entry.version >= last.version else last
    if last is not None:
        yield last


def _entry(fields: dict[str, list[Any]]) -> _Entry:
    model = ModelInfo(name="", version="", engine=fields.get("model.engine", [""])[0])
    return _Entry(
        fields["id"][0],
        documents.version(int(fields["revision"][0]), model),
        fields.get("enriched", [""])[0],
        frozenset(fields.get("quote_ids", ())),
    )


def _differences(client: Elasticsearch, settings: Settings, old: str, new: str, id: str) -> list[str]:
    ours, theirs = (_documents(client, settings, version, id) for version in (old, new))
    problems = []
    for name, fields in ours.items():
        there = theirs.get(name, {})
        # In one direction only: a newer mapping may have fields that the old one lacks.
        wrong = [
            field_name for field_name, value in fields.items() if _differs(field_name, value, there.get(field_name))
        ]
        if wrong:
            problems.append(f"{name} differs in {', '.join(sorted(wrong))}")
    return problems


def _differs(name: str, value: Any, there: Any) -> bool:
    if name in _NOT_COMPARED or value == there:
        return False
    # Older releases keep long headlines whole in the quotes' documents, too.
    return name != "headline" or bool(there != value[: documents.HEADLINE])


def _documents(client: Elasticsearch, settings: Settings, version: str, id: str) -> dict[str, dict[str, Any]]:
    """The article's document and those of its quotes that were written with it.

    A sink may have written an article and been stopped by the fence before its quotes. Such quotes are left out: the
    sink writes them again.
    """
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for kind, key in (("articles", "id"), ("quotes", "article_id")):
        pattern = indices.pattern(settings, kind, version)
        answer = client.search(
            index=pattern,
            query={"term": {key: id}},
            size=10_000,
            allow_partial_search_results=False,
            **elasticsearch_client.STRICT,
        )
        by_kind[kind] = [hit["_source"] for hit in answer["hits"]["hits"]]
    nothing: dict[str, Any] = {}
    article = max(by_kind["articles"], key=lambda document: int(document["revision"]), default=nothing)
    own = set(article.get("quote_ids", ()))
    documents_by_name = {f"the article {id}": article}
    for quote in by_kind["quotes"]:
        if quote["id"] in own and quote["indexed"] == article["indexed"]:
            documents_by_name[f"the quote {quote['id']}"] = quote
    return documents_by_name


class _Reservoir:
    """A random sample of the ids that it is offered; each has the same chance."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._offered = 0
        self._random = random.Random()  # noqa: S311 - not a secret
        self.chosen: list[str] = []

    def offer(self, id: str) -> None:
        self._offered += 1
        if len(self.chosen) < self._size:
            self.chosen.append(id)
        elif (at := self._random.randrange(self._offered)) < self._size:
            self.chosen[at] = id
