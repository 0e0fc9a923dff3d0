"""Defines the settings of reading sources."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from pipeline.settings.values import DAY, YEAR, Group, LocalPath


class ConnectorSettings(Group):
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
        default=120, gt=0, le=YEAR, description="Seconds between two polls of a source, at the least."
    )
    maximum_interval: float = Field(
        default=86400, gt=0, le=YEAR, description="Seconds between two polls of a source, at the most."
    )
    concurrency: int = Field(default=32, ge=1, le=1000, description="Sources read at a time by one process.")
    lease: float = Field(
        default=60, ge=2, le=DAY, description="Seconds after which another process takes over a dead one's."
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
