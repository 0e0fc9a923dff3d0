"""Analyses texts: parses them, and finds their entities and quotes.

Articles in another language than the pipeline's are not analysed: they come back with their language and no entities or
quotes. An error in one article gives an `AnalysisError` for that article and does not touch the others.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from spacy.tokens import Doc

from pipeline.errors import SettingsError
from pipeline.models import Cue, Entity, ModelInfo, Quote, Speaker
from pipeline.text import ENGINE_VERSION, language, nlp
from pipeline.text.entities import extract_entities
from pipeline.text.names.referents import find_referents
from pipeline.text.quotes.extract import Explanation, explain_quotes, extract_quotes
from pipeline.text.readable import ReadableText, readable

BATCH_CHARACTERS = 100_000
"""Characters of a batch, at the most, as memory grows with them. A longer article is a batch of its own."""

WARM_WORDS = 40_000
"""Words that the pipeline keeps for good (about 20 MB); later ones are forgotten after their batch."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text to analyse.

    Attributes:
        id: goes into the ids of quotes.
        text: the text.
        published: what "on Wednesday" is resolved against.
        language: the language that the source names.
    """

    id: str
    text: str
    published: datetime | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a text says. Offsets index into `Document.text` as it was given.

    `language` is the text's ISO 639 code: as detected, or else as the source says. `analysed` is false where it is
    not the pipeline's language. `timings` are seconds by stage: language, parse, entities, quotes.
    """

    id: str
    entities: list[Entity] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    language: str | None = None
    analysed: bool = True
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnalysisError:
    """A text that could not be analysed, and why, in one sentence."""

    id: str
    error: str


class Analyser:
    """A loaded pipeline with everything that reads its output. One thread at a time; about 200 MB.

    Args:
        model: spaCy pipeline, a package's name or a folder.
        fast: the faster parts with the same output (see `pipeline.text.nlp`).
        batch_size: articles that are parsed at once, at the most.
        max_characters: a longer text is an AnalysisError; it would take too much time and memory.

    Raises:
        SettingsError: the pipeline cannot be loaded, or lacks a parser, a tagger or entities.
    """

    def __init__(self, model: str, *, fast: bool = True, batch_size: int = 16, max_characters: int = 500_000) -> None:
        self._nlp = nlp.load(model, fast=fast)
        self._batch_size = batch_size
        self._max_characters = max_characters
        missing = [name for name in ("tagger", "parser", "ner") if not self._nlp.has_pipe(name)]
        if missing:
            raise SettingsError(
                f"{nlp.MODEL_VARIABLE} is {model!r}, which has no {missing[0]}: choose a pipeline that has "
                "tagger, parser and ner."
            )
        self._nlp.max_length = max(self._nlp.max_length, max_characters)
        self.model_info = ModelInfo(
            name=f"{self._nlp.meta.get('lang', '')}_{self._nlp.meta.get('name', model)}",
            version=str(self._nlp.meta.get("version", "")),
            engine=ENGINE_VERSION,
        )

    @property
    def language(self) -> str:
        """The language that the pipeline reads."""
        return str(self._nlp.lang)

    def analyse_one(self, document: Document) -> Analysis | AnalysisError:
        """What one text says."""
        return next(self.analyse([document]))

    def analyse(self, documents: Iterable[Document]) -> Iterator[Analysis | AnalysisError]:
        """What each text says, in order; texts are taken from the iterable a batch at a time."""
        for batch in self._batches(documents):
            yield from self._batch(batch)

    def explain(self, document: Document) -> list[Explanation] | AnalysisError:
        """The quotes of one text, each with the reasons for it."""
        first = self._first_look(document)
        if isinstance(first, AnalysisError):
            return first
        if not first.analysed:
            return []
        text = readable(document.text)
        parsed = self._parse_alone(text.text)
        if isinstance(parsed, Exception):
            return _failed(document, parsed)
        explanations = explain_quotes(parsed, article_id=document.id, published=document.published)
        if text.text == document.text:
            return explanations
        return [replace(why, quote=as_given(why.quote, text, document.text)) for why in explanations]

    def _batches(self, documents: Iterable[Document]) -> Iterator[list[Document]]:
        batch: list[Document] = []
        size = 0
        for document in documents:
            if batch and (len(batch) == self._batch_size or size + len(document.text) > BATCH_CHARACTERS):
                yield batch
                batch, size = [], 0
            batch.append(document)
            size += len(document.text)
        if batch:
            yield batch

    def _batch(self, batch: list[Document]) -> Iterator[Analysis | AnalysisError]:
        results: list[Analysis | AnalysisError | None] = []
        understood: list[tuple[Document, Analysis]] = []
        for document in batch:
            outcome = self._first_look(document)
            if isinstance(outcome, Analysis) and outcome.analysed:
                understood.append((document, outcome))
                results.append(None)
            else:
                results.append(outcome)
        # Without the zone, memory would grow with every new word.
        zone = nullcontext() if len(self._nlp.vocab) < WARM_WORDS else self._nlp.memory_zone()
        with zone:
            texts = [readable(document.text) for document, _ in understood]
            parsed = self._parse([text.text for text in texts])
            analyses = [
                _read(document, text, first, outcome, seconds)
                for (document, first), text, (outcome, seconds) in zip(understood, texts, parsed, strict=True)
            ]
            del parsed
        waiting = iter(analyses)
        for result in results:
            yield next(waiting) if result is None else result

    def _first_look(self, document: Document) -> Analysis | AnalysisError:
        if len(document.text) > self._max_characters:
            return AnalysisError(
                document.id, f"The text has {len(document.text)} characters; {self._max_characters} is the most."
            )
        started = time.perf_counter()
        detected = language.detect(document.text)
        known = detected or (document.language or "").lower().partition("-")[0] or None
        # Where nothing is detected, the source's word is not enough to leave an article out: many are wrong.
        return Analysis(
            document.id,
            language=known,
            analysed=detected in (None, self.language),
            timings={"language": time.perf_counter() - started},
        )

    def _parse(self, texts: list[str]) -> list[tuple[Doc | Exception, float]]:
        # Each text's parse or error, and its part of the batch's seconds by length.
        started = time.perf_counter()
        try:
            docs: list[Doc | Exception] = list(self._nlp.pipe(texts, batch_size=max(1, len(texts))))
        except MemoryError:
            raise
        except Exception:
            docs = [self._parse_alone(text) for text in texts]  # One text breaks the batch; find out which.
        seconds = time.perf_counter() - started
        total = sum(map(len, texts)) or 1
        return [(doc, seconds * len(text) / total) for doc, text in zip(docs, texts, strict=True)]

    def _parse_alone(self, text: str) -> Doc | Exception:
        try:
            return self._nlp(text)
        except MemoryError:
            raise
        except Exception as error:
            return error


def _read(
    document: Document, text: ReadableText, first: Analysis, parsed: Doc | Exception, seconds: float
) -> Analysis | AnalysisError:
    if isinstance(parsed, Exception):
        return _failed(document, parsed)
    try:
        started = time.perf_counter()
        names = find_referents(parsed)
        entities = extract_entities(parsed, names)
        between = time.perf_counter()
        quotes = extract_quotes(parsed, article_id=document.id, published=document.published, names=names)
        ended = time.perf_counter()
    except MemoryError:
        raise
    except Exception as error:
        return _failed(document, error)
    if text.text != document.text:  # a Doc's own text would be put together again, of each token
        entities = [as_given(entity, text, document.text) for entity in entities]
        quotes = [as_given(quote, text, document.text) for quote in quotes]
    timings = {**first.timings, "parse": seconds, "entities": between - started, "quotes": ended - between}
    return Analysis(document.id, entities, quotes, first.language, True, timings)


def _failed(document: Document, error: Exception) -> AnalysisError:
    said = " ".join(str(error).split())[:300]
    return AnalysisError(document.id, f"{type(error).__name__}: {said}" if said else type(error).__name__)


_Result = TypeVar("_Result", Entity, Quote)


def as_given(result: _Result, text: ReadableText, given: str) -> _Result:
    """What was found in the readable text, with the words and offsets that it has in the given one."""
    changes = _moved(result, text, given)
    if isinstance(result, Quote):
        changes["segments"] = [text.given(*segment) for segment in result.segments]
        changes["context"] = text.given(*result.context)
        if result.cue:
            changes["cue"] = result.cue.model_copy(update=_moved(result.cue, text, given))
        if result.speaker:
            moved = _moved(result.speaker, text, given)
            moved["mention"] = moved.pop("text")
            changes["speaker"] = result.speaker.model_copy(update=moved)
    return result.model_copy(update=changes)


def _moved(result: Entity | Quote | Cue | Speaker, text: ReadableText, given: str) -> dict[str, object]:
    start, end = text.given(result.start, result.end)
    return {"start": start, "end": end, "text": given[start:end]}
