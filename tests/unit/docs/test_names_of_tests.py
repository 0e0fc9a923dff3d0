"""Names of tests are short enough to read in a list of failures."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
TEST = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)
MOST = 60


def test_no_name_is_longer_than_sixty_characters() -> None:
    names = [
        (str(path.relative_to(TESTS)), name)
        for path in TESTS.rglob("test_*.py")
        for name in TEST.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(names) > 1_000
    assert [one for one in names if len(one[1]) > MOST] == []
