"""Work for the pool's tests: articles that are commands. No spaCy, so that a process is up in a moment."""

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.workers.protocol import Failure, Outcome, Result, Work

_HOARD: list[bytearray] = []


def factory(greeting: str = "done") -> Work:
    def work(articles: Sequence[bytes]) -> Iterator[Outcome]:
        for article in articles:
            yield _obey(article.decode(), greeting)

    return work


def broken() -> Work:
    raise SettingsError("WHOSAID_ENRICHMENT__MODEL is wrong; set another.")


def silent() -> Work:
    time.sleep(60)
    return factory()


def stingy() -> Work:
    """Forgets the last article of each batch."""

    def work(articles: Sequence[bytes]) -> Iterator[Outcome]:
        for article in articles[:-1]:
            yield Result(b"key", article)

    return work


def environment() -> Work:
    def work(articles: Sequence[bytes]) -> Iterator[Outcome]:
        for name in articles:
            yield Result(name, os.environ.get(name.decode(), "-").encode())

    return work


def _obey(command: str, greeting: str) -> Outcome:
    verb, _, argument = command.partition(" ")
    match verb:
        case "fail":
            return Failure("BadEvent", argument)
        case "raise":
            raise ValueError(argument)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "die-once":  # as somebody from outside might kill it
            if not Path(argument).exists():
                Path(argument).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "stop-twice":  # as somebody from outside might freeze it, first with others and then alone
            with Path(argument).open("a") as times:
                if times.tell() < 2:
                    times.write("x")
                    times.flush()
                    os.kill(os.getpid(), signal.SIGSTOP)
        case "spin":
            if argument:
                with Path(argument).open("a") as times:
                    times.write("x")
            while True:
                pass
        case "exit":
            sys.exit(int(argument))
        case "hang":
            time.sleep(60)
        case "sleep":
            time.sleep(float(argument))
        case "wait-for":
            while not Path(argument).exists():
                time.sleep(0.01)
        case "meet":  # as many processes as are named, all at the same time
            number, folder = argument.split(" ", 1)
            (Path(folder) / str(os.getpid())).touch()
            while len(list(Path(folder).iterdir())) < int(number):
                time.sleep(0.01)
        case "print":
            print("a library that prints", flush=True)
        case "hoard":  # keeps it, as a leak does
            _HOARD.append(_hold(int(argument)))
        case "gorge":  # more at once than the process may ever have
            bytearray(int(argument) * 2**20)
        case "swell":  # slowly, with time to be seen
            held = []
            for _ in range(int(argument)):
                held.append(_hold(1))
                time.sleep(0.002)
        case "collector":  # after how many new objects it runs, and whether what was loaded is left out
            return Result(b"collector", f"{gc.get_threshold()[0]} {gc.get_freeze_count() > 1000}".encode())
        case "pid":
            return Result(b"pid", str(os.getpid()).encode())
        case "size":
            return Result(b"size", b"x" * int(argument))
    return Result(command.encode(), greeting.encode())


def _hold(megabytes: int) -> bytearray:
    held = bytearray(megabytes * 2**20)
    for page in range(0, len(held), 4096):  # memory counts once it is touched
        held[page] = 1
    return held
