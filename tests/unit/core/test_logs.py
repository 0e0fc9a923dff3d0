"""What the parts log goes to standard error, from the level that the settings name."""

import base64
import json
import logging
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from pipeline import logs, redaction
from pipeline.cli.part_process import part
from pipeline.errors import SettingsError
from pipeline.settings import ElasticsearchSettings, KafkaSettings, Settings


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, threading.excepthook
    levels = {name: logging.getLogger(name).level for name in ("kafka", "elastic_transport")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook = hook
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


def test_what_strangers_wrote_reaches_no_terminal_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr(Settings())
    logging.getLogger("connectors").warning("%s", "\x1b]0;t\x07a\x9b2J\u202eb\rc\ud800")
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        logging.getLogger("connectors").exception("it failed")
    err = capsys.readouterr().err
    assert "]0;ta2Jb\nc\ufffd" in err
    assert "ValueError: [2J" in err
    assert not set("\x1b\x9b\u202e\x07\r") & set(err)


def test_libraries_are_heard_when_they_warn(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr(Settings())
    logging.getLogger("kafka.conn").info("chatter")
    logging.getLogger("elastic_transport.transport").warning("trouble")
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == ["trouble"]


def test_a_node_that_is_away_is_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr(Settings())
    try:
        raise ConnectionError("refused")
    except ConnectionError as error:
        logging.getLogger("elastic_transport.transport").warning("Retrying request after failure", exc_info=error)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_library_says_the_same_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_thread_that_dies_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr(Settings(elasticsearch=ElasticsearchSettings(url="http://bob:hunter2@es:9200")))

    def work() -> None:
        raise ValueError("hunter2 at http://ana:hunt@er3@kafka:1")

    thread = threading.Thread(target=work, name="reader")
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    assert "The thread reader died" in said
    assert "ValueError: ******** at http://ana:********@kafka:1" in said


PASSWORD = 'pä"ss\\w rd'


@pytest.mark.parametrize(
    "written",
    [
        "{}",
        "options={options}",
        "Sending SaslAuthenticateRequest(auth_bytes={data!r})",
        "Send: {more!r}",
        "Authorization: Basic {basic}",
        "https://ana:{quoted}@host",
        "{json}",
    ],
)
def test_no_library_and_no_trace_gets_a_secret_into_the_log(capsys: pytest.CaptureFixture[str], written: str) -> None:
    kafka = KafkaSettings.model_validate({"username": "ana", "password": PASSWORD})
    search = ElasticsearchSettings.model_validate({"url": "http://bob:hunter2@es:9200", "api_key": "key-4711"})
    logs.to_stderr(Settings(log_level="debug", kafka=kafka, elasticsearch=search))
    data = f"ana\0ana\0{PASSWORD}".encode()
    text = written.format(
        PASSWORD,
        options={"sasl_plain_password": PASSWORD},
        data=data,
        more=bytearray(data),
        basic=base64.b64encode(f"ana:{PASSWORD}".encode()).decode(),
        quoted=quote(PASSWORD, safe=""),
        json=json.dumps({"password": PASSWORD}),
    )
    if "://" not in text:  # a login in an address is hidden, known or not
        assert logs.without_secrets(Settings(), text) == text, "nothing is hidden that is no secret"
    logging.getLogger("kafka.conn").debug("%s", text)
    try:
        raise ValueError(text, "hunter2", "key-4711")
    except ValueError:
        logging.getLogger("pipeline").exception("failed with %s", text)
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert redaction.STARS in printed
    for form in (PASSWORD, "ss\\w rd", "ss\\\\w", quote("ss\\w rd"), "hunter2", "key-4711"):
        assert form not in printed
    assert base64.b64encode(f"ana:{PASSWORD}".encode()).decode() not in printed


class TestJson:
    """With WHOSAID_LOG_FORMAT=json each line is one JSON object."""

    SETTINGS = Settings(kafka=KafkaSettings(password="hunter2"), log_format="json")

    def test_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.to_stderr(self.SETTINGS)
        logging.getLogger("pipeline.sink").warning("%d dead letters", 4, extra=logs.about(b"a1\xff"))
        logging.getLogger("pipeline.sink").info("plain")
        first, second = map(json.loads, capsys.readouterr().err.splitlines())
        assert first.pop("time").endswith("Z")
        assert first == {
            "level": "warning", "logger": "pipeline.sink", "message": "4 dead letters", "article": "a1\ufffd",
        }  # fmt: skip
        assert set(second) == {"time", "level", "logger", "message"}

    def test_no_secret_no_line_end_and_no_escape(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.to_stderr(self.SETTINGS)
        try:
            raise ValueError('it is "hunter2"\n\x1b[2J')
        except ValueError:
            logging.getLogger("connectors").exception("hunter2 at http://ana:pa'ss@host\n\x9b2J\u202e\ud800")
        (line,) = capsys.readouterr().err.splitlines()
        assert "hunter2" not in line
        assert "pa'ss" not in line
        assert not set("\x1b\x9b\u202e") & set(line)
        found = json.loads(line)
        assert found["message"].startswith("******** at http://ana:********@host\n")
        assert "ValueError: it is" in found["error"]

    def test_sentence_of_the_end(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WHOSAID_LOG_FORMAT", "json")
        with pytest.raises(SettingsError), part("sink", supervised=False):
            raise SettingsError("There is no model.")
        found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert [(one["level"], one["message"]) for one in found] == [("error", "There is no model.")]
