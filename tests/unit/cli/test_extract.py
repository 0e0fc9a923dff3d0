"""`whosaid extract --explain`: why each quote was taken, for people and as JSON."""

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main

ARTICLE = """\
Mayor Ida Voss met Governor Paul Lenz in Castrel.
“The road is open,” Voss told reporters on Monday. “It was a long winter.”
“Nobody will miss it at all.”
The governor did not say when the bridge would follow.
"""


@pytest.fixture
def article(tmp_path: Path) -> str:
    path = tmp_path / "article.txt"
    path.write_text(ARTICLE, encoding="utf-8")
    return str(path)


def test_each_quote_is_shown_with_cue_rule_score_and_candidates(
    article: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", article, "--explain", "--published", "2025-03-13"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "1. Ida Voss: The road is open, … It was a long winter." in shown
    assert "cue told (at 75, tell)" in shown
    assert "rule after: marked words with the cue behind them" in shown
    assert "speaker “Voss”, by subject, named" in shown
    assert "candidates Ida Voss 1.00" in shown
    assert "to “reporters”, date “Monday”" in shown
    assert "2. Ida Voss: Nobody will miss it at all. cue none rule uncued" in shown
    assert "by paragraph before, carried" in shown
    assert "3. Paul Lenz: when the bridge would follow" in shown
    assert "modality negated" in shown


def test_as_json_the_reasons_stand_beside_each_quote(article: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", article, "--explain", "--json"]) == 0
    told, alone, asked = json.loads(capsys.readouterr().out)["quotes"]
    assert ARTICLE[told["start"] : told["end"]] == told["text"]
    assert told["explanation"]["cue"] == "told"
    assert told["explanation"]["rule"] == "after"
    assert 0.5 < told["explanation"]["score"] <= 1
    assert (alone["explanation"]["rule"], alone["explanation"]["speaker_by"]) == ("uncued", "paragraph before")
    assert asked["explanation"]["candidates"] == [{"name": "Paul Lenz", "score": 1.0}]


def test_a_text_without_quotes_has_nothing_to_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("Prices rose by 4 percent in May.", encoding="utf-8")
    assert main(["extract", str(tmp_path / "a.txt"), "--explain"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Nobody is quoted" in captured.err


def test_many_texts_are_not_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", "--explain", "--jsonl"]) == 2
    assert "--explain is for one text" in capsys.readouterr().err
