"""WebSub: verification, deliveries, leases; against hubs that answer, fail and are silent."""

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from connectors.base import Context, SourceConfig
from connectors.push.websub import Renewals, callback_key, confirm, is_signature, secret, subscribe
from connectors.web.client import Client
from tests.fixtures.simulator.server import Answer, Request, Server, everywhere_local
from tests.unit.connectors.endpoint import Broker, endpoint
from tests.unit.connectors.helpers import NOW
from tests.unit.connectors.helpers import settings as made
from tests.unit.connectors.memory_store import MemoryStore

pytestmark = pytest.mark.anyio


async def subscribed() -> MemoryStore:
    store = MemoryStore()
    await store.add([SourceConfig("paper", "feed", "https://news.test/feed")], NOW)
    state = await store.get("paper")
    await store.save(
        replace(state, hub="https://hub.test/", topic="https://news.test/rss", due=NOW + timedelta(days=1)),
        release=True,
    )
    return store


async def verifying(**changes: str) -> tuple[httpx.Response, MemoryStore]:
    query = {
        "hub.mode": "subscribe",
        "hub.topic": "https://news.test/rss",
        "hub.challenge": "c0de",
        "hub.lease_seconds": "3600",
    }
    store = await subscribed()
    async with endpoint(Broker(), store) as http:
        source = changes.pop("source", "paper")
        key = changes.pop("key", callback_key(made(push_token=SecretStr("word")), source))
        return await http.get(f"/websub/{source}/{key}", params=query | changes), store


async def test_a_hub_that_verifies_us_gets_its_challenge_back() -> None:
    answer, store = await verifying()
    assert (answer.status_code, answer.text) == (200, "c0de")
    assert (await store.get("paper")).subscribed_until == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.topic": "https://evil.test/"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": "denied"},
        {"hub.challenge": ""},
        {"source": "other"},
        {"key": "guessed"},
    ],
)
async def test_a_subscription_that_is_not_ours_is_not_verified(changes: dict[str, str]) -> None:
    answer, store = await verifying(**changes)
    assert answer.status_code == 404
    assert (await store.get("paper")).subscribed_until is None


HEADER = "X-Hub-Signature-256"


async def delivering(
    signature: str | None, body: bytes = b"<rss/>", header: str = HEADER, method: str = "sha256", key: str = ""
) -> tuple[int, bool]:
    store = await subscribed()
    async with endpoint(Broker(), store) as http:
        given = made(push_token=SecretStr("word"))
        good = f"{method}=" + hmac.new(secret(given, "paper").encode(), b"<rss/>", method).hexdigest()
        headers = {header: good if signature is None else signature}
        path = f"/websub/paper/{key or callback_key(given, 'paper')}"
        answer = await http.post(path, content=body, headers=headers)
        return answer.status_code, (await store.get("paper")).due == NOW


async def test_a_signed_delivery_makes_the_source_due_at_once() -> None:
    assert await delivering(None) == (202, True)
    assert await delivering("sha256=00") == (202, False)
    assert await delivering("") == (202, False)
    assert await delivering(None, body=b"<rss>changed</rss>") == (202, False)
    assert await delivering(None, key="guessed") == (404, False)


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_every_signature_of_the_standard_is_understood(method: str) -> None:
    assert await delivering(None, header="X-Hub-Signature", method=method) == (202, True)
    assert await delivering(None, header="X-Hub-Signature", method=method, body=b"x") == (202, False)


async def test_signatures_by_methods_that_hide_nothing_are_not() -> None:
    assert await delivering(None, header="X-Hub-Signature", method="md5") == (202, False)
    assert await delivering("crc32=00", header="X-Hub-Signature") == (202, False)


async def test_a_delivery_for_a_source_we_forgot_tells_the_hub_to_stop() -> None:
    async def work() -> int:
        async with endpoint(Broker()) as http:
            key = callback_key(made(push_token=SecretStr("word")), "gone")
            return (await http.post(f"/websub/gone/{key}", content=b"x")).status_code

    assert await work() == 410


async def test_a_subscription_is_asked_for_with_our_address_and_secret() -> None:
    async def work() -> dict[str, str]:
        async with Server(lambda _: Answer(202)) as server:
            given = made(push_url="https://me.test/in/", push_token=SecretStr("word"))
            async with Client(given.connectors, resolver=everywhere_local) as client:
                store = await subscribed()
                state = replace(await store.get("paper"), hub=server.url("/hub"))
                await subscribe(state, Context(given, client))
            return dict(httpx.QueryParams(server.requests[0].body.decode()))

    form = await work()
    key = callback_key(made(push_token=SecretStr("word")), "paper")
    assert form["hub.callback"] == f"https://me.test/in/websub/paper/{key}"
    assert len(key) == 32
    assert (form["hub.mode"], form["hub.topic"]) == ("subscribe", "https://news.test/rss")
    assert len(form["hub.secret"]) == 64


async def test_leases_are_renewed_and_silent_hubs_asked_more_rarely() -> None:
    """Three hubs: one that answers, one that is broken, one that never verifies. None keeps the others waiting."""

    async def work() -> dict[str, list[float]]:
        now = [NOW]
        asked: dict[str, list[float]] = {"good": [], "broken": [], "silent": []}
        store = MemoryStore()

        async def hub(request: Request) -> Answer:
            name = request.path.strip("/")
            asked[name].append((now[0] - NOW).total_seconds() / 3600)
            if name == "broken":
                return Answer(500)
            if name == "good":  # a real hub asks back a moment later
                state = await store.get("good")
                await confirm(state, store, now[0], "subscribe", "https://news.test/rss", "c", "86400")
            return Answer(202)

        async with Server(hub) as server:
            given = made(push_url="https://me.test/", push_token=SecretStr("word"))
            async with Client(given.connectors, resolver=everywhere_local) as client:
                await store.add([SourceConfig(name, "feed", f"https://news.test/{name}") for name in asked], NOW)
                for name in asked:
                    state = replace(await store.get(name), hub=server.url(f"/{name}"), topic="https://news.test/rss")
                    await store.save(state, release=True)
                renewals = Renewals(Context(given, client, now=lambda: now[0]))
                for _ in range(2 * 24 * 6):  # two days, every ten minutes
                    await renewals.renew(await store.all())
                    now[0] += timedelta(minutes=10)
        return asked

    asked = await work()
    assert len(asked["good"]) == 4  # a lease of a day, renewed twelve hours before it ends
    assert asked["good"][1] == pytest.approx(12, abs=0.5)
    for hours in (asked["broken"], asked["silent"]):
        assert 5 <= len(hours) <= 10
        assert hours[-1] - hours[-2] > 4 * (hours[1] - hours[0])


async def test_without_secrets_no_delivery_is_believed() -> None:
    """With a file of tokens alone, what a stranger can work out as well must not count."""

    async def work() -> tuple[int, bool]:
        store = await subscribed()
        open_to_all = made(push_token=None)
        async with endpoint(Broker(), store, push_token=None) as http:
            key, body = secret(open_to_all, "paper"), b"<rss/>"
            signature = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
            path = f"/websub/paper/{callback_key(open_to_all, 'paper')}"
            answer = await http.post(path, content=body, headers={"X-Hub-Signature-256": signature})
            return answer.status_code, (await store.get("paper")).due == NOW

    assert await work() == (404, False)


def test_secrets_differ_by_source_and_signatures_by_key() -> None:
    given = made(push_token=SecretStr("word"))
    assert secret(given, "a") != secret(given, "b")
    assert is_signature(b"x", "sha256=" + hmac.new(b"k", b"x", hashlib.sha256).hexdigest().upper(), "k")
    assert not is_signature(b"x", "é", "k")
