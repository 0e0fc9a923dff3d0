"""Counts the connections of each client, and drops one that waits where there is no room for a new one."""

import functools
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

UNKNOWN = "unknown"
"""The client of a connection that has no address."""

_HOME = 64  # bits of an IPv6 address that name a network; its owner chooses the rest as often as they like


class Droppable(Protocol):
    """A connection that can be ended at once."""

    def drop(self) -> None:
        """Ends it, whatever is under way."""


@dataclass
class _Client:
    open: int = 0
    waiting: dict[Droppable, None] = field(default_factory=dict)  # those that wait for the client, longest first


@functools.lru_cache(maxsize=4096)  # a flood comes from few addresses
def client_of(address: str | None) -> str:
    """The name that limits count a client by: its IPv4 address, or the /64 network of its IPv6 address."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return UNKNOWN
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(ip) >> _HOME << _HOME, _HOME)))


class Clients:
    """The open connections. They belong to one event loop; no other thread may call.

    A connection waits for its client while a request's header or body is not there yet, between two requests, and while
    an answer is not taken. Where a limit is reached, a connection that waits makes room for the new one: whoever opens
    connections and sends nothing only drops their own. A connection whose request is being answered is never dropped.
    """

    def __init__(self, limit: int, each: int, unlimited: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()):
        """At most `limit` connections, and `each` (0: no limit) of one client outside of the `unlimited` networks."""
        self._limit = limit
        self._each = each
        self._unlimited = list(unlimited)
        self._clients: dict[str, _Client] = {}
        self._names: dict[Droppable, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def admit(self, connection: Droppable, address: str | None) -> bool:
        """Whether there is room for it, be it that of a connection that waits; if so, it is open now."""
        name = client_of(address)
        client = self._clients.get(name, _Client())
        if self._each and client.open >= self._each and not self._is_unlimited(name) and not self._drop_one(client):
            return False
        if len(self) >= self._limit and not self._drop_one(self._busiest()):
            return False
        self._clients.setdefault(name, client).open += 1
        self._names[connection] = name
        return True

    def waits(self, connection: Droppable) -> None:
        """The connection waits for its client from now on."""
        if connection in self._names:
            waiting = self._clients[self._names[connection]].waiting
            waiting.pop(connection, None)
            waiting[connection] = None

    def works(self, connection: Droppable) -> None:
        """The connection does not wait for its client: the next step is ours."""
        if connection in self._names:
            self._clients[self._names[connection]].waiting.pop(connection, None)

    def gone(self, connection: Droppable) -> None:
        """The connection is no more."""
        name = self._names.pop(connection, None)
        if name is None:
            return
        client = self._clients[name]
        client.waiting.pop(connection, None)
        client.open -= 1
        if not client.open:
            del self._clients[name]

    def _drop_one(self, client: _Client | None) -> bool:
        connection = next(iter(client.waiting), None) if client else None
        if connection is None:
            return False
        self.gone(connection)
        connection.drop()
        return True

    def _busiest(self) -> _Client | None:
        """The client with the most connections, of those that have one to drop."""
        return max(
            (client for client in self._clients.values() if client.waiting),
            key=lambda client: client.open,
            default=None,
        )

    def _is_unlimited(self, name: str) -> bool:
        if not self._unlimited or name == UNKNOWN:
            return False
        network = ipaddress.ip_network(name)
        return any(
            network.version == unlimited.version and network.overlaps(unlimited) for unlimited in self._unlimited
        )
