"""One queue a host: few connections, a minimum interval between requests, and rest where the host asked for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipeline.errors import SourceError

_LONGEST_WAIT = 30.0  # seconds a request waits for a resting host; longer, and the source comes again later
_FORGET = 4096  # hosts remembered before idle ones are dropped


@dataclass
class Clock:
    """Time, and waiting; tests put their own in its place."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class _Host:
    connections: asyncio.Semaphore
    next_slot: float = float("-inf")
    resting_until: float = float("-inf")
    interval: float = 0.0  # what its robots.txt asks for
    users: int = field(default=0)


class HostQueues:
    """The queues of all hosts of one process."""

    def __init__(self, *, interval: float, connections: int, clock: Clock | None = None) -> None:
        self._interval = interval
        self._connections = connections
        self._clock = clock or Clock()
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Waits until it is our turn at the host, and holds one of its connections meanwhile.

        Raises:
            SourceError: the host rests for longer than anyone should wait here.
        """
        host = self._host(name)
        host.users += 1
        try:
            async with host.connections:
                self._check_rest(name, host)
                # The slot is taken within the connection: else requests that waited for one would start all at once.
                now = self._clock.monotonic()
                slot = max(now, host.next_slot, host.resting_until)
                host.next_slot = slot + max(self._interval, host.interval)
                if slot > now:
                    await self._clock.sleep(slot - now)
                    self._check_rest(name, host)
                yield
        finally:
            host.users -= 1

    def rest(self, name: str, seconds: float) -> None:
        """The host asked not to be asked for so long."""
        host = self._host(name)
        host.resting_until = max(host.resting_until, self._clock.monotonic() + seconds)

    def slow_down(self, name: str, interval: float) -> None:
        """The host's own interval between requests, in seconds."""
        self._host(name).interval = interval

    def _check_rest(self, name: str, host: _Host) -> None:
        left = host.resting_until - self._clock.monotonic()
        if left > _LONGEST_WAIT:
            raise SourceError(f"{name} asked to be left alone for {round(left)} more seconds.", retry_after=left)

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= _FORGET:
                now = self._clock.monotonic()
                for old, one in list(self._hosts.items()):
                    if not one.users and max(one.next_slot, one.resting_until) < now:
                        del self._hosts[old]
            host = self._hosts[name] = _Host(asyncio.Semaphore(self._connections))
        return host
