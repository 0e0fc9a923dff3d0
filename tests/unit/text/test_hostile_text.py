"""Text made to be slow is not: the time grows with its length, not with the square of it."""

import gc
import time
from collections.abc import Callable, Iterator

import pytest
from spacy.language import Language
from spacy.tokens import Doc, Span

from pipeline.text.entities import extract_entities
from pipeline.text.nlp import LONGEST_WORD, start_sentences
from pipeline.text.quotes import tokens
from pipeline.text.quotes.extract import extract_quotes
from pipeline.text.quotes.quotation_marks import find_quoted_spans
from pipeline.text.quotes.tokens import LONGEST_SENTENCE, make_token_table

TIMES = 4
MOST = 6.0  # as many times the time for four times the text; squares would give 16
TAGS = {
    "said": "VBD", "he": "PRP", "told": "VBD", "that": "IN", ",": ",", ".": ".", "“": "``", "”": "''", "\n": "_SP",
    "according": "VBG", "to": "IN", "in": "IN", "and": "CC", "is": "VBZ", "director": "NN", "the": "DT", "(": "-LRB-",
    "on": "IN", "—": ":",
}  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    gc.disable()  # a collection walks the model too, which has nothing to do with the text
    try:
        started = time.process_time()
        work()
        return time.process_time() - started
    finally:
        gc.enable()


def ratio(work: Callable[[int], Callable[[], object]], size: int) -> float:
    """How many times the time that four times the size takes; small times are rounded up, as they tell little."""
    return seconds(work(TIMES * size)) / max(seconds(work(size)), 0.02)


@pytest.mark.parametrize(
    "unit", ['"', "“", "'", "(", "[]", "—", ",", "$", "=", ":-)", "a,", "a", "1.", "😀", "http://"]
)
def test_a_run_without_blanks_is_split_in_time(fast: Language, unit: str) -> None:
    def work(size: int) -> Callable[[], object]:
        text = (unit * size)[:size]
        return lambda: fast.make_doc(text)

    assert ratio(work, 1500) <= MOST


@pytest.mark.parametrize("unit", ["a\n", "a \n b\r", "\n\u2028a", "\n \n"])
def test_sentences_start_with_lines_in_time(fast: Language, unit: str) -> None:
    def work(size: int) -> Callable[[], object]:
        doc = fast.make_doc((unit * size)[:size])
        return lambda: start_sentences(doc)

    assert ratio(work, 5000) <= MOST


@pytest.mark.parametrize("size", [LONGEST_WORD - 1, LONGEST_WORD, LONGEST_WORD + 1, 5 * LONGEST_WORD + 7])
def test_a_long_run_is_cut_and_loses_no_character(fast: Language, size: int) -> None:
    text = f"He said “{'x' * size}” and  left {'(' * size} now. "
    doc = fast.make_doc(text)
    assert doc.text == text
    assert max(map(len, doc)) <= LONGEST_WORD


def test_text_without_long_runs_is_split_as_ever(fast: Language, plain: Language) -> None:
    text = "“We're late,” she said (again): don't go to http://a.example/b?c=1, p.m. or 5'10\"."
    assert [t.text for t in fast.make_doc(text)] == [t.text for t in plain.make_doc(text)]
    assert len(fast.make_doc(text)) > 20


@pytest.mark.parametrize("unit", ["'a ", "'a' ", "'a\" ", "“‘a’” ", '‘a "b" ', "“a\n", "‘", "s' a", "«‹a›» "])
def test_marks_are_paired_in_time(unit: str) -> None:
    def work(size: int) -> Callable[[], object]:
        text = (unit * size)[:size]
        return lambda: find_quoted_spans(text)

    assert ratio(work, 10_000) <= MOST


def names() -> Iterator[str]:
    number = 0
    while True:
        first, last = chr(97 + number % 26) * 2, chr(97 + number // 26 % 26) + chr(97 + number // 676 % 26)
        yield from (f"Ann{first}{number}", f"Lee{last}", "said", "it", "is", ".")
        number += 1


def repeated(phrase: str) -> Iterator[str]:
    while True:
        yield from (" \n" if word == "¶" else word for word in phrase.split(" "))


PHRASES = [
    "said", "he said", ", he said", "“ We won ,", "“ We won , ” he said .", "“ a ”", "“ a", "“ a b c d ¶",
    "he", "“ No . ” ¶", "the director said", "Ann said in", "According to Ann ,", "“ We won . ” — Ann",
    "he said on Monday", "( Ann )",
]  # fmt: skip
TREES: dict[str, Callable[[int], int]] = {
    "chain": lambda number: max(0, number - 1),
    "star": lambda number: 0,
    "pairs": lambda number: number | 1,
}


def parsed(words: Iterator[str], size: int, language: Language, tree: Callable[[int], int]) -> Doc:
    """A text of that many tokens with a parse as bad as can be."""
    taken = [next(words) for _ in range(size)]
    proper = [word[0].isupper() and word not in {"We", "No", "According"} for word in taken]
    tags = ["NNP" if p else TAGS.get(w.strip(" ").lower(), "NN") for w, p in zip(taken, proper, strict=True)]
    heads = [min(tree(number), size - 1) for number in range(size)]
    deps = ["ROOT" if heads[n] == n else "nsubj" if tags[n] in {"NNP", "PRP"} else "ccomp" for n in range(size)]
    doc = Doc(language.vocab, words=taken, tags=tags, heads=heads, deps=deps)
    first = 0
    spans = []
    for number, is_proper in enumerate([*proper, False]):
        if not is_proper:
            if number > first:
                spans.append(Span(doc, first, number, "PERSON"))
            first = number + 1
    doc.ents = spans
    return doc


SHAPES = [(phrase, "chain") for phrase in [*PHRASES, "names"]]
SHAPES += [(phrase, tree) for phrase in ("said", ", he said", "“ We won ,", "names") for tree in ("star", "pairs")]


@pytest.mark.parametrize(("phrase", "tree"), SHAPES)
def test_quotes_and_entities_are_found_in_time(
    fast: Language, phrase: str, tree: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LONGEST_SENTENCE", 50)  # what a sentence costs is bounded; it is the text that grows

    def work(size: int) -> Callable[[], object]:
        words = names() if phrase == "names" else repeated(phrase)
        doc = parsed(words, size, fast, TREES[tree])
        return lambda: (extract_quotes(doc, article_id="a", published=None), extract_entities(doc))

    assert ratio(work, 500) <= MOST


def test_an_endless_sentence_is_read_as_several(fast: Language) -> None:
    doc = parsed(repeated("he said"), 5 * LONGEST_SENTENCE, fast, TREES["chain"])
    table = make_token_table(doc)
    assert max(high - low + 1 for low, high in table.sentences) == LONGEST_SENTENCE
    assert all(abs(head - token) < LONGEST_SENTENCE for token, head in enumerate(table.head))
    assert table.sentence_bounds(LONGEST_SENTENCE) == (LONGEST_SENTENCE, 2 * LONGEST_SENTENCE - 1)
