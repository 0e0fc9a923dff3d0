"""Speakers get the right names in whole articles; `benchmarks/speaker_names.py` prints the table."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.speaker_names import ARTICLES, measure, read_article
from pipeline.text.names.referents import find_referents
from pipeline.text.nlp import shared
from pipeline.text.quotes.extract import extract_quotes
from tests.unit.text.conftest import MODEL


def test_an_articles_quotes_are_written_into_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "“⟦Ann Lee|We won,⟧” she said. “⟦+|At last.⟧” ⟦Bo Ek|It rains⟧, he said. Asked ⟦~|why⟧, he left.",
        encoding="utf-8",
    )
    text, quotes = read_article(path)
    assert text == "“We won,” she said. “At last.” It rains, he said. Asked why, he left."
    assert [(text[q.start : q.end], q.name) for q in quotes] == [
        ("We won,” she said. “At last.", "Ann Lee"),
        ("It rains", "Bo Ek"),
        ("why", ""),
    ]


def test_written_in_quotes_have_types_and_mentions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    marked = (
        "⟦Ann Lee~she|“We won,”⟧ she said. ⟦~a judge|It “may” rain⟧, a judge said. LEE: ⟦Ann Lee~LEE|No.⟧ ⟦Bo Ek|So⟧."
    )
    path.write_text(marked, encoding="utf-8")
    assert [(quote.name, quote.mention, quote.type) for quote in read_article(path)[1]] == [
        ("Ann Lee", "she", "direct"),
        ("judge", "a judge", "mixed"),
        ("Ann Lee", "LEE", "direct"),
        ("Bo Ek", "Bo Ek", "indirect"),
    ]


@pytest.mark.parametrize("half", ["fresh_open", "fresh_held", "more_open", "more_held"])
def test_labels_fit_their_articles(half: str) -> None:
    for path in sorted((ARTICLES / half).glob("*.txt")):
        text, quotes = read_article(path)
        assert not set("⟦⟧|~") & set(text), path.name
        assert all(one.end <= other.start for one, other in pairwise(quotes)), path.name
        for quote in quotes:
            near = text[max(0, quote.start - 450) : quote.end + 450]
            assert re.search(rf"(?i)(?<!\w){re.escape(quote.mention)}(?!\w)", near), (path.name, quote)
            assert all(name in text for name in quote.name.split(" and ")), (path.name, quote)


@pytest.mark.parametrize(
    ("half", "least"), [("open", 0.95), ("held", 0.94), ("others_open", 0.94), ("others_held", 0.83)]
)
def test_most_quotes_have_the_right_speaker(half: str, least: float) -> None:
    result = measure(shared(MODEL), ARTICLES / half)
    assert result.articles >= 5
    assert result.quotes >= 85
    assert result.recall >= 0.9
    assert result.accuracy >= least


@pytest.mark.parametrize(
    ("half", "found", "right"),
    [("fresh_open", 0.84, 0.9), ("fresh_held", 0.8, 0.79), ("more_open", 0.92, 0.93), ("more_held", 0.83, 0.79)],
)
def test_other_kinds_of_articles_do_no_worse(half: str, found: float, right: float) -> None:
    result = measure(shared(MODEL), ARTICLES / half)
    assert result.quotes >= 99
    assert result.recall >= found
    assert result.accuracy >= right


def test_a_label_has_the_id_of_its_entity() -> None:
    told = "Governor Ann Lee met reporters in Velm. Zainab Qureshi met us."
    lines = [told, "GOV. ANN LEE (D-Velm): Why?", "DR QURESHI: We tried.", "QURESHI: Again.", "LEE: By us?"]
    doc = shared(MODEL)("\n\n".join(lines))
    entities = {one.name: one.id for one in find_referents(doc).all if one.label == "PERSON"}
    speakers = [quote.speaker for quote in extract_quotes(doc, article_id="a", published=None)]
    found = [(one.name, one.id) for one in speakers if one is not None]
    assert [name for name, _ in found] == ["Ann Lee", "Zainab Qureshi", "Zainab Qureshi", "Ann Lee"]
    assert all(entities[name] == id for name, id in found)


def test_initials_in_a_label_are_no_entity() -> None:
    lines = ["Ida Holt met Ana van der Berg in Velm.", "IH: Were you sad?", "AVDB: For a week.", "I.H.: And now?"]
    doc = shared(MODEL)("\n\n".join(lines))
    people = {one.id: one.name for one in find_referents(doc).all if one.label == "PERSON"}
    assert sorted(people.values()) == ["Ana van der Berg", "Ida Holt"]
    speakers = [quote.speaker for quote in extract_quotes(doc, article_id="a", published=None)]
    found = [(one.mention, people[one.id]) for one in speakers if one is not None]
    assert found == [("IH", "Ida Holt"), ("AVDB", "Ana van der Berg"), ("I.H.", "Ida Holt")]
