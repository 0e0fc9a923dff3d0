"""Formats sources and their articles, for the screen and as JSON."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from connectors.base import SourceConfig
from connectors.scheduling.overview import Overview, ago, ahead, condition, now
from connectors.scheduling.source_state import SourceState
from pipeline import redaction
from pipeline.cli.console import table
from pipeline.models import Article

_BEGINNING = 200  # characters of a body that are shown


def place(config: SourceConfig) -> str:
    """Where the source is, without a password in its address."""
    return str(_shown(config.location))


def summary(state: SourceState) -> dict[str, object]:
    """The source as JSON: its configuration and how it fares. Times in ISO 8601, rates in articles a day."""
    config = state.config
    return {
        "id": config.id,
        "kind": config.kind,
        "location": place(config),
        "name": config.name,
        "options": {name: _shown(value) for name, value in config.options.items()},
        "state": condition(state, now()),
        "failures": state.stats.failures,
        "articles": state.articles,
        "per_day": state.stats.per_day,
        "last_success": state.last_success.isoformat() if state.last_success else None,
        "next": state.due.isoformat() if state.due else None,
        "last_error": redaction.in_text(state.last_error),
        "hub": state.hub,
        "subscribed_until": state.subscribed_until.isoformat() if state.subscribed_until else None,
    }


def states_table(states: list[SourceState]) -> Table:
    """The sources, one a line."""
    shown = table("source", "state", "last success", "a day", "next", "last error")
    for column in shown.columns:
        column.no_wrap = column.header in ("state", "a day")
    for state in states:
        rate = "" if state.stats.per_day is None else f"{state.stats.per_day:,.1f}"
        due = "" if state.paused else ahead(state.due, now())
        cells = [
            state.id,
            condition(state, now()),
            ago(state.last_success, now()),
            rate,
            due,
            redaction.in_text(state.last_error),
        ]
        shown.add_row(*map(Text, cells))
    return shown


def overall(there: Overview) -> dict[str, Any]:
    """All sources together as JSON: a row for each kind, those that fail, and the processes that read now."""
    return {
        "total": there.sources,
        "failing": len(there.failing),
        "paused": there.paused,
        "last_read": _iso(there.last_read),
        "next_poll": _iso(there.next_poll),
        "connectors": [{"process": owner, "reading": count} for owner, count in there.readers.items()],
        "kinds": [
            asdict(group) | {"last_read": _iso(group.last_read), "next_poll": _iso(group.next_poll)}
            for group in there.groups
        ],
        "failures": [
            asdict(failure) | {"error": redaction.in_text(failure.error), "next_poll": _iso(failure.next_poll)}
            for failure in there.failing
        ],
    }


def overall_rows(sources: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Lines of a table from `overall`, all sources first, then each kind: the name, the state, when they are read."""
    if not sources["total"]:
        return [("Sources", "none", "`whosaid source add URL` adds one")]
    readers = len(sources["connectors"])
    now_read = f"read by {readers} connector{'s' if readers > 1 else ''} now" if readers else ""
    everyone = {**sources, "sources": sources["total"]}
    return [
        ("Sources", _fare(everyone), "; ".join(filter(None, (now_read, _when(everyone))))),
        *((f"  {kind['kind']}", _fare(kind), _when(kind)) for kind in sources["kinds"]),
    ]


def failing_lines(sources: Mapping[str, Any], most: int) -> list[str]:
    """A line for each failing source of `overall`: how often it failed, why, and when it is tried again."""
    failures = sources.get("failures", [])
    lines = []
    for failure in failures[:most]:
        times = f"{failure['failures']} times" if failure["failures"] > 1 else "once"
        next_try = ahead(_moment(failure["next_poll"]), now())
        lines.append(f"{failure['id']} failed {times}: {failure['error'].rstrip('.')}; next try {next_try}.")
    if len(failures) > most:
        lines.append(f"{len(failures) - most} more fail; `whosaid source list` shows all.")
    return lines


def _fare(group: Mapping[str, Any]) -> str:
    notes = [f"{group[key]} {key}" for key in ("failing", "paused") if group[key]]
    return ", ".join([f"{group['sources']}", *notes])


def _when(group: Mapping[str, Any]) -> str:
    due = f"next poll {ahead(_moment(group['next_poll']), now())}" if group["next_poll"] else ""
    return "; ".join(filter(None, (f"last read {ago(_moment(group['last_read']), now())}", due)))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def shown(article: Article) -> Text:
    """What an article would be published as, in a few lines."""
    when = article.published.isoformat() if article.published else "no date"
    notes = [f"{key}: {value}" for key, value in article.raw.items() if key in ("text", "paywalled", "page")]
    notes += [key.replace("-", " ") for key in article.raw if key.endswith("-in-future")]
    facts = [when, article.byline or "", article.language or "", f"{len(article.body):,} characters", *notes]
    text = Text(article.headline or "(no headline)", style="bold")
    text = Text.assemble(text, "\n  ", "  ".join(filter(None, facts)), "\n  ", article.canonical_url, "\n  ")
    return text.append(_beginning(article.body), style="dim")


def _shown(value: object) -> object:
    return redaction.in_addresses(value) if isinstance(value, str) and "://" in value else value


def _beginning(body: str) -> str:
    text = re.sub(r"\s+", " ", body[: 2 * _BEGINNING]).strip()
    return text if len(text) <= _BEGINNING else f"{text[:_BEGINNING].rsplit(' ', 1)[0]} …"
