"""Defines the settings of the search service, of alerts, and of what clients may do."""

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from pipeline.settings.values import DAY, Group, LocalPath, is_mail_address, web_address


class SearchSettings(Group):
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


class AlertSettings(Group):
    """How what saved searches find is told (docs/alerts.md)."""

    site: Annotated[str, AfterValidator(web_address)] = Field(
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
    backoff_maximum: float = Field(default=3600, gt=0, le=DAY, description="Seconds between retries, at the most.")
    max_failures: int = Field(
        default=10, ge=1, le=1000, description="Failures in a row after which a channel is paused."
    )
    max_waiting: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Quotes that may wait for one channel; then it is paused."
    )
    lease: float = Field(
        default=10, ge=2, le=DAY, description="Seconds after which another process takes over sending from a dead one."
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


class ServerSettings(Group):
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
