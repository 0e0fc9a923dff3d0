"""The commands and the Python of the pages run: the tutorial's steps, the README's searches, the examples of Python.

`tests/unit/docs/test_blocks.py` checks all the others as far as can be without running them.
"""

import csv
import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.settings import EnrichmentSettings, SearchSettings, Settings, environment
from tests.blocks import ROOT, Block, blocks
from tests.engines import free_ports
from tests.integration.parts import Part, wait_until

pytestmark = pytest.mark.engines

TUTORIAL = [block for block in blocks(ROOT / "docs/tutorial.md") if block.language == "sh"]
README = [block for block in blocks(ROOT / "README.md") if "whosaid search" in block.code and "--all" in block.code]
PYTHON = [
    block
    for page in ("python", "api")
    for block in blocks(ROOT / f"docs/{page}.md")
    if block.language == "python" and not block.not_run
]
READY = {"enrich": "Ready: ", "sink": "Sink ready", "serve": "http://"}
NEWS = """\
echo '“The ceasefire holds,” Marco Rubio said in Kyiv on Monday.' > rubio.txt
whosaid ingest rubio.txt --wait
"""
"""Brings a speaker whom the examples ask for."""


@pytest.fixture
def running(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Worker, sink and search service; their settings."""
    changes = {
        "search": SearchSettings(port=free_ports(1)[0]),
        "enrichment": EnrichmentSettings(processes=1, batch_wait=0.05),
    }
    made = settings.model_copy(update=changes)
    with ExitStack() as parts:
        logs = {name: tmp_path / f"{name}.log" for name in READY}
        for name, log in logs.items():
            parts.enter_context(Part(made, name, log))
        wait_until(lambda: all(READY[name] in log.read_text() for name, log in logs.items()), 120, message="not ready")
        yield made


def test_the_pages_can_be_followed(running: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "somewhere"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n", encoding="utf-8")
    here = f"127.0.0.1:{running.search.port}"
    surroundings = os.environ | environment(running) | {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CURL_HOME": str(folder),
        "COLUMNS": "200",
    }  # fmt: skip

    def run(block: Block) -> str:
        script = "set -eo pipefail\n" + block.code.replace("127.0.0.1:8765", here)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{block}: {done.stderr}"
        return done.stdout

    printed = [run(block) for block in TUTORIAL if not block.not_run]
    assert printed[0].count("The harbour wall will be mended by May") >= 2
    assert "Ida Voss" in printed[1]
    assert "1 dead letter" not in printed[-1]
    with (folder / "quotes.csv").open(encoding="utf-8", newline="") as file:
        assert [row["speaker"] for row in csv.DictReader(file)] == ["Ida Voss"] * 2
    [searches] = README
    assert "It works," in run(searches)
    run(Block(Path(__file__), 0, "sh", "", NEWS))
    for name, value in environment(running).items():
        monkeypatch.setenv(name, value)
    assert len(PYTHON) >= 5
    for block in PYTHON:
        code = re.sub(r"127\.0\.0\.1:8765", here, block.code)
        exec(compile(code, str(block), "exec"), {"__name__": "page"})
