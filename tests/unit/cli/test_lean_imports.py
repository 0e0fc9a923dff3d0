"""Elasticsearch's client is loaded without what it would load beside."""

import subprocess
import sys

import pytest

_LOAD = """
import sys
from pipeline.cli.lean_imports import load_elasticsearch
load_elasticsearch()
import {part}
assert "elasticsearch" in sys.modules
assert "pyarrow" not in sys.modules
"""


@pytest.mark.parametrize("part", ["pipeline.sink.consumer", "pipeline.search.service"])
def test_a_part_does_not_load_pyarrow(part: str) -> None:
    subprocess.run([sys.executable, "-c", _LOAD.format(part=part)], check=True)


def test_an_export_gets_pyarrow_all_the_same() -> None:
    code = "from pipeline.cli.lean_imports import load_elasticsearch as load; load(); load(); import pyarrow.parquet"
    subprocess.run([sys.executable, "-c", code], check=True)
