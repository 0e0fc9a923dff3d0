"""What the parts log goes to standard error, from the level that the settings name."""

import logging
from collections.abc import Iterator

import pytest

from pipeline import logs
from pipeline.settings import Settings


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("kafka", "elastic_transport")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_a_line_has_time_level_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr(Settings())
    logging.getLogger("pipeline.sink").info("Sink ready: reads %d partitions", 4)
    logging.getLogger("pipeline.sink").debug("unheard")
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.endswith("Z INFO pipeline.sink: Sink ready: reads 4 partitions")


def test_libraries_are_heard_when_they_warn(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr(Settings())
    logging.getLogger("kafka.conn").info("chatter")
    logging.getLogger("elastic_transport.transport").warning("trouble")
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == ["trouble"]


def test_a_library_says_the_same_thing_once_and_we_as_often_as_we_like(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr(Settings())
    for port in (9092, 9093):
        logging.getLogger("aiokafka").error("Unable connect to node %s", port)
        logging.getLogger("pipeline.sink").warning("waiting for %s", port)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "Unable connect to node 9092",
        "waiting for 9092",
        "waiting for 9093",
    ]


def test_debug_hears_everything(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("kafka").setLevel(logging.NOTSET)
    logs.to_stderr(Settings(log_level="debug"))
    logging.getLogger("kafka.conn").debug("chatter")
    assert "chatter" in capsys.readouterr().err
