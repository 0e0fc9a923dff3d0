"""Dead letters sent on their way again, with the key, the bytes and the headers that they came with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline import broker, deadletter
from pipeline.errors import BrokerUnavailable
from pipeline.replay.letters import Filter, Letter, Letters, Mark, Scan
from pipeline.settings import Settings


@dataclass(frozen=True)
class Sent:
    """A letter whose event is on a topic again, at this place; or the reason why it could not be sent."""

    letter: Letter
    mark: Mark | None = None
    problem: str | None = None
    name: str = ""
    """Id of the letter that the event names; another one's where both tell of one failure."""


class Replayer:
    """Replays letters. Use it within the `with` of its letters."""

    def __init__(self, settings: Settings, letters: Letters) -> None:
        self._settings = settings
        self._letters = letters

    def replay(self, which: Filter, progress: Scan | None = None) -> Iterator[Sent]:
        """Sends the event of each letter to the topic that it came from, and marks the letter.

        Letters of one article are sent in their order. Two letters of one failure (a sink that was killed between a
        letter and its commit) are sent as one event, and both are marked.

        Raises:
            BrokerUnavailable: Kafka does not answer. Those that were given out are sent; the rest still waits.
        """
        # An idempotent producer of this client is of no more use after one event that was too large.
        producer = broker.producer(self._settings, linger_ms=0, enable_idempotence=False)
        done: dict[tuple[str, int, int, int], tuple[Mark, str]] = {}
        try:
            self._topics = broker.topic_names(self._settings)
            for letter in self._letters.scan(which, progress):
                content = letter.content
                failure = (content.topic, content.partition, content.offset, content.attempts)
                if failure not in done:
                    try:
                        done[failure] = self._send(producer, letter), letter.id
                    except _Impossible as reason:
                        yield Sent(letter, problem=str(reason))
                        continue
                mark, name = done[failure]
                self._letters.mark(letter, mark)
                yield Sent(letter, mark, name=name)
        finally:
            producer.close(timeout=10)

    def _send(self, producer: Any, letter: Letter) -> Mark:
        content = letter.content
        if content.topic not in self._topics:  # the client would wait for it to be made
            raise _Impossible(f"there is no topic {content.topic[:250]!r}")
        key, value, headers = content.key, content.value, deadletter.to_replay(content, letter.id)
        if key is None and value is None:
            value = b""  # the client takes no event without both
        if not content.kept:
            record = self._original(content.topic, content.partition, content.offset)
            own = deadletter.plain_headers(record.headers or ())
            key, value, headers = record.key, record.value, [*own, *headers]
        timeout = self._settings.kafka.request_timeout
        try:
            sent = producer.send(content.topic, key=key, value=value, headers=headers).get(timeout=timeout)
        except KafkaError as error:
            if not error.retriable:
                raise _Impossible(f"{content.topic} does not take it: {type(error).__name__}: {error}") from error
            raise BrokerUnavailable(f"Kafka does not take events for {content.topic}: {error}") from error
        place = {"topic": sent.topic, "partition": sent.partition, "offset": sent.offset}
        return Mark(how="replayed", at=datetime.now(UTC), **place)

    def _original(self, topic: str, partition: int, offset: int) -> Any:
        """The record itself, which was too large to be kept in its letter."""
        place = TopicPartition(topic, partition)
        consumer = broker.consumer(self._settings)
        try:
            there = partition in (consumer.partitions_for_topic(topic) or ())  # else the client would wait for it
            consumer.assign([place] if there else [])
            if there and consumer.beginning_offsets([place])[place] <= offset < consumer.end_offsets([place])[place]:
                consumer.seek(place, offset)
                for _ in range(20):
                    for record in consumer.poll(timeout_ms=500, max_records=1).get(place, ()):
                        if record.offset == offset:
                            return record
            raise _Impossible(
                f"its bytes were too large to be kept, and {topic}[{partition}] no longer has offset {offset}"
            )
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not give what is on {topic}: {error}") from error
        finally:
            consumer.close()


class _Impossible(Exception):
    """This event cannot be sent again; the message says why. Never leaves this module."""
