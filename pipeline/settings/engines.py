"""Defines the settings of Kafka and Elasticsearch, and of those that `whosaid up` starts."""

from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from pipeline.settings.values import DAY, HEAP, Group, LocalPath, bootstrap, home, web_addresses


class EmbeddedSettings(Group):
    """The engines that `whosaid up` starts on this machine."""

    cache_dir: LocalPath = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("whosaid")),
        description="Where the engines' files are kept.",
    )
    data_dir: LocalPath = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("whosaid")),
        description="Where Kafka and Elasticsearch keep their data and all parts their logs.",
    )
    repository: Annotated[str, AfterValidator(home)] = Field(
        default="",
        description="Maven repository (URL or folder) to fetch the engines from; empty: jgo's or Maven's own settings.",
    )
    kafka_port: int = Field(default=19092, ge=1, le=65535, description="Port of the embedded Kafka on localhost.")
    kafka_controller_port: int = Field(default=19093, ge=1, le=65535, description="Port of Kafka's own controller.")
    elasticsearch_port: int = Field(
        default=19200, ge=1, le=65535, description="HTTP port of the embedded Elasticsearch."
    )
    elasticsearch_transport_port: int = Field(default=19300, ge=1, le=65535, description="Elasticsearch's own port.")
    kafka_heap: str = Field(default="512m", pattern=HEAP, description="Kafka's Java heap.")
    elasticsearch_heap: str = Field(default="512m", pattern=HEAP, description="Elasticsearch's Java heap.")
    java_options: str = Field(
        default="",
        description="More options of the engines' Java, with spaces between. -XX:TieredStopAtLevel=1 starts "
        "Elasticsearch in nearly half the time, and is slower in long runs.",
    )
    start_timeout: float = Field(default=180, gt=0, le=DAY, description="Seconds an engine may take to start.")


class KafkaSettings(Group):
    """The broker that articles travel through."""

    bootstrap_servers: Annotated[str, AfterValidator(bootstrap)] = Field(
        default="", description="host:port, comma-separated; empty: the embedded Kafka on this machine."
    )
    prefix: str = Field(
        default="news.", pattern=r"^[a-zA-Z0-9._-]*$", description="What topic and group names begin with."
    )
    partitions: int = Field(default=4, ge=1, le=10_000, description="Partitions of a topic that has to be made.")
    replication: int = Field(default=1, ge=1, le=100, description="Replicas of a topic that has to be made.")
    min_insync_replicas: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Replicas that must have an event before it counts as published, of a topic that has to be made; "
        "0: one fewer than all, so that one broker may be away.",
    )
    compression: Literal["zstd", "lz4", "gzip", "none"] = Field(default="zstd", description="Codec of what we send.")
    max_message_bytes: int = Field(
        default=16 * 2**20,
        ge=2**20,
        le=2**28,
        description="Largest article a topic takes, after compression and headers; before compression twice that.",
    )
    retention_hours: int = Field(
        default=24 * 30, ge=-1, le=24 * 36_525, description="How long topics keep events; -1: for ever."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How to speak to the broker."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How to log in, where the protocol is a SASL one."
    )
    username: str | None = Field(default=None, description="SASL user.")
    password: SecretStr | None = Field(default=None, description="SASL password.")
    ca_file: LocalPath | None = Field(default=None, description="CA certificates to trust (PEM).")
    cert_file: LocalPath | None = Field(default=None, description="Client certificate (PEM).")
    key_file: LocalPath | None = Field(default=None, description="Client key (PEM).")
    request_timeout: float = Field(default=30, gt=0, le=3600, description="Seconds to wait for an answer.")

    @field_validator("retention_hours")
    @classmethod
    def _keeps(cls, hours: int) -> int:
        if hours == 0:
            raise ValueError("0 would delete every event at once; give hours, or -1 for ever")
        return hours

    @model_validator(mode="after")
    def _writable(self) -> Self:
        if self.min_insync_replicas > self.replication:
            raise ValueError("MIN_INSYNC_REPLICAS is larger than REPLICATION: nothing could be published")
        return self

    @property
    def in_step(self) -> int:
        """Replicas that must have an event before it counts as published."""
        return self.min_insync_replicas or max(1, self.replication - 1)


class ElasticsearchSettings(Group):
    """The cluster that quotes are searched in."""

    url: Annotated[str, AfterValidator(web_addresses)] = Field(
        default="", description="http(s)://host:port, comma-separated; empty: the embedded Elasticsearch."
    )
    prefix: str = Field(
        default="whosaid", pattern=r"^[a-z0-9][a-z0-9._-]*$", description="What index names begin with."
    )
    username: str | None = Field(default=None, description="User for basic authentication.")
    password: SecretStr | None = Field(default=None, description="Password for basic authentication.")
    api_key: SecretStr | None = Field(default=None, description="API key, instead of user and password.")
    ca_file: LocalPath | None = Field(default=None, description="CA certificates to trust (PEM).")
    verify_certificates: bool = Field(default=True, description="Refuse a server whose certificate is not trusted.")
    request_timeout: float = Field(default=30, gt=0, le=3600, description="Seconds to wait for an answer.")
    shards: int = Field(default=1, ge=1, le=1024, description="Primary shards of an index that has to be made.")
    replicas: int = Field(default=0, ge=0, le=100, description="Replicas of an index that has to be made.")
    lifecycle: str = Field(
        default="",
        pattern=r"^[a-zA-Z0-9._-]*$",
        description="Lifecycle policy of a month's index that has to be made, where the cluster has such; it moves "
        "older months to other nodes. Empty: none.",
    )
