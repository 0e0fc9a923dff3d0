"""A mail is sent once, and a mail server that is slow, endless or no mail server holds nothing up."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from pipeline.alerts import smtp
from pipeline.alerts.messages import mail
from pipeline.alerts.progress import Outcome
from pipeline.settings import AlertSettings
from tests.unit.alerts.test_messages import AT, QUOTE, search

pytestmark = pytest.mark.anyio
TIMEOUT = 0.2
GREETING, EHLO, OK, DATA, BYE = b"220 here\r\n", b"250 here\r\n", b"250 OK\r\n", b"354 Go on\r\n", b"221 Bye\r\n"
TAKEN = [GREETING, EHLO, OK, OK, DATA, OK]
"""What is answered to a mail that is accepted, up to its end."""
MAIL = mail(search(email=["desk@news.example"]), [QUOTE], id="m", sender="a@news.example", at=AT, site="https://s")


async def sent(answers: Sequence[bytes], *, endless: bytes = b"", pause: float = 0.0) -> tuple[Outcome, int]:
    """What becomes of a mail where the server answers so, and then with the endless bytes; the server's port."""

    serving: list[asyncio.Task[Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            serving.append(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            for number, answer in enumerate(answers):
                if number:
                    await reader.readuntil(b"\r\n.\r\n" if answers[number - 1] == DATA else b"\r\n")
                writer.write(answer)
            while endless:
                writer.write(endless)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = AlertSettings(smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", timeout=TIMEOUT)
        async with asyncio.timeout(20 * TIMEOUT):
            outcome = await asyncio.to_thread(smtp.send, settings, MAIL)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)
        return outcome, port


@pytest.mark.parametrize("end", [[BYE], [OK], [b"500 What?\r\n"], [], [b"no mail server\r\n"]])
async def test_a_mail_that_was_taken_is_sent_whatever_follows(end: list[bytes]) -> None:
    outcome, _ = await sent([*TAKEN, *end])
    assert outcome == Outcome()


async def test_a_mail_that_was_taken_is_sent_without_a_farewell() -> None:
    outcome, _ = await sent(TAKEN, endless=b" ", pause=TIMEOUT / 2)
    assert outcome == Outcome()


@pytest.mark.parametrize(
    ("answers", "endless", "pause", "sentence"),
    [
        ([], b"2", TIMEOUT / 2, "The mail server {} was not done within 0.8 seconds."),
        ([], b"220-x\r\n", TIMEOUT / 2, "The mail server {} was not done within 0.8 seconds."),
        ([], b"220-x\r\n", 0, "{} answers 500 an answer without an end."),
        ([], b"x" * 9000, 0, "{} answers 500 a line that is too long."),
        ([], b"", 0, "The mail server {} hung up."),
        ([GREETING, EHLO], b"", 0, "The mail server {} hung up."),
        ([b"HTTP/1.1 400 Bad Request\r\n"], b"", 0, "{} does not answer as a mail server does."),
        ([*TAKEN[:3], b"550 Who?\r\n", OK], b"", 0, "{} refuses every recipient: desk@news.example (550 Who?)"),
        ([*TAKEN[:5], b"552 Too large\r\n", OK], b"", 0, "{} answers 552 Too large."),
    ],
)
async def test_a_server_that_fails_is_told_in_a_sentence(
    answers: list[bytes], endless: bytes, pause: float, sentence: str
) -> None:
    outcome, port = await sent(answers, endless=endless, pause=pause)
    assert outcome.failure == sentence.format(f"127.0.0.1:{port}")


def test_a_server_that_nobody_knows_is_told_in_a_sentence() -> None:
    outcome = smtp.send(AlertSettings(smtp_host="mail.invalid", smtp_port=25, smtp_security="none"), MAIL)
    assert outcome.failure == "The mail server mail.invalid:25 is not known by that name."
