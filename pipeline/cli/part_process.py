"""Runs a part as a process: loads its settings, sets up its log, and ends it in order, by a signal or with `up`."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Literal

import typer

from pipeline import logs, tracing
from pipeline.cli.lean_imports import load_elasticsearch
from pipeline.errors import WhoSaidError
from pipeline.settings import Settings, load

SUPERVISED = typer.Option(False, "--supervised", hidden=True)
"""The option that `whosaid up` starts its parts with: they stop when it dies."""

_log = logging.getLogger(__name__)
_STDIN = 0
_begin = threading.Event()


class _Stop(SystemExit):
    """SIGTERM or SIGINT came while the part had no handler of its own. asyncio lets a SystemExit through."""


@contextmanager
def part(
    name: str, supervised: bool, *, elasticsearch: Literal["none", "synchronous", "asynchronous"] = "asynchronous"
) -> Iterator[Settings]:
    """Runs a part in the block: logs to standard error, ends with exit code 0 at SIGTERM and SIGINT.

    `elasticsearch` tells which of Elasticsearch's clients the part uses.

    Parts set handlers of their own while they work. Those of this block hold before and after that, also for the
    signal that uvicorn sends once more when it has stopped.
    """
    settings = load()
    logs.to_stderr(settings)
    mine = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, _stop) for number in mine}
    if supervised:
        listen_to_parent()
    else:
        _begin.set()
    try:
        if elasticsearch != "none":
            load_elasticsearch(asynchronous=elasticsearch == "asynchronous")
        with _metrics(settings):
            tracing.start(settings, name)
            yield settings
    except _Stop:
        _log.info("%s is stopped.", name)
    except WhoSaidError as error:
        if settings.log_format == "json":  # the sentence itself follows as it is, for people
            _log.error("%s", error)
        raise
    except Exception:
        _log.exception("%s broke off by an unexpected error", name)  # the sentence itself follows, as the last line
        raise
    finally:
        tracing.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _metrics(settings: Settings) -> AbstractContextManager[None]:
    """The port of the part's metrics, where the settings ask for one: its server takes 6 MB."""
    if not settings.metrics.port:
        return nullcontext()
    from pipeline.server.metrics_port import serving_metrics

    return serving_metrics(settings)


def wait_for_engines() -> None:
    """Waits until `whosaid up` says that the engines run, which the part can be loaded for meanwhile.

    Does nothing where nobody supervises the part.
    """
    _begin.wait()


def listen_to_parent() -> None:
    """Lets the part begin at the first byte from its standard input.

    When that closes, which is when its parent has died, it sends this process SIGTERM.

    The thread reads the descriptor, not `sys.stdin`: a thread that sits in a buffered read holds its lock, and the
    interpreter aborts at its end ("could not acquire lock for <_io.BufferedReader name='<stdin>'>").
    """
    threading.Thread(target=_listen, name="listen-to-parent", daemon=True).start()


def _listen() -> None:
    try:
        while os.read(_STDIN, 1):
            _begin.set()
    except OSError:  # closed by somebody, or a terminal that is gone: nobody can hold it open any more
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stop(0)
