"""Connects to Kafka for every part: producers, consumers, topics, groups and their lag."""

import itertools
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.net.compat import KafkaNetClient

from pipeline.errors import BrokerUnavailable, SettingsError
from pipeline.kafka_batches import Allowance, Batches
from pipeline.patience import tell as _tell
from pipeline.settings import Settings
from pipeline.topics import Topic

_log = logging.getLogger(__name__)

T = TypeVar("T")

_ONE_BATCH = 64 * 2**10
"""Bytes asked for of a partition where only its first event is of interest; Kafka sends a larger batch all the same."""

_LOOK = 5.0
"""Seconds to look for the first event that is left."""

_PAUSE = 0.2
"""Seconds between two questions of the same to Kafka."""

_CONNECT, _REQUEST, _SILENCE = 5.0, 8.0, 1.0
"""Seconds that a person's command waits for a connection and for an answer, and after which it says so."""


def client_options(settings: Settings) -> dict[str, Any]:
    """What every kafka-python client is made with: addresses, TLS, login."""
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "request_timeout_ms": int(kafka.request_timeout * 1000),
        "bootstrap_timeout_ms": int(kafka.request_timeout * 1000),
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl_context(settings)
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism or "PLAIN"
        options["sasl_plain_username"] = kafka.username
        options["sasl_plain_password"] = kafka.password.get_secret_value() if kafka.password else None
    return options


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """The TLS context of the settings' certificates; the system's own authorities where no CA is given."""
    kafka = settings.kafka
    context = ssl.create_default_context(cafile=str(kafka.ca_file) if kafka.ca_file else None)
    if kafka.cert_file:
        context.load_cert_chain(str(kafka.cert_file), str(kafka.key_file) if kafka.key_file else None)
    return context


def producer(settings: Settings, **options: Any) -> KafkaProducer:
    """An idempotent producer with acks from all replicas, sized for long articles.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    compression = settings.kafka.compression
    defaults = {
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "compression_type": None if compression == "none" else compression,
        # The topic's limit is on the compressed batch, the client's on the uncompressed event.
        "max_request_size": largest(settings),
        "batch_size": 256 * 1024,
        "linger_ms": 5,
    }
    return _connect(KafkaProducer, settings, defaults | options)


def largest(settings: Settings) -> int:
    """Bytes of the largest event before compression: that is sent, and that is unpacked."""
    return 2 * settings.kafka.max_message_bytes


def allowance(settings: Settings, given: int | None = None) -> Allowance:
    """How much a consumer may unpack: no batch larger than the largest event, and not many large ones together.

    `given` is the most bytes of the records that it gives out at once, but for the last of them.
    """
    return Allowance(largest(settings), settings.kafka.max_message_bytes, given)


class _Portions(Fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of a response, of one partition, which are unpacked as they are taken."""

    def __init__(self, allowance: Allowance, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._allowance = allowance

    def take(self, n: int | None = None) -> list[Any]:
        """As kafka-python's; but no more than the allowance says, and at least one, of those that are left."""
        self._maybe_raise_next_inline_exception()
        records: list[Any] = []
        try:
            for record in itertools.islice(self.record_iterator, n):
                records.append(record)
                self._allowance.give(len(record.value or b"") + len(record.key or b""))
                if self._allowance.all_given:
                    break
        except Exception as error:
            if not records:
                raise
            self._next_inline_exception = error  # of the next call
        return records


class Consumer(KafkaConsumer):  # type: ignore[misc]
    """kafka-python's consumer, which no batch stops; see `pipeline.kafka_batches`."""

    def __init__(self, *topics: str, allowance: Allowance, **configs: Any) -> None:
        super().__init__(*topics, **configs)
        self._allowance = allowance
        append = self._fetcher._append

        def tolerant(offset: int, partition: TopicPartition, records: Any, **options: Any) -> Any:
            return _Portions(allowance, offset, partition, Batches(records._buffer, allowance), **options)

        def bounded(drained: Any, part: Any, most: int, update_offsets: bool) -> int:
            taken: int = append(drained, part, most, update_offsets)
            return most if allowance.all_given else taken  # as if all were taken that the poll asks for

        self._fetcher.PartitionRecords = tolerant
        self._fetcher._append = bounded
        self._coordinator.need_rejoin = self._needs_to_join

    def _needs_to_join(self) -> bool:
        """Whether the group has to be joined, or is being joined.

        kafka-python forgets the latter where the topic's partitions were the reason and a poll ends before the group
        has answered: then the partitions that the group gives are never taken, and the consumer reads nothing.
        """
        coordinator = self._coordinator
        return bool(coordinator.rejoining or type(coordinator).need_rejoin(coordinator))

    def poll(self, timeout_ms: int = 0, max_records: int | None = None, update_offsets: bool = True) -> Any:
        """The next records, as kafka-python's; what is unpacked for them has a bound."""
        self._allowance.renew()
        return super().poll(timeout_ms=timeout_ms, max_records=max_records, update_offsets=update_offsets)

    def places(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Where it reads on, of the partitions where that is known: behind marks of transactions, too."""
        states = dict(self._subscription.assignment)
        return {partition: state.position for partition, state in states.items() if state.position is not None}

    def at_end(self) -> bool:
        """Whether it has given out all events of its partitions, as far as Kafka's last answers tell."""
        states = dict(self._subscription.assignment).values()
        return all(state.position and state.position.offset >= (state.highwater or 0) for state in states)

    def events_ahead(self, seconds: float) -> int | None:
        """Events between where it reads on and the ends of its partitions; None where Kafka does not say in time."""
        places = self.places()
        try:
            ends = self.end_offsets(list(places), timeout_ms=int(seconds * 1000)) if places else {}
        except KafkaError as error:
            _log.debug("Kafka does not say now how much waits: %r", error)
            return None
        return sum(max(0, int(end) - int(places[partition].offset)) for partition, end in ends.items())


def consumer(settings: Settings, *topics: str, **options: Any) -> Consumer:
    """A consumer that commits only when told to, from the earliest event on; of transactions, those committed.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    defaults: dict[str, Any] = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "fetch_max_bytes": settings.kafka.max_message_bytes,
        "max_partition_fetch_bytes": settings.kafka.max_message_bytes,
        "isolation_level": "read_committed",
    }
    options = defaults | options
    options.setdefault("allowance", allowance(settings, options["fetch_max_bytes"]))
    return _connect(Consumer, settings, options, *topics)  # type: ignore[no-any-return]


def admin(settings: Settings, **options: Any) -> KafkaAdminClient:
    """The client that makes and describes topics.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    return _connect(KafkaAdminClient, settings, options)


def cluster_id(settings: Settings, **options: Any) -> str:
    """The id that the Kafka cluster has of itself, whatever address it is reached by.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    client = admin(settings, **options)
    try:
        return str(client.describe_cluster()["cluster_id"])
    except KafkaError as error:
        raise _away(settings, error) from error
    finally:
        client.close()


def ensure_topics(settings: Settings, topics: Iterable[Topic]) -> list[str]:
    """Makes the topics that are missing and waits until each has leaders; the names of those it made.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refused.
    """
    client = admin(settings)
    try:
        there = set(client.list_topics())
        missing = [topic for topic in topics if topic.name not in there]
        for topic in missing:
            wanted = {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication,
                "configs": topic.config,
            }
            try:
                client.create_topics({topic.name: wanted})
            except TopicAlreadyExistsError:
                continue  # another part made it meanwhile
        if missing:
            client.wait_for_topics([topic.name for topic in missing])
        return [topic.name for topic in missing]
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka did not make the topics: {error}") from error
    finally:
        client.close()


def topic_names(settings: Settings) -> set[str]:
    """The topics that there are.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    client = admin(settings)
    try:
        return set(client.list_topics())
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka does not say which topics there are: {error}") from error
    finally:
        client.close()


@dataclass(frozen=True)
class Lag:
    """How far a group has read a topic: events in it, events done."""

    end: int
    done: int

    @property
    def waiting(self) -> int:
        """Events that the group has not committed yet."""
        return max(0, self.end - self.done)


def lag(settings: Settings, group: str, topic: str) -> Lag:
    """What the group has still to read of the topic; an unread or missing topic counts from its beginning.

    What retention has dropped counts as done, and marks of transactions behind the last event that is done do so too.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """

    def look(client: Consumer) -> Lag:
        begin, end = _ends(client, topic)
        places = {
            partition: min(max(client.committed(partition) or 0, first), end[partition])
            for partition, first in begin.items()
        }
        unread = {partition: place for partition, place in places.items() if place < end[partition]}
        places |= _first_events(client, unread, end)
        first = sum(begin.values())
        return Lag(end=sum(end.values()) - first, done=sum(places.values()) - first)

    return _asked(settings, look, group_id=group, max_partition_fetch_bytes=_ONE_BATCH)


def _asked(settings: Settings, ask: Callable[[Consumer], T], **options: Any) -> T:
    """What a consumer of its own answers. Where the broker that it asks goes away, another consumer asks the others.

    Raises:
        BrokerUnavailable: no broker answers, or none in time.
    """
    deadline = time.monotonic() + _patience(settings)
    while True:
        client = consumer(settings, **options)
        try:
            return ask(client)
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise _away(settings, error) from error
            _log.debug("Asking Kafka once more: %r", error)
            time.sleep(_PAUSE)
        finally:
            client.close()


def _patience(settings: Settings) -> float:
    """Seconds until a question to Kafka is given up: fewer where a person waits."""
    return _REQUEST if _tell.get() else settings.kafka.request_timeout


def _ends(client: Consumer, topic: str) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """The first offset of each partition, and the one to come."""
    partitions = [TopicPartition(topic, number) for number in client.partitions_for_topic(topic) or ()]
    return client.beginning_offsets(partitions), client.end_offsets(partitions)


def _first_events(
    client: Consumer, places: dict[TopicPartition, int], end: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """By partition the offset of the first event from there on; the end where there is none.

    Of partitions that do not answer in time nothing is said.
    """
    client.assign(list(places))
    for partition, place in places.items():
        client.seek(partition, place)
    first: dict[TopicPartition, int] = {}
    until = time.monotonic() + _LOOK
    while len(first) < len(places) and time.monotonic() < until:
        for partition, records in client.poll(timeout_ms=200, max_records=1).items():
            first[partition] = min(records[0].offset, end[partition])
            client.pause(partition)
        for partition, position in client.places().items():
            if position.offset >= end[partition]:
                first.setdefault(partition, end[partition])
    return first


def members(settings: Settings, group: str) -> list[str]:
    """Client ids of the consumers that the group has now; one that was killed stays until its session times out.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    client = admin(settings)
    deadline = time.monotonic() + _patience(settings)
    try:
        while True:
            try:
                members = client.describe_groups([group])[group]["members"]
                return [member["client_id"] for member in members]
            except KafkaError as error:
                # A broker that has just started has no coordinator for the group yet.
                if not error.retriable or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
    except (KafkaError, KeyError) as error:
        raise BrokerUnavailable(f"Kafka did not describe the group {group}: {error}") from error
    finally:
        client.close()


def size(settings: Settings, topic: str) -> int:
    """Events that the topic holds now; 0 where it does not exist.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    return sum(map(len, held(settings, topic).values()))


def held(settings: Settings, topic: str) -> dict[int, range]:
    """By partition the offsets that the topic holds now; empty where it does not exist.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """

    def look(client: Consumer) -> dict[int, range]:
        begin, end = _ends(client, topic)
        return {one.partition: range(begin[one], end[one]) for one in end}

    return _asked(settings, look)


def _away(settings: Settings, error: Exception) -> BrokerUnavailable:
    return BrokerUnavailable(f"Kafka does not answer at {','.join(settings.bootstrap_servers)}: {error}")


def _connect(kind: Any, settings: Settings, options: dict[str, Any], *arguments: str) -> Any:
    if not __debug__:
        # kafka-python 3.0.12 reads a field within an `assert` (tagged_fields.py), and misreads answers without it.
        raise SettingsError(
            "Kafka's client does not work with Python's optimization; unset PYTHONOPTIMIZE, leave out -O."
        )
    clients: list[KafkaNetClient] = []

    def made(**configs: Any) -> KafkaNetClient:
        clients.append(KafkaNetClient(**configs))
        return clients[-1]

    options = client_options(settings) | {"kafka_client": made} | options
    where = ",".join(options["bootstrap_servers"])
    try:
        with _told(f"Waiting for Kafka at {where} …") as impatient:
            if impatient:
                options["bootstrap_timeout_ms"] = min(int(_CONNECT * 1000), options["bootstrap_timeout_ms"])
                if kind is not KafkaProducer:  # which may have much to send
                    options["request_timeout_ms"] = min(int(_REQUEST * 1000), options["request_timeout_ms"])
            return kind(*arguments, **options)
    except (KafkaError, OSError) as error:
        # kafka-python leaves its thread and its sockets to nobody then, and who waits for Kafka tries often.
        for client in clients:
            client.close()
        raise BrokerUnavailable(
            f"Kafka does not answer at {where} ({type(error).__name__}); start it with `whosaid up`, "
            "or set WHOSAID_KAFKA__BOOTSTRAP_SERVERS."
        ) from error


@contextmanager
def _told(sentence: str) -> Iterator[bool]:
    """Whether a person waits; that one reads the sentence when the block takes long."""
    tell = _tell.get()
    if tell is None:
        yield False
        return
    timer = threading.Timer(_SILENCE, tell, [sentence])
    timer.daemon = True
    timer.start()
    try:
        yield True
    finally:
        timer.cancel()
