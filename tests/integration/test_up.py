"""`whosaid up`: from nothing to a table of who said what, with engines of its own, and a clean stop."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from pipeline.settings import SearchSettings, Settings
from tests.integration.conftest import free_ports
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


def test_up_runs_until_it_is_interrupted_and_starts_again_what_dies(own: Settings, tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    with log.open("wb") as stream:
        up = subprocess.Popen([*COMMAND, "up", "--no-samples"], stdout=stream, stderr=stream, env=env(own))
    try:
        wait_until(lambda: "Search quotes" in log.read_text() or up.poll() is not None, 180, message="never up")
        assert up.poll() is None, log.read_text()
        assert httpx.get(f"http://127.0.0.1:{own.search.port}/readyz").status_code == 200
        record = (own.embedded.data_dir / "up.json").read_text()
        sink = int(record.split('"sink": ')[1].split(",")[0].rstrip("}"))
        os.kill(sink, signal.SIGKILL)
        wait_until(lambda: "sink ended (SIGKILL) and is started again" in log.read_text(), 30)
        second = whosaid(own, "up", "--once")
        assert second.returncode == 3
        assert second.stderr.count("\n") <= 3, second.stderr
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
        assert "Stopped." in log.read_text()
        assert not (own.embedded.data_dir / "up.json").exists()
    finally:
        if up.poll() is None:
            up.kill()


def test_up_with_the_address_of_a_cluster_is_refused_in_one_sentence(own: Settings) -> None:
    done = subprocess.run(
        [*COMMAND, "up"],
        env=env(own) | {"WHOSAID_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "WHOSAID_KAFKA__BOOTSTRAP_SERVERS names another" in done.stderr
