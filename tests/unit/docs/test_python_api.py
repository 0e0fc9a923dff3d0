"""The public Python API: what it has, that it loads nothing early, and that docs/python.md and examples/ use it."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import connectors
import pipeline
import pipeline.text

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PUBLIC = {module.__name__: set(module.__all__) for module in (pipeline, connectors, pipeline.text)}
PUBLIC_MODULES = {"kafka_client", "topics"}
HEAVY = {"spacy", "kafka", "elasticsearch", "pydantic", "httpx", "lxml"}


@pytest.mark.parametrize("package", [pipeline, connectors, pipeline.text])
def test_each_public_name_is_there(package: ModuleType) -> None:
    assert sorted(package.__all__, key=str.lower) == sorted(set(package.__all__), key=str.lower)
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package) or package is pipeline.text
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name


def test_importing_loads_nothing_else() -> None:
    script = "import sys, pipeline, connectors; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_models_load_no_engine_and_no_spacy() -> None:
    script = (
        "import sys; from pipeline import Article, load_settings, WhoSaidError\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert not (HEAVY - {"pydantic"}) & set(done.stdout.split())


def imported(code: str) -> set[tuple[str, str]]:
    """Module and name of all that the code imports from us."""
    return {
        (node.module or "", alias.name)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("pipeline", "connectors")
        for alias in node.names
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_import_public_names_alone(path: Path) -> None:
    for module, name in imported(path.read_text(encoding="utf-8")):
        assert name in PUBLIC[module] or (module == "pipeline" and name in PUBLIC_MODULES), (module, name)
    assert f"examples/{path.name}" in PAGE


def test_the_page_has_each_public_name() -> None:
    for package in ("pipeline", "connectors"):
        assert not [name for name in PUBLIC[package] if f"`{name}`" not in PAGE]


def test_the_code_on_the_page_is_python_with_public_names() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        for module, name in imported(block):
            assert name in PUBLIC[module] or name in PUBLIC_MODULES, (module, name)


def test_a_text_is_analysed(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "analyse_text.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Ada Byrne (direct, 0.")
    assert lines[0].endswith(": We will open the bridge in May,")
    assert len(lines) == 4
    assert "Porto (GPE)" in lines[3]
