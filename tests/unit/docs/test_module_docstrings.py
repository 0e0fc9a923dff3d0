"""Every module says in its first line what it does."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("benchmarks", "connectors", "deploy", "pipeline")

_DOES = re.compile(r"[A-Z][a-z]+s\b(?! of\b).*[.:]$|`whosaid [^`]+`: .*[.:]$")
_NOUNS = frozenset({"Candidates", "Events", "Features", "Frames", "Labels", "Messages", "Quotes", "Results"})


def test_the_first_line_of_a_module_says_what_it_does() -> None:
    """“Reads feeds.” and not “Feeds”; packages are named by what they are, and their modules do the work."""
    wrong = {}
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))):
        if path.name not in {"__init__.py", "__main__.py"}:
            first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
            if not _DOES.match(first) or first.split()[0] in _NOUNS:
                wrong[str(path.relative_to(ROOT))] = first
    assert not wrong
