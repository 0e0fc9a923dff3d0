"""Both engines together, as `whosaid up` starts them: in a process of its own that may be interrupted or killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.embedded.stack import Stack, remove_data
from pipeline.errors import EngineError
from pipeline.settings import Settings, environment

OWNER = """
import sys
from pipeline.embedded.stack import Stack
from pipeline.settings import load
with Stack(load(), lambda line: print(line, flush=True)) as stack:
    print("numbers", *(server._engine() for server in stack.servers), flush=True)
    sys.stdin.read()
"""


def start_elsewhere(settings: Settings) -> subprocess.Popen[str]:
    """Starts both engines from another process, which leads a process group as a terminal's foreground job does."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env=os.environ | environment(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )


def read_until(owner: subprocess.Popen[str], beginning: str) -> str:
    """The owner's first line that begins so."""
    assert owner.stdout is not None
    for line in owner.stdout:
        if line.startswith(beginning):
            return line
    pytest.fail(f"it ended before it said {beginning!r}")


def gone(number: int) -> bool:
    """Whether the process has ended; whoever adopted it may not have noticed yet."""
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
    return condition()


@pytest.mark.engines
def test_both_start_end_with_their_owner_and_start_again(
    engine_settings: Settings,
) -> None:
    with start_elsewhere(engine_settings) as owner:
        engines = [int(number) for number in read_until(owner, "numbers").split()[1:]]
        kafka_client.ensure_topics(engine_settings, [topics.articles(engine_settings)])
        with elasticsearch_client.connect(engine_settings) as client:
            client.index(index="quotes", id="1", document={"text": "kept"}, refresh=True)

        with pytest.raises(EngineError, match=rf"already runs on .*, started by process {owner.pid}; stop that first"):
            Stack(engine_settings).start()
        with pytest.raises(EngineError, match=r"already runs on .*stop that first"):
            remove_data(engine_settings)

        owner.kill()
    assert until(lambda: all(map(gone, engines)), 60)

    with Stack(engine_settings) as stack:
        stack.check()
        assert kafka_client.ensure_topics(engine_settings, [topics.articles(engine_settings)]) == []
        with elasticsearch_client.connect(engine_settings) as client:
            assert client.get(index="quotes", id="1")["_source"] == {"text": "kept"}
    with pytest.raises(EngineError, match=r"Port \d+, which (Kafka|Elasticsearch) needs, is taken"):
        _with_taken_port(engine_settings)
    assert remove_data(engine_settings).endswith(f" in {engine_settings.embedded.data_dir}")
    assert not engine_settings.embedded.data_dir.exists()


@pytest.mark.engines
def test_ctrl_c_while_they_start_ends_both_in_order(engine_settings: Settings) -> None:
    with start_elsewhere(engine_settings) as owner:
        read_until(owner, "Starting Elasticsearch")
        os.killpg(owner.pid, signal.SIGINT)  # what a terminal does
        assert owner.wait(60) == -signal.SIGINT
    for name in ("kafka", "elasticsearch"):
        record = (engine_settings.embedded.data_dir / name / "lock").read_text()
        assert "owner" not in record or all(gone(number) for number in _numbers(record))


def _numbers(record: str) -> list[int]:
    import json

    noted = json.loads(record)
    return [noted["guard"], noted["engine"]]


def _with_taken_port(settings: Settings) -> None:
    import socket

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", settings.embedded.elasticsearch_port))
        other.listen()
        Stack(settings).start()
