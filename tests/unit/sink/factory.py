"""Enriched articles and Kafka records to test the sink with."""

from datetime import UTC, datetime
from typing import Any

from kafka.consumer.fetcher import ConsumerRecord

from pipeline import identity
from pipeline.models import (
    Article,
    Cue,
    Enriched,
    Entity,
    ModelInfo,
    Quote,
    QuoteType,
    Resolution,
    Source,
    Speaker,
)

FETCHED = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def quote(body: str, said: str, article: str = "a1", **changes: Any) -> Quote:
    """Ada Lund says `said`, which is somewhere in the body."""
    start = body.index(said)
    end = start + len(said)
    fields: dict[str, Any] = {
        "id": identity.quote_id(article, said, [(start, end)]),
        "type": QuoteType.DIRECT,
        "text": said,
        "start": start,
        "end": end,
        "segments": [(start, end)],
        "cue": Cue(start=0, end=4, text="said", lemma="say"),
        "speaker": Speaker(
            name="Ada Lund", id=identity.name_id("PERSON", "Ada Lund"), mention="Lund", start=0, end=4,
            title="minister", affiliation="Norland", resolution=Resolution.NAMED, confidence=0.9,
        ),
        "confidence": 0.8,
        "context": (0, len(body)),
    }  # fmt: skip
    return Quote.model_validate(fields | changes)


def enriched(article: str = "a1", says: tuple[str, ...] = ("We will build it.",), **changes: Any) -> Enriched:
    """An article in which Ada Lund says each of `says`; `changes` are fields of the article."""
    body = "Lund said: " + " — ".join(f"“{one}”" for one in says)
    fields: dict[str, Any] = {
        "id": article,
        "url": f"https://news.example/{article}",
        "canonical_url": f"https://news.example/{article}",
        "source": Source(id="news.example", name="The News", domain="news.example"),
        "headline": f"Norland builds {article}",
        "body": body,
        "published": datetime(2026, 3, 10, 8, tzinfo=UTC),
        "fetched": FETCHED,
        "language": "en",
        "revision": 1,
        "content_hash": identity.content_hash("", body),
    }
    fields |= changes
    return Enriched(
        article=Article.model_validate(fields),
        entities=[
            Entity(start=0, end=4, text="Lund", label="PERSON", name="Ada Lund", id="p1"),
            Entity(start=0, end=4, text="Norland", label="GPE", name="Norland", id="g1", country="NO"),
            Entity(start=0, end=4, text="Lund", label="PERSON", name="Ada Lund", id="p1"),
            Entity(start=0, end=4, text="the ministry", label="ORG", name="Ministry of Works", id="o1"),
            Entity(start=0, end=4, text="Monday", label="DATE", name="Monday", id="d1"),
        ],
        quotes=[quote(fields["body"], one, fields["id"]) for one in says],
        model=ModelInfo(name="en_core_web_sm", version="3.8.0", engine="1"),
        enriched=FETCHED,
        timings={"nlp": 0.1},
    )


def record(value: Enriched | bytes | None, *, offset: int = 0, partition: int = 0, **changes: Any) -> Any:
    """The value as Kafka's consumer hands it out."""
    key = value.article.id.encode() if isinstance(value, Enriched) else b"key"
    data = value.model_dump_json().encode() if isinstance(value, Enriched) else value
    fields: dict[str, Any] = {
        "topic": "news.enriched", "partition": partition, "leader_epoch": 0, "offset": offset, "timestamp": 0,
        "timestamp_type": 0, "key": key, "value": data, "headers": [], "checksum": None, "serialized_key_size": 0,
        "serialized_value_size": 0, "serialized_header_size": 0,
    }  # fmt: skip
    return ConsumerRecord(**(fields | changes))
