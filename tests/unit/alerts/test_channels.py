"""Webhooks and mails as they leave: to public addresses alone, within a time, and what fails is one sentence."""

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts.channels import Channels
from pipeline.alerts.messages import headers
from pipeline.alerts.models import Channel, new_secret
from pipeline.settings import AlertSettings, Settings
from tests.unit.alerts.test_messages import AT, QUOTE, search

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"


@asynccontextmanager
async def answering(answer: bytes, seconds: float = 0) -> Any:
    """A server that answers so, and the requests that it got."""
    got: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            got.append(await reader.readuntil(b"\r\n\r\n"))
            await asyncio.sleep(seconds)
            writer.write(answer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


async def post(address: str, **settings: Any) -> str | None:
    async def resolver(host: str, port: int) -> list[str]:
        return {"hooks.example": ["127.0.0.1"]}.get(host, [host])

    alerts = AlertSettings(timeout=0.3, **settings)
    async with Channels(Settings(alerts=alerts), resolver=resolver) as channels:
        saved = search(webhook=address, secret=new_secret())
        return (await channels.send(Channel.WEBHOOK, saved, "msg_1", [QUOTE], at=AT)).failure


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{}/", "http://hooks.example:{}/", "http://[::1]:{}/", "http://169.254.169.254/"]
)
async def test_private_addresses_are_refused(address: str) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (port, got):
        failure = await post(address.format(port))
        assert "WHOSAID_ALERTS__ALLOW_PRIVATE_ADDRESSES" in str(failure)
        assert got == []


@pytest.mark.parametrize(
    ("answer", "seconds", "sentence"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0, None),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", 0, "final address"),
        (b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", 0, "status 500"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000, 0, None),
        (b"\x00\xff no HTTP\r\n\r\n", 0, "does not answer as HTTP has it"),
        (b"", 0, "hung up before it answered"),
        (b"HTTP/1.1 200 OK\r\n\r\n", 1, "did not answer within 0.3 seconds"),
    ],
)
async def test_an_answer_is_judged_by_its_status(answer: bytes, seconds: float, sentence: str | None) -> None:
    async with answering(answer, seconds) as (port, got):
        failure = await post(f"http://hooks.example:{port}/x?key=geheim", allow_private_addresses=True)
        assert (failure is None) == (sentence is None), failure
        assert (sentence or "") in (failure or "")
        assert "geheim" not in (failure or "")
        assert b"webhook-signature: v1," in got[0].lower()
        assert len(got) == 1


async def test_without_a_mail_server_a_mail_fails_with_the_setting() -> None:
    async with Channels(Settings()) as channels:
        outcome = await channels.send(Channel.EMAIL, search(), "msg_1", [QUOTE], at=AT)
    assert "WHOSAID_ALERTS__SMTP_HOST" in str(outcome.failure)


async def test_a_mail_server_that_refuses_is_told_in_a_sentence() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 Go away\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        alerts = AlertSettings(smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", timeout=5)
        async with Channels(Settings(alerts=alerts)) as channels:
            outcome = await channels.send(Channel.EMAIL, search(), "msg_1", [QUOTE], at=AT)
    assert outcome.failure == f"127.0.0.1:{port} answers 554 Go away."


def test_the_example_of_the_page_checks_signatures() -> None:
    code = PAGE.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    check: Callable[..., bool] = names["check"]
    secret, body, seen = new_secret(), b'{"type": "quotes.found"}', set[str]()
    now = int(time.time())
    given = headers(secret, "msg_1", now, body)
    assert not check(secret, given, body + b" ", seen)
    assert not check(new_secret(), given, body, seen)
    assert not check(secret, headers(secret, "msg_1", now - 600, body), body, seen)
    assert check(secret, given, body, seen)
    assert not check(secret, given, body, seen), "it came before"
