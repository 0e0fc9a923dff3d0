"""Writes the events of a topic to a file, and sends them from there to an empty topic.

A dump is JSON lines, compressed by zstd: of each event its partition, offset, time, key, value and headers,
bytes as base64.
"""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from kafka.errors import KafkaError

from pipeline import kafka_client
from pipeline.errors import BrokerUnavailable, InputError
from pipeline.kafka_batches import Unreadable
from pipeline.settings import Settings
from pipeline.topic_reader import TopicReader
from pipeline.topics import Topic

ENDING = ".jsonl.zst"
"""How the name of a dump ends."""

_LONGEST = 2**30  # characters of a line: far above what a topic takes
_AT_ONCE = 1000  # events in flight

Progress = Callable[[str, int, int], None]
"""Is told the name of the topic, how many events of it are done, and of how many."""

Translate = Callable[["Event"], "Event | None"]
"""Changes an event before it is sent; None: it is left out."""

Sent = Callable[["Event", int, int], None]
"""Is told of an event that was sent: the event as it was dumped, its new partition and its new offset."""


@dataclass(frozen=True)
class Event:
    """An event as a dump has it."""

    partition: int
    offset: int
    time: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class Dump:
    """What was written: how many events, how many could not be read, and the digest of the file."""

    events: int
    unreadable: int
    digest: str


def write(settings: Settings, topic: str, path: Path, progress: Progress = lambda *_: None) -> Dump:
    """Writes what the topic holds now.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        OSError: the file cannot be written.
    """
    count = unreadable = 0
    with (
        path.open("wb") as file,
        zstandard.ZstdCompressor().stream_writer(file) as packed,
        TopicReader(settings, topic) as reader,
    ):
        for record in reader.records(progress=lambda done, total: progress(topic, done, total)):
            if isinstance(record.value, Unreadable):
                unreadable += 1
                continue
            packed.write(json.dumps(_line(record)).encode() + b"\n")
            count += 1
    return Dump(count, unreadable, digest(path))


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> Iterator[Event]:
    """The events of a dump.

    Raises:
        InputError: it is no dump, or damaged.
    """
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as packed:
            lines = io.TextIOWrapper(io.BufferedReader(packed), encoding="ascii")
            while line := lines.readline(_LONGEST):
                yield _event(json.loads(line))
    except (OSError, ValueError, KeyError, TypeError, zstandard.ZstdError) as error:
        raise InputError(f"{path} is no dump of a topic, or it is damaged: {type(error).__name__}: {error}.") from None


def send(
    settings: Settings,
    topic: Topic,
    path: Path,
    *,
    total: int,
    translate: Translate = lambda event: event,
    sent: Sent = lambda *_: None,
    progress: Progress = lambda *_: None,
) -> int:
    """Sends a dump to its topic, which must exist and be empty; how many events were sent.

    Events keep their partitions, and so their order, where the topic has them; else their keys decide, as when they
    were published.

    Raises:
        InputError: the dump is damaged, or an event is larger than the topic takes.
        BrokerUnavailable: Kafka does not take them.
    """
    fits = max((event.partition for event in read(path)), default=0) < topic.partitions
    producer = kafka_client.producer(settings, enable_idempotence=False, max_in_flight_requests_per_connection=1)
    done = 0
    flying: list[tuple[Event, Any]] = []

    def land() -> None:
        for event, future in flying:
            where = future.get(timeout=settings.kafka.request_timeout)
            sent(event, where.partition, where.offset)
        flying.clear()

    try:
        for event in read(path):
            changed = translate(event)
            if changed is None:
                continue
            nothing = changed.key is None and changed.value is None  # the client sends no such event
            future = producer.send(
                topic.name, key=changed.key, value=b"" if nothing else changed.value, headers=changed.headers,
                timestamp_ms=changed.time,
                partition=event.partition if fits else None,
            )  # fmt: skip
            flying.append((event, future))
            done += 1
            if len(flying) >= _AT_ONCE:
                land()
            progress(topic.name, done, total)
        land()
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka did not take all of {topic.name} ({type(error).__name__}: {error}).") from error
    finally:
        producer.close(timeout=10)
    return done


def _line(record: Any) -> dict[str, Any]:
    return {
        "p": record.partition, "o": record.offset, "t": record.timestamp, "k": _text(record.key),
        "v": _text(record.value), "h": [[name, _text(value or b"")] for name, value in record.headers or ()],
    }  # fmt: skip


def _event(line: dict[str, Any]) -> Event:
    headers = [(str(name), _bytes(value) or b"") for name, value in line["h"]]
    return Event(int(line["p"]), int(line["o"]), int(line["t"]), _bytes(line["k"]), _bytes(line["v"]), headers)


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value, validate=True)
