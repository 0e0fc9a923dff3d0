"""Checks values of one kind: paths, addresses, addresses of e-mail."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

DAY, YEAR = 86_400, 366 * 86_400
"""Seconds."""

HEAP = r"^([1-9]\d{1,5}m|[1-9]\d{0,2}g)$"
"""How the heap of a Java is written."""

_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


class Group(BaseModel):
    """The settings of one part. Every number has both bounds: what no clock, topic or memory can hold is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _local(path: Path) -> Path:
    """The path in full: `~` is a home folder, and what is relative begins where the process was started."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"there is no home folder for {path.parts[0]}") from None


LocalPath = Annotated[Path, AfterValidator(_local)]
"""A file or a folder on this machine, absolute."""


def bootstrap(value: str) -> str:
    """Kafka's addresses, without a login in them."""
    if "@" in value:
        raise ValueError("Kafka's addresses are host:port; a login goes into WHOSAID_KAFKA__USERNAME and …__PASSWORD")
    return value


def web_addresses(value: str) -> str:
    """Addresses of HTTP with commas between."""
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


def web_address(value: str) -> str:
    """An address of HTTP, or nothing."""
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("an address is http(s)://host:port")
    return value


def is_mail_address(value: str) -> bool:
    """Whether it is one plain address of e-mail, `name@host`, without a display name."""
    return _MAIL.fullmatch(value) is not None


def home(value: str) -> str:
    """A name; where it begins with `~`, the path in full."""
    return str(_local(Path(value))) if value.startswith("~") else value
