"""The fast pipeline gives what the plain one gives; a bad setting is told by its name."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import NumpyOps, get_current_ops
from threadpoolctl import threadpool_info

from pipeline.errors import SettingsError
from pipeline.text.nlp import LINES, MODEL_VARIABLE, SPACES, MatmulOps, load, start_sentences
from tests.unit.text.articles import ALL, BRIDGE, MARKET, ODD
from tests.unit.text.conftest import MODEL


def entities(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def parse(doc: Doc) -> list[tuple[str, str, str, int, bool]]:
    return [(token.text, token.tag_, token.dep_, token.head.i, bool(token.is_sent_start)) for token in doc]


@pytest.mark.parametrize("text", ALL, ids=["bridge", "market", "odd"])
def test_fast_and_plain_agree_on_tokens_tags_parse_and_entities(plain: Language, fast: Language, text: str) -> None:
    expected, found = plain(text), fast(text)
    assert parse(found) == parse(expected)
    assert entities(found) == entities(expected)
    assert found.text == text


def test_fast_and_plain_agree_on_a_batch(plain: Language, fast: Language) -> None:
    texts = [BRIDGE, "", MARKET, " \n ", ODD, BRIDGE + MARKET]
    for expected, found in zip(plain.pipe(texts), fast.pipe(texts), strict=True):
        assert parse(found) == parse(expected)
        assert entities(found) == entities(expected)


def test_a_text_parses_the_same_alone_and_in_a_batch(fast: Language) -> None:
    alone = parse(fast(BRIDGE))
    with fast.memory_zone():
        assert parse(list(fast.pipe([MARKET, BRIDGE]))[1]) == alone
    assert parse(fast(BRIDGE)) == alone


def test_blank_tokens_are_tagged_as_such(fast: Language) -> None:
    blanks = [token for token in fast(ODD) if token.is_space]
    assert blanks
    assert {token.tag_ for token in blanks} == {"_SP"}


def test_fast_leaves_out_what_nobody_reads_and_plain_nothing(plain: Language, fast: Language) -> None:
    assert fast.pipe_names == [LINES, "tok2vec", "tagger", "parser", "ner", SPACES]
    assert {"attribute_ruler", "lemmatizer"} <= set(plain.pipe_names)


def test_only_the_fast_pipeline_multiplies_with_numpy(plain: Language, fast: Language) -> None:
    def kinds(nlp: Language) -> set[type]:
        ner: Any = nlp.get_pipe("ner")
        # The parser's last layer is made with spaCy's own operations and read by compiled code.
        return {type(node.ops) for node in ner.model.walk() if node.name != "linear"}

    assert kinds(fast) == {MatmulOps}
    assert kinds(plain) == {NumpyOps}


def test_loading_leaves_the_operations_of_the_process() -> None:
    before = get_current_ops()
    load(MODEL)
    assert get_current_ops() is before


def test_matrices_use_one_thread_after_loading(fast: Language) -> None:
    assert fast.pipe_names
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert {library["num_threads"] for library in threadpool_info()} == {1}


@pytest.mark.parametrize("trans1", [False, True])
@pytest.mark.parametrize("trans2", [False, True])
def test_gemm_is_that_of_thinc(trans1: bool, trans2: bool) -> None:
    draw = np.random.default_rng(3)
    x = draw.random((4, 7) if not trans1 else (7, 4), dtype=np.float32)
    y = draw.random((7, 5) if not trans2 else (5, 7), dtype=np.float32)
    expected = NumpyOps().gemm(x, y, trans1=trans1, trans2=trans2)
    found = MatmulOps().gemm(x, y, trans1=trans1, trans2=trans2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    into = np.empty((4, 5), dtype=np.float32)
    assert MatmulOps().gemm(x, y, out=into, trans1=trans1, trans2=trans2) is into
    np.testing.assert_allclose(into, expected, rtol=1e-5)


def test_affine_is_that_of_thinc() -> None:
    draw = np.random.default_rng(4)
    x, weights, bias = (draw.random(shape, dtype=np.float32) for shape in ((6, 8), (3, 8), (3,)))
    np.testing.assert_allclose(MatmulOps().affine(x, weights, bias), NumpyOps().affine(x, weights, bias), rtol=1e-5)


@pytest.mark.parametrize("model", ["no_such_pipeline", "", "/"])
def test_a_pipeline_that_is_not_there_is_told_with_its_variable(model: str) -> None:
    with pytest.raises(SettingsError, match=MODEL_VARIABLE) as error:
        load(model)
    assert repr(model) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_pipeline_is_told_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{not json", encoding="utf-8")
    with pytest.raises(SettingsError, match=MODEL_VARIABLE):
        load(str(tmp_path))


def test_a_pipeline_in_a_folder_loads(tmp_path: Path, fast: Language) -> None:
    folder = tmp_path / "pipeline"
    fast.to_disk(folder)
    assert entities(load(str(folder))(BRIDGE)) == entities(fast(BRIDGE))


@given(text=st.text(alphabet="a. \n\r\u2028\t", max_size=40))
def test_the_first_word_of_each_line_starts_a_sentence(fast: Language, text: str) -> None:
    doc = fast.make_doc(text)
    first, after_line_end = set(doc.to_array("SENT_START").nonzero()[0].tolist()), False
    for token in doc:
        if token.is_space:
            after_line_end = after_line_end or any(end in token.text for end in "\n\r\u2028")
        elif after_line_end:
            first.add(token.i)
            after_line_end = False
    starts = start_sentences(doc).to_array("SENT_START")
    assert starts.nonzero()[0].tolist() == sorted(first)


def test_no_sentence_runs_over_the_end_of_a_line(fast: Language) -> None:
    doc = fast("Plans for the weir\nOtto Blix said it would be rebuilt.\n\nCost of the weir")
    assert [sentence.text.strip() for sentence in doc.sents] == [
        "Plans for the weir",
        "Otto Blix said it would be rebuilt.",
        "Cost of the weir",
    ]
