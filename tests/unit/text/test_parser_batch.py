"""The batch parser gives the parse that spaCy's own loop gives, and leaves to it what it does not support."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.pipeline import DependencyParser
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import fix_random_seed

from pipeline.text import parser_batch
from pipeline.text.parser_batch import BatchDependencyParser, parts, supports_model, use_batch_parser
from tests.thorough import examples
from tests.unit.text.articles import ALL, BRIDGE, MARKET
from tests.unit.text.made_up import WORDS, batches
from tests.unit.text.random_weights import draw_weights, favour

LABELS = ("nsubj", "dobj", "punct", "acl||dobj")
WRITTEN: list[int | str] = ["HEAD", "DEP", "SENT_START"]


@pytest.fixture(autouse=True)
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are parsed together even where that takes longer."""
    monkeypatch.setattr(parser_batch, "STEP_COST", 0)


def spacys(component: Any) -> DependencyParser:
    copy = DependencyParser(component.vocab, component.model, component.name, component.moves)
    copy.cfg.update(component.cfg)
    return copy


def batched(component: Any) -> BatchDependencyParser:
    copy = BatchDependencyParser(component.vocab, component.model, component.name, component.moves)
    copy.cfg.update(component.cfg)
    return copy


def assert_same(component: Any, docs: list[Doc]) -> None:
    expected, found = ([doc.copy() for doc in docs] for _ in range(2))
    expected = list(spacys(component).pipe(expected, batch_size=16))
    found = list(batched(component).pipe(found, batch_size=16))
    assert list(map(len, found)) == list(map(len, docs))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(other.to_array(WRITTEN), one.to_array(WRITTEN))


def small(seed: int, *, factory: str = "parser", config: dict[str, Any] | None = None, **model: Any) -> Language:
    """A blank pipeline with a small parser of random weights, which takes moves of all kinds anywhere."""
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    embed = {
        "@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 16, "depth": 1,
        "embed_size": 300, "window_size": 1, "maxout_pieces": 2, "subword_features": False,
    }  # fmt: skip
    shape = {
        "state_type": "parser",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
    }
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "tok2vec": embed, **shape, **model}
    parser: Any = nlp.add_pipe(factory, name="parser", config={"model": model, **(config or {})})
    for label in LABELS:
        parser.add_label(label)
    nlp.initialize()
    draw_weights(parser, seed)
    return nlp


def lined(nlp: Language, seed: int, number: int, most: int) -> Iterator[list[Doc]]:
    """Texts with sentence starts that are set here and there, and never denied."""
    draw = random.Random(seed)
    while number > 0:
        batch = []
        for _ in range(draw.choice([1, 4, 16])):
            size, rate = draw.choice([0, 1, 2, most // 4, most]), draw.choice([0.0, 0.03, 0.2, 1.0])
            starts: list[bool | int | None] = [True if draw.random() < rate else None for _ in range(size)]
            batch.append(Doc(nlp.vocab, words=[draw.choice(WORDS) for _ in range(size)], sent_starts=starts))
        number -= len(batch)
        yield batch


class TestSameParse:
    def test_of_articles(self, fast: Language) -> None:
        texts = [*ALL, "", " ", "\n", "Oslo", *(MARKET + BRIDGE).splitlines(), MARKET * 10]
        with fast.select_pipes(disable=["parser", "ner"]):
            docs = list(fast.pipe(texts))
        assert_same(fast.get_pipe("parser"), docs)
        assert_same(fast.get_pipe("parser"), [fast.tokenizer(text) for text in texts])  # without lines or vectors

    def test_of_made_up_articles(self, fast: Language) -> None:
        with fast.select_pipes(disable=["parser", "ner"]):
            for docs in lined(fast, 1, examples(500), 60):
                assert_same(fast.get_pipe("parser"), list(fast.pipe(docs)))

    @pytest.mark.parametrize("pieces", [1, 2, 3])
    def test_with_random_weights(self, pieces: int) -> None:
        nlp = small(pieces, maxout_pieces=pieces)
        for docs in lined(nlp, pieces, examples(500), 60):
            assert_same(nlp.get_pipe("parser"), docs)

    @pytest.mark.parametrize(
        "amounts",
        [
            {"S": 6.0, "D": 4.0},
            {"D": 8.0, "L": -4.0, "R": -4.0},
            {"R": 6.0, "L": 5.0},
            {"B": 8.0},
            {"B": 5.0, "S": 4.0},
        ],
        ids=str,
    )
    def test_when_some_moves_are_preferred(self, amounts: dict[str, float]) -> None:
        nlp = small(5)
        favour(nlp.get_pipe("parser"), amounts)
        for docs in lined(nlp, 5, examples(300), 60):
            assert_same(nlp.get_pipe("parser"), docs)

    def test_when_scores_tie(self) -> None:
        nlp = small(7)
        upper = nlp.get_pipe("parser").model.get_ref("upper")  # type: ignore[attr-defined]
        upper.set_param("b", np.zeros_like(upper.get_param("b")))
        coarse = np.sign(upper.get_param("W")) * (np.abs(upper.get_param("W")) > 1.5)
        for weights in (coarse * 0, coarse):
            upper.set_param("W", weights.astype(np.float32))
            for docs in lined(nlp, 7, examples(300), 60):
                assert_same(nlp.get_pipe("parser"), docs)

    def test_of_more_stretches_than_states(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parser_batch, "MOST_STATES", 3)
        nlp = small(9)
        for docs in lined(nlp, 9, 60, 60):
            assert_same(nlp.get_pipe("parser"), docs)

    def test_of_more_tokens_than_fit_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parser_batch, "MOST_TOKENS", 20)
        nlp = small(10)
        for docs in lined(nlp, 10, 60, 60):
            assert_same(nlp.get_pipe("parser"), docs)

    def test_in_a_memory_zone(self, fast: Language) -> None:
        expected = [(token.head.i, token.dep_) for token in fast(BRIDGE)]
        with fast.memory_zone():
            doc = list(fast.pipe([MARKET, BRIDGE, ""], batch_size=2))[1]
            assert [(token.head.i, token.dep_) for token in doc] == expected


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([1800] * 11, [11]),
        ([2200] * 11, [6, 5]),
        ([2000] * 16 + [8000], [10, 7]),
        ([0, 50_000, 0, 10], [1, 1, 2]),
        ([0, 0], [2]),
        ([], []),
    ],
)
def test_parts_are_few_and_of_equal_size(lengths: list[int], expected: list[int]) -> None:
    vocab = Vocab()
    docs = [Doc(vocab, words=["a"] * length) for length in lengths]
    found = list(parts(docs))
    assert list(map(len, found)) == expected
    assert [doc for part in found for doc in part] == docs


def test_a_break_behind_the_next_stretchs_first_word_counts() -> None:
    nlp = small(11)
    parser: Any = nlp.get_pipe("parser")
    favour(parser, {"B": 100.0, "S": 1.0})
    starts: list[bool | int | None] = [True, None, True, None, None]
    docs = [Doc(nlp.vocab, words=["Anna", "Solheim", "left", "Oslo", "."], sent_starts=starts)]
    assert_same(parser, docs)


class TestLeftToSpacy:
    def loop(self, nlp: Language, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The pipeline's parser; a use of the batch parser fails from here on."""

        def refuse(*given: object) -> None:
            raise AssertionError("parsed as a batch")

        monkeypatch.setattr(parser_batch, "_Parse", refuse)
        return nlp.get_pipe("parser")

    @pytest.mark.parametrize(
        "model", [{"extra_state_tokens": True}, {"use_upper": False}], ids=["thirteen features", "no upper layer"]
    )
    def test_models_of_another_shape(self, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13, **model)
        use_batch_parser(nlp)
        assert type(nlp.get_pipe("parser")) is DependencyParser
        assert_same(self.loop(nlp, monkeypatch), [nlp.make_doc(BRIDGE)])

    def test_beam_search(self) -> None:
        nlp = small(13, factory="beam_parser")
        use_batch_parser(nlp)
        assert type(nlp.get_pipe("parser")) is DependencyParser

    def test_parts_of_tokens(self) -> None:
        nlp = small(13, config={"learn_tokens": True})
        use_batch_parser(nlp)
        assert type(nlp.get_pipe("parser")) is DependencyParser

    def test_labels_that_were_added_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13)
        use_batch_parser(nlp)
        parser: Any = nlp.get_pipe("parser")
        assert supports_model(parser)
        parser.add_label("iobj")
        assert not supports_model(parser)
        assert_same(self.loop(nlp, monkeypatch), [nlp.make_doc(BRIDGE)])

    def test_tokens_that_start_no_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13)
        for docs in batches(nlp, 3, 40, 40):  # Where starts are set in these, all other tokens are denied to be some.
            assert_same(nlp.get_pipe("parser"), docs)
        doc = nlp.make_doc(BRIDGE)
        doc[7].is_sent_start = False
        assert_same(self.loop(nlp, monkeypatch), [doc])

    def test_few_long_texts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        nlp = small(13)
        assert_same(self.loop(nlp, monkeypatch), [nlp.make_doc("Anna Solheim left Oslo . " * 50)])

    def test_stretches_that_change_each_other_again_and_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parser_batch, "ROUNDS", 1)
        nlp = small(11)
        favour(nlp.get_pipe("parser"), {"B": 100.0, "S": 1.0})
        for docs in lined(nlp, 5, 40, 40):
            assert_same(nlp.get_pipe("parser"), docs)

    def test_texts_without_tokens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13)
        assert_same(self.loop(nlp, monkeypatch), [Doc(nlp.vocab), Doc(nlp.vocab)])


def test_the_fast_pipeline_parses_batches(fast: Language, plain: Language) -> None:
    assert type(fast.get_pipe("parser")) is BatchDependencyParser
    assert type(plain.get_pipe("parser")) is DependencyParser


def test_a_saved_pipeline_loads_in_bare_spacy(tmp_path: Path) -> None:
    nlp = small(17)
    expected = nlp(BRIDGE).to_array(WRITTEN)
    use_batch_parser(nlp)
    nlp.to_disk(tmp_path)
    bare = spacy.load(tmp_path)
    assert type(bare.get_pipe("parser")) is DependencyParser
    np.testing.assert_array_equal(bare(BRIDGE).to_array(WRITTEN), expected)
