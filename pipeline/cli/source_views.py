"""How sources and what they give look on the screen and as JSON."""

import re
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from connectors.state import SourceState
from pipeline.models import Article

_BEGINNING = 200  # characters of a body that are shown


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def condition(state: SourceState) -> str:
    """The state in one word: new, ok, reading, failing, paused or done."""
    if state.paused:
        return "done" if state.config.options.get("once") and state.last_success else "paused"
    if not state.free(now()):
        return "reading"
    return "failing" if state.rhythm.failures else "ok" if state.last_success else "new"


def summary(state: SourceState) -> dict[str, object]:
    """The source as JSON: its configuration and how it fares. Times in ISO 8601, rates in articles a day."""
    config = state.config
    return {
        "id": config.id,
        "kind": config.kind,
        "location": config.location,
        "name": config.name,
        "options": dict(config.options),
        "state": condition(state),
        "failures": state.rhythm.failures,
        "articles": state.articles,
        "per_day": state.rhythm.per_day,
        "last_success": state.last_success.isoformat() if state.last_success else None,
        "next": state.due.isoformat() if state.due else None,
        "last_error": state.last_error,
        "hub": state.hub,
        "subscribed_until": state.subscribed_until.isoformat() if state.subscribed_until else None,
    }


def table(states: list[SourceState]) -> Table:
    """The sources, one a line."""
    shown = Table(pad_edge=False)
    for name in ("source", "state", "last success", "a day", "next", "last error"):
        shown.add_column(name, overflow="fold", no_wrap=name in ("state", "a day"))
    for state in states:
        rate = "" if state.rhythm.per_day is None else f"{state.rhythm.per_day:,.1f}"
        due = "" if state.paused else _ahead(state.due)
        cells = [state.id, condition(state), _ago(state.last_success), rate, due, state.last_error]
        shown.add_row(*map(Text, cells))
    return shown


def shown(article: Article) -> Text:
    """What an article would be published as, in a few lines."""
    when = article.published.isoformat() if article.published else "no date"
    notes = [f"{key}: {value}" for key, value in article.raw.items() if key in ("text", "paywalled", "page")]
    notes += [key.replace("-", " ") for key in article.raw if key.endswith("-in-future")]
    facts = [when, article.byline or "", article.language or "", f"{len(article.body):,} characters", *notes]
    text = Text(article.headline or "(no headline)", style="bold")
    text = Text.assemble(text, "\n  ", "  ".join(filter(None, facts)), "\n  ", article.canonical_url, "\n  ")
    return text.append(_beginning(article.body), style="dim")


def _beginning(body: str) -> str:
    text = re.sub(r"\s+", " ", body[: 2 * _BEGINNING]).strip()
    return text if len(text) <= _BEGINNING else f"{text[:_BEGINNING].rsplit(' ', 1)[0]} …"


def _ago(then: datetime | None) -> str:
    return f"{_span((now() - then).total_seconds())} ago" if then else "never"


def _ahead(then: datetime | None) -> str:
    seconds = (then - now()).total_seconds() if then else 0.0
    return f"in {_span(seconds)}" if seconds > 0 else "now"


def _span(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
