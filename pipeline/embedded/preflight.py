"""Checks what an engine needs before it starts, and finds in its log why it failed: one sentence and what to do."""

import re
import shutil
import socket
import time
from pathlib import Path

import psutil

from pipeline.embedded.progress import megabytes
from pipeline.errors import EngineError

_TAIL = 200_000
"""Bytes of a log's end in which the reason of a failure is looked for."""

_WRONG = re.compile(r"\b(ERROR|FATAL)\b|Exception\b|Error\b|error:|\bfatal\b", re.IGNORECASE)
_STACK = re.compile(r"^\s*(at |\.\.\. \d+ more|Suppressed:|For complete error details|likely root cause)")
_ECHO = re.compile(
    r"^ERROR: Elasticsearch (did not exit normally|died while starting up)"
    r"|^Likely root cause|^Error: (Could not create the Java Virtual Machine|A fatal exception has occurred)"
)
_HEAD = re.compile(r"^(\[[^\]]*\]\s*)+")


_EXIT = 5.0
"""Seconds in which a port is let go that belongs to nobody any more. Of a killed process only the first thread is seen,
and that is gone, while the last ones still give back its memory and keep its port."""


def port(number: int, name: str, variable: str) -> None:
    """The port is free on this machine, or becomes so in a moment.

    Raises:
        EngineError: it is not; the message names it, its setting and, if it can be known, who has it.
    """
    deadline = time.monotonic() + _EXIT
    try:
        while _taken(number):
            who = listener(number)
            if who or time.monotonic() > deadline:
                raise EngineError(
                    f"Port {number}, which {name} needs, is taken{f' by {who}' if who else ''}; "
                    f"stop that, or set {variable} to a free port."
                )
            time.sleep(0.1)
    except PermissionError:
        raise EngineError(
            f"This user may not listen on port {number} ({name}); set {variable} to a port above 1023."
        ) from None


def _taken(number: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", number)) == 0:
            return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except PermissionError:
            raise
        except OSError:
            return True
    return False


def listener(number: int) -> str:
    """Who listens on a port, as `java (process 4711)`; empty where the system does not tell us."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            port_there = connection.laddr[1] if connection.laddr else None
            if connection.status == psutil.CONN_LISTEN and port_there == number and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass  # macOS tells only root
    return ""


def disk(folder: Path, needed: int, variable: str) -> None:
    """The folder's disk has so many bytes free.

    Raises:
        EngineError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EngineError(
            f"The disk of {folder} has {megabytes(free)} free and {megabytes(needed)} are needed; "
            f"free some, or set {variable} to a folder on another disk."
        )


def memory(needed: int, what: str, advice: str) -> None:
    """The machine has so many bytes of memory to give.

    Raises:
        EngineError: it has not.
    """
    free = psutil.virtual_memory().available
    if free < needed:
        raise EngineError(
            f"{what} need about {megabytes(needed)} of memory and {megabytes(free)} are free; "
            f"close something, or {advice}."
        )


def size(heap: str) -> int:
    """Bytes of a Java heap as the settings write it: `512m`, `2g`."""
    return int(heap[:-1]) * (2**30 if heap.endswith("g") else 2**20)


def reason(log: Path, since: int = 0) -> str:
    """The log's last line that says what went wrong, else its last line at all, without the log's own decoration.

    Args:
        log: the file; it may be missing.
        since: the byte to begin at, so that an earlier run's errors are not taken for this one's.
    """
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(since, end - _TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    lines = [line for line in lines if line.strip() and not _STACK.match(line) and not _ECHO.match(line)]
    wrong = [line for line in lines if _WRONG.search(line)]
    found = (wrong or lines or [""])[-1]
    return " ".join(_HEAD.sub("", found).split())[:400]
