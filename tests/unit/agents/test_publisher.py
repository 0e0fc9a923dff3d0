"""Publishing until the broker has it."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from faust.exceptions import ProducerSendError

from pipeline.agents import publisher
from pipeline.agents.publisher import EventPublisher, EventTooLarge

pytestmark = pytest.mark.anyio


class Producer:
    """Fails as often as there are errors, at once or when the broker answers; then takes everything."""

    def __init__(self, *errors: BaseException, at_once: bool = False) -> None:
        self.errors = list(errors)
        self.at_once = at_once
        self.taken: list[tuple[Any, ...]] = []

    async def send(self, *event: Any) -> Awaitable[Any]:
        answer = asyncio.get_running_loop().create_future()
        if self.errors:
            error = self.errors.pop(0)
            if self.at_once:
                raise ProducerSendError("Error while sending") from error
            answer.set_exception(error)
        else:
            self.taken.append(event)
            answer.set_result(None)
        return answer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(publisher, "LONGEST_PAUSE", 0.002)


async def test_an_event_goes_with_its_key_and_headers() -> None:
    producer = Producer()
    await EventPublisher(producer).publish("topic", b"key", b"value", [("name", b"x")])
    assert producer.taken == [("topic", b"key", b"value", None, None, [("name", b"x")])]


async def test_while_kafka_is_away_it_tries_on_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    producer = Producer(*[KafkaConnectionError("gone")] * 20)
    await EventPublisher(producer).publish("topic", b"key", b"value", [])
    assert len(producer.taken) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "again" in caplog.records[1].getMessage()


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_event_too_large_for_client_or_broker_is_refused(at_once: bool) -> None:
    producer = Producer(MessageSizeTooLargeError("too large"), at_once=at_once)
    with pytest.raises(EventTooLarge, match="MessageSizeTooLarge"):
        await EventPublisher(producer).publish("topic", b"key", b"value", [])
    assert producer.taken == []


@pytest.mark.parametrize("error", [TypeError("int"), UnicodeEncodeError("utf-8", "", 0, 1, "surrogates")])
async def test_what_fits_in_no_event_is_refused(error: Exception) -> None:
    class Strict:
        async def send(self, *event: Any) -> Awaitable[Any]:
            raise error

    with pytest.raises(EventTooLarge, match=type(error).__name__):
        await asyncio.wait_for(EventPublisher(Strict()).publish("topic", b"key", b"value", []), 5)


@pytest.mark.guarantee("machine-error")
async def test_a_certificate_that_is_not_trusted_is_no_events_fault() -> None:
    producer = Producer(ssl.SSLCertVerificationError("self-signed"))  # it is a ValueError, too
    await EventPublisher(producer).publish("topic", b"key", b"value", [])
    assert len(producer.taken) == 1


async def test_other_errors_of_the_client_are_no_refusals() -> None:
    producer = Producer(KafkaConnectionError("gone"), at_once=True)
    await EventPublisher(producer).publish("topic", b"key", b"value", [])
    assert len(producer.taken) == 1


async def test_it_does_not_return_before_the_broker_has_acknowledged() -> None:
    answer = asyncio.get_running_loop().create_future()

    class Slow:
        async def send(self, *event: Any) -> Awaitable[Any]:
            return answer

    publishing = asyncio.create_task(EventPublisher(Slow()).publish("topic", b"key", b"value", []))
    await asyncio.sleep(0.02)
    assert not publishing.done()
    answer.set_result(None)
    await asyncio.wait_for(publishing, 1)


async def test_an_event_with_neither_key_nor_value_can_be_kept_too() -> None:
    producer = Producer()
    await EventPublisher(producer).publish("topic", None, None, [])
    assert producer.taken[0][1:3] == (None, b"")
