"""Examines Kafka: its version, its brokers, and whether the topics are what the settings and the parts need."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka.admin import ConfigResource
from kafka.errors import KafkaError

from pipeline import kafka_client, topics
from pipeline.doctor.findings import Finding, fault, fine, warning
from pipeline.errors import BrokerUnavailable
from pipeline.settings import Settings
from pipeline.topics import Topic

OLDEST = (2, 8)
"""The oldest Kafka that the parts are tested with."""


@dataclass(frozen=True)
class TopicFacts:
    """What Kafka says of a topic: for each partition how many replicas there are and are in step; its configuration."""

    replicas: tuple[int, ...] = ()
    in_step: tuple[int, ...] = ()
    leaderless: int = 0
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What Kafka says of itself. `topics` has those that there are."""

    version: tuple[int, ...] = ()
    brokers: int = 1
    topics: Mapping[str, TopicFacts] = field(default_factory=dict)


def gather(settings: Settings) -> Facts:
    """Asks Kafka.

    Raises:
        BrokerUnavailable: it does not answer, or refuses this user.
    """
    client = kafka_client.admin(settings)
    try:
        there = set(client.list_topics())
        ours = [topic.name for topic in topics.every_topic(settings) if topic.name in there]
        described = client.describe_topics(ours) if ours else []
        resources = [ConfigResource("TOPIC", name) for name in ours]
        configs = client.describe_configs(resources, config_filter="all")["topic"] if ours else {}
        cluster = client.describe_cluster()
        version = getattr(client._manager, "broker_version", None) or ()
    except KafkaError as error:
        raise BrokerUnavailable(
            f"Kafka at {','.join(settings.bootstrap_servers)} does not let this user see its topics "
            f"({type(error).__name__})."
        ) from error
    finally:
        client.close()
    return Facts(
        version=tuple(version),
        brokers=len(cluster["brokers"]),
        topics={one["name"]: _topic(one, configs.get(one["name"], {})) for one in described},
    )


def judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    """What is wrong with it."""
    if facts.version and facts.version[:2] < OLDEST:
        told = ".".join(map(str, facts.version))
        yield fault("kafka", f"Kafka {told} is older than 2.8.", "Use Kafka 2.8 or newer.")
    else:
        yield fine("kafka", f"Kafka answers with {_brokers(facts.brokers)}.")
    if facts.brokers < settings.kafka.replication:
        yield fault(
            "kafka",
            f"WHOSAID_KAFKA__REPLICATION is {settings.kafka.replication}, but there are {facts.brokers} brokers.",
            "Topics cannot be made so; lower it, or add brokers.",
        )
    wrong = [finding for topic in topics.every_topic(settings) for finding in _judge_topic(topic, facts, settings)]
    yield from wrong or [fine("topics", f"{len(facts.topics)} topics are as the settings say.")]


def _judge_topic(topic: Topic, facts: Facts, settings: Settings) -> Iterator[Finding]:
    found = facts.topics.get(topic.name)
    if found is None:
        if topic in topics.all_topics(settings):
            yield warning(
                "topics", f"The topic {topic.name} is not there.", "Any part makes it when it starts: `whosaid sink`."
            )
        return
    yield from _judge_partitions(topic, found, facts.brokers)
    yield from _judge_config(topic, found, settings)


def _judge_partitions(topic: Topic, found: TopicFacts, brokers: int) -> Iterator[Finding]:
    if found.leaderless:
        yield fault(
            "topics",
            f"{found.leaderless} of {len(found.replicas)} partitions of {topic.name} have no leader.",
            "Start the brokers that have them.",
        )
    behind = sum(there < wanted for there, wanted in zip(found.in_step, found.replicas, strict=True))
    if behind:
        yield warning(
            "topics",
            f"{behind} of {len(found.replicas)} partitions of {topic.name} have replicas that are not in step.",
            "See which broker is down or slow.",
        )
    if len(found.replicas) < topic.partitions:
        yield warning(
            "topics",
            f"{topic.name} has {len(found.replicas)} partitions, and WHOSAID_KAFKA__PARTITIONS says "
            f"{topic.partitions}; no more processes than partitions share the work.",
            f"kafka-topics.sh --alter --topic {topic.name} --partitions {topic.partitions}, while no article is on its "
            "way: its revisions stay in order within a partition alone.",
        )
    if brokers > 1 and found.replicas and min(found.replicas) == 1:
        yield warning(
            "topics",
            f"{topic.name} has one replica on a cluster of {brokers} brokers: where that broker is lost, events are.",
            "Give it three by kafka-reassign-partitions.sh, and set WHOSAID_KAFKA__REPLICATION=3.",
        )


def _judge_config(topic: Topic, found: TopicFacts, settings: Settings) -> Iterator[Finding]:
    largest, wanted = _number(found, "max.message.bytes"), int(topic.config["max.message.bytes"])
    if largest is not None and largest < wanted:
        yield fault(
            "topics",
            f"{topic.name} takes events of {largest:,} bytes, but WHOSAID_KAFKA__MAX_MESSAGE_BYTES is {wanted:,}: "
            "larger articles are refused or become dead letters without their bytes.",
            _alter(topic, "max.message.bytes"),
        )
    policy, wanted_policy = found.config.get("cleanup.policy"), topic.config.get("cleanup.policy", "delete")
    if policy is not None and policy != wanted_policy:
        yield fault(
            "topics",
            f"{topic.name} has the cleanup.policy {policy} in the place of {wanted_policy}: Kafka drops events that "
            "are still needed, or keeps what grows for ever.",
            _alter(topic, "cleanup.policy"),
        )
    kept, meant = _number(found, "retention.ms"), int(topic.config["retention.ms"])
    if kept is not None and meant < 0 <= kept:
        yield fault(
            "topics",
            f"{topic.name} keeps events for {_hours(kept)}, and should keep them for ever.",
            _alter(topic, "retention.ms"),
        )
    elif kept is not None and 0 <= kept < meant:
        yield warning(
            "topics",
            f"{topic.name} keeps events for {_hours(kept)}, less than the {settings.kafka.retention_hours} hours of "
            "WHOSAID_KAFKA__RETENTION_HOURS: a part that is away for longer loses articles.",
            _alter(topic, "retention.ms"),
        )
    if _number(found, "retention.bytes") not in (None, -1):
        yield warning(
            "topics",
            f"{topic.name} keeps {_number(found, 'retention.bytes'):,} bytes a partition: what is more is dropped, "
            "done or not.",
            f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --delete-config retention.bytes",
        )


def _topic(described: Any, config: Any) -> TopicFacts:
    partitions = described["partitions"]
    return TopicFacts(
        replicas=tuple(len(one["replica_nodes"]) for one in partitions),
        in_step=tuple(len(one["isr_nodes"]) for one in partitions),
        leaderless=sum(one["leader_id"] < 0 for one in partitions),
        config={name: one["value"] for name, one in config.items() if one.get("value") is not None},
    )


def _number(found: TopicFacts, name: str) -> int | None:
    value = found.config.get(name, "")
    return int(value) if value.lstrip("-").isdecimal() else None


def _alter(topic: Topic, name: str) -> str:
    value = topic.config.get(name, "delete")
    return (
        f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --add-config {name}={value}, or "
        "change the setting."
    )


def _hours(milliseconds: int) -> str:
    return f"{milliseconds / 3_600_000:,.1f} hours"


def _brokers(number: int) -> str:
    return "1 broker" if number == 1 else f"{number} brokers"
