"""What a spaCy process does with a batch: events from Kafka in, enriched events out, a reason for each it cannot do.

It all happens in the process, reading and writing JSON too, so that the worker's event loop only carries bytes.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError
from pydantic_core import from_json

from pipeline.errors import validation_message
from pipeline.models import MAX_ENTITIES, MAX_QUOTES, SCHEMA_VERSION, Article, Enriched
from pipeline.text.analyser import Analyser, Analysis, AnalysisError, Document
from pipeline.text.fingerprint import fingerprint
from pipeline.workers.protocol import Failure, Outcome, Result, Work

LARGEST_EVENT = 8 * 2**20
"""Bytes of an event that is read whatever the longest body is that the settings allow."""

BYTES_PER_CHARACTER = 16
"""Bytes of an event that is read, for each character of the longest body: JSON may write one with twelve."""


def enricher(model: str, fast: bool, batch_size: int, max_characters: int) -> Work:
    """The work of a spaCy process, with its model loaded; the arguments are those of `EnrichmentSettings`.

    Raises:
        SettingsError: the model cannot be loaded.
    """
    analyser = Analyser(model, fast=fast, batch_size=batch_size, max_characters=max_characters)
    # The first text of a process costs a second for what is loaded at its first use: not on an article's time.
    analyser.analyse_one(Document("", "“We are ready,” said Ada Lovelace in London on Monday. " * 3))

    def work(events: Sequence[bytes]) -> Iterator[Outcome]:
        read = [_article(event, max_characters) for event in events]
        analyses = analyser.analyse(_document(article) for article in read if isinstance(article, Article))
        for article in read:
            yield article if isinstance(article, Failure) else _outcome(article, next(analyses), analyser)

    return work


def _article(event: bytes, max_characters: int) -> Article | Failure:
    if not event:
        return Failure("BadEvent", "The event has no value.")
    most = max(LARGEST_EVENT, BYTES_PER_CHARACTER * max_characters)
    if len(event) > most:  # not even read: what hostile JSON becomes in memory is many times its size
        return Failure("TooLong", f"The event has {len(event)} bytes; {most} is the most that is read.")
    try:
        article = Article.model_validate_json(event)
    except ValidationError as error:
        newer = _newer(_version(event))
        if newer:
            return newer
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        others = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        return Failure(
            "BadEvent", f"Not an article: {where}{': ' if where else ''}{validation_message(first)}{others}."
        )
    newer = _newer(article.schema_version)
    if newer:
        return newer
    if len(article.body) > max_characters:
        return Failure(
            "TooLong",
            f"The body has {len(article.body)} characters; WHOSAID_ENRICHMENT__MAX_CHARACTERS is {max_characters}.",
        )
    return article


def _version(event: bytes) -> object:
    try:
        data = from_json(event)
    except ValueError:
        return None
    return data.get("schema_version") if isinstance(data, dict) else None


def _newer(version: object) -> Failure | None:
    if not isinstance(version, int) or version <= SCHEMA_VERSION:
        return None
    return Failure(
        "NewerSchema",
        f"The event has schema version {version}; this worker reads up to {SCHEMA_VERSION}. Replay it after an update.",
    )


def _document(article: Article) -> Document:
    return Document(article.id, article.body, article.published, article.language)


def _outcome(article: Article, analysis: Analysis | AnalysisError, analyser: Analyser) -> Outcome:
    if isinstance(analysis, AnalysisError):
        return Failure("EnrichmentError", analysis.error)
    for what, found, most in (("quotes", analysis.quotes, MAX_QUOTES), ("entities", analysis.entities, MAX_ENTITIES)):
        if len(found) > most:
            return Failure("TooMuch", f"The article has {len(found)} {what}; {most} is the most that is indexed.")
    enriched = Enriched(
        article=article.model_copy(update={"language": analysis.language or article.language}),
        entities=analysis.entities,
        quotes=analysis.quotes,
        fingerprint=fingerprint(article.body),
        model=analyser.model_info,
        enriched=datetime.now(UTC),
        timings=analysis.timings,
    )
    try:
        return Result(article.id.encode(), enriched.model_dump_json().encode())
    except ValueError as error:  # halves of surrogate pairs: UTF-8 cannot carry them
        return Failure("BadEvent", f"The article cannot be written as UTF-8: {error}.")
