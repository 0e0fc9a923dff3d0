"""Whether a version of the indices has all that another one has: every article, every quote, samples field by field."""

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
_NOT_COMPARED = {"indexed", "cluster", "duplicate_of", "copied", "context", "context_text"}
"""When it was written; which of two copies came first, which two writers may see differently; and how much of the text
around a quote its document has, which an older WhoSaid did differently."""


@dataclass
class Found:
    """What the new version has, and what is wrong with it: a sentence each, without a full stop."""

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
) -> Found:
    """Compares two versions that nobody writes to. The new one may have more articles, and newer ones.

    Raises the client's own errors.
    """
    found = Found()
    suspects: list[tuple[str, str]] = []  # articles, each with what is wrong
    patterns = [indices.pattern(settings, kind, one) for one in (old, new) for kind in indices.KINDS]
    client.indices.refresh(index=patterns, **indices.STRICT)
    total = int(client.count(index=indices.pattern(settings, "articles", old), **indices.STRICT)["count"])
    theirs = _entries(client, indices.pattern(settings, "articles", new))
    other = next(theirs, None)
    quotes, same = 0, _Reservoir(_SAMPLE)

    def passed(entry: _Entry) -> None:
        nonlocal quotes
        found.articles += 1
        quotes += len(entry.quotes)

    for seen, entry in enumerate(_entries(client, indices.pattern(settings, "articles", old)), 1):
        while other is not None and other.id < entry.id:
            passed(other)
            other = next(theirs, None)
        if other is None or other.id != entry.id:
            suspects.append((entry.id, "is missing"))
        elif other.version < entry.version:
            suspects.append((entry.id, "is there in an older revision"))
        elif (other.version, other.enriched) == (entry.version, entry.enriched):
            if other.quotes != entry.quotes:
                suspects.append((entry.id, "has other quotes"))
            same.offer(entry.id)
        if seen % _PAGE == 0:
            progress("verify", seen, total)
    while other is not None:
        passed(other)
        other = next(theirs, None)
    # What was taken down while the old version could not be written is there still, and rightly not in the new one.
    taken = Tombstones(client, settings).named({id for id, _ in suspects})
    found.problems += [f"the article {id} {what}" for id, what in suspects if id not in taken]
    found.quotes = int(client.count(index=indices.pattern(settings, "quotes", new), **indices.STRICT)["count"])
    if found.quotes != quotes:
        found.problems.append(f"its articles have {quotes:,} quotes, but {found.quotes:,} are there")
    taken = Tombstones(client, settings).named(same.chosen)
    for id in (one for one in same.chosen if one not in taken):
        found.problems += _differences(client, settings, old, new, id)
        found.sampled += 1
    progress("verify", total, total)
    return found


def _entries(client: Elasticsearch, index: str) -> Iterator[_Entry]:
    """All articles in the order of their ids; of one in two months the newest."""
    last: _Entry | None = None
    for page in elasticsearch_client.pages(
        client, index=index, size=_PAGE, source=False, docvalue_fields=_FIELDS, sort=indices.BY_ID, **indices.STRICT
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
        # Only one way: a newer mapping may have fields that the old one had not.
        wrong = [field for field, value in fields.items() if _differs(field, value, there.get(field))]
        if wrong:
            problems.append(f"{name} differs in {', '.join(sorted(wrong))}")
    return problems


def _differs(field: str, value: Any, there: Any) -> bool:
    if field in _NOT_COMPARED or value == there:
        return False
    # An older WhoSaid kept long headlines whole in the quotes' documents, too.
    return field != "headline" or bool(there != value[: documents.HEADLINE])


def _documents(client: Elasticsearch, settings: Settings, version: str, id: str) -> dict[str, dict[str, Any]]:
    """The article's document and those of its quotes that were written with it.

    The fence may have come between an article and its quotes: of those that were not reached yet, an older state is
    there, which is the sink's to write again.
    """
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for kind, key in (("articles", "id"), ("quotes", "article_id")):
        pattern = indices.pattern(settings, kind, version)
        answer = client.search(
            index=pattern, query={"term": {key: id}}, size=10_000, allow_partial_search_results=False, **indices.STRICT
        )
        by_kind[kind] = [hit["_source"] for hit in answer["hits"]["hits"]]
    nothing: dict[str, Any] = {}
    article = max(by_kind["articles"], key=lambda document: int(document["revision"]), default=nothing)
    own = set(article.get("quote_ids", ()))
    found = {f"the article {id}": article}
    for quote in by_kind["quotes"]:
        if quote["id"] in own and quote["indexed"] == article["indexed"]:
            found[f"the quote {quote['id']}"] = quote
    return found


class _Reservoir:
    """So many of what it is offered, each with the same chance."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._offered = 0
        self._random = random.Random()  # noqa: S311 - not a secret
        self.chosen: list[str] = []

    def offer(self, one: str) -> None:
        self._offered += 1
        if len(self.chosen) < self._size:
            self.chosen.append(one)
        elif (at := self._random.randrange(self._offered)) < self._size:
            self.chosen[at] = one
