"""Measures what it costs to remember analyses, and what it saves: `python -m benchmarks.known_texts [--articles 64]`.

One process, processor time, medians of some turns: an article that is analysed, the same with its analysis remembered,
and a copy of it under another id.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median

from benchmarks import corpus, measure
from connectors.parsing import json_record
from pipeline.agents.article_enricher import enricher
from pipeline.agents.known_texts import KnownTexts, Text
from pipeline.settings import EnrichmentSettings
from pipeline.workers.protocol import Result

TURNS = 5


def main() -> int:
    """Measures and prints."""
    measure.without_steering()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=64)
    count = parser.parse_args().articles
    settings = EnrichmentSettings()
    work = enricher(settings.model, settings.fast, settings.batch_size, settings.max_characters)
    first, second = (_events(count, site) for site in ("one.example", "two.example"))
    outcomes: list[Result] = []
    analysed = _timed(lambda: outcomes.extend(one for one in work(first) if isinstance(one, Result)))
    kept, copied = [], []
    for _ in range(TURNS):
        texts = KnownTexts(settings.known_texts * 2**20)

        def look_and_keep(texts: KnownTexts = texts) -> None:
            for event, outcome in zip(first, outcomes, strict=True):
                text = Text(event)
                assert texts.copy(text) is None
                texts.keep(text, outcome)

        def copy(texts: KnownTexts = texts) -> None:
            assert all(texts.copy(Text(event)) for event in second)

        kept.append(_timed(look_and_keep))
        copied.append(_timed(copy))
        size = texts.bytes / count
    words = sum(len(json.loads(event)["body"].split()) for event in first)
    print(f"{count} articles of {words // count} words")
    print(f"analysed     {1000 * analysed / count:8.3f} ms an article")
    print(f"remembered   {1000 * median(kept) / count:8.3f} ms, looking it up first included; {size:,.0f} bytes")
    print(f"copied       {1000 * median(copied) / count:8.3f} ms")
    return 0


def _events(count: int, site: str) -> Sequence[bytes]:
    texts, now = corpus.texts(count, seed=21), datetime.now(UTC)
    records = corpus.records(texts, seed=21)
    articles = [json_record.to_article(record, source=None, fetched=now) for record in records]
    return [one.model_copy(update={"id": f"{site}-{one.id}"}).model_dump_json().encode() for one in articles]


def _timed(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    raise SystemExit(main())
