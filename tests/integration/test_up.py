"""`whosaid up`: from nothing to a table of who said what, with engines of its own, and a clean stop."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from pipeline.cli.supervisor import PARTS
from pipeline.settings import MetricsSettings, SearchSettings, Settings
from tests.engines import free_ports, free_ports_in_a_row
from tests.integration.parts import COMMAND, env, wait_until, whosaid


@pytest.fixture
def own(engine_settings: Settings) -> Settings:
    """Settings for engines of the test's own, and a free port for the search service."""
    return engine_settings.model_copy(update={"search": SearchSettings(port=free_ports(1)[0])})


def test_up_once_feeds_the_samples_prints_them_and_stops(own: Settings) -> None:
    done = whosaid(own, "up", "--once", timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Who said what in" in done.stdout
    assert f"http://127.0.0.1:{own.search.port}/" in done.stdout
    assert "Traceback" not in done.stderr
    with socket.socket() as kafka:
        assert kafka.connect_ex(("127.0.0.1", own.embedded.kafka_port)) != 0, "Kafka still runs"


def engine(settings: Settings, name: str) -> int:
    """The process id of an engine that `up` runs."""
    return int(json.loads((settings.embedded.data_dir / name / "lock").read_text())["engine"])


@pytest.mark.guarantee("up-restarts")
def test_up_starts_again_what_dies_until_it_is_interrupted(own: Settings, tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    port = free_ports_in_a_row(len(PARTS) + 1)[0]
    own = own.model_copy(update={"metrics": MetricsSettings(port=port)})

    def said(text: str, seconds: float) -> None:
        wait_until(lambda: text in log.read_text(), seconds, 0.1, message=f"{text!r} is not in {log.read_text()}")

    with log.open("wb") as stream:
        # Optimized, as some containers set it: Kafka's client does not work so, but the parts must.
        variables = env(own) | {"PYTHONOPTIMIZE": "1"}
        up = subprocess.Popen([*COMMAND, "up", "--no-samples"], stdout=stream, stderr=stream, env=variables)
    try:
        wait_until(lambda: "Search quotes" in log.read_text() or up.poll() is not None, 180, message="never up")
        assert up.poll() is None, log.read_text()
        assert log.read_text().count("Python's optimization is left out") == 1
        assert httpx.get(f"http://127.0.0.1:{own.search.port}/readyz").status_code == 200
        answers = [httpx.get(f"http://127.0.0.1:{port + number}/readyz").text for number in range(len(PARTS) + 1)]
        assert answers == ["ready\n"] * len(answers)
        parts = json.loads((own.embedded.data_dir / "up.json").read_text())["parts"]
        os.kill(parts["sink"], signal.SIGKILL)
        said("sink ended (signal 9 (SIGKILL): it was killed, perhaps because the machine ran out of memory).", 2)
        said("It is started again in 1 s.", 1)
        os.kill(engine(own, "kafka"), signal.SIGKILL)
        said("Kafka is down; it is started again in 1 s. Kafka ended by itself (signal 9 (SIGKILL): it was killed", 2)
        wait_until(lambda: log.read_text().count("Kafka is up at") == 2, 60, message="Kafka did not come back")
        os.kill(engine(own, "elasticsearch"), signal.SIGKILL)
        said("Elasticsearch is down; it is started again in 1 s. Elasticsearch ended by itself (signal 9", 2)
        wait_until(lambda: log.read_text().count("Elasticsearch is up at") == 2, 90, message="it did not come back")
        wait_until(lambda: whosaid(own, "status").returncode == 0, 60, message="the parts did not come back")
        told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        for name in ("sink", "kafka", "elasticsearch"):
            assert re.search(rf'^whosaid_restarts_total{{name="{name}"}} [1-9]', told, re.MULTILINE), told
        second = whosaid(own, "up", "--once")
        assert second.returncode == 3
        assert second.stderr.count("\n") <= 3, second.stderr
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
        assert "Stopped." in log.read_text()
        for part in (own.embedded.data_dir / "logs").glob("*.log"):
            assert "Fatal Python error" not in part.read_text(errors="replace")
        assert not (own.embedded.data_dir / "up.json").exists()
    finally:
        if up.poll() is None:
            up.kill()
            up.wait(10)


def test_up_with_the_address_of_a_cluster_is_refused(own: Settings) -> None:
    done = subprocess.run(
        [*COMMAND, "up"],
        env=env(own) | {"WHOSAID_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "WHOSAID_KAFKA__BOOTSTRAP_SERVERS names another" in done.stderr
