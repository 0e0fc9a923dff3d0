"""A server with short limits, and clients that do not keep to them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from pipeline.errors import SettingsError
from pipeline.server import serving
from pipeline.settings import ServerSettings, load

pytestmark = pytest.mark.anyio

HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: "
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
LARGE = 30_000_000

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Answers who asked, once the body is there; /large with many bytes, /slow when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.disconnected = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await Request(scope, receive).body()
        except ClientDisconnect:
            self.disconnected += 1
            return
        if scope["path"] == "/slow":
            await self.let.wait()
        body = b"x" * LARGE if scope["path"] == "/large" else str(scope["client"][0]).encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving_with(**limits: Any) -> AsyncIterator[tuple[App, Callable[..., Awaitable[Stream]]]]:
    """The application behind a server with these limits, and how to connect to it from an address."""
    app = App()
    given = {"header_timeout": 0.2, "body_timeout": 0.2, "send_timeout": 0.2} | limits
    with serving.listen("127.0.0.1", 0, variables="WHOSAID_SEARCH__") as listening:
        port = listening.getsockname()[1]
        task = asyncio.create_task(serving.serve(app, listening, ServerSettings(**given)))
        streams: list[Stream] = []

        async def connect(data: bytes = b"", address: str = "127.0.0.1") -> Stream:
            streams.append(await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0), limit=1000))
            streams[-1][1].write(data)
            return streams[-1]

        try:
            yield app, connect
        finally:
            for _, writer in streams:
                writer.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def answered(stream: Stream) -> bytes:
    """All that the server sends until it ends the connection."""
    with suppress(ConnectionError):
        return await stream[0].read()
    return b""


def run(work: Coroutine[Any, Any, None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(within())


@pytest.mark.parametrize("begun", [HALF, BODY, b"POST / HTTP/1.1\r\n"])
async def test_a_request_that_stays_half_sent_is_told_so(begun: bytes) -> None:
    async with serving_with() as (app, connect):
        assert (await answered(await connect(begun))).startswith(b"HTTP/1.1 408")
        assert app.disconnected == (begun == BODY)


@pytest.mark.parametrize("begun", [HALF, BODY])
async def test_a_request_that_drips_is_ended(begun: bytes) -> None:
    async with serving_with() as (_, connect):
        stream = await connect(begun)

        async def drip() -> None:
            while True:
                stream[1].write(b"x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        await answered(stream)
        dripping.cancel()


async def test_a_client_that_says_nothing_is_ended_in_silence() -> None:
    async with serving_with() as (_, connect):
        assert await answered(await connect()) == b""


async def test_between_two_requests_a_client_has_its_time_again() -> None:
    async with serving_with(header_timeout=0.4) as (_, connect):
        reader, writer = await connect()
        for _ in range(4):
            await asyncio.sleep(0.25)
            writer.write(WHOLE)
            assert (await reader.readuntil(b"127.0.0.1")).startswith(b"HTTP/1.1 200")
        assert await reader.read() == b""


async def test_an_answer_that_nobody_takes_is_given_up() -> None:
    async with serving_with(client_connections=1) as (_, connect):
        reader, writer = await connect(WHOLE.replace(b"/", b"/large", 1))
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        total = len(await answered((reader, writer)))
        assert total < LARGE


async def test_an_answer_in_the_making_takes_its_time() -> None:
    async with serving_with() as (app, connect):
        reader, _ = await connect(WHOLE.replace(b"/", b"/slow", 1))
        await asyncio.sleep(0.5)
        app.let.set()
        assert (await reader.readuntil(b"127.0.0.1")).startswith(b"HTTP/1.1 200")


LONG = {"header_timeout": 30, "body_timeout": 30}


@pytest.mark.parametrize("begun", [b"", HALF, BODY])
async def test_half_sent_requests_keep_nobody_out(begun: bytes) -> None:
    async with serving_with(**LONG, connections=20, client_connections=8) as (_, connect):
        for number in range(60):
            await connect(begun, f"127.0.0.{1 + number % 4}")
        for address in ("127.0.0.1", "127.0.0.9"):
            reader, _ = await connect(WHOLE, address)
            assert (await reader.readuntil(address.encode())).startswith(b"HTTP/1.1 200")


async def test_where_all_are_being_answered_a_new_one_is_told_to_wait() -> None:
    async with serving_with(**LONG, client_connections=3) as (app, connect):
        slow = [await connect(WHOLE.replace(b"/", b"/slow", 1)) for _ in range(3)]
        await asyncio.sleep(0.2)
        refused = await answered(await connect())
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"Retry-After" in refused
        reader, _ = await connect(WHOLE, "127.0.0.2")
        assert (await reader.readuntil(b"127.0.0.2")).startswith(b"HTTP/1.1 200")
        app.let.set()
        for reader, _ in slow:
            assert (await reader.readuntil(b"127.0.0.1")).startswith(b"HTTP/1.1 200")


async def seen(headers: str, **limits: Any) -> str:
    """The client that the application sees behind these headers."""
    found: list[str] = []

    async def work() -> None:
        async with serving_with(**limits) as (_, connect):
            request = f"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n\r\n"
            found.append((await answered(await connect(request.encode()))).rpartition(b"\r\n\r\n")[2].decode())

    await work()
    return found[0]


@pytest.mark.parametrize(
    "headers",
    [
        "X-Forwarded-For: 203.0.113.9",
        "Forwarded: for=203.0.113.9",
        "X-Real-IP: 203.0.113.9",
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https",
    ],
)
@pytest.mark.parametrize("proxies", ["", "10.0.0.0/8, 192.0.2.7"])
async def test_a_stranger_is_not_believed(headers: str, proxies: str) -> None:
    assert await seen(headers, trusted_proxies=proxies) == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("198.51.100.1\r\nX-Forwarded-For: 203.0.113.9", "203.0.113.9"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
async def test_a_proxy_is_believed_in_what_it_added(forwarded: str, client: str) -> None:
    assert await seen(f"X-Forwarded-For: {forwarded}", trusted_proxies="127.0.0.1, 10.0.0.0/8") == client


async def test_no_other_header_of_a_proxy_is_believed() -> None:
    """A proxy that sets one header passes the others on as its client wrote them."""
    headers = "Forwarded: for=198.51.100.1\r\nX-Real-IP: 198.51.100.1"
    assert await seen(headers, trusted_proxies="127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("value", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.0/8;192.0.2.7", "300.1.1.1"])
def test_a_proxy_that_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="WHOSAID_SERVER__TRUSTED_PROXIES has a bad value"):
        load({"WHOSAID_SERVER__TRUSTED_PROXIES": value})


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a..b", "[::1]"])
def test_an_address_of_another_machine_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match="WHOSAID_CONNECTORS__PUSH_HOST is "):
        serving.listen(host, 0, variables="WHOSAID_CONNECTORS__PUSH_")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_it_listens_by_name_and_by_address(host: str) -> None:
    with serving.listen(host, 0, variables="WHOSAID_SEARCH__") as listening:
        assert listening.getsockname()[1]


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} .*WHOSAID_CONNECTORS__PUSH_PORT"):
            serving.listen("127.0.0.1", port, variables="WHOSAID_CONNECTORS__PUSH_")
