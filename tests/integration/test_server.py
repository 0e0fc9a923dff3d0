"""`whosaid serve` and `whosaid push` as processes, and clients that hold what they can."""

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from pipeline import access_tokens
from pipeline.cli import status, up
from pipeline.settings import Settings
from tests.integration.conftest import free_ports
from tests.integration.parts import Part, wait_until

HEADER = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: "
BODY = b"POST /articles HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=00\r\nContent-Length: %d\r\n\r\nhalf"
HALF_OPEN = 2000
MOST_SECONDS = 1.0
MOST_MEGABYTES = 60
"""What half-sent bodies may add to the push endpoint's memory: 8 × PUSH_MAX_SIGNED_BYTES, and room for the rest."""


def changed(settings: Settings, **groups: dict[str, Any]) -> Settings:
    """The settings with these fields of these groups."""
    return settings.model_copy(
        update={name: getattr(settings, name).model_copy(update=fields) for name, fields in groups.items()}
    )


@pytest.fixture(scope="module")
def served(elasticsearch_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A search service that other machines reach, by a name of its own."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "tokens").write_text(access_tokens.create("reader")[1])
    search = {"host": "0.0.0.0", "port": free_ports(1)[0], "allowed_hosts": "quotes.example"}
    search["tokens_file"] = folder / "tokens"
    slow = {"header_timeout": 600.0, "body_timeout": 600.0}
    elastic = {"url": elasticsearch_server, "prefix": "test-server"}
    chosen = changed(Settings(), search=search, server=slow, elasticsearch=elastic)
    with Part(chosen, "serve", folder / "serve.log"):
        wait_until(lambda: up._answers(f"{chosen.search_url}/healthz"))
        yield chosen


@pytest.fixture
def pushed(settings: Settings, tmp_path: Path) -> Iterator[tuple[Settings, Part]]:
    """A push endpoint with tokens and a key for signatures."""
    (tmp_path / "tokens").write_text(access_tokens.create("wire", [access_tokens.Scope.PUSH])[1])
    fields = {"push_port": free_ports(1)[0], "push_secret": SecretStr("key"), "push_tokens_file": tmp_path / "tokens"}
    chosen = changed(settings, connectors=fields, server={"header_timeout": 600.0, "body_timeout": 600.0})
    with Part(chosen, "push", tmp_path / "push.log") as part:
        wait_until(lambda: up._answers(f"http://127.0.0.1:{fields['push_port']}/healthz"))
        yield chosen, part


@contextmanager
def half_open(port: int, begun: bytes, count: int = HALF_OPEN) -> Iterator[list[socket.socket]]:
    """Connections of 127.0.0.1 and 127.0.0.2 on which no more than this is ever sent."""
    with ExitStack() as stack:
        connections = []
        for number in range(count):
            one = stack.enter_context(socket.socket())
            one.bind((f"127.0.0.{1 + number % 2}", 0))
            one.connect(("127.0.0.1", port))
            one.send(begun)
            connections.append(one)
        seconds_to_answer(port)  # by then all of them have been taken up
        yield connections


def seconds_to_answer(port: int) -> float:
    """How long /healthz takes a client of 127.0.0.1."""
    begun = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        return time.monotonic() - begun


@pytest.mark.parametrize("begun", [b"", HEADER, BODY % 4_000_000], ids=["silent", "header", "body"])
@pytest.mark.guarantee("slow-clients")
def test_healthz_answers_amid_2000_half_open_connections(served: Settings, begun: bytes) -> None:
    port = served.search.port
    with half_open(port, begun):
        took = [seconds_to_answer(port) for _ in range(3)]
    assert max(took) < MOST_SECONDS, took


@pytest.mark.guarantee("slow-clients")
def test_push_amid_half_sent_bodies_answers_and_stays_small(pushed: tuple[Settings, Part]) -> None:
    settings, part = pushed
    port, process = settings.connectors.push_port, psutil.Process(part.process.pid)
    with half_open(port, BODY % 4_000_000):
        took = [seconds_to_answer(port) for _ in range(3)]
    assert max(took) < MOST_SECONDS, took
    before = process.memory_info().rss
    with ExitStack() as stack:
        for size in (31_000_000, 4_000_000):
            for _ in range(12):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                one.settimeout(5)
                with suppress(OSError):  # it may be refused meanwhile
                    one.sendall(BODY % (size + 9) + b"x" * size)
        grown = process.memory_info().rss - before
    assert grown < MOST_MEGABYTES * 2**20


def test_push_writes_down_what_it_only_hints_at(pushed: tuple[Settings, Part]) -> None:
    settings, part = pushed
    assert settings.connectors.push_tokens_file is not None
    settings.connectors.push_tokens_file.write_text("nonsense")
    with closing(http.client.HTTPConnection("127.0.0.1", settings.connectors.push_port, timeout=10)) as connection:
        connection.request("POST", "/articles", b"{}", {"Authorization": "Bearer word"})
        answer = connection.getresponse()
        assert answer.status == 503
        assert b"log says why" in answer.read()
    assert part.terminate() == 0
    log = part.log.read_text()
    assert "ERROR connectors.push.server: Nobody gets in: WHOSAID_CONNECTORS__PUSH_TOKENS_FILE" in log
    assert "Traceback" not in log


def test_up_and_status_find_a_service_that_goes_by_another_name(served: Settings) -> None:
    assert up._answers(f"{served.search_url}/readyz")
    found = status.Status()
    status._ask_search(served, found)
    assert found.search
    assert not found.problems


@pytest.mark.parametrize("host", ["::1", "fe80::1%lo", "no host"])
def test_up_and_status_take_any_host(host: str) -> None:
    settings = changed(Settings(), search={"host": host, "port": free_ports(1)[0]})
    assert not up._answers(f"{settings.search_url}/readyz")
    found = status.Status()
    status._ask_search(settings, found)
    assert "does not answer at http://" in found.problems[0]
