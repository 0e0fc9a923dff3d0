"""Defines saved searches, the state of their channels, and deliveries."""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.identity import digest
from pipeline.models import UtcDatetime
from pipeline.redaction import STARS
from pipeline.settings import is_mail_address

MAX_SEARCHES = 10_000
"""The most saved searches; more are refused."""

MAX_RECIPIENTS = 10

_SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with, by Standard Webhooks
_SECRET_BYTES = 24, 64  # the shortest and the longest that the specification allows
_ID = re.compile(r"[a-z0-9]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Channel(StrEnum):
    """How somebody is told. Each saved search has a feed beside these."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class Condition(StrEnum):
    """How a saved search fares, in one word."""

    ON = "on"
    FAILING = "failing"
    PAUSED = "paused"
    OFF = "off"


def webhook_address(value: str) -> str:
    """The address of a webhook.

    Raises:
        ValueError: it is no web address, or has a login in it.
    """
    try:
        parts = urlsplit(value.strip())
        right = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        right = False
    if not right or _CONTROL.search(value) or " " in value.strip():
        raise ValueError("a webhook is an http or https address")
    if parts.username or parts.password:
        raise ValueError("an address with a login in it is not taken; the receiver checks the signature instead")
    return value.strip()


def signing_secret(value: str) -> str:
    """The key that webhooks are signed with: whsec_ and 24 to 64 bytes in base64, as Standard Webhooks has it.

    Raises:
        ValueError: it is none.
    """
    try:
        size = len(key_of(value)) if value.startswith(_SECRET_PREFIX) else 0
    except ValueError:
        size = 0
    if not _SECRET_BYTES[0] <= size <= _SECRET_BYTES[1]:
        raise ValueError("a secret is whsec_ and 24 to 64 bytes in base64; leave it out to have one made")
    return value


def key_of(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        ValueError: it is no base64.
    """
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def new_secret() -> str:
    """A key of 256 random bits."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _recipient(value: str) -> str:
    if not is_mail_address(value.strip()):
        raise ValueError("a recipient is one address such as desk@news.example")
    return value.strip()


def _title(value: str) -> str:
    title = " ".join(_CONTROL.sub(" ", value).split())
    if not title:
        raise ValueError("a saved search needs a name")
    return title


Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_title)]
Address = Annotated[str, Field(max_length=2000), AfterValidator(webhook_address)]
Secret = Annotated[str, Field(max_length=200), AfterValidator(signing_secret)]
Recipients = Annotated[list[Annotated[str, AfterValidator(_recipient)]], Field(max_length=MAX_RECIPIENTS)]


class ChannelState(BaseModel):
    """How a channel of a saved search fares."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sent: UtcDatetime | None = Field(default=None, description="When a message was accepted last.")
    failures: int = Field(default=0, description="Tries that failed since then.")
    error: str | None = Field(default=None, description="Why the last try failed.")
    next_try: UtcDatetime | None = Field(default=None, description="When it is tried again.")
    paused: str | None = Field(default=None, description="Why nothing is sent any more until it is resumed.")


class SavedSearch(BaseModel):
    """A search whose new quotes somebody is told of."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    name: Title
    query: dict[str, Any] = Field(default_factory=dict)
    """The parameters of the search, as the API names them."""
    webhook: Address | None = None
    secret: Secret | None = None
    email: Recipients = Field(default_factory=list)
    enabled: bool = True
    created: UtcDatetime
    changed: UtcDatetime
    channels: dict[Channel, ChannelState] = Field(default_factory=dict)

    @property
    def wanted(self) -> tuple[Channel, ...]:
        """The channels by which somebody is told."""
        return tuple(
            channel for channel, given in ((Channel.WEBHOOK, self.webhook), (Channel.EMAIL, self.email)) if given
        )

    def state(self, channel: Channel) -> ChannelState:
        """How the channel fares."""
        return self.channels.get(channel, ChannelState())

    @property
    def condition(self) -> Condition:
        """How it fares: the worst of its channels."""
        states = [self.state(channel) for channel in self.wanted]
        if not self.enabled:
            return Condition.OFF
        if any(state.paused for state in states):
            return Condition.PAUSED
        return Condition.FAILING if any(state.failures for state in states) else Condition.ON

    @property
    def address(self) -> str | None:
        """The webhook's address as people may see it: values of its query are stars, as they may be keys."""
        if self.webhook is None:
            return None
        parts = urlsplit(self.webhook)
        hidden = urlencode([(name, STARS) for name, _ in parse_qsl(parts.query, keep_blank_values=True)], safe="*")
        return urlunsplit(parts._replace(query=hidden, fragment=""))


class Delivery(BaseModel):
    """A quote that a saved search found and a channel has to tell. It has no text of the quote."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    search: str
    channel: Channel
    article: str
    said: str
    """The hash of what was said (`said_hash` of the quote's document)."""
    found: UtcDatetime
    since: UtcDatetime | None = None
    """When Kafka got the article."""

    @property
    def id(self) -> str:
        """The same for the same words of the same article, whatever revision has them and wherever in the text."""
        return digest("delivery", self.search, self.channel, self.article, self.said)

    @property
    def lane(self) -> str:
        """Deliveries of one lane are sent one after another."""
        return lane(self.search, self.channel)


def lane(search: str, channel: Channel) -> str:
    """The name of a channel of a saved search."""
    return f"{search}:{channel}"


def new_id() -> str:
    """An id for a saved search: 12 letters and digits, 60 random bits."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(12))


def is_id(text: str) -> bool:
    """Whether a saved search can have this id."""
    return _ID.fullmatch(text) is not None


def shown(search: SavedSearch) -> dict[str, Any]:
    """A saved search as people and programs may see it: without its secret."""
    return {
        "id": search.id,
        "name": search.name,
        "query": search.query,
        "webhook": search.address,
        "signed": search.secret is not None,
        "email": search.email,
        "state": search.condition.value,
        "enabled": search.enabled,
        "created": _iso(search.created),
        "changed": _iso(search.changed),
        "channels": {
            channel.value: search.state(channel).model_dump(mode="json") for channel in search.wanted
        },
    }  # fmt: skip


def address_of(query: Mapping[str, Any]) -> str:
    """The parameters of a search as they stand in an address."""
    return urlencode([(name, _text(value)) for name, value in query.items()], doseq=True)


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
