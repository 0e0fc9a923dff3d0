"""What users import: `from pipeline.text import Analyser, Document`."""

import subprocess
import sys

import pytest

import pipeline.text
from pipeline.text.analyser import Analyser


def test_every_public_name_is_there() -> None:
    assert pipeline.text.Analyser is Analyser
    for name in pipeline.text.__all__:
        assert getattr(pipeline.text, name)


def test_another_name_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Parser'"):
        pipeline.text.Parser  # noqa: B018


def test_spacy_is_imported_when_it_is_needed() -> None:
    program = "import sys, pipeline.text; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
