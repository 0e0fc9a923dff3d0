"""Runs targets for a time, and keeps the bytes of what was found."""

import faulthandler
import random
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target

HANG = 10.0  # seconds of processor time that one document may take
_DEAD = 120.0  # seconds after which even a hang within other people's C code ends the run, with a trace


class Hang(BaseException):
    """A document took too long. No Exception, so that nothing on the way catches it."""


@dataclass
class Find:
    """What is wrong with which bytes."""

    target: str
    data: bytes
    reason: str


@dataclass
class Result:
    """How many documents each target has seen, what was found, the slowest of each in seconds of processor time."""

    runs: dict[str, int] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    finds: list[Find] = field(default_factory=list)


def attempt(target: Target, data: bytes, hang: float = HANG) -> tuple[str, float]:
    """What is wrong, empty where nothing is, and the seconds of processor time it took."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, stop)
    faulthandler.dump_traceback_later(_DEAD, exit=True)
    signal.setitimer(signal.ITIMER_VIRTUAL, hang)
    started = time.process_time()
    reason = ""
    try:
        target.run(data)
    except Hang:
        reason = f"took more than {hang:g} seconds"
    except Exception:
        reason = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGVTALRM, before)
    return reason, time.process_time() - started


def fuzz(
    targets: Sequence[Target],
    *,
    seconds: float = float("inf"),
    runs: float = float("inf"),
    seed: int = 1,
    each: Callable[[Result], None] = lambda _: None,
    found: Callable[[Find], None] = lambda _: None,
    hang: float = HANG,
) -> Result:
    """Changed documents for each target in turn, until the time or the number of runs is used up."""
    dice, result, end = random.Random(seed), Result(), time.monotonic() + seconds
    while time.monotonic() < end and sum(result.runs.values()) < runs:
        for target in targets:
            data = mutated(dice.choice(target.corpus), dice, target.corpus)
            reason, took = attempt(target, data, hang)
            result.runs[target.name] = result.runs.get(target.name, 0) + 1
            result.slowest[target.name] = max(result.slowest.get(target.name, 0.0), took)
            if reason:
                result.finds.append(Find(target.name, data, reason))
                found(result.finds[-1])
        each(result)
    return result
