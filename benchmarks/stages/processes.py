"""Starts and stops the engines and parts that the stages measure, and waits for them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.measure import family
from pipeline.embedded.stack import Stack
from pipeline.settings import EmbeddedSettings, SearchSettings, Settings, environment

_LOOK = 0.05  # seconds between two looks whether a turn is over
PATIENCE = 600.0
"""Seconds in which a turn must end."""

COMMAND = (sys.executable, "-m", "pipeline.cli.main")
"""What runs `whosaid`."""


class Engines:
    """Kafka and Elasticsearch of the benchmark's own, in a folder of its own on free ports."""

    def __init__(self, folder: Path) -> None:
        kafka, controller, http, transport, page = free_ports(5)
        self.settings = Settings(
            embedded=EmbeddedSettings(
                data_dir=folder / "data", kafka_port=kafka, kafka_controller_port=controller,
                elasticsearch_port=http, elasticsearch_transport_port=transport,
            ),
            search=SearchSettings(port=page),
        )  # fmt: skip
        self.stack = Stack(self.settings, progress=lambda line: print(line, file=sys.stderr))

    def named(self, name: str) -> Settings:
        """The settings with topics and indices of that name."""
        kafka = self.settings.kafka.model_copy(update={"prefix": f"{name}."})
        elasticsearch = self.settings.elasticsearch.model_copy(update={"prefix": name})
        return self.settings.model_copy(update={"kafka": kafka, "elasticsearch": elasticsearch})

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Each engine's processes."""
        return {server.name: family([_engine(server.folder)]) for server in self.stack.servers}

    def __enter__(self) -> Self:
        self.stack.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stack.stop()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    numbers = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def start_part(settings: Settings, name: str, folder: Path) -> subprocess.Popen[bytes]:
    """`whosaid NAME` as a process of its own, its log in the folder."""
    with (folder / f"{settings.kafka.prefix}{name}.log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, name], env=part_environment(settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def stop_part(part: subprocess.Popen[bytes]) -> None:
    """Ends a part in an orderly way."""
    part.send_signal(signal.SIGTERM)
    part.send_signal(signal.SIGCONT)  # it stands still where a turn broke off
    try:
        part.wait(60)
    except subprocess.TimeoutExpired:
        part.kill()
        part.wait()


def wait(over: Callable[[], bool], interval: float = _LOOK) -> None:
    """Waits until it is over; ends the benchmark where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not over():
        if time.monotonic() > deadline:
            raise SystemExit(f"Nothing came of it within {PATIENCE:.0f} s.")
        time.sleep(interval)


def part_environment(settings: Settings) -> dict[str, str]:
    """The environment of a part: these settings, and none of this machine's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WHOSAID_")} | environment(
        settings
    )


def _engine(folder: Path) -> int:
    return int(json.loads((folder / "lock").read_text(encoding="utf-8"))["engine"])
