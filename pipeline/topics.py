"""Names the topics and consumer groups, and says how topics are made."""

from dataclasses import dataclass, replace

from pipeline.settings import Settings


@dataclass(frozen=True)
class Topic:
    """A topic by its whole name, and the options that it is made with."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


def articles(settings: Settings) -> Topic:
    """Articles as connectors published them; key: article id, value: Article."""
    return _topic(settings, "articles")


def enriched(settings: Settings) -> Topic:
    """Articles with their entities and quotes; key: article id, value: Enriched."""
    return _topic(settings, "enriched")


def deadletter(settings: Settings) -> Topic:
    """Dead letters: the original key and value, the reason in the headers. Kept for ever."""
    return _topic(settings, "deadletter", retention_hours=-1)


def handled(settings: Settings) -> Topic:
    """What was done with dead letters; key: the letter's id. Compacted: the last word on each letter is kept for ever.

    Only who replays or discards letters needs it, so it is no part of `all_topics`.
    """
    topic = _topic(settings, "deadletter.handled", retention_hours=-1)
    return replace(topic, partitions=1, config=topic.config | {"cleanup.policy": "compact"})


def entities(settings: Settings) -> Topic:
    """Who is who: decisions about articles, rulings by hand, what a knowledge base has. Compacted, kept for ever."""
    topic = _topic(settings, "entities", retention_hours=-1)
    return replace(topic, config=topic.config | {"cleanup.policy": "compact"})


def all_topics(settings: Settings) -> list[Topic]:
    """Every topic that must exist before a worker starts."""
    return [articles(settings), enriched(settings), deadletter(settings)]


def every_topic(settings: Settings) -> list[Topic]:
    """Every topic that WhoSaid writes."""
    return [*all_topics(settings), handled(settings), entities(settings)]


def enrichment_group(settings: Settings) -> str:
    """The consumer group of the enrichment workers."""
    return f"{settings.kafka.prefix}enrichment"


def sink_group(settings: Settings) -> str:
    """The consumer group of the sinks."""
    return f"{settings.kafka.prefix}sink"


def resolution_group(settings: Settings) -> str:
    """The consumer group of those that resolve who is who."""
    return f"{settings.kafka.prefix}resolution"


def alerts_group(settings: Settings) -> str:
    """The consumer group of those that match saved searches."""
    return f"{settings.kafka.prefix}alerts"


def _topic(settings: Settings, name: str, *, retention_hours: int | None = None) -> Topic:
    kafka = settings.kafka
    hours = kafka.retention_hours if retention_hours is None else retention_hours
    return Topic(
        name=kafka.prefix + name,
        partitions=kafka.partitions,
        replication=kafka.replication,
        config={
            "max.message.bytes": str(kafka.max_message_bytes),
            "min.insync.replicas": str(kafka.in_step),
            "retention.ms": str(hours * 3_600_000 if hours >= 0 else -1),
        },
    )
