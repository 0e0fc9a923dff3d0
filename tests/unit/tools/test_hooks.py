"""The hooks that git runs before each commit."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))


def test_they_are_tools_of_the_virtual_environment() -> None:
    """So nothing is fetched from anywhere, and their versions are the pinned ones."""
    assert [repository["repo"] for repository in CONFIG["repos"]] == ["local"]
    pinned = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8")
    for hook in CONFIG["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].split()[0]
        assert tool.startswith(".venv/bin/")
        assert f"\n{Path(tool).name}==" in pinned


def test_they_are_what_make_lint_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = makefile[makefile.index("\nlint:") : makefile.index("\nformat:")]
    tools = {Path(hook["entry"].split()[0]).name for hook in CONFIG["repos"][0]["hooks"]}
    assert tools == {"ruff", "codespell", "mypy"}
    assert all(f"$(BIN)/{tool}" in lint for tool in tools)
