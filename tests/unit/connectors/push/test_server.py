import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.push.server import require_protection, startup_message
from pipeline import access_tokens
from pipeline.errors import SettingsError
from pipeline.settings import Settings
from tests.thorough import examples
from tests.unit.connectors.endpoint import Broker, endpoint

pytestmark = pytest.mark.anyio

TOKEN = {"Authorization": "Bearer word"}
RECORD = {"url": "https://news.test/1", "body": "He said so."}


async def posting(body: bytes, headers: dict[str, str], broker: Broker | None = None, **changes: Any) -> httpx.Response:
    async with endpoint(broker or Broker(), **changes) as http:
        return await http.post("/articles", content=body, headers=headers)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"push_token": "word"}, "at http://127.0.0.1:8766/articles; it wants a token; no WebSub hubs are asked."),
        ({"push_secret": "word", "push_host": "::1"}, "at http://[::1]:8766/articles; it wants a signed body;"),
        (
            {"push_token": "word", "push_secret": "word", "push_url": "https://ana:word@news.test/w"},
            "it wants a token or a signed body; hubs reach it at https://ana:********@news.test/w.",
        ),
    ],
)
def test_first_line_of_its_log(changes: dict[str, str], says: str) -> None:
    line = startup_message(Settings.model_validate({"connectors": changes}))
    assert line.startswith("The push endpoint listens at http://")
    assert says in line
    assert "word" not in line


async def test_one_article_is_accepted_when_the_broker_has_it() -> None:
    broker = Broker()
    answer = await posting(json.dumps(RECORD).encode(), TOKEN, broker)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert answer.json()["ids"] == [broker.articles[0].id]


async def test_many_articles_as_json_lines_and_bad_ones_named() -> None:
    broker = Broker()
    answer = await posting(b'{"text":"a"}\nnonsense\n{"text":"b"}\n', TOKEN, broker)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert "push:2" in answer.json()["problems"][0]
    assert [article.body for article in broker.articles] == ["a", "b"]


@pytest.mark.parametrize("date", [b"9" * 309, b"1e400", b'"%s"' % (b"9" * 309), b'"0001-01-01T00:00:00+14:00"'])
@pytest.mark.guarantee("any-date")
async def test_a_date_that_is_none_costs_no_line(date: bytes) -> None:
    broker = Broker()
    body = b'{"text":"a"}\n{"text":"b","published":%s}\n{"text":"c"}\n' % date
    answer = await posting(body, TOKEN, broker)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["problems"]) == (202, 3, [])
    assert [article.body for article in broker.articles] == ["a", "b", "c"]


@pytest.mark.guarantee("push-accepted")
async def test_nothing_is_accepted_while_the_broker_is_away() -> None:
    broker = Broker()
    broker.away = True
    answer = await posting(json.dumps(RECORD).encode(), TOKEN, broker)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Kafka" in answer.json()["detail"]


async def test_an_article_the_broker_refuses_is_not_accepted() -> None:
    broker = Broker()
    broker.refused = ["https://news.test/1: too large."]
    assert (await posting(json.dumps(RECORD).encode(), TOKEN, broker)).status_code == 422


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "word"}, {"X-Hub-Signature-256": "sha256="}]
)
async def test_without_the_right_token_nothing_is_read(headers: dict[str, str]) -> None:
    broker = Broker()
    assert (await posting(json.dumps(RECORD).encode(), headers, broker)).status_code == 401
    assert broker.articles == []


async def test_a_token_that_may_push_does_and_a_readers_does_not(tmp_path: Path) -> None:
    body, file = json.dumps(RECORD).encode(), tmp_path / "tokens"
    (push, push_line), (read, read_line) = (
        access_tokens.create(scope, [access_tokens.Scope(scope)]) for scope in ("push", "read")
    )
    file.write_text(f"{push_line}\n{read_line}\n")
    only: dict[str, Any] = {"push_token": None, "push_tokens_file": file}
    assert (await posting(body, {"Authorization": f"Bearer {push}"}, **only)).status_code == 202
    for wrong in (read, push_line.split()[-1], "word", ""):
        assert (await posting(body, {"Authorization": f"Bearer {wrong}"}, **only)).status_code == 401
    with pytest.raises(SettingsError, match="PUSH_TOKENS_FILE"):
        await posting(body, {}, push_tokens_file=tmp_path / "missing")


async def test_a_push_token_taken_away_is_shut_out(tmp_path: Path) -> None:
    body, file = json.dumps(RECORD).encode(), tmp_path / "tokens"
    token, line = access_tokens.create("wire", [access_tokens.Scope.PUSH])
    file.write_text(line)

    async def work() -> list[int]:
        statuses = []
        async with endpoint(Broker(), push_token=None, push_tokens_file=file) as http:
            for text in (line, access_tokens.create("other", [access_tokens.Scope.PUSH])[1] + "\n", "nonsense"):
                file.write_text(text)
                answer = await http.post("/articles", content=body, headers={"Authorization": f"Bearer {token}"})
                statuses.append(answer.status_code)
        return statuses

    assert await work() == [202, 401, 503]


async def test_a_signature_does_instead_of_the_token() -> None:
    body = json.dumps(RECORD).encode()
    good = "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
    only: dict[str, Any] = {"push_token": None, "push_secret": SecretStr("key")}
    assert (await posting(body, {"X-Hub-Signature-256": good}, **only)).status_code == 202
    assert (await posting(body + b" ", {"X-Hub-Signature-256": good}, **only)).status_code == 401
    assert (await posting(body, {"X-Hub-Signature-256": good.replace("sha256", "sha1")}, **only)).status_code == 401
    assert (await posting(body, {"Authorization": "Bearer "}, **only)).status_code == 401


async def test_lone_surrogates_in_any_field_are_replaced() -> None:
    broker = Broker()
    bad = "a\ud800b"
    fields = ("body", "headline", "byline", "language", "url", "id", "canonical_url", "tags")
    record = {**dict.fromkeys(fields, bad), "source": {"id": bad, "name": bad, "domain": bad}, "raw": {bad: bad}}
    assert (await posting(json.dumps(record).encode(), TOKEN, broker)).status_code == 202
    assert "a?b" in broker.articles[0].model_dump_json()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b"\xff", b'{"text":""}', b"[" * 4000])
async def test_a_body_without_articles_is_said(body: bytes) -> None:
    answer = await posting(body, TOKEN)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_a_body_over_the_limit_is_refused() -> None:
    assert (await posting(b"x" * 6000, TOKEN)).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield b"x" * 100

    async def work() -> int:
        async with endpoint(Broker()) as http:
            return (await http.post("/articles", content=chunks(), headers=TOKEN)).status_code

    assert await work() == 413


FIELDS = ["text", "body", "url", "published", "author", "source", "id", "raw", "title"]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        st.binary(max_size=300),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
async def test_whatever_is_pushed_is_taken_or_refused(body: bytes) -> None:
    assert (await posting(body, TOKEN, push_max_bytes=10**6)).status_code in (202, 422)


def test_an_endpoint_that_anybody_could_write_to_is_not_started() -> None:
    with pytest.raises(SettingsError, match="PUSH_TOKEN"):
        require_protection(Settings())


async def test_a_body_may_be_packed_and_a_bomb_is_refused() -> None:
    body = gzip.compress(json.dumps(RECORD).encode())
    packed = TOKEN | {"Content-Encoding": "gzip"}
    assert (await posting(body, packed)).status_code == 202
    assert (await posting(gzip.compress(b"\0" * 100_000), packed)).status_code == 413
    assert (await posting(b"not packed", packed)).status_code == 415
    assert (await posting(body, TOKEN | {"Content-Encoding": "lzw"})).status_code == 415


async def test_only_ids_of_articles_that_the_broker_has_are_answered() -> None:
    broker = Broker()
    broker.refused = ["The first: too large."]
    answer = await posting(b'{"text":"a"}\n{"text":"b"}\n', TOKEN, broker)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert answer.json()["ids"] == [broker.articles[1].id]
    assert answer.json()["problems"] == broker.refused


async def test_what_a_stranger_sends_is_not_even_read() -> None:
    sent: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(40):
            sent.append(number)
            yield b"x" * 100

    async def work() -> int:
        async with endpoint(Broker()) as http:
            return (await http.post("/articles", content=chunks(), headers={"Authorization": "Bearer no"})).status_code

    assert await work() == 401
    assert sent == []
