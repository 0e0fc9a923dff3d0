"""Measures processes: processor seconds, peak memory, and the spread of several turns."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

STEERING = ("OPENBLAS_CORETYPE", "OPENBLAS_MAIN_FREE", "MKL_DEBUG_CPU_TYPE", "NPY_DISABLE_CPU_FEATURES")
"""Variables that change which code multiplies matrices: a benchmark runs without them."""


@dataclass(frozen=True)
class Turn:
    """One turn of one stage: wall seconds, and processor seconds by the name of the part, for so many items."""

    items: int
    seconds: float
    cpu: Mapping[str, float]

    @property
    def cpu_total(self) -> float:
        """Processor seconds of all parts together."""
        return sum(self.cpu.values())


@dataclass
class Spread:
    """The median of some figures, with the least and the most of them."""

    values: list[float] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    def as_json(self) -> dict[str, float]:
        """What the report has of it."""
        return {name: round(value, 4) for name, value in
                (("median", self.middle), ("least", min(self.values)), ("most", max(self.values)))}  # fmt: skip

    def __str__(self) -> str:
        return f"{number(self.middle)} ({number(min(self.values))} to {number(max(self.values))})"


def number(value: float) -> str:
    """The value with three digits that count."""
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def family(pids: Iterable[int]) -> list[psutil.Process]:
    """The processes with all that they have started and that lives."""
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                found[one.pid] = one
    return list(found.values())


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor seconds so far of these processes, and of those of their children that have ended."""
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def compiler_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor seconds so far of the threads in which Java compiles; 0 where the system does not name threads."""
    total = 0.0
    for process in processes:
        for thread in Path(f"/proc/{process.pid}/task").glob("*"):
            with suppress(OSError):  # the thread has ended
                if (thread / "comm").read_text(encoding="utf-8").startswith(("C1 Compiler", "C2 Compiler")):
                    total += int((thread / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return total


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has held; where the system does not tell, what it holds now."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    with suppress(psutil.NoSuchProcess):
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    return 0.0


def kernels() -> list[str]:
    """Which code multiplies matrices here, by library: what threadpoolctl sees once spaCy and numpy are loaded."""
    import numpy  # noqa: F401 - loads its library
    from threadpoolctl import threadpool_info

    return sorted(
        {f"{one['internal_api']} {one.get('version')} {one.get('architecture')}" for one in threadpool_info()}
    )


def without_steering() -> list[str]:
    """Starts this program again without the variables that steer matrix kernels; the names of those it was rid of."""
    steered = [name for name in STEERING if name in os.environ]
    if steered:
        kept = {name: value for name, value in os.environ.items() if name not in STEERING}
        kept["WHOSAIDBENCH_UNSET"] = ",".join(steered)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)  # numpy reads them as it is loaded
    return [name for name in os.environ.get("WHOSAIDBENCH_UNSET", "").split(",") if name]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table in Markdown, its columns aligned."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for place, line in enumerate(lines):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        if place == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
