"""Runs an enrichment worker from its start to its last commit: `whosaid enrich`."""

import asyncio
import logging
import os
import signal
import threading
from typing import Any

import mode
from faust.worker import Worker

from pipeline import logs, topics
from pipeline.agents.app import build
from pipeline.agents.transport import STOP_GRACE
from pipeline.errors import BrokerUnavailable, EngineError, UnavailableError, WhoSaidError
from pipeline.kafka_client import admin, ensure_topics
from pipeline.settings import Settings
from pipeline.workers.pool import Pool

log = logging.getLogger(__name__)

_NICENESS = 5  # the heartbeats of this process, Kafka and Elasticsearch on the same machine go first

STOP_LIMIT = STOP_GRACE + 6
"""Seconds from SIGTERM to the end, at the most, whatever Kafka does."""


def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then finishes what is in hand, commits it and returns. Logs to standard error.

    Raises:
        BrokerUnavailable: Kafka does not answer at the start. Later it waits for Kafka to come back.
        SettingsError: the spaCy pipeline cannot be loaded.
        EngineError: spaCy processes cannot be started any more, or Kafka refuses us.
    """
    logs.to_stderr(settings)
    ensure_topics(settings, topics.all_topics(settings))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pool = new_pool(settings)
    if not _start(loop, pool):
        return
    worker = _Worker(
        build(settings, pool),
        _PoolService(pool, loop=loop),
        loop=loop,
        quiet=True,
        redirect_stdouts=False,
        override_logging=False,
    )
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        if not end.code:
            log.info("Stopped.")
            return
    raise reason(worker.crash_reason, settings)


def new_pool(settings: Settings, work: str = "pipeline.agents.article_enricher:enricher") -> Pool:
    """The pool of spaCy processes that the settings describe; not started. `work` names what they do."""
    enrichment = settings.enrichment
    return Pool(
        work,
        enrichment.model_dump(include={"model", "fast", "batch_size", "max_characters"}),
        processes=enrichment.processes,
        time_limit=enrichment.time_limit,
        memory_limit=enrichment.memory_limit,
        niceness=_NICENESS,
    )


class _Worker(Worker):
    """Faust's worker without its output, and with a limit on the time that it takes to stop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.spinner = None  # it would write to standard output

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        # Clients of a Kafka that is away may wait for it longer than whoever told us to stop waits for us.
        last = threading.Timer(STOP_LIMIT, _break_off)
        last.daemon = True
        last.start()
        super()._schedule_shutdown(signal)


class _PoolService(mode.Service):
    """Stops the pool after the app, because it still works on the app's last articles."""

    logger = logging.getLogger("mode")

    def __init__(self, pool: Pool, **options: Any) -> None:
        super().__init__(**options)
        self._pool = pool

    async def on_stop(self) -> None:
        await self._pool.stop()


def _break_off() -> None:
    log.warning("Not stopped after %g seconds; breaking off. What is not committed will be done again.", STOP_LIMIT)
    logging.shutdown()
    os._exit(UnavailableError.exit_code)


def _start(loop: asyncio.AbstractEventLoop, pool: Pool) -> bool:
    # The model is loaded before we join the group, or partitions would wait for it. False: told to stop meanwhile.
    starting = loop.create_task(pool.start())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, starting.cancel)
    log.info("Starting %d spaCy processes.", pool.size)
    try:
        loop.run_until_complete(starting)
    except asyncio.CancelledError:
        loop.run_until_complete(pool.stop())
        return False
    return True


def reason(crash: BaseException | None, settings: Settings) -> WhoSaidError:
    """Why the worker ended, as one of our own errors. Faust gives no reason where Kafka died while it was starting."""
    while isinstance(crash, BaseExceptionGroup):
        crash = crash.exceptions[0]
    if isinstance(crash, WhoSaidError):
        return crash
    if crash is None:
        try:
            admin(settings).close()
        except BrokerUnavailable as away:
            return away
    why = f" ({crash!r})" if crash else ""
    error = EngineError(f"The enrichment worker broke off{why}; its log says more. No article is lost.")
    error.__cause__ = crash
    return error
