"""Events of `news.enriched` as the sink takes them, and the dead letters of those that it cannot take."""

import logging
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError
from pydantic import BaseModel, ValidationError

from pipeline import dead_letter, kafka_client, topics
from pipeline.errors import BackpressureError, BrokerUnavailable, validation_message
from pipeline.kafka_batches import Unreadable
from pipeline.models import SCHEMA_VERSION, DeadLetter, Enriched, Stage
from pipeline.settings import Settings, SinkSettings
from pipeline.sink import documents

logger = logging.getLogger(__name__)

LARGEST_EVENT: int = SinkSettings.model_fields["max_event_bytes"].default
_LONGEST_ID = 512  # that Elasticsearch takes, in bytes


@dataclass(frozen=True)
class Event:
    """A record that was read, with what is in it."""

    record: Any  # kafka's ConsumerRecord
    enriched: Enriched
    indexed: datetime | None = None
    """When it was first written, where that is known: of an article that is only copied."""

    @property
    def id(self) -> str:
        """The article's id."""
        return self.enriched.article.id

    @property
    def revision(self) -> int:
        """The article's revision."""
        return self.enriched.article.revision

    @property
    def version(self) -> int:
        """What decides which of two events of the article wins; see `documents.version`."""
        return documents.version(self.revision, self.enriched.model)


class _Versioned(BaseModel):
    """As much of an event, and of its article, as every schema has, also those to come."""

    schema_version: int = SCHEMA_VERSION


class _Article(BaseModel):
    article: _Versioned


def read(record: Any, largest: int = LARGEST_EVENT) -> Event | DeadLetter:
    """The record's event, or why it is none; `largest` is the most bytes that are read.

    Raises:
        MemoryError, OSError: what is the machine's fault. Any other error makes a dead letter.
    """
    try:
        return _read(record, largest)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        log_fault(record, error)
        return letter(record, str(error) or repr(error), kind=type(error).__name__)


def _read(record: Any, largest: int) -> Event | DeadLetter:
    if isinstance(record.value, Unreadable):
        return letter(record, record.value.sentence, kind=record.value.error)
    if record.value is None:
        return letter(record, "the event has no value", kind="EmptyEvent")
    if len(record.value) > largest:  # not even read: what hostile JSON becomes in memory is many times its size
        reason = f"the event has {len(record.value)} bytes; WHOSAID_SINK__MAX_EVENT_BYTES is {largest}"
        return letter(record, reason, kind="TooMuch")
    try:
        event = Event(record, Enriched.model_validate_json(record.value))
    except ValidationError as error:
        newest = _newest(record.value)
        if newest > SCHEMA_VERSION:
            return _newer(record, newest)
        first, *others = error.errors(include_url=False, include_input=False)
        where = ".".join(str(part) for part in first["loc"]) or "event"
        more = f" (and {len(others)} more)" if others else ""
        return letter(record, f"{where}: {validation_message(first)}{more}", kind="InvalidEvent")
    newest = max(event.enriched.schema_version, event.enriched.article.schema_version)
    if newest > SCHEMA_VERSION:
        return _newer(record, newest)
    if len(event.id.encode()) > _LONGEST_ID:
        # Known here, because already looking for it would trouble the cluster.
        return letter(record, f"article.id: longer than {_LONGEST_ID} bytes", kind="InvalidEvent")
    if event.revision > documents.MAX_REVISION:
        return letter(record, f"article.revision: larger than {documents.MAX_REVISION}", kind="InvalidEvent")
    strange = next((quote.id for quote in event.enriched.quotes if not quote.id.startswith(f"{event.id}-")), None)
    if strange is not None:
        # It could overwrite a quote of another article.
        return letter(record, f"quotes: {strange[:80]!r} is no id of a quote of this article", kind="InvalidEvent")
    excess = documents.too_much(event.enriched)
    return letter(record, excess, kind="TooMuch") if excess else event


def _newest(value: bytes) -> int:
    """The newer of the versions of the event and of its article, as far as they can be told."""
    found = SCHEMA_VERSION
    with suppress(ValidationError):
        found = max(found, _Versioned.model_validate_json(value).schema_version)
    with suppress(ValidationError):
        found = max(found, _Article.model_validate_json(value).article.schema_version)
    return found


def _newer(record: Any, version: int) -> DeadLetter:
    # What a newer schema looks like nobody here knows, so it may break all other rules.
    reason = (
        f"the event's schema version {version} is newer than {SCHEMA_VERSION}, the newest that this WhoSaid knows; "
        "update the sink, then replay it"
    )
    return letter(record, reason, kind="NewerSchema")


def log_fault(record: Any, error: Exception) -> None:
    """Logs an unexpected error, with its trace and with the place of the event."""
    logger.error(
        "%s, partition %d, offset %d breaks what reads it", record.topic, record.partition, record.offset,
        exc_info=error,
    )  # fmt: skip


def letter(record: Any, reason: str, *, kind: str) -> DeadLetter:
    """The dead letter of a record; `kind` is the error's class, or Elasticsearch's own name of it."""
    return dead_letter.from_failure(
        reason,
        kind=kind,
        stage=Stage.SINK,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=record.headers or (),
    )


class DeadLetters:
    """Sends dead letters. It connects to Kafka when it sends the first one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.deadletter(settings).name
        self._producer: KafkaProducer | None = None

    def send(self, letters: Iterable[DeadLetter]) -> None:
        """Sends the letters; returns when the broker has them all.

        Raises:
            BackpressureError: the broker does not take them; send them all again. `retry_after` is 0.
        """
        try:
            sent = [(letter, self._publish(letter)) for letter in letters]
            for letter, future in sent:
                self._wait_for(letter, future)
        except (KafkaError, BrokerUnavailable) as error:
            self.close()
            raise BackpressureError(f"Kafka does not take dead letters ({error})", retry_after=0) from error

    def close(self) -> None:
        """Closes the producer. Its caller sends letters again that were not acknowledged."""
        if self._producer is not None:
            self._producer.close(timeout=1)
            self._producer = None

    def _open(self) -> KafkaProducer:
        if self._producer is None:
            # This client's idempotent producer fails for good after one event that is too large. A letter that is sent
            # twice does no harm: both name the same event.
            self._producer = kafka_client.producer(self._settings, linger_ms=0, enable_idempotence=False)
        return self._producer

    def _publish(self, letter: DeadLetter, *, note: str = "") -> Any:
        """Sends a letter; with `note`, without its value, which is too large."""
        # Kafka wants a key or a value, and an event may come without either.
        value = b"" if letter.key is None and letter.value is None else letter.value
        if note:
            letter, value = dead_letter.without_bytes(letter, note), b""
        try:
            return self._open().send(self._topic, key=letter.key, value=value, headers=dead_letter.to_headers(letter))
        except MessageSizeTooLargeError:
            return None
        except (TypeError, ValueError, struct.error) as error:
            # Something in the letter fits in no event. A letter without value and headers always fits.
            if note or isinstance(error, OSError):
                raise
            logger.exception("The dead letter of %s, partition %d, offset %d cannot be sent whole",
                             letter.topic, letter.partition, letter.offset)  # fmt: skip
            return None

    def _wait_for(self, letter: DeadLetter, future: Any) -> None:
        """Waits for the broker. Where the event is too large for a letter, sends a letter that says where the event is.

        The event itself fitted on its topic, so only the letter's headers can make it too large.
        """
        timeout = self._settings.kafka.request_timeout
        try:
            if future is not None:
                future.get(timeout=timeout)
                return
        except MessageSizeTooLargeError:
            pass
        where = f"{letter.topic}, partition {letter.partition}, offset {letter.offset}"
        self._publish(letter, note=f"too large for a dead letter; it is at {where}").get(timeout=timeout)
