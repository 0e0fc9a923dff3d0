"""Elasticsearch's client is loaded without what it would load beside."""

import subprocess
import sys

import pytest

_LOAD = """
import sys
from pipeline.cli.lean_imports import load_elasticsearch
load_elasticsearch(asynchronous={asynchronous})
import {part}
assert "elasticsearch" in sys.modules
found = {{"pyarrow", "requests", "aiohttp", "httpx"}} & sys.modules.keys()
assert found == {expected}, found
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("part", "asynchronous", "expected"),
    [("pipeline.sink.consumer", False, "set()"), ("pipeline.search.client", True, "{'aiohttp', 'httpx'}")],
)
def test_a_part_loads_no_more_than_it_uses(part: str, asynchronous: bool, expected: str) -> None:
    run(_LOAD.format(part=part, asynchronous=asynchronous, expected=expected))


def test_a_sink_loads_no_more_than_it_uses() -> None:
    """Numbers and a server of its own take 17 MB, and a sink only compares fingerprints."""
    run(
        "import sys, pipeline.cli.main\n"
        "from pipeline.cli.part_process import part\n"
        "with part('sink', False, elasticsearch='synchronous'):\n"
        "    from pipeline.sink import consumer\n"
        "unused = {'aiohttp', 'httpx', 'numpy', 'pyarrow', 'requests', 'spacy', 'starlette', 'uvicorn', 'faust'}\n"
        "found = unused & sys.modules.keys()\n"
        "assert not found, found\n"
    )


@pytest.mark.parametrize("command", ["search", "speakers", "trends", "article 1", "export quotes.csv"])
def test_a_command_loads_no_more_than_it_uses(command: str) -> None:
    """They take a fifth of the time of a command that reads quotes."""
    run(
        "import os, sys\n"
        "os.environ['WHOSAID_ELASTICSEARCH__URL'] = 'http://127.0.0.1:9'\n"
        "from pipeline.cli.main import main\n"
        f"assert main({command.split()}) == 4\n"
        "assert 'elasticsearch' in sys.modules\n"
        "unused = {'numpy', 'pyarrow', 'requests', 'spacy'} & sys.modules.keys()\n"
        "assert not unused, unused\n"
    )


def test_who_wants_a_library_later_gets_it() -> None:
    run(
        "from pipeline.cli.lean_imports import load_elasticsearch as load; load(); load();"
        "import pyarrow.parquet, aiohttp, httpx, requests"
    )
