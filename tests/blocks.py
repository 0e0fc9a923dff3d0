"""Reads the code blocks of the pages, and the commands in them.

A fence names its language. One whose code no test runs says why: ```sh not-run="needs Docker".
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md"), *ROOT.glob("benchmarks/*.md")))
LANGUAGES = {"sh", "console", "text", "python", "toml", "yaml", "json", "mermaid"}

_FENCE = re.compile(r'```(\w*)(?: not-run="([^"]+)")?')
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_PUNCTUATION = "|&;<>"


@dataclass(frozen=True)
class Block:
    """A code block: where it stands, its language, why nothing runs it (empty: something does), its code."""

    page: Path
    line: int
    language: str
    not_run: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command: the variables set before it, and its words."""

    variables: dict[str, str]
    words: list[str]


class BlockError(Exception):
    """A fence that is not understood; the message says where."""


def blocks(page: Path) -> Iterator[Block]:
    """The code blocks of a page, in order.

    Raises:
        BlockError: a fence has no language, or something behind it that is no reason, or no end.
    """
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    for number, line in lines:
        if not line.lstrip().startswith("```"):
            continue
        opening = _FENCE.fullmatch(line.strip())
        if not opening or opening[1] not in LANGUAGES:
            raise BlockError(f"{page.name}:{number}: {line.strip()} names none of {', '.join(sorted(LANGUAGES))}")
        code = []
        for _, inner in lines:
            if inner.strip() == "```":
                break
            code.append(inner)
        else:
            raise BlockError(f"{page.name}:{number}: the block has no end")
        yield Block(page, number, opening[1], opening[2] or "", "\n".join(code) + "\n")


def commands(block: Block) -> Iterator[Command]:
    """The commands of a `sh` block, and of the lines of a `console` block that begin with `$ `."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        yield from _of_line(line)


def _of_line(line: str) -> Iterator[Command]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_PUNCTUATION)
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for word in lexer:
        if set(word) <= set(_PUNCTUATION):
            redirected = word[-1] in "<>"
            if not redirected and words:
                yield _command(words)
                words = []
        elif redirected:
            redirected = False  # the name of a file
        else:
            words.append(word)
    if words:
        yield _command(words)


def _command(words: list[str]) -> Command:
    variables = {}
    while words and _ASSIGNMENT.fullmatch(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return Command(variables, words)
