"""The measuring program's own sums."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.calibration import bins, table_by_publisher
from benchmarks.eval import compare, documents, marks, overlap, rows, table

PRINTED = """| system | type | gold | pred | P | R | overlap F1 | speaker acc. (n) | e2e P | e2e R | e2e F1 |
|---|---|---|---|---|---|---|---|---|---|---|
| WhoSaid | direct | 10 | 9 | 96.8 | 93.5 | **95.1** | 95.5 (1164) | 92.4 | 89.2 | **89.6** |
| WhoSaid | mixed | 5 | 4 | 68.7 | 62.9 | **65.7** | 93.7 (318) | 64.0 | 58.6 | **58.2** |
| WhoSaid | indirect | 7 | 6 | 71.8 | 57.8 | **64.0** | 92.5 (842) | 66.0 | 53.2 | **57.8** |
| WhoSaid | all | 22 | 20 | 81.4 | 72.4 | **76.6** | 94.2 (2324) | 74.4 | 68.0 | **70.6** |
"""


def quote(start: int, end: int, speaker: str | None = "Ann Lee", **more: object) -> dict[str, object]:
    found = {"start": start, "end": end, "text": "x" * (end - start), "segments": [[start, end]], "addressee": None,
             "medium": None, "date_mention": None, "speaker": {"name": speaker} if speaker else None}  # fmt: skip
    return found | more


def test_every_fifth_document_is_held_aside(tmp_path: Path) -> None:
    lines = "".join(f"{number}\n" for number in range(11))
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("a.jsonl", "a.jsonl.gz"):
        assert documents(tmp_path / name, every_fifth=True).split() == ["0", "5", "10"]
        assert documents(tmp_path / name, every_fifth=False) == lines


def test_our_figures_stand_above_the_peers() -> None:
    figures = tuple(row[-1] for row in rows(PRINTED).values())
    assert figures == ("89.6", "58.2", "57.8", "70.6")
    lines = table(figures).splitlines()
    assert lines[2] == "| **WhoSaid** | 89.6 | 58.2 | 57.8 | 70.6 |"
    assert "| textacy | 83 | 8 | 0 | 40 |" in lines


def test_each_figure_is_held_against_its_mark() -> None:
    assert marks(rows(PRINTED)).splitlines()[2:] == [
        "| end-to-end F1, direct | 89.6 | 85 | 87 | goal met |",
        "| end-to-end F1, mixed | 58.2 | 65 | 85 | short of the mark |",
        "| end-to-end F1, indirect | 57.8 | 50 | 61 | mark met |",
        "| end-to-end F1, all | 70.6 | 66 | 74 | mark met |",
        "| speaker right on found quotes, % | 94.2 | 93 |  | mark met |",
        "| precision of all output: words, % | 81.4 | 75 |  | mark met |",
        "| precision of all output: words and speaker, % | 74.4 | 75 |  | short of the mark |",
    ]


def test_overlap_is_shared_over_all_characters() -> None:
    assert overlap({"start": 0, "end": 8}, {"start": 0, "end": 10}) == pytest.approx(0.8)
    assert overlap({"start": 0, "end": 5}, {"start": 5, "end": 9}) == 0


def test_a_sample_is_compared_quote_by_quote() -> None:
    labels = {
        "quotes": [
            {"start": 0, "end": 10, "text": "a", "speaker": "Ann Lee", "addressee": "reporters", "parts": [[0, 10]]},
            {"start": 20, "end": 30, "text": "b", "speaker": None, "addressee": None},
            {"start": 40, "end": 50, "text": "c", "speaker": "Bo Ek"},
        ],
        "borderline": [{"start": 60, "end": 70}],
    }
    ours = [quote(0, 10), quote(20, 30), quote(60, 70), quote(80, 90)]
    lines, found, right = compare(labels, ours)
    assert (found, right) == (2, 1)
    assert [line.split()[0] for line in lines] == ["wrong", "wrong", "missed", "arguable", "extra"]
    assert "addressee None, not 'reporters'" in lines[0]
    assert "speaker Ann Lee, not None" in lines[1]


def test_a_missing_set_is_said_in_a_sentence(tmp_path: Path) -> None:
    program = Path(__file__).parents[4] / "benchmarks" / "eval.py"
    done = subprocess.run(
        [sys.executable, str(program), "--eval", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "is not there" in done.stderr
    assert "make eval EVAL=" in done.stderr
    assert "Traceback" not in done.stderr


def test_bands_show_what_the_publisher_keeps_that_keeps_least() -> None:
    cases = {"one": [(0.95, True), (0.95, False), (0.55, True)], "two": [(0.95, True), (1.0, True)]}
    assert table_by_publisher(cases).splitlines()[2:] == ["| 0.55 | 1.00 | 1.00 | 1 |", "| 0.96 | 0.75 | 0.50 | 4 |"]
    unsure, sure = bins([case for by_one in cases.values() for case in by_one])
    assert unsure == (0.55, 1.0, 1)
    assert sure == pytest.approx((0.9625, 0.75, 4))
