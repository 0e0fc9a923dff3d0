"""Defines what a connector is: it turns one source into articles, and a cursor says how far it has read."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.models import Article
from pipeline.settings import Settings

if TYPE_CHECKING:  # the client is handed in; connectors that need none do not load it
    from connectors.web.client import Client

_log = logging.getLogger(__name__)

Cursor = Mapping[str, Any]
"""How far a source has been read, as JSON values that only its connector understands. Empty: from the beginning."""


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
        """Kind and location: two sources that share both are the same source."""
        return self.kind, self.location


@dataclass(frozen=True)
class PollHints:
    """What a poll learnt about the source itself; the scheduler acts on it."""

    interval: float | None = None  # seconds between polls that the source asks for
    dates: Sequence[datetime] = ()  # when a feed's items were published, as far as it says
    moved_to: str | None = None  # its new address, after a permanent redirect
    hub: str | None = None  # the WebSub hub that announces changes
    topic: str | None = None  # the address under which the hub knows the source
    title: str | None = None
    unchanged: bool = False  # the source says that nothing has changed since the last poll
    next_poll_in: float | None = None  # seconds; for files and topics, which cost nobody a request
    finished: bool = False  # the source will never have anything new: it is paused


@dataclass(frozen=True)
class Step:
    """One step of a poll: an article, and the cursor once that article is published.

    Attributes:
        article: None where only the cursor moves.
        cursor: saved only after the broker has acknowledged the article.
        problem: one sentence about something that cannot be read; the poll goes on.
        progress: the share of the source that has been read, from 0 to 1; None where that is unknown.
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
    """What every connector is given: the settings, the HTTP client and the time."""

    settings: Settings
    client: "Client"
    now: Callable[[], datetime] = _now
    scheduled: datetime | None = None
    """When this poll was due. An article without a date takes its revision from this time: where a process dies and
    another repeats its poll, both publish the same revision."""


class Connector(Protocol):
    """Reads one source. The registry makes a new one for each poll."""

    def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Yields what is new since the cursor, oldest first.

        Raises:
            SourceError: the source cannot be read now. What was yielded before stays valid.
        """
        ...


@asynccontextmanager
async def closing(steps: AsyncIterator[Step]) -> AsyncIterator[AsyncIterator[Step]]:
    """Closes a connector's steps at the end, also where their reader stops early: they may hold a connection.

    Python would close them at some time later, when the HTTP client or the event loop may be closed.
    """
    try:
        yield steps
    finally:
        if isinstance(steps, AsyncGenerator):
            await steps.aclose()


Factory = Callable[[SourceConfig, Context], Connector]
"""Makes a connector; a class whose constructor takes these two arguments is a factory."""


def unexpected_problem(where: str, error: Exception) -> str:
    """The problem of a record whose reading raised an unexpected error; the error's trace goes to the log.

    Such an error costs its own record and never the file, feed or topic around it. The error's own words stay in the
    log: whoever sent the record may not be meant to read them.
    """
    _log.error("%s cannot be read", where, exc_info=error)
    return f"{where}: cannot be read: unexpected error ({type(error).__name__}); the log has its trace."
