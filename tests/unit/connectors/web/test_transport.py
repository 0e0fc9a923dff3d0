"""HTTP/2 and certificates, against a server that speaks both over TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from connectors.web.client import Client
from pipeline.errors import SourceError
from pipeline.settings import ConnectorSettings
from tests.fixtures.simulator.server import everywhere_local

pytestmark = pytest.mark.anyio

AUTHORITY = trustme.CA()


async def _speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: list[str]) -> None:
    """Answers requests in HTTP/2, each with its own path."""
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    while data := await reader.read(65_536):
        for event in connection.receive_data(data):
            if isinstance(event, RequestReceived):
                path = dict(event.headers)[b":path"]
                asked.append(path.decode())
                fields = [(":status", "200"), ("content-type", "text/plain"), ("etag", '"2"'), ("set-cookie", "a=b")]
                connection.send_headers(event.stream_id, fields)
                connection.send_data(event.stream_id, path, end_stream=True)
        writer.write(connection.data_to_send())


@asynccontextmanager
async def secure(name: str, *protocols: str) -> AsyncIterator[tuple[int, list[str]]]:
    """A TLS server with a certificate for the name; its port and the paths that were asked for over HTTP/2."""
    asked: list[str] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(name).configure_cert(context)
    context.set_alpn_protocols(list(protocols))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spoken = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        try:
            if spoken == "h2":
                await _speak(reader, writer, asked)
            else:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold")
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1], asked
    server.close()


def client() -> Client:
    trusting = ssl.create_default_context()
    AUTHORITY.configure_trust(trusting)
    given = ConnectorSettings(allow_private_addresses=True, obey_robots=False, host_interval=0, timeout=5)
    return Client(given, resolver=everywhere_local, certificates=trusting)


async def test_http_2_is_spoken_where_the_server_has_it() -> None:
    async with secure("news.test", "h2", "http/1.1") as (port, asked), client() as one:
        first = await one.get(f"https://news.test:{port}/1")
        assert (first.status, first.body, first.validators.etag) == (200, b"/1", '"2"')
        await asyncio.gather(*(one.get(f"https://news.test:{port}/{number}") for number in range(2, 8)))
        assert sorted(asked) == [f"/{number}" for number in range(1, 8)]
        connections = one._client._transport._pool.connections  # type: ignore[attr-defined]
        assert len(connections) == 1
        assert "HTTP/2" in repr(connections[0])


async def test_http_1_is_spoken_where_the_server_has_no_other() -> None:
    async def work() -> bytes:
        async with secure("news.test", "http/1.1") as (port, _), client() as one:
            return (await one.get(f"https://news.test:{port}/")).body

    assert await work() == b"old"


async def test_a_certificate_for_another_name_is_refused() -> None:
    async with secure("other.test", "h2") as (port, asked), client() as one:
        with pytest.raises(SourceError, match="cannot be reached"):
            await one.get(f"https://news.test:{port}/")
        assert asked == []
