"""Events as strangers may send them: with headers that have no value, which kafka-python's producer refuses to send."""

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer

from pipeline import kafka_client, topics
from pipeline.settings import Settings

Headers = Sequence[tuple[str, bytes | None]]
Event = tuple[bytes | None, bytes | None, Headers]

NASTY: list[Headers] = [
    [("h", None)],
    [("whosaid-attempts", None), ("whosaid-first_failed", None), ("whosaid-x", None)],
    [("whosaid-attempts", b"9" * 4300)],
    [("whosaid-first_failed", b"0001-01-01T00:00:00+14:00")],
    [(f"h{number}", None) for number in range(2000)],
    [("large", b"x" * 2_000_000)],
]
"""Headers of which a dead letter must be made, whatever they are."""

_AT_ONCE = 500
"""Events on their way at a time: each may be megabytes."""


def send(
    settings: Settings, topic: str, events: Iterable[Event], partition: int | None = None
) -> list[tuple[int, int]]:
    """Sends the events; where each of them is (partition, offset)."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    return asyncio.run(_send(settings, topic, list(events), partition))


async def _send(settings: Settings, topic: str, events: list[Event], partition: int | None) -> list[tuple[int, int]]:
    compression = settings.kafka.compression
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        compression_type=None if compression == "none" else compression,
        max_request_size=64 * 2**20,
        request_timeout_ms=60_000,
    )
    await producer.start()
    try:
        places = []
        for start in range(0, len(events), _AT_ONCE):
            waiting = [
                await producer.send(
                    topic,
                    key=key,
                    value=b"" if key is None and value is None else value,
                    headers=list(headers),
                    partition=partition,
                )
                for key, value, headers in events[start : start + _AT_ONCE]
            ]
            places += [(one.partition, one.offset) for one in await asyncio.gather(*waiting)]
        return places
    finally:
        await producer.stop()
