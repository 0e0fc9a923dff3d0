"""`whosaid extract`: quotes of whatever `whosaid ingest` takes, and why each was taken, for people and as JSON."""

import gzip
import json
from pathlib import Path

import pytest

from pipeline.cli.main import main

pytestmark = pytest.mark.usefixtures("one_model")

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


SAID = "“It works,” Ada Byrne told reporters in the town hall of Castrel on Monday, and many were glad of it."
PAGE = f"""<html><head><title>Bridge opens</title></head><body><article><h1>Bridge opens</h1><p>{SAID}</p>
<p>The work took two years and cost more than anybody in the valley had thought it would cost them.</p></article></body>
</html>"""
FEED = f"""<rss version="2.0"><channel><title>The Paper</title><item><title>Bridge</title>
<link>https://news.test/1</link><description>{SAID}</description></item></channel></rss>"""
FILES = {
    "page.html": PAGE.encode(),
    "feed.xml": FEED.encode(),
    "record.json": json.dumps({"headline": "Bridge", "body": SAID}).encode(),
    "rows.csv": f'title,text\n"Bridge","{SAID}"\n'.encode(),
    "lines.jsonl.gz": gzip.compress(json.dumps({"title": "Bridge", "articleBody": SAID}).encode()),
    "west.txt": SAID.encode("cp1252"),
}


def test_every_format_that_is_ingested_shows_its_quotes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    assert main(["extract", str(tmp_path), "--json"]) == 0
    texts = json.loads(capsys.readouterr().out)
    assert len(texts) == len(FILES)
    for one in texts:
        (quote,) = one["quotes"]
        assert (quote["speaker"]["name"], quote["text"]) == ("Ada Byrne", "It works,")
        assert one["text"][quote["start"] : quote["end"]] == quote["text"]


def test_a_page_shows_its_quotes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.html").write_text(PAGE, encoding="utf-8")
    assert main(["extract", str(tmp_path / "p.html")]) == 0
    out = capsys.readouterr().out
    assert "Ada Byrne" in out
    assert "It works," in out


def test_of_several_articles_those_that_cannot_be_read_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{"title": "One", "text": SAID}, {"title": "Empty"}, {"title": "Two", "text": SAID}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert main(["extract", str(tmp_path / "a.jsonl")]) == 6
    captured = capsys.readouterr()
    assert captured.out.count("Ada Byrne") == 2
    assert "One" in captured.out
    assert "a.jsonl:2: has no text" in captured.err.replace("\n", "")
    assert "1 could not be read" in captured.err


def test_escapes_in_a_text_are_shown_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"\x1b]0;owned\x07[red]Head[/red]\n\n{SAID.replace('Ada', chr(0x9B) + '2J Ada')}", encoding="utf-8")
    assert main(["extract", str(path)]) == 0
    assert main(["extract", str(path), "--json"]) == 0
    out = capsys.readouterr().out
    assert "It works," in out
    assert not set("\x1b\x07\x9b") & set(out)
