"""Writes which tests show each promise of docs/guarantees.md.

The page has the promises, each with an id. A test that shows one is marked with it:

    @pytest.mark.guarantee("published-five-times")
    def test_a_file_ingested_five_times_gives_each_quote_once() -> None: ...

and a scenario of tests/faults has it in its `guarantees`. Below each promise, and at the foot of the page, this module
writes the names and links: `make guarantees`, or `python -m tests.guarantees docs/guarantees.md`.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.scenarios import SCENARIOS, SHORT

ROOT = Path(__file__).parents[1]
FAULTS = Path("tests/faults/test_scenarios.py")
PROMISE = re.compile(r'- <a id="([a-z0-9-]+)"></a>\*\*[A-Z].*\*\*.*')
GENERATED = re.compile(r"(  - \[\w+\] `.*|\[\w+\]: \.\./tests/.*)\n")


@dataclass(frozen=True)
class Proof:
    """A test, or a scenario of faults, that shows a promise."""

    guarantee: str
    file: Path
    name: str
    long: bool = False
    """Whether only `make test-faults` runs it."""


class PageError(Exception):
    """The page and the markers do not fit together; the message says where."""


def proofs() -> list[Proof]:
    """All markers of the tests and all scenarios that name a promise, in the order of the files."""
    files = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
    tests = [Proof(guarantee, file, name) for file in files for guarantee, name in _marked(file)]
    return tests + [
        Proof(guarantee, FAULTS, scenario.name, scenario.name not in SHORT)
        for scenario in SCENARIOS
        for guarantee in scenario.guarantees
    ]


def _marked(file: Path) -> Iterator[tuple[str, str]]:
    text = (ROOT / file).read_text(encoding="utf-8")
    if "mark.guarantee(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.guarantee":
                    for argument in decorator.args:
                        yield ast.literal_eval(argument), node.name


def page(text: str, proofs: Iterable[Proof]) -> str:
    """The page with the proofs of these markers in place of those that it has.

    Raises:
        PageError: a promise has no test, two have one id, or a marker names a promise that is not on the page.
    """
    shown = list(proofs)
    labels = _labels({proof.file for proof in shown})
    lines = []
    promises = []
    for line in GENERATED.sub("", text).rstrip("\n").split("\n"):
        lines.append(line)
        if match := PROMISE.fullmatch(line):
            promises.append(match[1])
            rows = [
                f"  - [{labels[proof.file]}] `{proof.name}`{' (long)' * proof.long}"
                for proof in shown
                if proof.guarantee == match[1]
            ]
            if not rows:
                raise PageError(f"No test has the marker of the promise {match[1]!r}.")
            lines += rows
        elif line.startswith("- "):
            raise PageError(f"A promise begins with '- <a id=…></a>**'; this line does not: {line}")
    if twice := [promise for promise, count in Counter(promises).items() if count > 1]:
        raise PageError(f"Two promises have the id {twice[0]!r}.")
    if missing := sorted({proof.guarantee for proof in shown} - set(promises)):
        raise PageError(f"A test has the marker {missing[0]!r}, which is no promise of the page.")
    lines += [
        "",
        *(f"[{label}]: ../{file.as_posix()}" for file, label in sorted(labels.items(), key=lambda one: one[1])),
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _labels(files: set[Path]) -> dict[Path, str]:
    """By file the name without "test_"; with its folder before it where two have the same."""
    count = Counter(file.stem for file in files)
    short = {file: file.stem.removeprefix("test_") for file in files}
    return {file: short[file] if count[file.stem] == 1 else f"{file.parent.name}_{short[file]}" for file in files}


def main(path: Path) -> None:
    """Writes the page anew."""
    try:
        path.write_text(page(path.read_text(encoding="utf-8"), proofs()), encoding="utf-8")
    except PageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
