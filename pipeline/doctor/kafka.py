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


_OFFSETS = "__consumer_offsets"


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
    offsets: TopicFacts | None = None
    """The topic in which Kafka keeps how far groups have read; None where it is not there, or not to be seen."""


def gather(settings: Settings) -> Facts:
    """Asks Kafka.

    Raises:
        BrokerUnavailable: it does not answer, or refuses this user.
    """
    client = kafka_client.admin(settings)
    try:
        there = set(client.list_topics())
        ours = [topic.name for topic in topics.every_topic(settings) if topic.name in there]
        asked = [*ours, *there & {_OFFSETS}]
        described = {one["name"]: one for one in client.describe_topics(asked)} if asked else {}
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
        topics={name: _topic(described[name], configs.get(name, {})) for name in ours if name in described},
        offsets=_topic(described[_OFFSETS], {}) if _OFFSETS in described else None,
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
    yield from _judge_offsets(facts)
    wrong = [finding for topic in topics.every_topic(settings) for finding in _judge_topic(topic, facts, settings)]
    yield from wrong or [fine("topics", f"{len(facts.topics)} topics are as the settings say.")]


def _judge_offsets(facts: Facts) -> Iterator[Finding]:
    if facts.brokers > 1 and facts.offsets and facts.offsets.replicas and min(facts.offsets.replicas) == 1:
        yield warning(
            "kafka",
            f"{_OFFSETS} has one replica on a cluster of {facts.brokers} brokers: while a broker is away, parts stand "
            "still, and where it is lost they begin at the beginning.",
            "Give it three by kafka-reassign-partitions.sh, and set offsets.topic.replication.factor=3 on the brokers.",
        )


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
    yield from _judge_in_step(topic, found)


def _judge_in_step(topic: Topic, found: TopicFacts) -> Iterator[Finding]:
    """How many replicas must have an event, held against how many there are."""
    wanted, replicas = _number(found, "min.insync.replicas"), min(found.replicas, default=1)
    if wanted is None or replicas == wanted == 1:
        return
    if wanted > replicas:
        yield fault(
            "topics",
            f"{topic.name} takes nothing: min.insync.replicas is {wanted}, and it has {_replicas(replicas)}.",
            _alter(topic, "min.insync.replicas"),
        )
    elif wanted == replicas:
        yield warning(
            "topics",
            f"{topic.name} takes nothing while a broker is away: min.insync.replicas is {wanted}, and it has "
            f"{_replicas(replicas)}.",
            _alter(topic, "min.insync.replicas"),
        )
    elif wanted == 1 and replicas > 2:
        yield warning(
            "topics",
            f"{topic.name} has {_replicas(replicas)}, but min.insync.replicas is 1: an event counts as published when "
            "one broker has it, and is lost with that broker.",
            _alter(topic, "min.insync.replicas"),
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


def _replicas(number: int) -> str:
    return "1 replica" if number == 1 else f"{number} replicas"


def _brokers(number: int) -> str:
    return "1 broker" if number == 1 else f"{number} brokers"
