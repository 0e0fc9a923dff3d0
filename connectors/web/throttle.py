"""Throttles requests to each host: few connections, a minimum interval, and pauses for Retry-After."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipeline.errors import SourceError

_LONGEST_WAIT = 30.0  # seconds that a request waits for a paused host; for longer pauses it fails
_REMEMBERED = 4096  # hosts; then idle ones are dropped


@dataclass
class Clock:
    """Tells the time and waits; tests replace it."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class _Host:
    connections: asyncio.Semaphore
    next_slot: float = float("-inf")
    paused_until: float = float("-inf")
    interval: float = 0.0  # what its robots.txt asks for
    users: int = field(default=0)


class HostThrottle:
    """The throttles of all hosts of one process."""

    def __init__(self, *, interval: float, connections: int, clock: Clock | None = None) -> None:
        self._interval = interval
        self._connections = connections
        self._clock = clock or Clock()
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Waits for the next slot of the host, and holds one of its connections during the block.

        Raises:
            SourceError: the host is paused for longer than a request waits.
        """
        host = self._host(name)
        host.users += 1
        try:
            async with host.connections:
                self._check_pause(name, host)
                # The slot is taken with the connection: requests that waited for one would else start all at once.
                now = self._clock.monotonic()
                slot = max(now, host.next_slot, host.paused_until)
                host.next_slot = slot + max(self._interval, host.interval)
                if slot > now:
                    await self._clock.sleep(slot - now)
                    self._check_pause(name, host)
                yield
        finally:
            host.users -= 1

    def pause(self, name: str, seconds: float) -> None:
        """Sends the host no request for so many seconds, as it asked by Retry-After."""
        host = self._host(name)
        host.paused_until = max(host.paused_until, self._clock.monotonic() + seconds)

    def set_interval(self, name: str, interval: float) -> None:
        """Sets the interval between requests that the host asks for, in seconds."""
        self._host(name).interval = interval

    def _check_pause(self, name: str, host: _Host) -> None:
        left = host.paused_until - self._clock.monotonic()
        if left > _LONGEST_WAIT:
            raise SourceError(f"{name} asked to be left alone for {round(left)} more seconds.", retry_after=left)

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= _REMEMBERED:
                now = self._clock.monotonic()
                for old, other in list(self._hosts.items()):
                    if not other.users and max(other.next_slot, other.paused_until) < now:
                        del self._hosts[old]
            host = self._hosts[name] = _Host(asyncio.Semaphore(self._connections))
        return host
