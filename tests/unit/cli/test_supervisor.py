"""What `whosaid up` says of a part that died, and when it starts it again."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import supervisor
from pipeline.cli.supervisor import Restarts, Supervisor, last_error
from pipeline.errors import EngineError
from pipeline.settings import EmbeddedSettings, Settings

TRACE = (
    'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nOverflowError: date value out of range\n'
)
ABORT = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x01 (most recent call first):\n  <no Python frame>\n"
SENTENCE = "whosaid: unexpected error (OverflowError: date value out of range).\n"


class TestLastError:
    @pytest.mark.parametrize(
        ("log", "sentence"),
        [
            (TRACE + SENTENCE, "unexpected error (OverflowError: date value out of range)."),
            (SENTENCE + ABORT, "unexpected error (OverflowError: date value out of range)."),
            (TRACE + ABORT, "Fatal Python error: Segmentation fault"),
            (TRACE, "OverflowError: date value out of range"),
            (
                "2026-11-26T14:12:29Z ERROR pipeline.sink: Kafka is full\n2026-11-26T14:12:30Z INFO a: b\n",
                "Kafka is full",
            ),
            ("2026-11-26T14:12:29Z INFO pipeline.sink: So far: 300 articles\n", ""),
            ("whosaid: \x1b]0;owned\x07it \x9b2Jends\n", "]0;ownedit 2Jends"),
            ("whosaid: \ud800\n", "���"),
            ("", ""),
        ],
    )
    def test_sentence(self, log: str, sentence: str, tmp_path: Path) -> None:
        file = tmp_path / "sink.log"
        file.write_text(log, encoding="utf-8", errors="surrogatepass")
        assert last_error(file) == sentence

    def test_earlier_run(self, tmp_path: Path) -> None:
        file = tmp_path / "sink.log"
        file.write_text(SENTENCE)
        assert last_error(file, file.stat().st_size) == ""

    def test_no_log(self, tmp_path: Path) -> None:
        assert last_error(tmp_path / "none.log") == ""

    def test_long_log(self, tmp_path: Path) -> None:
        file = tmp_path / "sink.log"
        file.write_text("x" * 10_000_000 + "\n" + SENTENCE)
        assert last_error(file).startswith("unexpected error")


def test_backoff_grows_and_ends() -> None:
    some = Restarts()
    assert [some.died(1) for _ in range(6)] == [1.0, 2.0, 5.0, 10.0, 30.0, None]
    assert some.died(supervisor.STEADY + 1) == 1.0


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Supervisor]:
    """A supervisor of one part, which runs the given program."""
    monkeypatch.setattr(supervisor, "BACKOFF", (0.1, 0.2))

    def made(program: str) -> Supervisor:
        monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", program))
        return Supervisor(Settings(embedded=EmbeddedSettings(data_dir=tmp_path)), said.append, parts=["sink"])

    return made


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def checked(supervisor: Supervisor) -> bool:
    """True, once it has looked after its parts."""
    supervisor.check()
    return True


class TestDeaths:
    BREAKS = f"import sys; sys.stderr.write({TRACE + SENTENCE!r}); sys.exit(1)"

    def test_part_and_its_sentence_are_named(
        self, supervise: Callable[[str], Supervisor], said: list[str], tmp_path: Path
    ) -> None:
        one = supervise(self.BREAKS)
        one.start()
        until(lambda: checked(one) and bool(said))
        assert said == [
            "sink ended (exit code 1): unexpected error "
            "(OverflowError: date value out of range)."
            f" It is started again in 0.1 s. Its log: {tmp_path}/logs/sink.log"
        ]
        until(lambda: checked(one) and len(said) == 2)
        assert "in 0.2 s" in said[1]
        with pytest.raises(
            EngineError, match=r"sink ended \(exit code 1\): .* It has died 3 times in a row\. Its log: "
        ):
            until(lambda: checked(one) and False)

    def test_killed_by_a_signal(self, supervise: Callable[[str], Supervisor], said: list[str]) -> None:
        one = supervise("import os; os.kill(os.getpid(), 9)")
        one.start()
        until(lambda: checked(one) and bool(said))
        assert said[0].startswith("sink ended (signal 9 (SIGKILL): it was killed, perhaps because the machine ran out")

    def test_waits_for_an_engine(self, supervise: Callable[[str], Supervisor], said: list[str]) -> None:
        one = supervise(self.BREAKS)
        one.start()
        for _ in range(5):  # more often than it may die by itself
            part = one.parts[0]
            assert part.process is not None
            part.process.wait()
            one.check(["Kafka"])
            assert part.process is None
            assert "It is started again when Kafka runs." in said.pop()
            one.check(["Kafka"])
            assert part.process is None
            one.check()
            assert part.process is not None
        one.stop()


def test_a_part_is_started_with_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", "import sys; print(sys.argv[1:])"))
    settings = Settings(embedded=EmbeddedSettings(data_dir=tmp_path))
    one = Supervisor(settings, print, parts=["connect", "sink"], arguments={"connect": ["--sources", "a.yaml"]})
    one.start()
    for part, said in zip(
        one.parts, ("['connect', '--supervised', '--sources', 'a.yaml']", "['sink', '--supervised']"), strict=True
    ):
        assert part.process is not None
        part.process.wait(20)
        assert part.log.read_text().strip() == said
    one.stop()


def test_parts_begin_when_their_engines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each writes down what its standard input has for it, as it comes; a part that begins again need not wait."""
    program = "import os, sys\nwhile os.read(0, 1): print('told', flush=True)\n"
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", program))
    one = Supervisor(Settings(embedded=EmbeddedSettings(data_dir=tmp_path)), print, parts=["enrich", "sink"])
    enrich, sink = (part.log for part in one.parts)
    one.start()
    until(lambda: enrich.read_text() == "told\n")
    assert sink.read_text() == ""
    one.let_go()
    until(lambda: sink.read_text() == "told\n")
    assert enrich.read_text() == "told\n"
    process = one.parts[1].process
    assert process is not None
    process.kill()
    process.wait()
    until(lambda: checked(one) and sink.read_text() == "told\ntold\n")
    one.stop()


def test_the_page_comes_before_the_other_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, sys\nwhile os.read(0, 1): print('told', flush=True)\n"
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", program))
    one = Supervisor(Settings(embedded=EmbeddedSettings(data_dir=tmp_path)), print, parts=["sink", "serve"])
    sink, serve = one.parts
    one.start("serve")
    assert sink.process is None
    page = serve.process
    one.let_go("serve")
    until(lambda: serve.log.read_text() == "told\n")
    one.start()
    assert serve.process is page
    assert sink.process is not None
    assert sink.log.read_text() == ""
    one.let_go()
    until(lambda: sink.log.read_text() == "told\n")
    assert serve.log.read_text() == "told\n"
    one.stop()


@pytest.mark.parametrize("end", ["closed input", "SIGTERM"])
def test_a_part_that_waits_for_engines_ends_in_order(end: str) -> None:
    program = (
        "from pipeline.cli.part_process import part, wait_for_engines\n"
        "with part('sink', supervised=True, elasticsearch='none'):\n"
        "    print('waits', flush=True)\n"
        "    wait_for_engines()\n"
        "    print('begins', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"waits\n"
        if end == "SIGTERM":
            process.terminate()
        else:
            process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(20) == 0
