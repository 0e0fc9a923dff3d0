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
        assert all(len(names) <= 40 for names in tokens._names(doc.vocab))


def test_table_has_the_words_that_a_memory_zone_forgets() -> None:
    nlp = spacy.blank("en")
    for _ in range(2):
        with nlp.memory_zone():
            assert table_words(nlp.make_doc("Quellmark sank.")) == ["Quellmark", "sank", "."]
    assert table_words(nlp.make_doc("Quellmark sank.")) == ["Quellmark", "sank", "."]


def test_numbers_count_as_the_next_step_or_as_more() -> None:
    expected = [str(next((step for step in _STEPS if number <= step), "more")) for number in range(60)]
    assert [_step(number) for number in range(60)] == expected


def test_marked_tokens_are_counted_and_each_sentence_bounded() -> None:
    text = "He said “we go” and “we\n“stay.” She left.\n\n “No.” " + "word " * 900 + "end. Last."
    table = make_token_table(spacy.blank("en")(text))
    numbers = range(len(table.start))
    assert any(table.marked)
    assert table.marked == [number for number in numbers if table.quoted_span[number] >= 0]
    for first in numbers[:20]:
        for last in numbers[first:20]:
            marked = sum(table.quoted_span[number] >= 0 for number in range(first, last + 1))
            assert max(0, table.count_marked(first, last)) == marked
    assert [table.lower[number] for number in table.speech_words] == ["said", "go"]
    for number, (first, last) in enumerate(table.sentences):
        assert [token for token in numbers if table.sentence[token] == number] == list(range(first, last + 1))
    assert make_token_table(spacy.blank("en")("")).sentences == []
