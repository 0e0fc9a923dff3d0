"""Enriches a batch of article events, in a worker process.

JSON is read and written there too, so that the worker's event loop only carries bytes.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pipeline.events import LARGEST_ARTICLE, EventError, FailureKind, decode, encode
from pipeline.models import MAX_ENTITIES, MAX_QUOTES, Article, Enriched
from pipeline.text import language
from pipeline.text.analyser import Analyser, Analysis, AnalysisError, Document
from pipeline.text.fingerprint import fingerprint
from pipeline.workers.protocol import Failure, Outcome, Result, Work

BYTES_PER_CHARACTER = 16
"""Bytes of an event that is read, for each character of the longest body: JSON may write one with twelve."""


def enricher(model: str, fast: bool, batch_size: int, max_characters: int) -> Work:
    """The work of a spaCy process, with its model loaded; the arguments are those of `EnrichmentSettings`.

    Raises:
        SettingsError: the model cannot be loaded.
    """
    language.prepare()  # Before the model: it takes more for a moment than any batch does.
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
    try:
        article = decode(Article, event, largest=max(LARGEST_ARTICLE, BYTES_PER_CHARACTER * max_characters))
    except EventError as error:
        return Failure(error.kind, error.reason)
    if len(article.body) > max_characters:
        return Failure(
            FailureKind.TOO_LONG,
            f"The body has {len(article.body)} characters; WHOSAID_ENRICHMENT__MAX_CHARACTERS is {max_characters}.",
        )
    return article


def _document(article: Article) -> Document:
    return Document(article.id, article.body, article.published, article.language)


def _outcome(article: Article, analysis: Analysis | AnalysisError, analyser: Analyser) -> Outcome:
    if isinstance(analysis, AnalysisError):
        return Failure("EnrichmentError", analysis.error)
    counts = (("quotes", len(analysis.quotes), MAX_QUOTES), ("entities", len(analysis.entities), MAX_ENTITIES))
    for name, number, most in counts:
        if number > most:
            return Failure(
                FailureKind.TOO_MUCH, f"The article has {number} {name}; {most} is the most that is indexed."
            )
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
        return Result(article.id.encode(), encode(enriched))
    except EventError as error:
        return Failure(error.kind, error.reason)
