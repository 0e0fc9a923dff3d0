"""Makes the addresses of the pages: every state of a page is its address."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from pipeline.search.parameters import QuoteQuery

SEARCH, ALERTS = "/search", "/alerts"
PARAMETERS = frozenset(field.alias or name for name, field in QuoteQuery.model_fields.items())
"""What the parameters of a search are called in an address."""

FIELDS = {
    "q": "Words", "speaker": "Speaker", "source": "Source", "since": "From", "until": "Until", "type": "Type",
    "sort": "Order", "confidence": "Sure at least", "modality": "Stated as", "entity": "Mentioned",
    "addressee": "Said to", "cue": "Cue", "medium": "Where", "language": "Language", "in": "In",
}  # fmt: skip
"""What the pages call the parameters."""

_ARRANGEMENT = ("page", "size", "cursor")


def link(query: QuoteQuery, **changes: Any) -> str:
    """The address of the search with some fields changed; on its first page, unless `changes` names another."""
    return SEARCH + parameters(query, **changes)


def parameters(query: QuoteQuery, **changes: Any) -> str:
    """The search as it stands behind an address, with some fields changed; empty where nothing is asked for."""
    fields = query.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"page": None, "cursor": None}
    kept = {name: value for name, value in (fields | changes).items() if value not in (None, "", [], False)}
    return "?" + urlencode(kept, doseq=True) if kept else ""


def whole(query: QuoteQuery) -> str:
    """The search without its page and size, for what takes all of it: exports and feeds."""
    return parameters(query, **dict.fromkeys(_ARRANGEMENT))


def period(query: QuoteQuery) -> Callable[[date, date], str]:
    """Gives the address of the search narrowed to the days from one to another."""
    return lambda first, last: link(query, since=first.isoformat(), until=last.isoformat())


def speaker(id: str) -> str:
    """The address of a speaker's page."""
    return f"/speakers/{quote(id, safe='')}"


def entity(id: str) -> str:
    """The address of an entity's page."""
    return f"/entities/{quote(id, safe='')}"


def quoted(id: str) -> str:
    """The address of a quote's page."""
    return f"/quotes/{quote(id, safe='')}"
