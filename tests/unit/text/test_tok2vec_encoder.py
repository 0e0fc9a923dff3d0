"""The fast tok2vec gives the vectors that spaCy's gives, and leaves to it what it does not support."""

import copy
import pickle
import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.ml import CharacterEmbed, MaxoutWindowEncoder, MishWindowEncoder, MultiHashEmbed
from spacy.ml.models.tok2vec import build_Tok2Vec_model
from spacy.tokens import Doc
from thinc.api import Model, Ragged, fix_random_seed, with_array

from pipeline.text import tok2vec_encoder
from pipeline.text.tok2vec_encoder import BLOCK, FastForward, supports, use_fast_tok2vec
from tests.thorough import examples
from tests.unit.text.articles import ALL, BRIDGE, MARKET
from tests.unit.text.made_up import WORDS, batches

ATTRIBUTES = ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE"]


@pytest.fixture(scope="module")
def blank() -> Language:
    return spacy.blank("en")


def tok2vec(
    nlp: Language, *, width: int = 24, attributes: int = 4, side: int = 1, pieces: int = 3, depth: int = 4
) -> Any:
    """spaCy's model of these sizes with random weights."""
    fix_random_seed(width + side)
    embed = MultiHashEmbed(width, list(ATTRIBUTES[:attributes]), [50] * attributes, include_static_vectors=False)
    return initialized(nlp, build_Tok2Vec_model(embed, MaxoutWindowEncoder(width, side, pieces, depth)))


def initialized(nlp: Language, model: Any) -> Any:
    model.initialize([nlp.make_doc(BRIDGE)])
    numbers = np.random.default_rng(5)
    for node in model.walk():
        for name in node.param_names:
            array = node.get_param(name)
            node.set_param(name, (array + 0.2 * numbers.normal(size=array.shape)).astype(np.float32))
    return model


def assert_same(model: Any, docs: list[Doc], forward: FastForward | None = None) -> None:
    expected = model.predict(docs)
    found, _ = (forward or FastForward(model))(model, docs, is_train=False)
    assert [one.shape for one in found] == [(len(doc), model.get_dim("nO")) for doc in docs]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, atol=3e-5)


class TestSameVectors:
    @pytest.mark.parametrize(
        "sizes",
        [
            {},
            {"attributes": 6, "pieces": 2},
            {"attributes": 1, "depth": 1},
            {"side": 2, "depth": 2},
            {"side": 3, "pieces": 1, "depth": 3, "width": 7},
        ],
        ids=str,
    )
    def test_of_models_of_many_sizes(self, blank: Language, sizes: dict[str, int]) -> None:
        model = tok2vec(blank, **sizes)
        forward = FastForward(model)
        for docs in batches(blank, 3, examples(150), 80):
            assert_same(model, docs, forward)

    def test_of_more_words_than_products_are_kept_of(self, blank: Language, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tok2vec_encoder, "MOST_PRODUCTS", 30)
        model = tok2vec(blank)
        forward = FastForward(model)
        counts = []
        for docs in batches(blank, 5, 40, 80):
            assert_same(model, docs, forward)
            counts.append(len(forward._embedding.words(docs)[1]))
        assert min(counts) <= 30 < max(counts)

    def test_of_texts_around_the_size_of_a_block(self, blank: Language) -> None:
        model = tok2vec(blank)
        draw = random.Random(4)
        for size in (BLOCK - 4, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 3, 2 * BLOCK + 5):
            docs = [Doc(blank.vocab, words=[draw.choice(WORDS) for _ in range(size)]), blank.make_doc(BRIDGE)]
            assert_same(model, docs)

    def test_of_no_text_and_of_texts_without_tokens(self, blank: Language) -> None:
        model = tok2vec(blank)
        assert FastForward(model)(model, [], is_train=False)[0] == []
        texts: list[list[list[str]]] = [[[]], [[], []], [[], ["Oslo"], []]]
        for words in texts:
            assert_same(model, [Doc(blank.vocab, words=given) for given in words])

    @pytest.mark.parametrize("kept", [1, 7, 40])
    def test_when_words_are_forgotten(self, blank: Language, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tok2vec_encoder, "KEPT_WORDS", kept)
        model = tok2vec(blank)
        forward = FastForward(model)
        for docs in batches(blank, 6, 40, 80):
            assert_same(model, docs, forward)
            assert len(forward._embedding._young.vectors) == kept >= len(forward._embedding._young.rows)

    def test_when_different_words_have_the_same_hash(self, blank: Language, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tok2vec_encoder, "_FACTOR", np.uint64(0))
        model = tok2vec(blank)
        forward = FastForward(model)
        for docs in batches(blank, 9, 40, 80):
            assert_same(model, docs, forward)

    def test_in_a_memory_zone(self, blank: Language) -> None:
        model = tok2vec(blank)
        forward = FastForward(model)
        for text in ALL:
            with blank.memory_zone():
                assert_same(model, [blank.make_doc(text)], forward)
            assert_same(model, [blank.make_doc(text)], forward)

    def test_when_a_token_has_a_norm_of_its_own(self, blank: Language) -> None:
        model = tok2vec(blank)
        forward = FastForward(model)
        docs = [blank.make_doc(BRIDGE) for _ in range(2)]
        for token in docs[1]:
            token.norm_ = "bridge"
        assert_same(model, docs, forward)
        assert not np.allclose(*forward(model, docs, is_train=False)[0])

    def test_in_threads(self, blank: Language, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tok2vec_encoder, "KEPT_WORDS", 30)
        model = tok2vec(blank)
        work = list(batches(blank, 8, 60, 60))
        expected = [model.predict(docs) for docs in work]
        forward = FastForward(model)
        differing: list[int] = []

        def check(first: int) -> None:
            for number in range(first, first + len(work)):
                found = forward(model, work[number % len(work)], is_train=False)[0]
                if not all(map(same, found, expected[number % len(work)])):
                    differing.append(number)

        def same(one: Any, other: Any) -> bool:
            return bool(np.allclose(one, other, atol=3e-5))

        threads = [threading.Thread(target=check, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert differing == []


def test_a_word_is_embedded_once(blank: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tok2vec(blank)
    forward = FastForward(model)
    sizes: list[int] = []
    compute = forward._embedding._compute

    def count(rows: Any) -> Any:
        sizes.append(len(rows))
        return compute(rows)

    monkeypatch.setattr(forward._embedding, "_compute", count)
    docs = [blank.make_doc(text) for text in (MARKET, BRIDGE, MARKET)]
    for _ in range(2):
        forward(model, docs, is_train=False)
    assert sum(sizes) == len({(token.norm_, token.text) for doc in docs for token in doc})


class TestSamePipeline:
    def test_of_articles(self, fast: Language, plain: Language) -> None:
        assert_same_analysis(fast, plain, [fast.make_doc(text) for text in [*ALL, MARKET * 20, "", "Oslo"]])

    def test_of_words_drawn_at_random(self, fast: Language, plain: Language) -> None:
        """Where two moves score the same but for a millionth, rounding decides: in one such text of 2,000 or so."""
        differing = [same_analysis(fast, plain, docs).count(False) for docs in batches(fast, 9, examples(600), 40)]
        assert sum(differing) <= 1

    def test_the_fast_pipeline_uses_it_for_each_encoder(self, fast: Language, plain: Language) -> None:
        assert [forwards(nlp) for nlp in (fast, plain)] == [{"tok2vec": 1, "senter": 1, "ner": 1}, {}]


def forwards(nlp: Language) -> dict[str, int]:
    models = {name: getattr(component, "model", None) for name, component in nlp.components}
    counts = {
        name: sum(isinstance(node._func, FastForward) for node in model.walk())
        for name, model in models.items()
        if isinstance(model, Model)
    }
    return {name: count for name, count in counts.items() if count}


def assert_same_analysis(fast: Language, plain: Language, docs: list[Doc]) -> None:
    assert same_analysis(fast, plain, docs) == [True] * len(docs)


def same_analysis(fast: Language, plain: Language, docs: list[Doc]) -> list[bool]:
    """Of each text, whether both find the same in it."""

    def analysis(doc: Doc) -> list[Any]:
        tokens = [(token.tag_, token.dep_, token.head.i, token.is_sent_start) for token in doc]
        return [tokens, [(ent.start, ent.end, ent.label_) for ent in doc.ents]]

    def copies(nlp: Language) -> list[Doc]:
        return [Doc(nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc]) for doc in docs]

    expected = plain.pipe(copies(plain), batch_size=16)
    found = fast.pipe(copies(fast), batch_size=16)
    return [analysis(other) == analysis(one) for one, other in zip(expected, found, strict=True)]


class TestLeftToSpacy:
    def test_other_models(self, blank: Language) -> None:
        embed = MultiHashEmbed(24, ["NORM"], [50], include_static_vectors=False)
        crowded = MaxoutWindowEncoder(24, 1, 3, 2)
        crowded.attrs["pad"] = 1
        others = [
            build_Tok2Vec_model(embed.copy(), MishWindowEncoder(24, 1, 2)),
            build_Tok2Vec_model(embed.copy(), crowded),
            build_Tok2Vec_model(embed.copy(), with_array(Model("with_array", lambda model, x, is_train: (x, None)))),
            build_Tok2Vec_model(
                CharacterEmbed(24, 50, 8, 4, include_static_vectors=False), MaxoutWindowEncoder(24, 1, 3, 2)
            ),
        ]
        assert [supports(model) for model in others] == [False] * len(others)
        assert not supports(embed)

    def test_texts_that_see_each_other_in_the_embedding(self, blank: Language) -> None:
        def mix(model: Any, ragged: Any, is_train: bool) -> Any:
            return Ragged(np.roll(ragged.dataXd, 1, axis=0), ragged.lengths), None

        model = tok2vec(blank)
        assert supports(model)
        embed = model.get_ref("embed")
        embed._layers.insert(2, Model("mix", mix))
        assert not supports(model)

    def test_training_and_what_comes_after(self, blank: Language) -> None:
        model = tok2vec(blank)
        spacys = model._func
        model._func = FastForward(model)
        docs = [blank.make_doc(BRIDGE)]
        before = model.predict(docs)[0]
        (vectors,), backpropagate = model.begin_update(docs)
        assert backpropagate([np.ones_like(vectors)]) == []
        model.finish_update(lambda key, weights, gradient: (weights - 0.1 * gradient, gradient * 0))
        assert not np.allclose(model.predict(docs)[0], before)
        expected = spacys(model, docs, is_train=False)[0][0]
        np.testing.assert_array_equal(model.predict(docs)[0], expected)

    def test_weights_that_were_replaced(self, blank: Language) -> None:
        model = tok2vec(blank)
        spacys = model._func
        model._func = FastForward(model)
        docs = [blank.make_doc(BRIDGE)]
        before = model.predict(docs)[0]
        norm = next(node for node in model.walk() if node.name == "layernorm")
        norm.set_param("G", 2 * norm.get_param("G"))
        assert not np.allclose(model.predict(docs)[0], before)
        np.testing.assert_array_equal(model.predict(docs)[0], spacys(model, docs, is_train=False)[0][0])

    def test_copies(self, blank: Language) -> None:
        model = tok2vec(blank)
        spacys = model._func
        forward = model._func = FastForward(model)
        docs = [blank.make_doc(BRIDGE)]
        expected = spacys(model, docs, is_train=False)[0][0]
        np.testing.assert_array_equal(model.copy().predict(docs)[0], expected)
        assert copy.deepcopy(forward) is spacys
        assert pickle.loads(pickle.dumps(forward)) is spacys


def test_a_saved_pipeline_loads_in_bare_spacy(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    nlp.initialize()
    expected = nlp(BRIDGE).tensor
    use_fast_tok2vec(nlp)
    use_fast_tok2vec(nlp)  # A second time changes nothing.
    assert forwards(nlp) == {"tok2vec": 1}
    np.testing.assert_allclose(nlp(BRIDGE).tensor, expected, atol=3e-5)
    nlp.to_disk(tmp_path)
    bare = spacy.load(tmp_path)
    assert forwards(bare) == {}
    np.testing.assert_array_equal(bare(BRIDGE).tensor, expected)
