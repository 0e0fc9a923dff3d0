"""Reads bodies of requests within a limit for each, and a limit for all that are in memory at a time."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from pipeline.server.clients import client_of


class TooLarge(Exception):
    """The body is larger than its limit; the rest of it was not read."""


class BudgetExceeded(Exception):
    """The bodies in memory have reached their limit; the rest of this one was not read."""


class BodyBudget:
    """Limits the bytes of bodies in memory: of all requests together, and of each client's."""

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """Bytes that are in memory now."""
        return self._held.total()

    @asynccontextmanager
    async def body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """Reads the request's body, which counts as in memory until the end of the block.

        Raises:
            TooLarge: the body is larger than `limit`.
            BudgetExceeded: too much is in memory already.
            ClientDisconnect: the client went away, or took too long.
        """
        client = client_of(request.client.host if request.client else None)
        taken = 0
        try:
            pieces = []
            async for chunk in chunks(request, limit):
                if self.held + len(chunk) > self._total or self._held[client] + len(chunk) > self._each:
                    raise BudgetExceeded
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
    """Yields the pieces of the request's body as they arrive.

    Raises:
        TooLarge: they are more than `limit` bytes; where the header says so, nothing is read.
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
