"""The parts of the sets by which pronouns are measured: no text is in two of them."""

from pathlib import Path

from benchmarks.coreference import PARTS, gum_texts, litbank_texts

SPLITS = """# Splits

The splits 'dev' and 'test' are used.

## dev

  * GUM_academic_one
  * GUM_news_one

## test

  * GUM_fiction_two

## test2

  * GENTLE_letter_three
  * GUM_letter_three

## train

  * GUM_interview_four
  * GUM_news_two
"""


def test_each_text_of_gum_is_in_one_part(tmp_path: Path) -> None:
    files = tmp_path / "coref" / "gum" / "conll"
    files.mkdir(parents=True)
    (tmp_path / "splits.md").write_text(SPLITS, encoding="utf-8")
    for name in ("academic_one", "news_one", "fiction_two", "interview_four", "news_two", "letter_three", "vlog_new"):
        (files / f"GUM_{name}.conll").write_text("1\tYes\t_\n", encoding="utf-8")
    found = {part: [text.id for text in gum_texts(tmp_path, part)] for part in PARTS}
    assert found == {
        "development": ["GUM_academic_one"], "test": ["GUM_fiction_two"], "train": ["GUM_interview_four"],
    }  # fmt: skip


def test_each_novel_is_in_one_part(tmp_path: Path) -> None:
    files = tmp_path / "coref" / "conll"
    files.mkdir(parents=True)
    for number in range(10):
        (files / f"novel{number}.conll").write_text("1\tYes\t_\n", encoding="utf-8")
    found = {part: [text.id for text in litbank_texts(tmp_path, part)] for part in PARTS}
    assert found["test"] == ["novel4", "novel9"]
    assert len(found["development"]) == 8
    assert found["train"] == []
