"""The table of an article's tokens has its words, whatever vocabulary they come from and however many were read."""

import pytest
import spacy
from spacy.tokens import Doc

from pipeline.text.quotes import tokens
from pipeline.text.quotes.detection.clause_end import _STEPS, _step
from pipeline.text.quotes.tokens import make_token_table


def table_words(doc: Doc) -> list[str]:
    table = make_token_table(doc)
    return [table.word(number) for number in range(len(doc))]


def test_table_has_the_words_of_many_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_MOST_NAMES", 40)
    vocabularies = [spacy.blank("en").vocab for _ in range(3)]
    for number in range(60):
        words = [f"Word{number % 7}", "isn’t", *(f"x{number}y{place}" for place in range(10)), ""]
        doc = Doc(vocabularies[number % 3], words=[word for word in words if word])
        assert table_words(doc) == words[:-1]
        assert make_token_table(doc).lower[:2] == [f"word{number % 7}", "isn't"]
        assert len(tokens._names(doc.vocab.strings)) <= 40


def test_table_has_the_words_that_a_memory_zone_forgets() -> None:
    nlp = spacy.blank("en")
    for _ in range(2):
        with nlp.memory_zone():
            assert table_words(nlp.make_doc("Quellmark sank.")) == ["Quellmark", "sank", "."]
    assert table_words(nlp.make_doc("Quellmark sank.")) == ["Quellmark", "sank", "."]


def test_numbers_count_as_the_next_step_or_as_more() -> None:
    expected = [str(next((step for step in _STEPS if number <= step), "more")) for number in range(60)]
    assert [_step(number) for number in range(60)] == expected
