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
from operator import attrgetter
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
_start = attrgetter("start")


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
    source, named = enriched.article, _named(enriched.entities)
    made = _members({
        "timings": enriched.timings,  # here JSON may have NaN, where a model's own has null
        "people": named.people,
        "organisations": named.organisations,
        "places": named.places,
        "countries": named.countries,
        "quote_ids": quote_ids(enriched),
        "quote_count": len(enriched.quotes),
        "bands": bands(enriched.fingerprint) if enriched.fingerprint and enriched.duplicate_of is None else (),
        "indexed": _time(indexed),
        "terms": _name_terms({"source": source.source.name, "byline": source.byline})
        | _text_terms("body", source.body)
        | _text_terms("headline", source.headline)
        | {"names": list(map(terms.folded, named.names))},
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
    pieces = most_said = 0
    for quote in quotes:
        own = len(quote.segments)
        pieces += own
        most_said += len(quote.text) * (1 + own) + quote.end - quote.start
    counts = (
        (len(quotes), "quotes", MAX_QUOTES),
        (len(enriched.entities), "entities", MAX_ENTITIES),
        (pieces, "spoken pieces", MAX_SEGMENTS),
    )
    for number, what, most in counts:
        if number > most:
            return f"The article has {number} {what}; {most} is the most that is indexed."
    shared = len(source.headline[:HEADLINE]) + len(source.url) + len(source.source.model_dump_json()) + _OVERHEAD
    if most_said + len(quotes) * (shared + 2 * WINDOW) <= MAX_CHARACTERS:
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


class _Named(NamedTuple):
    """What the article's document says of all its entities: each once, in order."""

    people: list[str]
    organisations: list[str]
    places: list[str]
    countries: list[str]
    names: list[str]


class _QuoteDocuments:
    """Makes the documents of an article's quotes. What some of them share becomes JSON once."""

    def __init__(self, enriched: Enriched, indexed: datetime) -> None:
        source = enriched.article
        self._body = source.body
        self._copied = enriched.copied
        self._spoken = _spoken(enriched)
        headline = source.headline[:HEADLINE]
        if len(source.headline) > HEADLINE:
            source = source.model_copy(update={"headline": headline})
        own = {"article_id": source.id, "indexed": _time(indexed)}
        if enriched.cluster is not None:
            own = {"cluster": enriched.cluster} | own
        self._shared = b"%b,%b" % (_members(source, include=_SHARED_FIELDS), _members(own))
        self._shared_terms = _members(_name_terms({"source": source.source.name}) | _text_terms("headline", headline))
        self._contexts: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def json(self, quote: Quote) -> bytes:
        """The quote's document."""
        words, named = said(quote), self._spoken.get(quote.id, ())
        context, context_terms = self._context(quote)
        copied = self._copied.get(quote.id)
        # It is filled in: this takes less time than to put dicts together and to make JSON of them.
        return b'{%b,%b"said":%b,"said_hash":%b,%b,"entities":%b,"terms":{%b,%b,"entities":%b,%b},%b}' % (
            _members(quote, include=_QUOTE_FIELDS),
            b"" if copied is None else b'"duplicate_of":%b,' % to_json(copied),
            to_json(words),
            to_json(_said_hash(words)),
            context,
            to_json([_entity(entity) for entity in named]) if named else b"[]",
            _members(_speech_terms(quote, words)),
            context_terms,
            to_json([terms.folded(entity.name) for entity in named]) if named else b"[]",
            self._shared_terms,
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
    text, segments = quote.text, quote.segments
    if len(segments) == 1 and segments[0] == (quote.start, quote.start + len(text)):
        return text  # nearly all are such
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


def _entity(entity: Entity) -> dict[str, str]:
    """The entity as a quote's document holds it. A facet counts keys, which tell id, label and name."""
    id, name, label, country = entity.id, entity.name, entity.label, entity.country
    key = f"{id}\t{label}\t{name}"
    if country is None:
        return {"id": id, "name": name, "label": label, "key": key}
    return {"id": id, "name": name, "label": label, "country": country, "key": key}


def _spoken(enriched: Enriched) -> dict[str, list[Entity]]:
    """By quote, the entities that its spoken pieces name, each once."""
    pieces = sorted([(start, end, quote.id) for quote in enriched.quotes for start, end in quote.segments])
    if not pieces:
        return {}
    entities = sorted(enriched.entities, key=_start)
    starts = list(map(_start, entities))
    named: dict[str, dict[str, Entity]] = {}
    first, last = 0, len(starts)
    for start, end, quote in pieces:
        at = first = bisect_left(starts, start, first)
        while at < last and starts[at] < end:
            entity = entities[at]
            if entity.end <= end:
                named.setdefault(quote, {}).setdefault(entity.id, entity)
            at += 1
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


def _named(entities: Iterable[Entity]) -> _Named:
    people: dict[str, None] = {}
    organisations: dict[str, None] = {}
    places: dict[str, None] = {}
    countries: dict[str, None] = {}
    names: dict[str, None] = {}
    fields = dict.fromkeys(PEOPLE, people) | dict.fromkeys(ORGANISATIONS, organisations) | dict.fromkeys(PLACES, places)
    for entity in entities:
        name, country = entity.name, entity.country
        names[name] = None
        field = fields.get(entity.label)
        if field is not None:
            field[name] = None
        if country:
            countries[country] = None
    return _Named(list(people), list(organisations), list(places), list(countries), list(names))


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
