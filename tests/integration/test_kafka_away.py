"""Commands while Kafka is away: a line in a moment, an answer soon, and what is not Kafka's all the same."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import kafka_client, topics
from pipeline.cli.main import main
from pipeline.errors import BrokerUnavailable
from pipeline.patience import impatient
from pipeline.settings import KafkaSettings, Settings, environment
from tests.engines import free_ports


@pytest.fixture(params=["closed", "silent"])
def away(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of no Kafka: nobody listens there, or somebody who says nothing."""
    [port] = free_ports(1)
    with socket.socket() as listening:
        if request.param == "silent":
            listening.bind(("127.0.0.1", port))
            listening.listen(50)
        yield f"127.0.0.1:{port}"


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real waits are seconds; one test waits them out."""
    monkeypatch.setattr(kafka_client, "_CONNECT", 0.6)
    monkeypatch.setattr(kafka_client, "_SILENCE", 0.2)


COMMANDS = [
    ["dlq", "list"],
    ["dlq", "show", "0-1"],
    ["dlq", "stats"],
    ["dlq", "replay", "--every"],
    ["dlq", "discard", "--every"],
    ["reenrich", "--every"],
    ["reindex"],
    ["ingest", "FILE"],
]


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.guarantee("kafka-away")
def test_a_command_says_that_it_waits_and_that_kafka_is_away(
    settings: Settings,
    away: str,
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "one.txt").write_text("“Hear me,” he said.")
    command = [str(tmp_path / "one.txt") if word == "FILE" else word for word in command]
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WHOSAID_KAFKA__BOOTSTRAP_SERVERS", away)
    began = time.monotonic()
    assert main(command) == BrokerUnavailable.exit_code
    assert time.monotonic() - began < 5
    err = " ".join(capsys.readouterr().err.split())
    assert f"Waiting for Kafka at {away} …" in err
    assert f"whosaid: Kafka does not answer at {away}" in err


@pytest.mark.guarantee("kafka-away")
def test_status_answers_within_ten_seconds_and_shows_the_rest(
    settings: Settings, away: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WHOSAID_KAFKA__BOOTSTRAP_SERVERS", away)
    monkeypatch.setenv("COLUMNS", "200")
    began = time.monotonic()
    assert main(["status"]) == BrokerUnavailable.exit_code
    assert time.monotonic() - began < 10
    shown = capsys.readouterr()
    assert f"Waiting for Kafka at {away} …" in shown.err
    lines = {line.split("  ")[0]: line for line in shown.out.splitlines()}
    assert "does not answer" in lines["Kafka"]
    assert "runs" in lines["Elasticsearch"]
    assert f"✗ Kafka does not answer at {away}" in shown.out


def test_the_line_comes_within_three_seconds(away: str) -> None:
    told: list[float] = []
    began = time.monotonic()
    one = Settings(kafka=KafkaSettings(bootstrap_servers=away, request_timeout=4))
    with impatient(lambda _: told.append(time.monotonic() - began)), pytest.raises(BrokerUnavailable):
        kafka_client.admin(one)
    assert len(told) == 1
    assert told[0] < 3


def test_a_kafka_that_answers_is_not_spoken_of(settings: Settings) -> None:
    told: list[str] = []
    with impatient(told.append):
        kafka_client.ensure_topics(settings, topics.all_topics(settings))
        kafka_client.producer(settings).close()
        kafka_client.lag(settings, topics.sink_group(settings), topics.enriched(settings).name)
    assert told == []


@pytest.mark.usefixtures("_quick")
def test_parts_wait_as_long_as_the_settings_say(away: str) -> None:
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        kafka_client.consumer(Settings(kafka=KafkaSettings(bootstrap_servers=away, request_timeout=2)))
    assert time.monotonic() - began >= 2
