"""`python -m tests.integration.poisoned`: a real enrichment worker whose processes obey words in the articles.

The engine itself cannot be brought to crash at will; what happens around it when it does is the real thing. So the
processes do without it (see tests/faults/cheap.py): they start in a fraction of the time.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from pipeline.agents import worker
from pipeline.settings import load
from pipeline.workers.protocol import Outcome, Work
from tests.faults import cheap

KILL, HANG, EAT, SLOW = "deadly-nightshade", "lotus", "manchineel", "valerian"


def factory(**arguments: Any) -> Work:
    """The cheap work, after what an article's poison does to the process."""
    work = cheap.factory(**arguments)

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


if __name__ == "__main__":
    worker.new_pool = partial(worker.new_pool, work="tests.integration.poisoned:factory")
    worker.run(load())
