"""Turns an enriched article into Elasticsearch documents: one for the article, one for each quote.

The article's document holds everything, also its quotes (not indexed), so that its page takes one request. A quote's
document holds what a list of quotes shows and filters by, so that no search has to join. It holds long texts in part
only, as every quote's document repeats them: the text near the quote (pipeline.sink.context) and the beginning of the
headline.

Both hold `terms`: the words that searches compare, which pipeline.terms makes. They are indexed and not kept.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from pipeline import terms
from pipeline.identity import digest
from pipeline.models import MAX_ENGINE, MAX_ENTITIES, MAX_QUOTES, Enriched, Entity, ModelInfo, Quote
from pipeline.sink.context import window
from pipeline.text.fingerprint import bands

PEOPLE = frozenset({"PERSON"})
ORGANISATIONS = frozenset({"ORG"})
PLACES = frozenset({"GPE", "LOC", "FAC"})
"""The labels of spaCy's English pipelines whose entities go into the field `places`; the others likewise."""

MAX_REVISION = (2**63 - 1) // (MAX_ENGINE + 1)
"""Elasticsearch's versions have 63 bits; in milliseconds this is far beyond the year 9999."""

MAX_SEGMENTS = 20_000
"""The most spoken pieces that all quotes of an article may have together."""

MAX_CHARACTERS = 32 * 2**20
"""The most characters that the documents of an article's quotes may have together, without their terms, which
are about as many again."""

HEADLINE = 1000
"""The most characters of the headline that a quote's document has; the article's document has all."""

MOST_NAMED = 200
"""The most entities that a quote's document has."""

_SHORT, _RECENT = 2_000, 4_096
"""The longest quote, in characters, whose hash is remembered, and how many are: some 8 MB at the most."""

_OVERHEAD = 600  # characters of a quote's document beside its texts, about

_QUOTE_FIELDS = {
    "id", "type", "modality", "text", "start", "end", "segments", "cue", "speaker", "addressee", "medium",
    "said_on", "date_mention", "confidence",
}  # fmt: skip
_ARTICLE_FIELDS = {
    "id", "url", "canonical_url", "source", "headline", "byline", "body", "published", "modified", "fetched",
    "language", "tags", "revision", "content_hash", "raw",
}  # fmt: skip
_ENRICHED_FIELDS = {
    "entities", "quotes", "fingerprint", "duplicate_of", "cluster", "copied", "model", "enriched", "timings",
}  # fmt: skip
_WORD = re.compile(r"\w+")


def version(revision: int, model: ModelInfo) -> int:
    """The external version of an article's documents: its revision first, then the engine that enriched it.

    So a newer revision wins, whichever engine enriched it. Of one revision the newer engine's result wins, however
    late the older result comes. Of one revision and one engine the last result wins.
    """
    return revision * (MAX_ENGINE + 1) + model.order


def article(enriched: Enriched, *, indexed: datetime) -> dict[str, Any]:
    """The article's document; `indexed` is the time of writing (UTC)."""
    entities = enriched.entities
    document = enriched.article.model_dump(mode="json", include=_ARTICLE_FIELDS, exclude_none=True)
    document |= enriched.model_dump(
        mode="json",
        include=_ENRICHED_FIELDS,
        exclude_none=True,
    )
    return document | {
        "people": _names(entities, PEOPLE),
        "organisations": _names(entities, ORGANISATIONS),
        "places": _names(entities, PLACES),
        "countries": _unique(entity.country for entity in entities if entity.country),
        "quote_ids": quote_ids(enriched),
        "quote_count": len(enriched.quotes),
        "bands": list(bands(enriched.fingerprint)) if enriched.fingerprint else [],
        "indexed": _time(indexed),
        "terms": _terms(
            texts={"body": enriched.article.body, "headline": enriched.article.headline},
            names={"source": enriched.article.source.name, "byline": enriched.article.byline},
        )
        | {"names": [terms.folded(name) for name in _unique(entity.name for entity in entities)]},
    }


def restore(document: dict[str, Any]) -> Enriched:
    """The enriched article that an article's document was made from.

    Raises:
        ValueError: WhoSaid did not make the document.
    """
    own = {name: value for name, value in document.items() if name in _ENRICHED_FIELDS}
    return Enriched.model_validate(own | {"article": document})


def too_much(enriched: Enriched) -> str | None:
    """Why the article is too large to be indexed, in one sentence; None where it is not.

    It looks at lengths only, before any document is made: a small event may ask for gigabytes of documents.
    """
    quotes, body, source = enriched.quotes, enriched.article.body, enriched.article
    counts = (
        (len(quotes), "quotes", MAX_QUOTES),
        (len(enriched.entities), "entities", MAX_ENTITIES),
        (sum(len(quote.segments) for quote in quotes), "spoken pieces", MAX_SEGMENTS),
    )
    for number, what, most in counts:
        if number > most:
            return f"The article has {number} {what}; {most} is the most that is indexed."
    shared = len(source.headline[:HEADLINE]) + len(source.url) + len(source.source.model_dump_json()) + _OVERHEAD
    total = 0
    for quote in quotes:
        begin, finish = window(body, (quote.start, quote.end), quote.context)
        spoken = range(len(quote.text))
        said = sum(len(spoken[start - quote.start : end - quote.start]) for start, end in quote.segments)
        total += shared + len(quote.text) + said + finish - begin
    if total > MAX_CHARACTERS:
        return f"The article's quotes would have {total} characters in the index; {MAX_CHARACTERS} is the most."
    return None


def quotes(enriched: Enriched, *, indexed: datetime) -> Iterator[dict[str, Any]]:
    """A document for each quote, in the article's order; of quotes with the same id, the last."""
    source = enriched.article
    shared = source.model_dump(
        mode="json", include={"headline", "url", "source", "published", "language", "revision"}, exclude_none=True
    )
    shared["headline"] = source.headline[:HEADLINE]
    shared |= enriched.model_dump(mode="json", include={"cluster"}, exclude_none=True)
    shared |= {"article_id": source.id, "indexed": _time(indexed)}
    shared_terms = _terms(texts={"headline": shared["headline"]}, names={"source": source.source.name})
    unique = {quote.id: quote for quote in enriched.quotes}
    spoken = _spoken(enriched)
    text_terms = cache(terms.indexed)  # quotes of a paragraph share their context
    for quote in unique.values():
        document = _quote(quote, enriched, spoken.get(quote.id, []), text_terms) | shared
        document["terms"] |= shared_terms
        yield document


def said_hash(quote: Quote) -> str:
    """A hash of the quote's words, without punctuation and case."""
    said = " ".join(quote.parts)
    return _recent_hash(said) if len(said) <= _SHORT else _hash(said)


def _hash(said: str) -> str:
    return digest("said", " ".join(_WORD.findall(said.casefold())), length=16)


_recent_hash = lru_cache(_RECENT)(_hash)
"""Each quote's hash is asked for when copies are looked for, when they are marked, and when it is written."""


def quote_ids(enriched: Enriched) -> list[str]:
    """The ids of the article's quotes, each once, in order."""
    return _unique(quote.id for quote in enriched.quotes)


def _quote(
    quote: Quote, enriched: Enriched, entities: list[Entity], text_terms: Callable[[str], tuple[str, str]]
) -> dict[str, Any]:
    start, end = window(enriched.article.body, (quote.start, quote.end), quote.context)
    document = quote.model_dump(mode="json", include=_QUOTE_FIELDS, exclude_none=True)
    if quote.id in enriched.copied:
        document["duplicate_of"] = enriched.copied[quote.id]
    said, context, speaker = " ".join(quote.parts), enriched.article.body[start:end], quote.speaker
    names = {"addressee": quote.addressee, "medium": quote.medium}
    if speaker:
        names |= {"speaker": speaker.name, "title": speaker.title, "affiliation": speaker.affiliation}
    named = {"entities": [terms.folded(entity.name) for entity in entities]}
    return document | {
        "said": said,
        "said_hash": said_hash(quote),
        "context": [start, end],
        "context_text": context,
        "entities": [_entity(entity) for entity in entities],
        "terms": _terms(texts={"said": said, "context": context}, names=names, text_terms=text_terms) | named,
    }


def _entity(entity: Entity) -> dict[str, Any]:
    """The entity as a quote's document holds it. A facet counts keys, which tell id, label and name."""
    own = {"id": entity.id, "name": entity.name, "label": entity.label, "country": entity.country}
    key = "\t".join((entity.id, entity.label, entity.name))
    return {name: value for name, value in own.items() if value is not None} | {"key": key}


def _spoken(enriched: Enriched) -> dict[str, list[Entity]]:
    """By quote, the entities that its spoken pieces name, each once."""
    pieces = [(start, end, quote.id) for quote in enriched.quotes for start, end in quote.segments]
    pieces.sort()
    entities = sorted(enriched.entities, key=lambda entity: entity.start)
    starts = [entity.start for entity in entities]
    named: dict[str, dict[str, Entity]] = {}
    for start, end, quote in pieces:
        for entity in entities[bisect_left(starts, start) : bisect_left(starts, end)]:
            if entity.end <= end:
                named.setdefault(quote, {}).setdefault(entity.id, entity)
    return {quote: list(found.values())[:MOST_NAMED] for quote, found in named.items()}


def _terms(
    *,
    texts: Mapping[str, str],
    names: Mapping[str, str | None],
    text_terms: Callable[[str], tuple[str, str]] = terms.indexed,
) -> dict[str, Any]:
    """The terms of these fields; those of texts with their stems."""
    made: dict[str, Any] = {name: terms.folded(value) for name, value in names.items() if value}
    for name, text in texts.items():
        made[name], made[f"{name}_stems"] = text_terms(text)
    return made


def _names(entities: Iterable[Entity], labels: frozenset[str]) -> list[str]:
    return _unique(entity.name for entity in entities if entity.label in labels)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
