"""The pages' templates: all escape what they show, and none has a script."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from pipeline.models import Modality, QuoteType

FOLDER = Path(__file__).with_name("templates")
STATIC = FOLDER / "static"
HUES = 8
"""Colours that speakers are told apart by; static/whosaid.css has as many classes."""

TYPES = {QuoteType.DIRECT: "direct", QuoteType.MIXED: "partly quoted", QuoteType.INDIRECT: "reported"}
MODALITIES = {
    Modality.ASSERTED: "was said",
    Modality.NEGATED: "was not said",
    Modality.HYPOTHETICAL: "might be said",
}
"""How people call them."""

TAKES_A_HEARER = frozenset({"tell", "inform", "assure", "remind", "warn", "advise", "ask", "brief", "notify", "urge"})
"""Cues that stand right before whom they are said to: told reporters, but said to reporters."""


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def page(
    name: str, context: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """The page of a template."""
    return HTMLResponse(environment().get_template(name).render(context), status, dict(headers or {}))


@cache
def environment() -> Environment:
    """The templates with all their filters."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        day=day,
        moment=moment,
        weblink=weblink,
        number=number,
        initials=initials,
        hue=hue,
        percent=percent,
        is_day=is_day,
    )
    made.globals.update(
        types=TYPES,
        modalities=MODALITIES,
        takes_a_hearer=TAKES_A_HEARER,
        stylesheet=f"/static/whosaid.css?v={_fingerprint(STATIC / 'whosaid.css')}",
        version=metadata.version("whosaid"),
    )
    return made


def day(value: date | None) -> str:
    """12 March 2025."""
    return f"{value.day} {value:%B} {value.year}" if value else ""


def is_day(typed: str | None) -> bool:
    """Whether a form's field for days can show it; a time, or what is no date at all, would be lost in one."""
    return not typed or _DAY.fullmatch(typed) is not None


def moment(value: datetime | None) -> str:
    """12 March 2025, 14:05 UTC."""
    return f"{day(value)}, {value:%H:%M} UTC" if value else ""


def number(value: int) -> str:
    """12,345."""
    return f"{value:,}"


def percent(value: float) -> str:
    """83 %."""
    return f"{value:.0%}".replace("%", " %")


def weblink(url: str) -> str | None:
    """The URL if it leads to a web page, else none: an article's URL may be a script, or a file of its reader."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def initials(name: str) -> str:
    """Up to two letters that stand for a name: Marco Rubio → MR."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(letters[:1] + letters[1:][-1:]).upper()


def hue(identity: str) -> int:
    """The colour of a speaker, the same in every list."""
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:2], "big") % HUES


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
