"""Does batches of work in a process of its own: `python -m pipeline.workers.child TARGET ARGUMENTS MEGABYTES NICENESS`.

TARGET names the factory of the work as `module:function`, ARGUMENTS are the factory's keyword arguments as JSON,
MEGABYTES is the most memory that the process may ever hold, and NICENESS by how much it lets others go first.
"""

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from pipeline.workers.protocol import BROKEN, END, OUT_OF_MEMORY, READY, Work, answer, pack, read

_PR_SET_PDEATHSIG = 1
_NEW_OBJECTS = 10_000
"""Objects between two runs of Python's collector of cycles. A batch is made of many and leaves hardly a cycle; with
Python's own 700, the collector walks them again and again."""


def main(arguments: Sequence[str]) -> None:
    """Loads the work, then does one batch after the other until its parent closes the pipe."""
    target, options, megabytes, niceness = arguments
    _live_and_die_with_the_parent()
    os.nice(int(niceness))
    _limit_memory(int(megabytes))
    batches, answers = _take_over_standard_streams()
    try:
        work: Work = load(target)(**json.loads(options))
    except Exception as error:
        _send(answers, [BROKEN, type(error).__name__.encode(), str(error).encode("utf-8", "replace")])
        return
    gc.collect()
    gc.freeze()  # the model stays for good: the collector need not walk it again and again
    gc.set_threshold(_NEW_OBJECTS, 10, 10)
    _send(answers, [READY])
    while (batch := read(batches)) is not None:
        _do(work, batch, answers)


def _do(work: Work, batch: Sequence[bytes], answers: BinaryIO) -> None:
    try:
        for outcome in work(batch):
            _send(answers, answer(outcome))
    except MemoryError:
        # The state of the process cannot be trusted any more, and there is no memory to tell more than a number.
        os._exit(OUT_OF_MEMORY)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone
    except Exception as error:
        _send(answers, [BROKEN, type(error).__name__.encode(), str(error).encode("utf-8", "replace")])
    else:
        _send(answers, [END])


def load(name: str) -> Any:
    """What a module has under a name, given as `module:name`."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _send(answers: BinaryIO, message: Sequence[bytes]) -> None:
    answers.write(pack(message))
    answers.flush()


def _take_over_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    # A library that prints must not write into the protocol: its standard output becomes standard error.
    batches, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return batches, answers


def _live_and_die_with_the_parent() -> None:
    # Ctrl-C and service managers signal the whole group. The parent alone decides: it lets the batch finish first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        # Elsewhere the closed pipe ends the process too, but not before its batch is done.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _limit_memory(megabytes: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


if __name__ == "__main__":
    main(sys.argv[1:])
