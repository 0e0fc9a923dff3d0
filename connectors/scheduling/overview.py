"""Summarises all sources, for `whosaid status` and for the first line of a connector's log."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.scheduling.source_state import SourceState

SILENCE = timedelta(days=2)
"""Without a successful poll for so long, a source is silent; by default each is polled once a day at the least."""


@dataclass(frozen=True)
class Group:
    """The sources of one kind.

    Attributes:
        failing: how many failed in their last poll; paused sources do not count.
        last_read: the time of their latest successful poll.
        next_poll: when the first source that is not paused is due; None where there is none.
    """

    kind: str
    sources: int
    failing: int
    paused: int
    last_read: datetime | None
    next_poll: datetime | None


@dataclass(frozen=True)
class Failing:
    """A source whose last poll failed, and why."""

    id: str
    failures: int
    error: str
    next_poll: datetime | None


@dataclass(frozen=True)
class Overview:
    """All sources at one moment.

    Attributes:
        groups: by kind, in alphabetical order.
        failing: those with the most failures in a row first.
        readers: the connector processes that read sources at this moment, and how many each reads.
    """

    groups: tuple[Group, ...]
    failing: tuple[Failing, ...]
    readers: dict[str, int]

    @property
    def sources(self) -> int:
        """The number of sources."""
        return sum(group.sources for group in self.groups)

    @property
    def paused(self) -> int:
        """The number of paused sources."""
        return sum(group.paused for group in self.groups)

    @property
    def last_read(self) -> datetime | None:
        """The time of the latest successful poll of any source."""
        return max((group.last_read for group in self.groups if group.last_read), default=None)

    @property
    def next_poll(self) -> datetime | None:
        """When the next source is due."""
        return min((group.next_poll for group in self.groups if group.next_poll), default=None)

    def abandoned(self, now: datetime, patience: timedelta) -> bool:
        """Whether no connector seems to run: a source was due `patience` ago, and none was read since."""
        since = now - patience
        overdue = self.next_poll is not None and self.next_poll < since
        return overdue and not self.readers and (self.last_read is None or self.last_read < since)


def overview(states: Iterable[SourceState], now: datetime) -> Overview:
    """Summarises these sources; their cursors are not read."""
    kinds: dict[str, list[SourceState]] = {}
    for state in states:
        kinds.setdefault(state.config.kind, []).append(state)
    everyone = [state for group in kinds.values() for state in group]
    failing = sorted(
        (source for source in everyone if _fails(source)), key=lambda source: (-source.stats.failures, source.id)
    )
    return Overview(
        groups=tuple(_group(kind, kinds[kind]) for kind in sorted(kinds)),
        failing=tuple(Failing(source.id, source.stats.failures, source.last_error, source.due) for source in failing),
        readers=dict(sorted(Counter(source.owner for source in everyone if not source.free(now)).items())),
    )


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def ago(then: datetime | None, moment: datetime) -> str:
    """How long before a moment it was: `3 h ago`."""
    return f"{_span((moment - then).total_seconds())} ago" if then else "never"


def ahead(then: datetime | None, moment: datetime) -> str:
    """How long after a moment it will be: `in 3 h`; without a time, `now`."""
    seconds = (then - moment).total_seconds() if then else 0.0
    return f"in {_span(seconds)}" if seconds > 0 else "now"


def condition(state: SourceState, now: datetime) -> str:
    """The state in one word: new, ok, reading, failing, paused or done."""
    if state.paused:
        return "done" if state.config.options.get("once") and state.last_success else "paused"
    if not state.free(now):
        return "reading"
    return "failing" if state.stats.failures else "ok" if state.last_success else "new"


def states_of(states: Iterable[SourceState], now: datetime, longest: timedelta = timedelta()) -> dict[str, int]:
    """How many sources are in each state; each source is in one.

    A source is silent when it should be read and has not been for `SILENCE`, or for two of the `longest` intervals
    between polls where that is more, with or without a failure: nothing that it publishes arrives.
    """
    counts = dict.fromkeys(("reading", "failing", "paused", "silent"), 0)
    for state in states:
        since = state.last_success or state.added
        if state.paused:
            counts["paused"] += 1
        elif since is not None and now - since > max(SILENCE, 2 * longest):
            counts["silent"] += 1
        else:
            counts["failing" if _fails(state) else "reading"] += 1
    return counts


def summary_line(total: Overview, now: datetime) -> str:
    """What a connector process reads, for its log: `reads 3 sources (2 feed, 1 page); …`."""
    if not total.sources:
        return "reads nothing: there are no sources yet; `whosaid source add URL` adds one."
    kinds = ", ".join(f"{group.sources} {group.kind}" for group in total.groups)
    notes = [f"{len(total.failing)} failing"] if total.failing else []
    notes += [f"{total.paused} paused"] if total.paused else []
    if total.next_poll:
        seconds = (total.next_poll - now).total_seconds()
        notes.append(f"the next is due in {seconds:.0f} s" if seconds > 0 else "the next is due now")
    return f"reads {total.sources} source{'s' if total.sources > 1 else ''} ({kinds}); {', '.join(notes)}."


def _group(kind: str, states: Sequence[SourceState]) -> Group:
    due = [moment for state in states if not state.paused and (moment := state.due or state.added)]
    return Group(
        kind=kind,
        sources=len(states),
        failing=sum(map(_fails, states)),
        paused=sum(state.paused for state in states),
        last_read=max((state.last_success for state in states if state.last_success), default=None),
        next_poll=min(due, default=None),
    )


def _fails(state: SourceState) -> bool:
    return state.stats.failures > 0 and not state.paused


def _span(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
