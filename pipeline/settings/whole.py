"""Brings the settings of all parts together, with what follows from them."""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.settings.connectors import ConnectorSettings
from pipeline.settings.engines import ElasticsearchSettings, EmbeddedSettings, KafkaSettings
from pipeline.settings.services import AlertSettings, SearchSettings, ServerSettings
from pipeline.settings.stages import EnrichmentSettings, SinkSettings
from pipeline.settings.watching import MetricsSettings, TracingSettings

PREFIX = "WHOSAID_"
"""What every setting's environment variable begins with."""


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
    """Each setting's environment variable with its field, in the order of the groups."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for inner, inner_field in field.annotation.model_fields.items():
                yield f"{PREFIX}{name.upper()}__{inner.upper()}", inner_field
        else:
            yield f"{PREFIX}{name.upper()}", field
