"""Turns an enriched article into Elasticsearch documents: one for the article, one for each quote.

The article's document holds everything, also its quotes (not indexed), so that its page takes one request. A quote's
document holds what a list of quotes shows and filters by, so that no search has to join. It holds long texts in part
only, as every quote's document repeats them: the text near the quote (pipeline.sink.context) and the beginning of the
headline.

Both hold `terms`: the words that searches compare, which pipeline.terms makes. They are indexed and not kept.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import to_json

from pipeline import terms
from pipeline.identity import digest
from pipeline.models import MAX_ENGINE, MAX_ENTITIES, MAX_QUOTES, Enriched, Entity, ModelInfo, Quote
from pipeline.sink.context import WINDOW, window
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
_SHARED_FIELDS = {"headline", "url", "source", "published", "language", "revision"}
"""What a quote's document has of its article's, of the headline its beginning."""
_ENRICHED_FIELDS = {
    "entities", "quotes", "fingerprint", "duplicate_of", "cluster", "copied", "model", "enriched", "timings",
}  # fmt: skip
_FOUND_FIELDS = _ENRICHED_FIELDS - {"timings"}
_WORD = re.compile(r"\w+")


def version(revision: int, model: ModelInfo) -> int:
    """The external version of an article's documents: its revision first, then the engine that enriched it.

    So a newer revision wins, whichever engine enriched it. Of one revision the newer engine's result wins, however
    late the older result comes. Of one revision and one engine the last result wins.
    """
    return revision * (MAX_ENGINE + 1) + model.order


class Document(NamedTuple):
    """A document: its id, and its JSON."""

    id: str
    json: bytes


def article(enriched: Enriched, *, indexed: datetime) -> Document:
    """The article's document; `indexed` is the time of writing (UTC)."""
    source, entities = enriched.article, enriched.entities
    made = _members({
        "timings": enriched.timings,  # here JSON may have NaN, where a model's own has null
        "people": _names(entities, PEOPLE),
        "organisations": _names(entities, ORGANISATIONS),
        "places": _names(entities, PLACES),
        "countries": _unique([entity.country for entity in entities if entity.country]),
        "quote_ids": quote_ids(enriched),
        "quote_count": len(enriched.quotes),
        "bands": bands(enriched.fingerprint) if enriched.fingerprint and enriched.duplicate_of is None else (),
        "indexed": _time(indexed),
        "terms": _name_terms({"source": source.source.name, "byline": source.byline})
        | _text_terms("body", source.body)
        | _text_terms("headline", source.headline)
        | {"names": [terms.folded(name) for name in _unique([entity.name for entity in entities])]},
    })  # fmt: skip
    own = _members(source, include=_ARTICLE_FIELDS)
    return Document(source.id, _object(own, _members(enriched, include=_FOUND_FIELDS), made))


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
    most = sum(len(quote.text) * (1 + len(quote.segments)) + quote.end - quote.start for quote in quotes)
    if most + len(quotes) * (shared + 2 * WINDOW) <= MAX_CHARACTERS:
        return None  # nearly all are far from it, and need no closer look
    total = 0
    for quote in quotes:
        begin, finish = window(body, (quote.start, quote.end), quote.context)
        spoken = range(len(quote.text))
        said = sum(len(spoken[start - quote.start : end - quote.start]) for start, end in quote.segments)
        total += shared + len(quote.text) + said + finish - begin
    if total > MAX_CHARACTERS:
        return f"The article's quotes would have {total} characters in the index; {MAX_CHARACTERS} is the most."
    return None


def quotes(enriched: Enriched, *, indexed: datetime) -> Iterator[Document]:
    """A document for each quote, in the article's order; of quotes with the same id, the last."""
    made = _QuoteDocuments(enriched, indexed)
    for quote in {quote.id: quote for quote in enriched.quotes}.values():
        yield Document(quote.id, made.json(quote))


class _QuoteDocuments:
    """Makes the documents of an article's quotes. What some of them share becomes JSON once."""

    def __init__(self, enriched: Enriched, indexed: datetime) -> None:
        source = enriched.article
        self._body = source.body
        self._copied = enriched.copied
        self._spoken = _spoken(enriched)
        shared = source.model_dump(mode="json", include=_SHARED_FIELDS, exclude_none=True)
        shared["headline"] = source.headline[:HEADLINE]
        if enriched.cluster is not None:
            shared["cluster"] = enriched.cluster
        self._shared = _members(shared | {"article_id": source.id, "indexed": _time(indexed)})
        self._shared_terms = _members(
            _name_terms({"source": source.source.name}) | _text_terms("headline", shared["headline"])
        )
        self._contexts: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def json(self, quote: Quote) -> bytes:
        """The quote's document."""
        words, named = said(quote), self._spoken.get(quote.id, ())
        context, context_terms = self._context(quote)
        own = {"said": words, "said_hash": _said_hash(words)}
        if quote.id in self._copied:
            own = {"duplicate_of": self._copied[quote.id]} | own
        return _object(
            _members(quote, include=_QUOTE_FIELDS),
            _members(own),
            context,
            _members({"entities": [_entity(entity) for entity in named]}),
            b'"terms":'
            + _object(
                _members(_speech_terms(quote, words)),
                context_terms,
                _members({"entities": [terms.folded(entity.name) for entity in named]}),
                self._shared_terms,
            ),
            self._shared,
        )

    def _context(self, quote: Quote) -> tuple[bytes, bytes]:
        """What the document has of the text around the quote, and of its terms."""
        place = window(self._body, (quote.start, quote.end), quote.context)
        made = self._contexts.get(place)
        if made is None:
            text = self._body[slice(*place)]
            made = _members({"context": place, "context_text": text}), _members(_text_terms("context", text))
            self._contexts[place] = made
        return made


def said_hash(quote: Quote) -> str:
    """A hash of the quote's words, without punctuation and case."""
    return _said_hash(said(quote))


def said(quote: Quote) -> str:
    """The quote's spoken pieces, with a space between them."""
    return " ".join(quote.parts)


def _said_hash(words: str) -> str:
    return _recent_hash(words) if len(words) <= _SHORT else _hash(words)


def _hash(words: str) -> str:
    return digest("said", " ".join(_WORD.findall(words.casefold())), length=16)


_recent_hash = lru_cache(_RECENT)(_hash)
"""Each quote's hash is asked for when copies are looked for, when they are marked, and when it is written."""


def quote_ids(enriched: Enriched) -> list[str]:
    """The ids of the article's quotes, each once, in order."""
    return _unique([quote.id for quote in enriched.quotes])


def _speech_terms(quote: Quote, words: str) -> dict[str, str]:
    names = {"addressee": quote.addressee, "medium": quote.medium}
    if speaker := quote.speaker:
        names |= {"speaker": speaker.name, "title": speaker.title, "affiliation": speaker.affiliation}
    return _name_terms(names) | _text_terms("said", words)


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


def _name_terms(names: Mapping[str, str | None]) -> dict[str, str]:
    """The terms of the fields that have a value."""
    return {name: terms.folded(value) for name, value in names.items() if value}


def _text_terms(name: str, text: str) -> dict[str, str]:
    """The terms of a field of text, and their stems."""
    made, stems = terms.indexed(text)
    return {name: made, f"{name}_stems": stems}


def _members(value: Any, *, include: set[str] | None = None) -> bytes:
    """The members of a model or a dict, as JSON without the brackets."""
    return to_json(value, include=include, exclude_none=True)[1:-1]


def _object(*members: bytes) -> bytes:
    """The JSON object of all these members, whose names differ."""
    return b"{%b}" % b",".join([some for some in members if some])


def _names(entities: Iterable[Entity], labels: frozenset[str]) -> list[str]:
    return _unique([entity.name for entity in entities if entity.label in labels])


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
