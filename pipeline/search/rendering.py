"""Renders the pages' templates. All escape what they show; the live page alone runs a script."""

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
from pipeline.search.clauses import Place

FOLDER = Path(__file__).with_name("templates")
STATIC = FOLDER / "static"
HUES = 12
"""The number of colours for speakers; static/whosaid.css has a class for each."""

TIES = 40
"""The number of classes by which a quote lights up with its cue and its speaker's mention; the stylesheet has them."""

TYPES = {QuoteType.DIRECT: "direct", QuoteType.MIXED: "partly quoted", QuoteType.INDIRECT: "reported"}
MODALITIES = {
    Modality.ASSERTED: "was said",
    Modality.NEGATED: "was not said",
    Modality.HYPOTHETICAL: "might be said",
}
"""Their names for readers."""

PLACES: dict[Place, str] = {"quote": "the quote", "paragraph": "the paragraph", "headline": "the headline"}

TAKES_A_HEARER = frozenset({"tell", "inform", "assure", "remind", "warn", "advise", "ask", "brief", "notify", "urge"})
"""Cues that need no "to" before the addressee: told reporters, but said to reporters."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def page(
    name: str, context: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Renders a template as a page."""
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
        script=f"/static/live.js?v={_fingerprint(STATIC / 'live.js')}",
        version=metadata.version("whosaid"),
    )
    return made


def day(value: date | None) -> str:
    """12 March 2025."""
    return f"{value.day} {value:%B} {value.year}" if value else ""


def is_day(typed: str | None) -> bool:
    """Whether a date field of a form can show it; such a field would lose a time or an invalid date."""
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
    """The URL if it leads to a web page, else None: an article's URL may be a script, or a local file."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def initials(name: str) -> str:
    """The initials of a name, at most two: Marco Rubio → MR."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(letters[:1] + letters[1:][-1:]).upper()


def hue(identity: str) -> int:
    """The number of a speaker's colour, the same in every list."""
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:2], "big") % HUES


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
