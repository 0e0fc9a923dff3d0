"""Defines the settings of metrics and traces."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.settings.values import Group, LocalPath, web_address


class MetricsSettings(Group):
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


class TracingSettings(Group):
    """Traces of articles through the stages, by OpenTelemetry."""

    endpoint: Annotated[str, AfterValidator(web_address)] = Field(
        default="",
        description="Collector of traces (OTLP over HTTP), http://collector:4318; empty: nothing is traced.",
    )
    ratio: float = Field(default=1, ge=0, le=1, description="Which part of the articles is traced; 1: all.")
