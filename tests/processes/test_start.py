"""The command starts at once: what only some commands need is loaded by these."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.cli.main import main

HEAVY = {
    "kafka",
    "aiokafka",
    "elasticsearch",
    "spacy",
    "httpx",
    "faust",
    "fastapi",
    "dateparser",
    "trafilatura",
    "lxml",
}
"""Packages that take a tenth of a second or more to load, or that load others that do."""

ITS_PARTS = {"numpy", "uvicorn", "yaml", "defusedxml", "w3lib", "prometheus_client"}
"""Packages that some commands need, and the command itself does not."""


@pytest.mark.parametrize(
    "arguments", [[], ["--version"], ["--help"], ["dlq", "--help"], ["source", "--help"], ["extract", "--help"]]
)
def test_no_heavy_package_is_loaded(arguments: list[str]) -> None:
    script = (
        "import sys; import pipeline.cli.main as whosaid\n"
        "code = whosaid.main(sys.argv[1:]) if sys.argv[1:] else 0\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)
    code, *loaded = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    assert "typer" in loaded
    assert (HEAVY if arguments else HEAVY | ITS_PARTS) & set(loaded) == set()


def test_a_text_is_analysed_without_packages_for_other_things(tmp_path: Path) -> None:
    text = tmp_path / "article.txt"
    text.write_text("“The bridge will open in May,” Ada Lovelace said in London on Tuesday.", encoding="utf-8")
    script = (
        "import sys; import pipeline.cli.main as whosaid\n"
        "code = whosaid.main(['extract', '--json', sys.argv[1]])\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(text)], capture_output=True, text=True, timeout=120)
    code, *loaded = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    assert "Ada Lovelace" in done.stdout
    assert {"kafka", "elasticsearch", "trafilatura", "warcio"} & set(loaded) == set()


def test_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"whosaid {__version__}\n"
