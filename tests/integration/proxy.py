"""A TCP proxy that can be cut, silenced and slowed, to take the network from a client while the server lives."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from urllib.parse import urlsplit


class Proxy:
    """Listens on a port of its own and passes bytes on to host:port (or http://host:port), until it is cut."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target if "//" in target else f"//{target}")
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut_after_request = False
        """Cut by itself when the next bytes have gone to the server: it acts, but nobody hears its answer."""
        self.delay = 0.0
        """Seconds that every piece of at most 16 KB takes on its way: a slow, thin link."""
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._cut = False
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.mend()
        self.cut()

    def cut(self) -> None:
        """Closes all connections, and each new one at once."""
        with self._lock:
            self._cut = True
            open_, self._open = self._open, set()
        for one in open_:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def hold(self) -> None:
        """Passes nothing on and closes nothing, as when a cable is pulled: nobody is told."""
        self._flows.clear()

    def mend(self) -> None:
        """Passes connections on again, and all at full speed."""
        with self._lock:
            self._cut = False
            self.cut_after_request = False
        self.delay = 0.0
        self._flows.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with self._lock:
                cut = self._cut
            try:
                if cut:
                    raise OSError("cut")
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                self._flows.wait()
                if self.delay:
                    time.sleep(self.delay)
                if not to_server and self.cut_after_request:
                    self.cut()  # the answer is lost
                    return
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            with self._lock:
                self._open.discard(one)
