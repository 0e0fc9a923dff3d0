"""The tiny engine as a Server."""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.embedded import paths
from pipeline.embedded.engine import Launch, Server
from pipeline.embedded.java import environment
from pipeline.embedded.progress import Say
from pipeline.settings import Settings


class TinyServer(Server):
    name = "kafka"
    title = "Tiny"
    version = "1.0"
    memory = 2**20

    def __init__(self, settings: Settings, manner: str = "listens") -> None:
        super().__init__(settings)
        self.manner = manner

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.settings.embedded.kafka_port}"

    @property
    def folder(self) -> Path:
        return paths.make(paths.data_dir(self.settings) / "tiny", "WHOSAID_EMBEDDED__DATA_DIR")

    @property
    def ports(self) -> Mapping[str, int]:
        return {"WHOSAID_EMBEDDED__KAFKA_PORT": self.settings.embedded.kafka_port}

    def _prepare(self, progress: Say) -> Launch:
        script = Path(__file__).with_name("engine.py")
        command = [sys.executable, str(script), str(self.settings.embedded.kafka_port), self.manner]
        return Launch(command, self.folder, environment())

    def _is_ready(self) -> bool:
        return self.answer() == b"hello"

    def answer(self, timeout: float = 2.0) -> bytes | None:
        """What it says to a client; None where it says nothing."""
        try:
            with socket.create_connection(("127.0.0.1", self.settings.embedded.kafka_port), timeout) as connection:
                connection.settimeout(timeout)
                return connection.recv(10)
        except OSError:
            return None
