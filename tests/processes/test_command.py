"""The command as a process of its own, with pipes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SENTENCE = "“It works,” Ada Byrne told reporters."


def test_extract_reads_standard_input_and_gives_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "extract", "-", "--json"],
        input=SENTENCE.encode(), capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert [quote["speaker"]["name"] for quote in found["quotes"]] == ["Ada Byrne"]
    start, end = found["quotes"][0]["start"], found["quotes"][0]["end"]
    assert SENTENCE[start:end] == found["quotes"][0]["text"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m pipeline.cli.main settings --json | head -c 10",
        shell=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == b""


LONG = "import sys; from pipeline.cli.main import app, main; from pipeline.cli.console import {0}\n"
PIPES = {
    "printed": LONG.format("output") + "show = lambda: output.print('x' * 60)",
    "echoed": LONG.format("print_json") + "show = lambda: print_json('x' * 60)",
    "errors": LONG.format("errors") + "show = lambda: errors.print('x' * 60)",
}
"""Programs with a command that writes more than a pipe holds."""


@pytest.mark.parametrize("program", PIPES.values(), ids=PIPES)
def test_a_closed_pipe_ends_a_long_command_quietly(program: str) -> None:
    program += "\n@app.command()\ndef long() -> None:\n    for _ in range(20000):\n        show()\n"
    program += "sys.exit(main(['long']))"
    stream = "stderr" if "errors" in program.splitlines()[0] else "stdout"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        pipe, other = (reader.stdout, reader.stderr) if stream == "stdout" else (reader.stderr, reader.stdout)
        assert pipe is not None
        assert other is not None
        assert b"xxx" in pipe.readline()
        pipe.close()
        assert other.read() == b""
        assert reader.wait(60) == 0


def test_a_reader_of_answers_that_leaves_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"".join(json.dumps({"id": n, "text": SENTENCE}).encode() + b"\n" for n in range(500)))
    command = [sys.executable, "-m", "pipeline.cli.main", "extract", "--jsonl", "--processes", "1", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        assert done.stdout.readline().startswith(b'{"id": 0')
        done.stdout.close()
        assert done.stderr.read() == b""
        assert done.wait(60) == 0
