"""Kafka, as every part of WhoSaid meets it: one way to connect, to publish, to make topics, to count lag."""

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError

from pipeline.errors import BrokerUnavailable
from pipeline.settings import Settings
from pipeline.topics import Topic


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
        # The limit is on the compressed batch at the broker, but on the uncompressed event in the client.
        "max_request_size": 4 * settings.kafka.max_message_bytes,
        "batch_size": 256 * 1024,
        "linger_ms": 5,
    }
    return _connect(KafkaProducer, settings, defaults | options)


def consumer(settings: Settings, *topics: str, **options: Any) -> KafkaConsumer:
    """A consumer that commits only when told to, from the earliest event on.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    defaults = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "max_partition_fetch_bytes": settings.kafka.max_message_bytes,
    }
    return _connect(KafkaConsumer, settings, defaults | options, *topics)


def admin(settings: Settings) -> KafkaAdminClient:
    """The client that makes and describes topics.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    return _connect(KafkaAdminClient, settings, {})


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

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    client = consumer(settings, group_id=group)
    try:
        partitions = [TopicPartition(topic, number) for number in client.partitions_for_topic(topic) or ()]
        begin, end = client.beginning_offsets(partitions), client.end_offsets(partitions)
        done = sum((client.committed(one) or begin[one]) - begin[one] for one in partitions)
        return Lag(end=sum(end[one] - begin[one] for one in partitions), done=done)
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka does not answer at {','.join(settings.bootstrap_servers)}: {error}") from error
    finally:
        client.close()


def members(settings: Settings, group: str) -> list[str]:
    """Client ids of the consumers that the group has now; one that was killed stays until its session times out.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    client = admin(settings)
    deadline = time.monotonic() + settings.kafka.request_timeout
    try:
        while True:
            try:
                found = client.describe_groups([group])[group]["members"]
                return [member["client_id"] for member in found]
            except KafkaError as error:
                # A broker that has just started has no coordinator for the group yet.
                if not error.retriable or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    except (KafkaError, KeyError) as error:
        raise BrokerUnavailable(f"Kafka did not describe the group {group}: {error}") from error
    finally:
        client.close()


def size(settings: Settings, topic: str) -> int:
    """Events that the topic holds now; 0 where it does not exist.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    return lag(settings, f"{settings.kafka.prefix}nobody", topic).end


def _connect(kind: Any, settings: Settings, options: dict[str, Any], *arguments: str) -> Any:
    try:
        return kind(*arguments, **(client_options(settings) | options))
    except (KafkaError, OSError) as error:
        where = ",".join(settings.bootstrap_servers)
        raise BrokerUnavailable(
            f"Kafka does not answer at {where} ({type(error).__name__}); start it with `whosaid up`, "
            "or set WHOSAID_KAFKA__BOOTSTRAP_SERVERS."
        ) from error
