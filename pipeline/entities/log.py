"""Writes and reads the topic of entities, from which the store can be made again.

The topic is compacted: of events with one key Kafka keeps the last. An event without a value withdraws what its key
said.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from pydantic import ValidationError

from pipeline import kafka_client, topics
from pipeline.entities.event_check import problem
from pipeline.entities.models import Decision, Forgotten, Known, Ruling, event_key
from pipeline.errors import BrokerUnavailable, validation_message
from pipeline.kafka_batches import Unreadable
from pipeline.settings import Settings
from pipeline.topic_reader import Progress, TopicReader

logger = logging.getLogger(__name__)

_FORMS: dict[str, type[Decision] | type[Ruling] | type[Known]] = {
    "article": Decision, "ruling": Ruling, "known": Known,
}  # fmt: skip

_LONGEST_KEY = 1024  # bytes; a longer key is not remembered
_LONGEST_REASON = 300  # characters

AnyEvent = Decision | Ruling | Known | Forgotten


class EntityLog:
    """Sends events of entities. It makes the topic and connects when it sends the first one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.entities(settings)
        self._producer: KafkaProducer | None = None

    def send(self, events: Iterable[AnyEvent]) -> None:
        """Sends the events; returns when the broker has them all.

        Raises:
            BrokerUnavailable: the broker does not take them; sending them again does no harm.
        """
        if self._producer is None:
            kafka_client.ensure_topics(self._settings, [self._topic])
            self._producer = kafka_client.producer(self._settings)
        try:
            sent = [
                self._producer.send(self._topic.name, key=event_key(event).encode(), value=_value(event))
                for event in events
            ]
            for one in sent:
                one.get(timeout=self._settings.kafka.request_timeout)
        except KafkaError as error:
            self.close()
            raise BrokerUnavailable(f"Kafka does not take what was decided about entities: {error}") from error

    def close(self) -> None:
        """Closes the connections."""
        if self._producer is not None:
            self._producer.close(timeout=5)
            self._producer = None


def _value(event: AnyEvent) -> bytes | None:
    return (
        None
        if isinstance(event, Forgotten)
        else event.model_dump_json(exclude_defaults=True, exclude={"type"}).encode()
    )


def read(settings: Settings, progress: Progress = lambda *_: None) -> Iterator[tuple[str, AnyEvent | None]]:
    """The events that hold, by key: of each key the last one on the topic. An event that cannot be read is None.

    It reads the topic twice, so as to keep only the places of the events in memory and not the events. What cannot be
    read is told in the log, with its place.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    name = topics.entities(settings).name
    last: dict[bytes, tuple[int, int]] = {}
    with TopicReader(settings, name) as reader:
        for record in reader.records():
            if _may_be_ours(record.key):
                last[record.key] = record.partition, record.offset
    with TopicReader(settings, name) as reader:
        for record in reader.records(progress=progress):
            holds = not _may_be_ours(record.key) or last.get(record.key) == (record.partition, record.offset)
            if holds and record.value is not None:
                yield (record.key or b"")[:_LONGEST_KEY].decode("utf-8", "replace"), _event(record)


def _may_be_ours(key: bytes | None) -> bool:
    return key is not None and len(key) <= _LONGEST_KEY


def _event(record: Any) -> Decision | Ruling | Known | None:
    try:
        return decode(record.key, record.value)
    except ValueError as error:
        logger.warning(
            "%s, partition %d, offset %d is no event of entities: %s", record.topic, record.partition, record.offset,
            error,
        )  # fmt: skip
        return None


def decode(key: bytes | None, value: bytes) -> Decision | Ruling | Known:
    """The event of a record that has a value.

    Raises:
        ValueError: it is none, or one that the store could not take; the message is a sentence.
    """
    if isinstance(value, Unreadable):
        raise ValueError(f"{value.sentence}.")
    if key is None or not _may_be_ours(key):
        raise ValueError("it has no key of an event.")
    name = key.decode("utf-8", "replace")
    form = _FORMS.get(name.partition(":")[0])
    if form is None:
        raise ValueError(f"its key is {name[:80]!r}.")
    try:
        event = form.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        raise ValueError(f"{where}{': ' if where else ''}{validation_message(first)[:_LONGEST_REASON]}.") from None
    if wrong := problem(name, event):
        raise ValueError(wrong)
    return event
