"""The measuring program's own sums."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.eval import compare, documents, end_to_end, overlap, table

PRINTED = """| system | type | gold | e2e F1 |
|---|---|---|---|
| WhoSaid | direct | 10 | **89.6** |
| WhoSaid | mixed | 5 | **58.2** |
| WhoSaid | indirect | 7 | **57.8** |
| WhoSaid | all | 22 | **70.6** |
"""


def quote(start: int, end: int, speaker: str | None = "Ann Lee", **more: object) -> dict[str, object]:
    found = {"start": start, "end": end, "text": "x" * (end - start), "segments": [[start, end]], "addressee": None,
             "medium": None, "date_mention": None, "speaker": {"name": speaker} if speaker else None}  # fmt: skip
    return found | more


def test_every_fifth_document_is_held_aside_from_plain_and_gzipped_sets(tmp_path: Path) -> None:
    lines = "".join(f"{number}\n" for number in range(11))
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("a.jsonl", "a.jsonl.gz"):
        assert documents(tmp_path / name, every_fifth=True).split() == ["0", "5", "10"]
        assert documents(tmp_path / name, every_fifth=False) == lines


def test_our_figures_stand_above_the_peers() -> None:
    figures = end_to_end(PRINTED)
    assert figures == ("89.6", "58.2", "57.8", "70.6")
    rows = table(figures).splitlines()
    assert rows[2] == "| **WhoSaid** | 89.6 | 58.2 | 57.8 | 70.6 |"
    assert "| textacy | 83 | 8 | 0 | 40 |" in rows


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
