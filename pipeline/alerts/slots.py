"""Limits how many messages are on their way: of all, and to each receiver, so that a slow one holds up nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Slots:
    """Room for so many messages at a time, for each receiver for a part of them. For one event loop."""

    def __init__(self, together: int, of_one: int) -> None:
        self._together = asyncio.Semaphore(together)
        self._of_one = of_one
        self._receivers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, receiver: str) -> AsyncIterator[None]:
        """Waits until a message to this receiver may go out, and holds its place."""
        own = self._receivers.get(receiver)
        if own is None:
            own = self._receivers[receiver] = asyncio.Semaphore(self._of_one)
        async with own, self._together:  # who waits for its own receiver takes no other's place
            yield
