"""Alerts while everything that sends them is killed: nothing that a saved search finds is left out or told twice."""

import random
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.alerts.book import Alerts
from pipeline.alerts.outbox import Outbox
from pipeline.settings import Settings
from tests.integration import sinks
from tests.integration.parts import Part, wait_until
from tests.integration.receivers import Receiver, mail_server, telling, webhook
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines

_ROUND = 8  # articles that are published before each kill
_QUOTES = 3  # of each article
_PATIENCE = 240.0


class Armed(Receiver):
    """A receiver that sets off a kill as it takes a message: after the message came, before its answer is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.trap = threading.Event()
        self.sprung = threading.Event()

    def receive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        status = super().receive(path, headers, body)
        if self.trap.is_set():
            self.sprung.set()
            time.sleep(0.3)  # the answer waits until the process is dead
        return status


@pytest.mark.guarantee("alerts-killed", "alerts-once")
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.faults)])
def test_killed_again_and_again_none_is_lost_none_is_twice(settings: Settings, tmp_path: Path, kills: int) -> None:
    """Two processes that match and send, and a sink; one after another is killed, half of them while they send.

    Their lease is short: on a busy machine both send at times, which changes nothing either.
    """
    rng = random.Random(kills)
    armed = Armed()
    with webhook(armed) as (_, address), mail_server() as (box, port):
        told = telling(sinks.impatient(settings), smtp_port=port, message_quotes=5)
        with elasticsearch_client.connect(told) as client:
            alerts = Alerts(client, told)
            query = {"q": "bridge", "in": ["quote"]}
            desk = alerts.add(name="desk", query=query, webhook=address, email=["desk@news.example"])
            armed.secret = desk.secret or ""
            parts = {name: _start(told, name, tmp_path) for name in ("alert-0", "alert-1", "sink")}
            wanted: list[str] = []
            try:
                for round in range(kills):
                    articles = [
                        enriched(f"a-{round}-{number}", _says(round, number), fetched=datetime.now(UTC))
                        for number in range(_ROUND)
                    ]
                    wanted += [said for number in range(_ROUND) for said in _says(round, number)]
                    armed.sprung.clear()
                    armed.trap.set()
                    sinks.publish(told, articles)
                    if round % 2:
                        time.sleep(rng.uniform(0, 2))  # at any moment
                    else:
                        assert armed.sprung.wait(_PATIENCE), "nothing is sent"
                    name = "sink" if round % 5 == 4 else _sender(client, told, parts, rng)
                    parts[name].kill()
                    armed.trap.clear()
                    parts[name] = _start(told, name, tmp_path)
                wait_until(lambda: len(set(armed.said())) == len(wanted), _PATIENCE, message="some were never told")
                wait_until(lambda: sum(alerts.waiting().values()) == 0, _PATIENCE, message="some wait")
            finally:
                for part in parts.values():
                    part.kill()
        repeats = len(armed.requests) - len(armed.messages())
        by_mail = {mail["Message-ID"]: mail.get_content() for mail in box.mails}
        mailed = sorted(line[11:-1] for text in by_mail.values() for line in text.splitlines() if "Lund: “" in line)
        print(
            f"{kills} kills: {len(wanted)} quotes in {len(armed.messages())} messages and {len(by_mail)} mails; "
            f"{repeats} messages and {len(box.mails) - len(by_mail)} mails came again with their ids"
        )
        assert armed.said() == sorted(wanted)
        assert mailed == sorted(wanted)
        assert armed.forged == 0


def _says(round: int, number: int) -> tuple[str, ...]:
    return tuple(f"Bridge {round} of {number} has part {part}." for part in range(_QUOTES))


def _start(settings: Settings, name: str, folder: Path) -> Part:
    kind = name.partition("-")[0]
    return Part(settings, kind, folder / f"{name}.log", more=["run"] if kind == "alert" else [])


def _sender(client: Elasticsearch, settings: Settings, parts: dict[str, Part], rng: random.Random) -> str:
    """The process that sends now; any of both where nobody does."""
    process = Outbox(client, settings).holder().split(":")[1:2]
    senders = [name for name, part in parts.items() if process == [str(part.process.pid)]]
    return senders[0] if senders else rng.choice(["alert-0", "alert-1"])


def test_the_index_of_deliveries_holds_no_text(settings: Settings) -> None:
    with elasticsearch_client.connect(settings) as client:
        Outbox(client, settings).prepare()
        fields = client.indices.get_mapping(index=settings.deliveries_index)[settings.deliveries_index]["mappings"]
    assert {field["type"] for field in fields["properties"].values()} == {"keyword", "date"}
    assert fields["dynamic"] == "strict"
