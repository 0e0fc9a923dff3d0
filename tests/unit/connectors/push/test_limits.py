"""What pushes may hold and cost, and what they tell."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import ClientDisconnect, Request

from connectors.parsing import json_record
from connectors.publisher import DeliveryReport
from connectors.push import server
from connectors.push.request_body import BodyBudget, BudgetExceeded, TooLarge
from pipeline.errors import BrokerUnavailable
from pipeline.models import Article
from tests.unit.connectors.endpoint import Broker, endpoint

pytestmark = pytest.mark.anyio

TOKEN = {"Authorization": "Bearer word"}
SIGNED: dict[str, Any] = {"push_token": None, "push_secret": SecretStr("key"), "push_max_signed_bytes": 2000}


def signature(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()}


async def posting(
    body: bytes, headers: dict[str, str] = TOKEN, broker: Broker | None = None, **changes: Any
) -> httpx.Response:
    async with endpoint(broker or Broker(), **changes) as http:
        return await http.post("/articles", content=body, headers=headers)


def request(*pieces: bytes, client: str = "192.0.2.7", hold: asyncio.Event | None = None, **headers: str) -> Request:
    """A request whose body comes in these pieces, and stops there where it is held."""
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        if not waiting and hold is not None:
            await hold.wait()
            return {"type": "http.disconnect"}
        piece = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": piece, "more_body": bool(waiting) or hold is not None}

    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": sent, "client": (client, 1)}, receive)


async def body_of(budget: BodyBudget, given: Request, limit: int = 100) -> bytes:
    async with budget.body(given, limit) as body:
        return body


async def test_a_body_is_held_until_its_request_is_done() -> None:
    budget = BodyBudget(10, 10)
    async with budget.body(request(b"abc", b"def"), 100) as body:
        assert (body, budget.held) == (b"abcdef", 6)
    assert budget.held == 0


async def test_a_body_over_the_limit_is_not_read_on() -> None:
    budget = BodyBudget(1000, 1000)
    for given in (request(b"x" * 60, b"x" * 60), request(content_length="101"), request(content_length="9" * 30)):
        with pytest.raises(TooLarge):
            await body_of(budget, given)
    assert await body_of(budget, request(b"x", content_length="²")) == b"x"
    assert budget.held == 0


async def test_half_sent_bodies_hold_no_more_than_their_clients_share() -> None:
    budget, end = BodyBudget(100, 40), asyncio.Event()
    halves = [
        asyncio.create_task(body_of(budget, request(b"x" * 15, client=f"192.0.2.{number % 2}", hold=end)))
        for number in range(20)
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert budget.held == 60
    assert await body_of(budget, request(b"x" * 40, client="192.0.2.9")) == b"x" * 40
    with pytest.raises(BudgetExceeded):
        await body_of(budget, request(b"x" * 41, client="192.0.2.9"))
    end.set()
    done = await asyncio.gather(*halves, return_exceptions=True)
    assert {type(one) for one in done} == {BudgetExceeded, ClientDisconnect}
    assert budget.held == 0


async def test_without_a_token_a_body_must_be_small() -> None:
    body = json.dumps({"text": "x" * 3000}).encode()
    answer = await posting(body, signature(body), **SIGNED)
    assert answer.status_code == 413
    assert "2000 bytes; send it with a token, in smaller parts" in answer.json()["detail"]
    small = json.dumps({"text": "x" * 1000}).encode()
    assert (await posting(small, signature(small), **SIGNED)).status_code == 202
    assert (
        await posting(body, TOKEN | signature(body), **(SIGNED | {"push_token": SecretStr("word")}))
    ).status_code == 202


async def test_where_there_is_no_room_it_is_to_be_sent_again() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"text": "'
        await asyncio.sleep(30)

    async def work() -> None:
        body = json.dumps({"text": "x" * 1900}).encode()
        async with endpoint(Broker(), **SIGNED) as http:
            half = [
                asyncio.create_task(http.post("/articles", content=slow(), headers=signature(b""))) for _ in range(3)
            ]
            await asyncio.sleep(0.2)
            answer = await http.post("/articles", content=body, headers=signature(body))
            for one in half:
                one.cancel()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 1300
        await asyncio.sleep(30)

    await work()


@pytest.mark.parametrize("error", [OverflowError("too large"), RuntimeError("secret"), RecursionError(), KeyError("x")])
@pytest.mark.guarantee("pushed-record-alone")
async def test_any_error_of_one_record_is_its_refusal_alone(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    right = json_record.to_article

    def to_article(record: Any, **given: Any) -> Article:
        if record.get("text") == "bad":
            raise error
        return right(record, **given)

    monkeypatch.setattr(json_record, "to_article", to_article)
    for body in (b'{"text":"a"}\n{"text":"bad"}\n{"text":"b"}', b'[{"text":"a"},{"text":"bad"},{"text":"b"}]'):
        broker = Broker()
        answer = await posting(body, broker=broker)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
        assert [article.body for article in broker.articles] == ["a", "b"]
        (problem,) = answer.json()["problems"]
        assert problem.startswith("push:2: ")
        assert "secret" not in problem


@pytest.mark.parametrize("bad", [b"nonsense", b"{", b"\xff", b"null", b"1", b'"', b"[" * 9000 + b"]" * 9000])
@pytest.mark.parametrize("place", range(3))
@pytest.mark.guarantee("pushed-record-alone")
async def test_a_line_that_is_no_record_costs_no_other_line(bad: bytes, place: int) -> None:
    lines = [b'{"text":"a"}', b'{"text":"b"}']
    lines.insert(place, bad)
    answer = await posting(b"\n".join(lines), push_max_bytes=10**5)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert answer.json()["problems"][0].startswith(f"push:{place + 1}: ")


@pytest.mark.parametrize("date", ["9" * 309, "-" + "9" * 309, "1e999", "0001-01-01T00:00:00+14:00", "NaN"])
async def test_a_date_that_cannot_be_costs_no_other_line(date: str) -> None:
    broker = Broker()
    for value in (date if date[-1].isdigit() and ":" not in date else f'"{date}"', f'"{date}"'):
        body = '{"text":"a"}\n{"text":"b","published":' + value + '}\n{"text":"c"}'
        answer = await posting(body.encode(), broker=broker)
        assert answer.status_code == 202
        assert answer.json()["accepted"] + len(answer.json()["problems"]) == 3
        assert {"a", "c"} <= {article.body for article in broker.articles}


async def test_more_articles_than_one_body_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MOST", 3)
    broker = Broker()
    assert (await posting(b'{"text":"a"}\n' * 3, broker=broker)).status_code == 202
    for body in (b'{"text":"a"}\n' * 4, b"x\n{}\n" + b'{"text":"a"}\n' * 2):
        answer = await posting(body, broker=broker)
        assert answer.status_code == 413
        assert "more than 3 articles" in answer.json()["detail"]
    assert len(broker.articles) == 3


async def test_more_values_than_memory_has_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MOST_VALUES", 100)
    assert (await posting(b"[" + b"[]," * 100 + b"[]]")).status_code == 413
    assert (await posting(b'[{"text":"a"}]')).status_code == 202


async def test_no_answer_names_an_engine_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    class Away(Broker):
        async def deliver(self, articles: list[Article]) -> DeliveryReport:
            raise BrokerUnavailable("Kafka at 10.0.0.5:9092 did not take the articles (KafkaTimeoutError).")

    class Broken(Broker):
        async def deliver(self, articles: list[Article]) -> DeliveryReport:
            raise RuntimeError("hunter2")

    away = await posting(b'{"text":"a"}', broker=Away())
    assert away.status_code == 503
    assert "10.0.0.5" not in away.text
    assert "Kafka at 10.0.0.5:9092" in caplog.text
    broken = await posting(b'{"text":"a"}', broker=Broken())
    assert broken.status_code == 500
    assert broken.json() == {"detail": "Something went wrong here; the endpoint's log says what."}
