"""The command as a process of its own, with pipes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.identity import article_id

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


SAID = "“It works,” Ada Byrne told reporters in the town hall of Castrel on Monday, and many were glad of it."
LINES = b"".join(
    line + b"\n"
    for line in (
        json.dumps({"id": 1, "text": SAID}).encode(),
        json.dumps({"body": f"<p>{SAID}</p>", "title": "Bridge", "url": "https://news.test/1"}).encode(),
        json.dumps({"id": "odd", "text": SAID, "published": 10**309, "title": ["Bridge"]}).encode(),
        b"nonsense",
        b'{"x": 1}',
        b'[{"text": "x"}]',
        json.dumps({"id": "last", "text": "\x9b2J\u202e" + SAID}, ensure_ascii=False).encode(),
    )
)


def answers(*arguments: str, lines: bytes = LINES) -> tuple[int, list[dict[str, object]], bytes, str]:
    command = [sys.executable, "-m", "pipeline.cli.main", "extract", "--jsonl", "--processes", "1", *arguments]
    done = subprocess.run(command, input=lines, capture_output=True, timeout=120, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stdout, done.stderr.decode()


def test_json_lines_are_answered_as_they_are_ingested() -> None:
    code, found, raw, err = answers("-")
    assert code == 6
    assert "3 of 7 lines could not be read" in err
    ours, other, odd, *bad, last = found
    assert set(ours) == {"id", "entities", "quotes"}  # its offsets are into the text that was given
    assert (ours["id"], odd["id"], last["id"]) == (1, "odd", "last")
    assert other["id"] == article_id("https://news.test/1")
    assert (other["text"], odd["text"]) == (SAID, SAID)
    for one in (ours, other, odd, last):
        quotes: Any = one["quotes"]
        (quote,) = quotes
        assert quote["speaker"]["name"] == "Ada Byrne"
    assert ["error" in one for one in bad] == [True] * 3
    assert "has no text; it should be in 'body'" in str(bad[1]["error"])
    assert not set("\x9b\u202e") & set(raw.decode())
