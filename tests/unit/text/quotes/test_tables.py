"""The tables of cases are read as their README says, and a difference is shown in words."""

from pathlib import Path

import pytest

from tests.unit.text.quotes.conftest import Reader
from tests.unit.text.quotes.tables import FOLDER, difference, read_tables

ROWS = """\
| text | type | speaker | cue | also |
|---|---|---|---|---|
| “⟦It works,⟧” Ada Voss said. “⟦+At last.⟧” | direct | Ada Voss | said | to=– |
| It rains. | none | | | |
"""


def write(folder: Path, rows: str) -> None:
    (folder / "01-some.md").write_text(rows, encoding="utf-8")


def test_a_row_holds_text_pieces_and_what_is_expected_of_them(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    one, none = read_tables(tmp_path)
    assert one.text == "“It works,” Ada Voss said. “At last.”"
    (quote,) = one.quotes
    assert quote["quote"] == "It works, [1:10] + At last. [28:36]"
    assert (quote["type"], quote["speaker"], quote["cue"], quote["to"]) == ("direct", "Ada Voss", "said", "–")
    assert none.quotes == ()


def test_a_difference_names_what_was_expected_and_what_was_found(tmp_path: Path, read: Reader) -> None:
    write(tmp_path, ROWS.replace("direct | Ada Voss", "mixed | Bo Ek"))
    one, _ = read_tables(tmp_path)
    shown = difference(one, read(one.text))
    assert "type: expected mixed" in shown
    assert "found direct" in shown
    assert "speaker: expected Bo Ek" in shown
    assert difference(one, []).endswith("missing: It works, [1:10] + At last. [28:36]")


@pytest.mark.parametrize(
    "row",
    [
        "| “⟦It works,⟧” she said. | none | | | |",
        "| “⟦It works,⟧” she said. | direct | she | said |",
        "| “⟦It works,⟧” she said. | direct | she | said | colour=red |",
        "| “⟦It works,⟧” she said. | direct / mixed | she | said | |",
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path, row: str) -> None:
    write(tmp_path, row + "\n")
    with pytest.raises(ValueError, match="01-some:1"):
        read_tables(tmp_path)


def test_there_are_many_cases_and_few_known_failures() -> None:
    cases, failing = read_tables(FOLDER), read_tables(FOLDER / "failing")
    assert len(cases) >= 300
    assert len(failing) <= 0.1 * len(cases)
