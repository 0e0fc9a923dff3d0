"""How all sources fare together: for `whosaid status`, and for the first line of a connector's log."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.scheduling.source_state import SourceState


@dataclass(frozen=True)
class Group:
    """The sources of one kind.

    Attributes:
        failing: how many failed when they were read last; paused ones do not count.
        last_read: when the newest of their successful polls was.
        next_poll: when the first of those that are not paused is due; None where there is none.
    """

    kind: str
    sources: int
    failing: int
    paused: int
    last_read: datetime | None
    next_poll: datetime | None


@dataclass(frozen=True)
class Failing:
    """A source that failed when it was read last, and why."""

    id: str
    failures: int
    error: str
    next_poll: datetime | None


@dataclass(frozen=True)
class Overview:
    """All sources at one moment.

    Attributes:
        groups: by kind, in the order of the alphabet.
        failing: those that failed most often in a row first.
        readers: the connector processes that read sources at this moment, with how many each reads.
    """

    groups: tuple[Group, ...]
    failing: tuple[Failing, ...]
    readers: dict[str, int]

    @property
    def sources(self) -> int:
        """How many there are."""
        return sum(group.sources for group in self.groups)

    @property
    def paused(self) -> int:
        """How many are not read."""
        return sum(group.paused for group in self.groups)

    @property
    def last_read(self) -> datetime | None:
        """When the newest successful poll of any source was."""
        return max((group.last_read for group in self.groups if group.last_read), default=None)

    @property
    def next_poll(self) -> datetime | None:
        """When the first source is due."""
        return min((group.next_poll for group in self.groups if group.next_poll), default=None)

    def abandoned(self, now: datetime, patience: timedelta) -> bool:
        """Whether no connector seems to run: a source was due `patience` ago, and since then none was read."""
        since = now - patience
        overdue = self.next_poll is not None and self.next_poll < since
        return overdue and not self.readers and (self.last_read is None or self.last_read < since)


def overview(states: Iterable[SourceState], now: datetime) -> Overview:
    """The overview of these sources; their cursors do not matter."""
    kinds: dict[str, list[SourceState]] = {}
    for state in states:
        kinds.setdefault(state.config.kind, []).append(state)
    everyone = [state for group in kinds.values() for state in group]
    failing = sorted((one for one in everyone if _fails(one)), key=lambda one: (-one.stats.failures, one.id))
    return Overview(
        groups=tuple(_group(kind, kinds[kind]) for kind in sorted(kinds)),
        failing=tuple(Failing(one.id, one.stats.failures, one.last_error, one.due) for one in failing),
        readers=dict(sorted(Counter(one.owner for one in everyone if not one.free(now)).items())),
    )


def in_words(there: Overview, now: datetime) -> str:
    """What a connector process reads, for the first line of its log: `reads 3 sources (2 feed, 1 page); …`."""
    if not there.sources:
        return "reads nothing: there are no sources yet; `whosaid source add URL` adds one."
    kinds = ", ".join(f"{group.sources} {group.kind}" for group in there.groups)
    notes = [f"{len(there.failing)} failing"] if there.failing else []
    notes += [f"{there.paused} paused"] if there.paused else []
    if there.next_poll:
        seconds = (there.next_poll - now).total_seconds()
        notes.append(f"the next is due in {seconds:.0f} s" if seconds > 0 else "the next is due now")
    return f"reads {there.sources} source{'s' if there.sources > 1 else ''} ({kinds}); {', '.join(notes)}."


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
