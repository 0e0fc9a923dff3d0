"""Speaks HTTP/1.1 as uvicorn does, with limits of time and of connections for each client."""

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pipeline.server.clients import Clients
from pipeline.settings import ServerSettings


def _answer(status: str, sentence: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(sentence)}"]
    return "\r\n".join([*lines, *headers, "Connection: close", "", sentence]).encode("ascii")


_FULL = _answer("503 Service Unavailable", "There are too many connections; try again in a moment.", "Retry-After: 1")
_LATE = _answer("408 Request Timeout", "The request did not arrive in time.")


class LimitedProtocol(H11Protocol):
    """One connection. It is told apart only by h11's state of the client: whose turn it is, and since when."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        clients: Clients,
        limits: ServerSettings,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._clients = clients
        self._limits = limits
        self._unread = False  # the client does not take what we sent
        self._step: tuple[object, ...] = ()
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: it must say what it wants, if there is room for it."""
        super().connection_made(transport)
        if self._clients.admit(self, self.client[0] if self.client else None):
            self._watch()
        else:
            transport.write(_FULL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """The answer is on its way, and the next request may come."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The client does not take what we sent."""
        super().pause_writing()
        self._unread = True
        self._watch()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        super().resume_writing()
        self._unread = False
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        self._clients.gone(self)
        self._stop_clock()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: what has not arrived yet is not waited for."""
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()
        else:
            super().shutdown()

    def drop(self) -> None:
        """Ends the connection to make room for another."""
        self._stop_clock()
        self.transport.abort()

    def _watch(self) -> None:
        """Gives the client a time limit for the whole of each step that is its own."""
        step = (self.conn.their_state, self.cycle, self._unread)
        if step == self._step:
            return
        self._step = step
        self._stop_clock()
        seconds = {h11.IDLE: self._limits.header_timeout, h11.SEND_BODY: self._limits.body_timeout}.get(step[0])
        if self._unread:
            seconds = self._limits.send_timeout
        if seconds is None:
            self._clients.works(self)
        else:
            self._clients.waits(self)
            self._deadline = self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        """The time is up."""
        begun = self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]
        unanswered = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if self._unread or self.transport.is_closing():
            self.transport.abort()
            return
        if begun and unanswered:
            self.transport.write(_LATE)
        self.transport.close()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
