import json
import os
import shutil
import threading
import time
from pathlib import Path

import psutil
import pytest

from pipeline.embedded import engine, lock, paths, stack
from pipeline.embedded.stack import Stack, remove_data
from pipeline.errors import EngineError
from pipeline.settings import EmbeddedSettings, Settings
from tests.engines import free_ports
from tests.processes.tiny import TinyServer


class Other(TinyServer):
    """A second engine, with port and folder of its own."""

    name = "elasticsearch"
    title = "Other"

    @property
    def folder(self) -> Path:
        return paths.make(paths.data_dir(self.settings) / "other", "X")


@pytest.fixture
def pair(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack of two tiny engines."""
    monkeypatch.setattr(engine, "GRACE", 1.0)
    monkeypatch.setattr(stack, "fetch_engines", lambda settings, progress: progress("fetched"))

    def on(port: int) -> Settings:
        return settings.model_copy(update={"embedded": settings.embedded.model_copy(update={"kafka_port": port})})

    lines: list[str] = []
    one = Stack(settings, lines.append)
    one.lines = lines  # type: ignore[attr-defined]
    one.kafka = TinyServer(on(free_ports(1)[0]))  # type: ignore[assignment]
    one.elasticsearch = Other(on(free_ports(1)[0]))  # type: ignore[assignment]
    return one


def test_both_run_inside_the_block_and_neither_after_it(pair: Stack) -> None:
    with pair:
        assert [one.is_running for one in pair.servers] == [True, True]
        pair.check()
    assert [one.is_running for one in pair.servers] == [False, False]
    assert pair.lines[0] == "fetched"  # type: ignore[attr-defined]
    assert len(pair.lines) == 5  # type: ignore[attr-defined]


def test_one_that_cannot_start_stops_the_other_at_once(pair: Stack) -> None:
    pair.kafka.manner = "dies"  # type: ignore[attr-defined]
    pair.elasticsearch.manner = "never"  # type: ignore[attr-defined]
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"Tiny did not start .* no fuel"):
        pair.start()
    assert time.monotonic() - began < 10
    assert [one.is_running for one in pair.servers] == [False, False]


def test_what_needs_one_alone_need_not_wait_for_the_other(pair: Stack) -> None:
    pair.elasticsearch.manner = "never"  # type: ignore[attr-defined]
    pair.begin()
    pair.wait(pair.kafka)
    assert pair.kafka.is_running
    pair.elasticsearch.cancel()
    with pytest.raises(EngineError, match="Other was told to stop"):
        pair.wait()
    assert pair.kafka.is_running, "who uses it stops first"
    began = time.monotonic()
    pair.stop()
    assert time.monotonic() - began < 10
    assert [one.is_running for one in pair.servers] == [False, False]


def test_ctrl_c_while_they_start_stops_both(pair: Stack) -> None:
    pair.kafka.manner = "never"  # type: ignore[attr-defined]
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), 2))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pair.start()
    assert time.monotonic() - began < 10
    assert [one.is_running for one in pair.servers] == [False, False]


def test_one_that_ends_later_is_noticed_by_name(pair: Stack) -> None:
    with pair:
        os.kill(pair.elasticsearch._engine() or 0, 9)
        time.sleep(0.5)
        with pytest.raises(EngineError, match="Other ended by itself"):
            pair.check()


def test_a_second_stack_on_the_same_data_is_refused_at_first(pair: Stack) -> None:
    with pair:
        second = Stack(pair.settings)
        second.kafka, second.elasticsearch = TinyServer(pair.kafka.settings), pair.elasticsearch  # type: ignore[assignment]
        with pytest.raises(EngineError, match=r"Tiny already runs on .*stop that first"):
            second.kafka.claim()


def test_too_little_memory_for_both_is_said_before_all_else(pair: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 10}))
    with pytest.raises(EngineError, match=r"Kafka and Elasticsearch need .*WHOSAID_EMBEDDED__KAFKA_HEAP and set a sm"):
        pair.start()
    assert pair.lines == []  # type: ignore[attr-defined]


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Data as engines leave them, with a file of the user's own beside them."""
    monkeypatch.setattr(paths, "service_account", lambda: None)
    home = tmp_path / "data"
    for name in ("kafka/data/events", "elasticsearch/data/shard", "logs/sink.log", "up.json"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"x" * 500_000)
    return Settings(embedded=EmbeddedSettings(cache_dir=tmp_path / "cache", data_dir=home))


def test_removing_the_data_says_what_it_was_and_leaves_nothing(filled: Settings) -> None:
    home = filled.embedded.data_dir
    assert remove_data(filled) == f"2.0 MB in {home}"
    assert not home.exists()
    assert remove_data(filled) == ""


def test_what_is_not_ours_stays(filled: Settings) -> None:
    own = filled.embedded.data_dir / "thesis.txt"
    own.write_text("mine")
    remove_data(filled)
    assert list(filled.embedded.data_dir.iterdir()) == [own]


def test_a_link_is_removed_with_what_it_leads_to(filled: Settings, tmp_path: Path) -> None:
    link = filled.embedded.data_dir / "elasticsearch"
    elsewhere = tmp_path / "elsewhere" / "elasticsearch"
    elsewhere.parent.mkdir()
    link.rename(elsewhere)
    (elsewhere.parent / "own").write_text("mine")
    link.symlink_to(elsewhere)
    assert remove_data(filled).startswith("2.0 MB")
    assert [one.name for one in elsewhere.parent.iterdir()] == ["own"]


def test_data_in_use_are_not_removed(filled: Settings) -> None:
    handle = lock.acquire(filled.embedded.data_dir / "kafka" / "lock")
    assert handle is not None
    note = {"owner": os.getpid(), "owner_started": psutil.Process().create_time()}
    (filled.embedded.data_dir / "kafka" / "lock").write_text(json.dumps(note))
    try:
        with pytest.raises(EngineError, match=r"Kafka already runs on .*stop that first"):
            remove_data(filled)
    finally:
        os.close(handle)
    assert (filled.embedded.data_dir / "elasticsearch" / "data" / "shard").exists()


def test_data_of_another_user_are_a_plain_sentence(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(EngineError, match=r"kafka cannot be removed \(Permission denied\); do it as the user"):
        remove_data(filled)
