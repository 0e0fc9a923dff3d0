"""A stand-in for the world outside: every public address leads to a server of the test, a refused one nowhere."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore

from connectors.web.client import Client
from pipeline.settings import ConnectorSettings
from pipeline.web_addresses import refusal
from tests.fixtures.simulator.server import Handler, Server


class Redirected(httpcore.AsyncNetworkBackend):
    """Takes the connections that were allowed to the server; the addresses are kept."""

    def __init__(self, port: int) -> None:
        self.port, self.connected = port, list[str]()
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        return await self._backend.connect_tcp("127.0.0.1", self.port, *rest, **named)


@asynccontextmanager
async def outside(
    handler: Handler, resolve: Callable[[str], list[str]], **changes: Any
) -> AsyncIterator[tuple[Server, Client, Redirected]]:
    """A server, a client with private addresses refused, and the connections that it really made."""

    async def resolver(host: str, port: int) -> list[str]:
        return resolve(host)

    given = ConnectorSettings(**{"host_interval": 0, "timeout": 3, "total_timeout": 5} | changes)
    async with Server(handler) as server, Client(given, resolver=resolver) as client:
        backend = Redirected(server.port)
        client._client._transport._pool._network_backend._backend = backend  # type: ignore[attr-defined]
        yield server, client, backend
        assert not any(refusal(address) for address in backend.connected)
