"""`python -m tests.faults.cheap`: the real enrichment worker, its processes doing next to nothing with each article.

For faults that spaCy has no part in: a process is up in a moment and an article takes 10 ms, so that there is a middle
to do harm in. Everything around that work is the worker's own: Faust, ledger, pool, protocol, dead letters.
"""

import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from pipeline import identity
from pipeline.agents import worker
from pipeline.events import LARGEST_ARTICLE, EventError, decode, encode
from pipeline.models import Article, Enriched, ModelInfo, Quote, QuoteType, Resolution, Speaker
from pipeline.settings import load
from pipeline.workers.protocol import Failure, Outcome, Result, Work

SECONDS = 0.01
_QUOTE = re.compile(r"“(?P<said>[^”]+)” (?P<name>\w+ \w+) said")


def factory(max_characters: int, **_: object) -> Work:
    """Work that takes what is in curly marks for a quote and the two words behind it for its speaker."""

    def work(events: Sequence[bytes]) -> Iterator[Outcome]:
        for event in events:
            time.sleep(SECONDS)
            yield _outcome(event, max_characters)

    return work


def _outcome(event: bytes, max_characters: int) -> Outcome:
    try:
        article = decode(Article, event, largest=LARGEST_ARTICLE)
    except EventError as error:
        return Failure(error.kind, error.reason)
    if len(article.body) > max_characters:
        return Failure("TooLong", f"The body has {len(article.body)} characters.")
    enriched = Enriched(
        article=article,
        quotes=[_quote(article, match) for match in _QUOTE.finditer(article.body)],
        model=ModelInfo(name="cheap", version="1", engine="0"),
        enriched=datetime.now(UTC),
    )
    try:
        return Result(article.id.encode(), encode(enriched))
    except EventError as error:
        return Failure(error.kind, error.reason)


def _quote(article: Article, match: re.Match[str]) -> Quote:
    (start, end), (name_start, name_end) = match.span("said"), match.span("name")
    name = match["name"]
    return Quote(
        id=identity.quote_id(article.id, match["said"], [(start, end)]),
        type=QuoteType.DIRECT,
        text=match["said"],
        start=start,
        end=end,
        segments=[(start, end)],
        speaker=Speaker(
            name=name,
            id=identity.name_id("PERSON", name),
            mention=name,
            start=name_start,
            end=name_end,
            resolution=Resolution.NAMED,
            confidence=1,
        ),
        confidence=1,
        context=(0, len(article.body)),
    )


if __name__ == "__main__":
    worker.new_pool = partial(worker.new_pool, work="tests.faults.cheap:factory")
    worker.run(load())
