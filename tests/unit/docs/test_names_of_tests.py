"""Names of tests are short enough to read in a list of failures."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[2]
MOST = 60


def test_no_name_is_longer_than_sixty_characters() -> None:
    names = [
        (str(path.relative_to(TESTS)), node.name)
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert len(names) > 1_000
    assert [one for one in names if len(one[1]) > MOST] == []
