"""What a connector is: something that turns one source into articles, and knows how far it has come."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.models import Article
from pipeline.settings import Settings

if TYPE_CHECKING:  # the client is handed in; connectors that need none do not load it
    from connectors.web.client import Client

_log = logging.getLogger(__name__)

Cursor = Mapping[str, Any]
"""How far a source has been read: JSON-able, opaque to everyone but its connector. Empty: from the beginning."""


@dataclass(frozen=True)
class SourceConfig:
    """A source as the user configured it."""

    id: str
    kind: str  # the connector's name in the registry: file, feed, …
    location: str  # URL, path or whatever the kind reads
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """What makes the source the one it is: its kind and its location."""
        return self.kind, self.location


@dataclass(frozen=True)
class PollHints:
    """What a source says about itself while it is read; the runner acts on it."""

    interval: float | None = None  # seconds it asks us to wait between polls
    moved_to: str | None = None  # its new address, after a permanent redirect
    hub: str | None = None  # the WebSub hub that tells of news at once
    topic: str | None = None  # the address the hub knows it by
    title: str | None = None
    unchanged: bool = False  # it said that nothing is new since last time
    again: float | None = None  # seconds to the next poll, whatever was learnt: of sources that cost nobody anything
    done: bool = False  # nothing will ever come of it again: it is paused


@dataclass(frozen=True)
class Step:
    """One step of a connector: an article (or None, where only the cursor moves) and the cursor that stands after it.

    The runner saves the cursor only when the broker has acknowledged the article. `problem` is one sentence about
    something that could not be read, where the rest goes on; `progress` is the part of the source that has been read,
    from 0 to 1, where that is known.
    """

    article: Article | None
    cursor: Cursor
    problem: str = ""
    progress: float | None = None
    hints: PollHints | None = None


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Context:
    """What a connector is given to work with."""

    settings: Settings
    client: "Client"
    now: Callable[[], datetime] = _now
    planned: datetime | None = None
    """When this poll was due. Two processes that make the same poll, one after the other's death, are given the same:
    what has no date of its own takes it for its revision, so that what they both publish is equal."""


class Connector(Protocol):
    """Reads one source. Made by the registry with the source's configuration and a context; used once a poll."""

    def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What is new since the cursor, oldest first.

        Raises:
            SourceError: the source cannot be read now. What was yielded before stands.
        """
        ...


Factory = Callable[[SourceConfig, Context], Connector]
"""Makes a connector; a class whose constructor takes these two is one."""


def unexpected_problem(where: str, error: Exception) -> str:
    """The problem of a record whose reading raised an unexpected error; the error's trace goes to the log.

    Such an error costs its own record and never the file, feed or topic around it. The error's own words stay in the
    log: whoever sent the record may not be meant to read them.
    """
    _log.error("%s cannot be read", where, exc_info=error)
    return f"{where}: cannot be read: unexpected error ({type(error).__name__}); the log has its trace."
