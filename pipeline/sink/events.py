"""Reads events of `news.enriched` for the sink, and makes dead letters of those that it cannot take."""

import logging
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from pipeline import kafka_client, topics
from pipeline.dead_letters import dead_letter
from pipeline.errors import BackpressureError, BrokerUnavailable
from pipeline.events import EventError, FailureKind, decode
from pipeline.kafka_batches import Unreadable
from pipeline.models import DeadLetter, Enriched, Stage
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
    try:
        enriched = decode(Enriched, record.value, largest=largest, setting="WHOSAID_SINK__MAX_EVENT_BYTES")
        _check(enriched)
    except EventError as error:
        return letter(record, error.reason, kind=error.kind)
    return Event(record, enriched)


def _check(enriched: Enriched) -> None:
    """Refuses an event that is valid and that Elasticsearch cannot hold.

    Raises:
        EventError: it says why.
    """
    article = enriched.article
    if len(article.id.encode()) > _LONGEST_ID:
        # Known here, because already looking for it would trouble the cluster.
        raise EventError(FailureKind.BAD, f"The article's id is longer than {_LONGEST_ID} bytes.")
    if article.revision > documents.MAX_REVISION:
        raise EventError(FailureKind.BAD, f"The article's revision is larger than {documents.MAX_REVISION}.")
    own = f"{article.id}-"
    strange = next((quote.id for quote in enriched.quotes if not quote.id.startswith(own)), None)
    if strange is not None:
        # It could overwrite a quote of another article.
        raise EventError(FailureKind.BAD, f"{strange[:80]!r} is no id of a quote of this article.")
    excess = documents.too_much(enriched)
    if excess is not None:
        raise EventError(FailureKind.TOO_MUCH, excess)


def log_fault(record: Any, error: Exception) -> None:
    """Logs an unexpected error, with its trace and with the place of the event."""
    logger.error(
        "%s, partition %d, offset %d breaks what reads it", record.topic, record.partition, record.offset,
        exc_info=error,
    )  # fmt: skip


def letter(record: Any, reason: str, *, kind: str) -> DeadLetter:
    """The dead letter of a record; `kind` is the error's class, or Elasticsearch's own name of it."""
    return dead_letter.from_record_failure(record, reason, kind=kind, stage=Stage.SINK)


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
