"""docs/architecture.md names files, folders and functions: each of them exists."""

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PATH = re.compile(r"`((?:connectors|pipeline|tests|docs|examples)/[\w./]*)`")
NAME = re.compile(r"`(\w+)`\s+in\s+`([\w/]+\.py)`")


def names_of(file: str) -> set[str]:
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return defined | {target.id for target in targets if isinstance(target, ast.Name)}


def test_every_path_exists() -> None:
    paths = PATH.findall(PAGE)
    assert len(paths) > 50
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize(("name", "file"), sorted(set(NAME.findall(PAGE))))
def test_every_name_is_in_its_file(name: str, file: str) -> None:
    assert name in names_of(file)


def test_every_package_is_in_the_layers() -> None:
    _, _, layers = PAGE.partition("## The layers")
    packages = [path.parent for path in (ROOT / "pipeline").glob("*/__init__.py") if path.parent.name != "samples"]
    assert not [package.name for package in packages if f"`pipeline/{package.name}/`" not in layers]


def test_the_picture_is_an_image_with_a_title() -> None:
    root = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()
    assert root.find("{*}title") is not None
    assert root.find("{*}desc") is not None
