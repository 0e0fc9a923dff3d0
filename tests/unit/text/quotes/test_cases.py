"""The tables of cases hold; see cases/README.md."""

import pytest

from tests.unit.text.quotes.conftest import Reader
from tests.unit.text.quotes.tables import FOLDER, Case, difference, read_tables

CASES = read_tables(FOLDER)
FAILING = read_tables(FOLDER / "failing")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.place)
def test_the_case_holds(read: Reader, case: Case) -> None:
    wrong = difference(case, read(case.text))
    assert not wrong, f"\n{wrong}"


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.place)
def test_a_known_failure_still_fails(read: Reader, case: Case) -> None:
    assert difference(case, read(case.text)), f"This works now: move its row out of cases/failing.\n{case.row}"
