import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.embedded import preflight
from pipeline.errors import EngineError


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_its_setting_and_its_owner(taken_port: int) -> None:
    with pytest.raises(EngineError) as caught:
        preflight.port(taken_port, "Kafka", "WHOSAID_EMBEDDED__KAFKA_PORT")
    name = psutil.Process().name()
    assert str(caught.value) == (
        f"Port {taken_port}, which Kafka needs, is taken by {name} (process {os.getpid()}); "
        "stop that, or set WHOSAID_EMBEDDED__KAFKA_PORT to a free port."
    )


def test_a_port_taken_on_all_addresses_is_taken() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        with pytest.raises(EngineError, match="is taken"):
            preflight.port(listener.getsockname()[1], "Kafka", "X")


def test_who_has_a_port_may_be_unknown(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    monkeypatch.setattr(preflight, "_EXIT", 0.2)
    with pytest.raises(EngineError, match="which Kafka needs, is taken; stop that"):
        preflight.port(taken_port, "Kafka", "X")


def test_a_port_that_a_dying_process_still_has_is_waited_for(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [])
    answers = iter([True, True, False])
    monkeypatch.setattr(preflight, "_taken", lambda number: next(answers))
    preflight.port(taken_port, "Kafka", "X")
    assert list(answers) == []


def test_a_port_that_was_used_a_moment_ago_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", number)):
            listener.accept()[0].close()
    preflight.port(number, "Kafka", "X")


def test_a_port_that_this_user_may_not_have_is_a_plain_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(EngineError, match=r"may not listen on port 1 .*set X to a port above 1023"):
        preflight.port(1, "Kafka", "X")


def test_too_little_memory_is_a_plain_sentence_with_a_way_out() -> None:
    with pytest.raises(EngineError, match=r"Kafka's processes need about 1000000.0 GB .*close something, or set X\."):
        preflight.memory(10**15, "Kafka's processes", "set X")
    preflight.memory(1, "Kafka's processes", "set X")


def test_too_little_disk_is_a_plain_sentence_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"and 1000000.0 GB are needed; free some, or set X to a folder on another"):
        preflight.disk(tmp_path, 10**15, "X")
    preflight.disk(tmp_path, 1, "X")


@pytest.mark.parametrize(("heap", "expected"), [("512m", 512 * 2**20), ("2g", 2 * 2**30)])
def test_a_heap_is_read_as_java_reads_it(heap: str, expected: int) -> None:
    assert preflight.size(heap) == expected


KAFKA_LOG = """\
[2025-03-12T10:00:00,000] INFO Registered signal handlers (LoggingSignalHandler)
[2025-03-12T10:00:01,000] ERROR Exiting Kafka due to fatal exception (Kafka$)
java.lang.IllegalArgumentException: requirement failed: advertised.listeners cannot use the nonroutable address
\tat scala.Predef$.require(Predef.scala:337)
\tat kafka.server.KafkaConfig.validateValues(KafkaConfig.scala:1)
"""

ELASTICSEARCH_LOG = """\
[2025-03-12T10:00:00,000][INFO ][o.e.n.Node               ] [whosaid] initializing ...
[2025-03-12T10:00:01,000][ERROR][o.e.b.Elasticsearch      ] [whosaid] fatal exception while booting Elasticsearch \
java.lang.IllegalArgumentException: unknown setting [ingest.geoip]
\tat org.elasticsearch.server@8.19.8/org.elasticsearch.common.settings.AbstractScopedSettings.validate(A.java:1)
ERROR: Elasticsearch did not exit normally - check the logs at /x/whosaid.log

ERROR: Elasticsearch died while starting up, with exit code 1
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            KAFKA_LOG,
            "java.lang.IllegalArgumentException: requirement failed: "
            "advertised.listeners cannot use the nonroutable address",
        ),
        (
            ELASTICSEARCH_LOG,
            "fatal exception while booting Elasticsearch java.lang.IllegalArgumentException: "
            "unknown setting [ingest.geoip]",
        ),
        (
            "Unrecognized option: -Xnonsense\nError: Could not create the Java Virtual Machine.\n",
            "Unrecognized option: -Xnonsense",
        ),
        ("[2025-03-12T10:00:00,000] INFO starting (X)\n[2025-03-12T10:00:00,000] INFO so far (Y)\n", "INFO so far (Y)"),
        ("", ""),
    ],
)
def test_the_reason_of_a_failure_is_the_last_line_that_says_one(tmp_path: Path, text: str, expected: str) -> None:
    log = tmp_path / "engine.log"
    log.write_text(text)
    assert preflight.reason(log) == expected


def test_an_earlier_runs_errors_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("ERROR of yesterday\n")
    since = log.stat().st_size
    assert preflight.reason(log, since) == ""
    log.write_text("ERROR of yesterday\nINFO today\n")
    assert preflight.reason(log, since) == "INFO today"
    assert preflight.reason(tmp_path / "none.log") == ""
