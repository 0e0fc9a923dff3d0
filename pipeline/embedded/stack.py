"""Starts, watches and stops both engines together, and removes their data."""

import shutil
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.embedded import paths, preflight
from pipeline.embedded.elasticsearch import ElasticsearchServer
from pipeline.embedded.engine import DATA_SPACE, Server
from pipeline.embedded.install import fetch_engines
from pipeline.embedded.kafka import KafkaServer
from pipeline.embedded.progress import Say, megabytes, quiet
from pipeline.errors import EngineError
from pipeline.settings import Settings

_OURS = ("kafka", "elasticsearch", "logs", "up.json")
"""What WhoSaid makes in `data_dir`; anything else there is not ours to remove."""


class Stack:
    """Kafka and Elasticsearch for `whosaid up`. As a context manager: both run inside the block.

    Args:
        settings: ports, heaps and folders of both.
        progress: takes a line for each step; it is called from several threads, one line at a time.
    """

    def __init__(self, settings: Settings, progress: Say = quiet) -> None:
        self.settings = settings
        self.kafka = KafkaServer(settings)
        self.elasticsearch = ElasticsearchServer(settings)
        self._progress = progress
        self._starting: dict[Server, Future[None]] = {}

    @property
    def servers(self) -> tuple[Server, ...]:
        """Both engines, in the order in which data come to them."""
        return (self.kafka, self.elasticsearch)

    def claim(self) -> None:
        """Takes both data folders for this process, until `stop`. `start` does it too.

        Raises:
            EngineError: another process has one of them.
        """
        try:
            for server in self.servers:
                server.claim()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Starts both and waits until both are ready.

        Raises:
            EngineError: one cannot be fetched or started; none of them runs then.
        """
        self.begin()
        try:
            self.wait()
        except BaseException:  # also Ctrl-C: the other one must not be waited for
            self.stop()
            raise

    def begin(self) -> None:
        """Starts both side by side; `wait` tells when they are ready.

        Raises:
            EngineError: something that they need is not there, or cannot be fetched; none of them runs then.
        """
        self.claim()
        try:
            for server in self.servers:
                for variable, number in server.ports.items():
                    preflight.port(number, server.title, variable)
            preflight.disk(paths.data_dir(self.settings), DATA_SPACE, "WHOSAID_EMBEDDED__DATA_DIR")
            preflight.memory(
                sum(server.memory for server in self.servers),
                "Kafka and Elasticsearch",
                " and ".join(server.memory_advice for server in self.servers),
            )
            fetch_engines(self.settings, self._progress)
        except BaseException:
            self.stop()
            raise
        pool = ThreadPoolExecutor(len(self.servers))
        self._starting = {server: pool.submit(server.start, self._progress) for server in self.servers}
        pool.shutdown(wait=False)

    def wait(self, *servers: Server) -> None:
        """Waits until these engines are ready, or both where none is named.

        Raises:
            EngineError: one of both cannot be started; `stop` ends the other.
        """
        waiting = {self._starting[server] for server in servers or self.servers}
        for future in futures.as_completed(self._starting.values()):
            future.result()
            waiting.discard(future)
            if not waiting:
                return

    def wait_for_answers(self, server: Server) -> None:
        """Waits until this engine answers clients, which may be before all that is in it can be used.

        Raises:
            EngineError: one of both cannot be started; `stop` ends the other.
        """
        while not server.answers.wait(0.1):
            for future in self._starting.values():
                if future.done():
                    future.result()

    def stop(self) -> None:
        """Stops both side by side, also while they start; does nothing where they do not run."""
        for server, future in self._starting.items():
            if not future.done():
                server.cancel()
        futures.wait(self._starting.values())
        self._starting = {}
        with ThreadPoolExecutor(len(self.servers)) as pool:
            for done in [pool.submit(server.stop) for server in self.servers]:
                done.result()

    def check(self) -> None:
        """Does nothing while both run; call it now and then.

        Raises:
            EngineError: one has ended by itself; the message says which and why.
        """
        for server in self.servers:
            server.check()

    def __enter__(self) -> Self:
        """Starts both."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops both."""
        self.stop()


def remove_data(settings: Settings) -> str:
    """Removes articles, quotes and logs of the embedded engines; the engines' own files in the cache stay.

    Returns:
        What was removed, for a person: `312.4 MB in /home/ana/.local/share/whosaid`; empty where there was nothing.

    Raises:
        EngineError: the engines run on these data, or they belong to another user.
    """
    home = settings.embedded.data_dir
    if not any((home / name).exists() for name in _OURS):
        return ""
    stack = Stack(settings)
    try:
        for server in stack.servers:
            server.claim()
        size = sum(_remove(home / name) for name in _OURS)
    except OSError as error:
        raise EngineError(
            f"{error.filename} cannot be removed ({error.strerror}); do it as the user it belongs to."
        ) from error
    finally:
        stack.stop()
    if not any(home.iterdir()):
        home.rmdir()
    return f"{megabytes(size)} in {home}"


def _remove(path: Path) -> int:
    """Removes a file, a folder, or a link and what it leads to; the bytes that were in it."""
    target = path.resolve()
    if not target.exists():
        path.unlink(missing_ok=True)
        return 0
    size = sum(file.lstat().st_size for file in (target, *target.rglob("*")) if not file.is_dir())
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()
    if path.is_symlink():
        path.unlink()
        paths.remove_orphans()
    return size
