"""The command as a process of its own, with pipes."""

import json
import subprocess
import sys

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
    reader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pipe, other = (reader.stdout, reader.stderr) if stream == "stdout" else (reader.stderr, reader.stdout)
    assert pipe is not None
    assert other is not None
    assert b"xxx" in pipe.readline()
    pipe.close()
    assert other.read() == b""
    assert reader.wait(60) == 0
