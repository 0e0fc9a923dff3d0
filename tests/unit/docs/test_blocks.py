"""Every code block of the pages is right: commands parse as the program itself does, addresses are there, data is data.

Python blocks, and the commands that the pages begin with, run in tests/integration/test_docs.py.
"""

import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import typer
import yaml
from typer.exceptions import TyperException
from typer.testing import CliRunner

from pipeline import settings_file
from pipeline.cli.main import app
from pipeline.errors import SettingsError
from pipeline.search.api import create_app
from pipeline.settings import PREFIX, Settings, load, variables
from tests.blocks import PAGES, ROOT, Block, BlockError, Command, blocks, commands

PROBLEMS: list[str] = []
"""Fences that are not understood; of their pages no block is looked at."""


def _readable(page: Path) -> list[Block]:
    try:
        return list(blocks(page))
    except BlockError as error:
        PROBLEMS.append(str(error))
        return []


BLOCKS = [block for page in PAGES for block in _readable(page)]
SHELL = [block for block in BLOCKS if block.language in ("sh", "console")]
RUNS = {
    "alerts.md": "tests/unit/alerts/test_channels.py",
    "api.md": "tests/integration/test_docs.py",
    "connectors.md": "tests/unit/connectors/test_docs.py",
    "python.md": "tests/integration/test_docs.py",
}
"""Which test runs the Python of a page."""

OTHERS = {"cd", "docker", "echo", "export", "git", "helm", "kubectl", "pip", "source"}
"""Programs that are not ours: their options are not checked."""


def test_every_fence_names_its_language() -> None:
    assert PROBLEMS == []


def test_there_are_blocks_of_each_kind() -> None:
    assert len(SHELL) > 20
    assert {block.language for block in BLOCKS} >= {"sh", "console", "python", "json", "yaml", "toml"}


def test_what_nothing_runs_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    not_run = [block for block in BLOCKS if block.not_run]
    with capsys.disabled():
        print("".join(f"\nnot run: {block}: {block.not_run}" for block in not_run))
    assert all(len(block.not_run) > 10 for block in not_run)
    assert len(not_run) <= 12, "most blocks are run, or checked"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```\nwhosaid up\n```\n", "names none of"),
        ("```perl\n```\n", "names none of"),
        ("```sh not-run\n```\n", "names none of"),
        ("```sh\nwhosaid up\n", "has no end"),
    ],
)
def test_a_fence_that_says_too_little_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(BlockError, match=reason):
        list(blocks(page))


def test_the_commands_of_a_line_are_told_apart() -> None:
    line = "A=1 B='2 3' whosaid search \"a b\" --json > file && echo 'x|y' | whosaid extract -  # a | comment\n"
    assert list(commands(Block(ROOT, 1, "sh", "", line))) == [
        Command({"A": "1", "B": "2 3"}, ["whosaid", "search", "a b", "--json"]),
        Command({}, ["echo", "x|y"]),
        Command({}, ["whosaid", "extract", "-"]),
    ]
    lines = "$ whosaid dlq stats\nwhosaid is no command here\n"
    assert list(commands(Block(ROOT, 1, "console", "", lines))) == [Command({}, ["whosaid", "dlq", "stats"])]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_each_command_is_one(block: Block) -> None:
    found = list(commands(block))
    assert found
    for command in found:
        check(command)


@pytest.mark.parametrize(
    "line",
    [
        "whosaid find word",
        "whosaid search word --sizes 7",
        "whosaid search word --size many",
        "whosaid source frob",
        "WHOSAID_KAFKA__PREFLIX=a whosaid sink",
        "export WHOSAID_KAFKA__PARTITIONS=many",
        "make frob",
        "curl http://127.0.0.1:8765/api/v1/frob",
        "curl http://127.0.0.1:8765/api/v1/quotes?frob=1",
        "python examples/frob.py",
        "python -m pipeline.frob",
        "frob",
    ],
)
def test_what_is_no_command_is_found(line: str) -> None:
    [command] = commands(Block(ROOT, 1, "sh", "", line))
    with pytest.raises((AssertionError, TyperException, SettingsError, ValueError)):
        check(command)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "json"], ids=str)
def test_json_is_json(block: Block) -> None:
    for one in block.code.split("\n\n"):
        json.loads(one)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "yaml"], ids=str)
def test_yaml_is_yaml(block: Block) -> None:
    assert yaml.safe_load(block.code)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "toml"], ids=str)
def test_toml_is_a_projects_or_our_settings(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tomllib.loads(block.code)
    if "project" in given:
        return
    secret = tmp_path / "secret"
    secret.write_text("x", encoding="utf-8")
    path = tmp_path / "whosaid.toml"
    path.write_text(re.sub(r'(_file = )".*"', rf'\1"{secret}"', block.code), encoding="utf-8")
    assert load({settings_file.VARIABLE: str(path)}) != Settings()


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=str)
def test_python_is_python_that_a_test_runs(block: Block) -> None:
    compile(block.code, str(block), "exec")
    runs = (ROOT / RUNS[block.page.name]).read_text(encoding="utf-8")
    assert re.search(rf"\b{block.page.stem}\b", runs)


def leaves(command: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command."""
    for name, sub in command.commands.items():
        if isinstance(sub, typer.core.TyperGroup):
            yield from leaves(sub, (*path, name))
        yield (*path, name)


def test_each_command_says_how_it_is_used() -> None:
    runner = CliRunner()
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    names = list(leaves(group))
    assert len(names) > 40
    for name in names:
        done = runner.invoke(app, [*name, "--help"])
        assert done.exit_code == 0, name
        assert f"Usage: whosaid {' '.join(name)}" in done.output


def check(command: Command) -> None:
    """Fails unless the command is there, and takes what it is given."""
    _check_variables(command.variables)
    program, *arguments = command.words or ["export"]
    if program == "whosaid":
        parse(arguments)
    elif program == "export":
        _check_variables(dict(one.split("=", 1) for one in arguments if "=" in one))
    elif program == "make":
        targets = [one for one in arguments if "=" not in one]
        assert set(targets) <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    elif program == "curl":
        _check_address(next(one for one in arguments if one.startswith("http")))
    elif program == "python":
        _check_module(arguments)
    elif program.startswith(".venv/bin/"):
        assert importlib.util.find_spec(program.rpartition("/")[2])
    else:
        assert program in OTHERS, f"{program} is no program that a test knows"


def parse(arguments: Sequence[str]) -> None:
    """Parses as the command itself does. Raises its errors."""
    command = typer.main.get_command(app)
    context = command.make_context("whosaid", [one for one in arguments if one != "--verbose"])
    while isinstance(command, typer.core.TyperGroup):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found
        command = found
        context = command.make_context(name, rest, parent=context)


def _check_variables(given: dict[str, str]) -> None:
    ours = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    # Files of secrets are not there; that the variable is a setting's, and what it may be, is told all the same.
    known = {name for name, _ in variables()}
    load({name: value for name, value in ours.items() if name in known or name.removesuffix("_FILE") not in known})


@cache
def _addresses() -> dict[str, set[str]]:
    """By pattern of an address of the service the names of its parameters."""
    return {
        re.sub(r"\{\w+\}", "[^/]+", path): {one["name"] for one in methods["get"].get("parameters", ())}
        for path, methods in create_app(Settings()).openapi()["paths"].items()
        if "get" in methods
    }


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.port != Settings().search.port:
        assert (parts.port, parts.path) in {(9464, "/metrics"), (Settings().connectors.push_port, "/articles")}
        return
    [known] = [names for pattern, names in _addresses().items() if re.fullmatch(pattern, parts.path)][:1]
    assert {name for name, _ in parse_qsl(parts.query)} <= known


def _check_module(arguments: Sequence[str]) -> None:
    if arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1])
    else:
        assert (ROOT / arguments[0]).exists(), arguments[0]
