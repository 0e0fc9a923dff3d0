"""`python -m tests.integration.poisoned`: a real enrichment worker whose spaCy processes obey words in the articles.

The engine itself cannot be brought to crash at will; what happens around it when it does is the real thing.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.agents import worker
from pipeline.agents.article_enricher import enricher
from pipeline.settings import Settings, load
from pipeline.workers.pool import Pool
from pipeline.workers.protocol import Outcome, Work

KILL, HANG, EAT, SLOW = "deadly-nightshade", "lotus", "manchineel", "valerian"


def factory(**arguments: Any) -> Work:
    """The real work, after what an article's poison does to the process."""
    work = enricher(**arguments)

    def poisoned(events: Sequence[bytes]) -> Iterator[Outcome]:
        for event in events:
            if KILL.encode() in event:
                os.kill(os.getpid(), signal.SIGSEGV)
            if HANG.encode() in event:
                time.sleep(600)
            if EAT.encode() in event:
                bytearray(8 * 2**30)
            if SLOW.encode() in event:
                time.sleep(0.2)
        yield from work(events)

    return poisoned


def new_pool(settings: Settings) -> Pool:
    """As the worker's own, with the poisoned work."""
    made = _new_pool(settings)
    command: tuple[Any, ...] = tuple(
        "tests.integration.poisoned:factory" if part == "pipeline.agents.article_enricher:enricher" else part
        for part in made._command
    )
    made._command = command
    return made


_new_pool = worker.new_pool

if __name__ == "__main__":
    worker.new_pool = new_pool
    worker.run(load())
