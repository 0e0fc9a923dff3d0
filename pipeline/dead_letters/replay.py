"""Replays dead letters: sends their events again, with the same key, bytes and headers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline import kafka_client
from pipeline.dead_letters import dead_letter
from pipeline.dead_letters.log import Filter, Letter, Letters, Mark, ScanProgress
from pipeline.errors import BrokerUnavailable
from pipeline.kafka_batches import Unreadable
from pipeline.models import DeadLetter
from pipeline.settings import Settings

_MAX_EMPTY_POLLS = 20  # in a row, of half a second each
_POLLED_AT_ONCE = 100


@dataclass(frozen=True)
class ReplayResult:
    """A letter with the place of the event that was sent again, or the reason why it could not be sent."""

    letter: Letter
    mark: Mark | None = None
    problem: str | None = None
    name: str = ""
    """The id of the letter that the event names: another letter's where both are about the same failure."""


class Replayer:
    """Replays letters. Use it within the `with` of `letters`."""

    def __init__(self, settings: Settings, letters: Letters) -> None:
        self._settings = settings
        self._letters = letters

    def replay(self, which: Filter, progress: ScanProgress | None = None) -> Iterator[ReplayResult]:
        """Sends the event of each letter to the topic that it came from, and marks the letter.

        Events of one article are sent in their order. For two letters about the same failure (as after a sink that was
        killed between a letter and its commit) one event is sent, and both are marked.

        Raises:
            BrokerUnavailable: Kafka does not answer. The events of the results so far are sent; the others still wait.
        """
        # This client's idempotent producer fails for good after one event that is too large.
        producer = kafka_client.producer(self._settings, linger_ms=0, enable_idempotence=False)
        done: dict[tuple[str, int, int, int], tuple[Mark, str]] = {}
        try:
            self._topics = kafka_client.topic_names(self._settings)
            for letter in self._letters.scan(which, progress):
                content = letter.content
                failure = (content.topic, content.partition, content.offset, content.attempts)
                if failure not in done:
                    try:
                        done[failure] = self._send(producer, letter), letter.id
                    except _Impossible as reason:
                        yield ReplayResult(letter, problem=str(reason))
                        continue
                mark, name = done[failure]
                self._letters.mark(letter, mark)
                yield ReplayResult(letter, mark, name=name)
        finally:
            producer.close(timeout=10)

    def _send(self, producer: Any, letter: Letter) -> Mark:
        """Sends the event, or the several events of an unreadable batch; a mark with the place of the last one."""
        content = letter.content
        if content.topic not in self._topics:  # the client would wait until somebody makes it
            raise _Impossible(f"there is no topic {content.topic[:250]!r}")
        headers = dead_letter.to_replay(content, letter.id)
        if content.kept:
            events = [(content.key, content.value, headers)]
        else:
            events = [
                (record.key, record.value, [*dead_letter.plain_headers(record.headers or ()), *headers])
                for record in self._originals(content)
            ]
        timeout = self._settings.kafka.request_timeout
        try:
            for key, value, own in events:
                if key is None and value is None:
                    value = b""
                sent = producer.send(content.topic, key=key, value=value, headers=own).get(timeout=timeout)
        except KafkaError as error:
            if not error.retriable:
                raise _Impossible(f"{content.topic} does not take it: {type(error).__name__}: {error}") from error
            raise BrokerUnavailable(f"Kafka does not take events for {content.topic}: {error}") from error
        place = {"topic": sent.topic, "partition": sent.partition, "offset": sent.offset}
        return Mark(how="replayed", at=datetime.now(UTC), **place)

    def _originals(self, letter: DeadLetter) -> list[Any]:
        """The records from their own topic, where the letter could not keep them."""
        place = TopicPartition(letter.topic, letter.partition)
        last = letter.offset if letter.last_offset is None else letter.last_offset
        originals: list[Any] = []
        consumer = kafka_client.consumer(self._settings)
        try:
            there = letter.partition in (consumer.partitions_for_topic(letter.topic) or ())
            consumer.assign([place] if there else [])  # the client would wait for a missing partition
            first = consumer.beginning_offsets([place])[place] if there else 0
            if there and first <= letter.offset < consumer.end_offsets([place])[place]:
                consumer.seek(place, letter.offset)
                empty_polls = 0
                while empty_polls < _MAX_EMPTY_POLLS and consumer.position(place) <= last:
                    records = consumer.poll(timeout_ms=500, max_records=_POLLED_AT_ONCE).get(place, ())
                    originals += [record for record in records if record.offset <= last]
                    empty_polls = 0 if records else empty_polls + 1
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not give what is on {letter.topic}: {error}") from error
        finally:
            consumer.close()
        unread = next((record.value for record in originals if isinstance(record.value, Unreadable)), None)
        if unread is not None:
            raise _Impossible(f"it still cannot be read: {unread.sentence}")
        if not originals:
            where = f"{letter.topic}[{letter.partition}] no longer has offset {letter.offset}"
            raise _Impossible(f"its bytes were not kept, and {where}")
        return originals


class _Impossible(Exception):
    """The event cannot be sent again; the message says why. Never leaves this module."""
