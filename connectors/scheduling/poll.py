"""Polls one source: reads what is new, publishes it, and advances the cursor once the broker has it."""

import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors import registry
from connectors.base import Context, Cursor, PollHints, Step, closing
from connectors.publisher import DeliveryReport
from connectors.scheduling import intervals
from connectors.scheduling.intervals import Limits
from connectors.scheduling.source_state import SourceState
from pipeline import metrics
from pipeline.errors import InputError, SourceError, WhoSaidError
from pipeline.models import Article

_log = logging.getLogger(__name__)

Deliver = Callable[[list[Article]], Awaitable[DeliveryReport]]
"""Publishes articles; returns once the broker has acknowledged or refused each; raises BrokerUnavailable."""

_BATCH = 50
_SLOW = 0.2  # seconds; where a step takes longer, its article is published at once


@dataclass
class PollOutcome:
    """The result of a poll; during the poll, how far it has come."""

    articles: int = 0
    problems: list[str] = field(default_factory=list)
    error: str = ""
    retry_after: float | None = None
    hints: PollHints = field(default_factory=PollHints)
    cursor: Cursor = field(default_factory=dict)


async def poll(
    state: SourceState, context: Context, deliver: Deliver, batch: int = _BATCH, outcome: PollOutcome | None = None
) -> PollOutcome:
    """Reads the source once.

    An error of the source or its connector stands in the outcome, beside what was published before it. A caller that
    passes an outcome may read it during the poll: its cursor never passes what the broker has acknowledged.

    Raises:
        BrokerUnavailable: Kafka does not take articles, which is not the source's fault.
    """
    outcome = outcome or PollOutcome()
    outcome.cursor = state.cursor
    context = replace(context, scheduled=state.due or state.added)
    waiting: list[Article] = []
    reached: Cursor = state.cursor

    async def flush() -> None:
        if waiting:
            report = await deliver(list(waiting))
            outcome.articles += report.acknowledged
            outcome.problems += report.refused
            waiting.clear()
        outcome.cursor = reached

    try:
        async with closing(_steps(state, context)) as steps:
            before = time.monotonic()
            async for step in steps:
                _note(step, outcome)
                if step.article is not None:
                    metrics.FETCHED.labels(kind=state.config.kind).inc()
                    waiting.append(step.article)
                reached = step.cursor
                if len(waiting) >= batch or time.monotonic() - before > _SLOW:
                    await flush()
                before = time.monotonic()
    except (SourceError, InputError) as error:
        outcome.error = str(error)
        outcome.retry_after = error.retry_after if isinstance(error, SourceError) else None
    await flush()
    return outcome


async def _steps(state: SourceState, context: Context) -> AsyncIterator[Step]:
    """The connector's steps.

    Raises:
        SourceError, InputError: as the connector does; every other error in it becomes a SourceError.
    """
    try:
        async with closing(registry.make(state.config, context).articles(state.cursor)) as steps:
            async for step in steps:
                yield step
    except WhoSaidError:
        raise
    except Exception as error:
        _log.exception("%s failed", state.id)
        raise SourceError(f"The connector failed: {type(error).__name__}: {error}") from error


def apply_outcome(
    state: SourceState, outcome: PollOutcome, now: datetime, limits: Limits, rng: random.Random | None = None
) -> SourceState:
    """The source's state after a poll with this outcome."""
    rng = rng or random.Random()  # noqa: S311 - spreads polls, keeps no secret
    hints = outcome.hints
    state = replace(state, cursor=outcome.cursor, articles=state.articles + outcome.articles)
    if outcome.error:
        stats, due = intervals.failed(state.stats, now, outcome.retry_after, limits, rng)
        return replace(state, stats=stats, due=due, last_error=outcome.error)
    stats, due = intervals.succeeded(state.stats, now, outcome.articles, hints.interval, limits, rng, dates=hints.dates)
    if hints.next_poll_in is not None:
        due = now + timedelta(seconds=max(0.0, hints.next_poll_in))
    problem = outcome.problems[-1] if outcome.problems else ""
    name = state.config.name or hints.title or ""
    return replace(
        state,
        config=replace(state.config, name=name),
        stats=stats,
        due=due,
        paused=state.paused or hints.finished,
        last_success=now,
        last_error=problem,
        hub=hints.hub if not hints.unchanged else state.hub,
        topic=hints.topic if not hints.unchanged else state.topic,
    )


def _note(step: Step, outcome: PollOutcome) -> None:
    if step.problem:
        outcome.problems.append(step.problem)
    if step.hints is not None:
        outcome.hints = step.hints
