"""Bodies of requests, read within a limit for each and a limit for all that are held at a time."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from pipeline.server.clients import client_of


class TooLarge(Exception):
    """The body is larger than one may be; the rest of it was not read."""


class NoRoom(Exception):
    """As many bytes are held as may be; the rest of the body was not read."""


class Room:
    """Bytes of bodies that may be held at a time: by all requests together, and by those of one client."""

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held.total()

    @asynccontextmanager
    async def body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """The request's body, which counts as held until the end of the block.

        Raises:
            TooLarge, NoRoom: see there.
            ClientDisconnect: the client went away, or took too long.
        """
        client = client_of(request.client.host if request.client else None)
        taken = 0
        try:
            pieces = []
            async for chunk in chunks(request, limit):
                if self.held + len(chunk) > self._total or self._held[client] + len(chunk) > self._each:
                    raise NoRoom
                self._held[client] += len(chunk)
                taken += len(chunk)
                pieces.append(chunk)
            body = b"".join(pieces)
            pieces.clear()
            yield body
        finally:
            self._held[client] -= taken
            if not self._held[client]:
                del self._held[client]


async def chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The pieces of the request's body, as they come.

    Raises:
        TooLarge: they are more than `limit` bytes; where the header says so, none is read.
        ClientDisconnect: the client went away, or took too long.
    """
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdecimal() and int(stated[:18]) > limit:
        raise TooLarge
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge
        yield chunk
