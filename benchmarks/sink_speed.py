"""Measures what the sink's own work costs, piece by piece.

    python -m benchmarks.sink_speed [--articles 240] [--rounds 5]

No engine is needed: Kafka's batches are made here, and Elasticsearch's answers as they are for documents that it took.
What both clients spend on sending and receiving is not in it; `make bench` has that. Times are of the processor: the
median of the rounds, and the least and the most; a first round is not counted. The last line is a hash over all
documents, without the times at which they were made. It must not change where only speed was meant to change.
"""

import argparse
import gc
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from kafka.record.default_records import DefaultRecordBatchBuilder

from benchmarks import corpus
from benchmarks.component_speed import Clock, table
from benchmarks.stages import clones
from connectors.parsing import json_record
from pipeline.agents.article_enricher import enricher
from pipeline.kafka_batches import Allowance, Batches, Record
from pipeline.models import Enriched
from pipeline.settings import EnrichmentSettings
from pipeline.sink import bulk_answers, documents, events
from pipeline.sink.bulk import Operation
from pipeline.text.fingerprint import bands
from pipeline.workers.protocol import Result

TEXTS = 24
"""Articles that are analysed; the others are these with ids of their own."""

BATCH = 48
"""Articles that are worked on together, as in a batch of the sink."""

PACKED = 16
"""Events in a batch of Kafka's: what a spaCy process gives at once."""

_ZSTD = 4
_NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def main() -> int:
    """Measures and prints; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--articles", type=int, default=240)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    values = [event.model_dump_json().encode() for event in clones(analysed(), given.articles, "sink_speed")]
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # as the sink does
    clocks, hashes = [], set()
    for _ in range(given.rounds + 1):
        clock, hashed = Clock(), hashlib.sha256()
        for start in range(0, len(values), BATCH):
            work(values[start : start + BATCH], clock, hashed)
        clocks.append(clock)
        hashes.add(hashed.hexdigest())
    print(f"{len(values)} articles, {sum(map(len, values)) // len(values):,} bytes an event, ms an article")
    table("sink", clocks[1:], len(values))
    print("documents:", *sorted(hashes))
    return 0


def work(values: Sequence[bytes], clock: Clock, hashed: Any) -> None:
    """Does with the events what the sink does with a batch."""
    packed = [batch(values[start : start + PACKED]) for start in range(0, len(values), PACKED)]
    records = clock.time("unpack", lambda: [record for some in packed for record in unpacked(some)])
    read = clock.time("read", lambda: [events.read(record) for record in records])
    enriched = [one.enriched for one in read if isinstance(one, events.Event)]
    assert len(enriched) == len(values)
    clock.time("copies", lambda: [look(one) for one in enriched])
    articles = clock.time("article", lambda: [documents.article(one, indexed=_NOW) for one in enriched])
    quotes = clock.time("quotes", lambda: [list(documents.quotes(one, indexed=_NOW)) for one in enriched])
    made = [*articles, *chain.from_iterable(quotes)]
    lines = clock.time("lines", lambda: [Operation("a", "i", one.id, 1, one.json).lines() for one in made])
    answer = json.dumps({"items": [{"index": {"status": 201}} for _ in lines]})
    answers = clock.time("answers", lambda: [bulk_answers.of_item("index", one["index"]) for one in items(answer)])
    assert all(one.verdict is bulk_answers.Verdict.DONE for one in answers)
    for one in made:
        document = json.loads(one.json)
        document.pop("enriched", None)
        document.pop("timings", None)
        hashed.update(json.dumps(document, sort_keys=True).encode())


def analysed() -> list[Enriched]:
    """Made-up articles as the agents give them, the same in every run but for when and how fast that was."""
    texts, settings = corpus.texts(TEXTS, seed=31), EnrichmentSettings()
    records = corpus.records(texts, seed=31, now=_NOW)
    articles = [json_record.to_article(record, source=None, fetched=_NOW) for record in records]
    analyse = enricher(settings.model, settings.fast, settings.batch_size, settings.max_characters)
    outcomes = list(analyse([article.model_dump_json().encode() for article in articles]))
    return [Enriched.model_validate_json(one.value) for one in outcomes if isinstance(one, Result)]


def batch(values: Sequence[bytes]) -> bytes:
    """Kafka's batch of these events, packed as our producers pack it."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=_ZSTD, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 30,
    )  # fmt: skip
    for offset, value in enumerate(values):
        assert builder.append(offset, timestamp=0, key=b"key", value=value, headers=[]) is not None
    return bytes(builder.build())


def unpacked(data: bytes) -> list[Record]:
    """The records of a set of batches."""
    batches = Batches(data, Allowance(1 << 30, 1 << 30))
    records: list[Record] = []
    while (some := batches.next_batch()) is not None:
        records += some
    return records


def look(enriched: Enriched) -> tuple[tuple[str, ...], list[str]]:
    """What copies of the article and of its quotes are looked for by."""
    bands.cache_clear()  # each article is new to a sink
    return bands(enriched.fingerprint or ""), [documents.said_hash(quote) for quote in enriched.quotes]


def items(answer: str) -> list[dict[str, Any]]:
    """The items of an answer to a bulk request."""
    read: list[dict[str, Any]] = json.loads(answer)["items"]
    return read


if __name__ == "__main__":
    raise SystemExit(main())
