"""Publishes events to Kafka and retries each until the broker has acknowledged it."""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from pipeline.backoff import Backoff

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between tries: the first pause, and the longest."""

_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError)
_UNFIT = (TypeError, ValueError, struct.error)
"""What the client raises for something that no event can hold: a retry would never succeed."""


class EventTooLarge(Exception):
    """The broker, or its client, will never take this event: it is too large, or something in it fits in no event."""


class Producer(Protocol):
    """Faust's producer, as far as it is used here: an awaitable that gives an awaitable, done when acknowledged."""

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
    ) -> Awaitable[Awaitable[Any]]:
        """Hands the event over; then waits for the broker."""
        ...


class EventPublisher:
    """Retries each event until Kafka has it; says once that Kafka is away."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._away = False

    async def publish(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
    ) -> None:
        """Returns when all replicas that must have it have the event.

        Raises:
            EventTooLarge: it is larger than the topic or the client allows, or it cannot be written as an event.
        """
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        if key is None and value is None:
            value = b""  # the client takes no event without both
        while True:
            try:
                await (await self._producer.send(topic, key, value, None, None, list(headers)))
                break
            except Exception as error:
                cause = error.__cause__ or error  # Faust wraps what its client raises at once
                # A certificate that is not trusted is a ValueError too, and no event's fault.
                unfit = isinstance(error, _UNFIT) and not isinstance(error, OSError)
                if unfit or isinstance(cause, _REFUSALS):
                    raise EventTooLarge(f"{type(cause).__name__}: {cause}") from error
                if not self._away:
                    log.warning("Kafka does not take events for %s (%r); trying on until it does.", topic, cause)
                self._away = True
            await asyncio.sleep(backoff.next())
        if self._away:
            self._away = False
            log.info("Kafka takes events again.")
