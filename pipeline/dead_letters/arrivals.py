"""The dead letters that come from now on, for whoever waits for what became of articles."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline import dead_letter, kafka_client, topics
from pipeline.dead_letters.log import Letter
from pipeline.errors import BrokerUnavailable
from pipeline.settings import Settings


class Arrivals:
    """A context manager: on entering it notes where the topic of dead letters ends, and gives what comes behind it.

    Raises (on entering, and in every method):
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.deadletter(settings).name

    def __enter__(self) -> Self:
        self._consumer = kafka_client.consumer(self._settings)
        try:
            places = [
                TopicPartition(self._topic, one) for one in self._consumer.partitions_for_topic(self._topic) or ()
            ]
            self._consumer.assign(places)
            for place, end in self._consumer.end_offsets(places).items():
                self._consumer.seek(place, end)
        except KafkaError as error:
            self._consumer.close()
            raise BrokerUnavailable(f"Kafka does not say where {self._topic} ends: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def come(self, seconds: float) -> Iterator[Letter]:
        """The letters that have come since the last call; where there are none, those of the next `seconds`."""
        try:
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not give what is on {self._topic}: {error}") from error
        for records in polled.values():
            for record in records:
                try:
                    content = dead_letter.from_record(record.key, record.value, record.headers)
                except ValueError:
                    continue  # nothing of ours
                yield Letter(record.partition, record.offset, content)
