"""The batch decoder finds the entities that spaCy's own loop finds, and leaves to it what it does not support."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.pipeline import EntityRecognizer
from spacy.tokens import Doc, Span
from thinc.api import fix_random_seed

from pipeline.text import ner_decoder
from pipeline.text.maxout import largest_pieces
from pipeline.text.ner_decoder import BLOCK, ROUNDS, BatchEntityRecognizer, supports_model, use_batch_decoder
from tests.thorough import examples
from tests.unit.text.articles import ALL, BRIDGE, MARKET
from tests.unit.text.made_up import WORDS, batches
from tests.unit.text.random_weights import draw_weights, favour

LABELS = ("ORG", "PERSON", "WORK-OF-ART", "DATE")


def annotations(doc: Doc) -> list[tuple[int, str, str]]:
    return [(token.ent_iob, token.ent_type_, token.ent_kb_id_) for token in doc]


def assert_same(component: EntityRecognizer, docs: list[Doc]) -> int:
    """Both find the same in copies of these texts; returns how many entities."""
    spacys = EntityRecognizer(component.vocab, component.model, component.name, component.moves)
    spacys.cfg.update(component.cfg)
    ours = BatchEntityRecognizer(component.vocab, component.model, component.name, component.moves)
    ours.cfg.update(component.cfg)
    expected, found = ([doc.copy() for doc in docs] for _ in range(2))
    for recogniser, copies in ((spacys, expected), (ours, found)):
        recogniser.set_annotations(copies, recogniser.predict(copies))
    for one, other in zip(expected, found, strict=True):
        assert [(e.start, e.end, e.label_) for e in other.ents] == [(e.start, e.end, e.label_) for e in one.ents]
        assert annotations(other) == annotations(one)
    return sum(len(doc.ents) for doc in found)


def small(seed: int, *, factory: str = "ner", **model: Any) -> Language:
    """A blank pipeline with a small recogniser of random weights, which finds entities anywhere."""
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    embed = {
        "@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 16, "depth": 1,
        "embed_size": 300, "window_size": 1, "maxout_pieces": 2, "subword_features": False,
    }  # fmt: skip
    shape = {
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
    }
    config = {"@architectures": "spacy.TransitionBasedParser.v2", "tok2vec": embed, **shape, **model}
    ner: Any = nlp.add_pipe(factory, name="ner", config={"model": config})
    for label in LABELS:
        ner.add_label(label)
    nlp.initialize()
    draw_weights(ner, seed)
    return nlp


@pytest.fixture
def ner(fast: Language) -> Any:
    return fast.get_pipe("ner")


class TestSameEntities:
    def test_in_articles(self, fast: Language, ner: Any) -> None:
        with fast.select_pipes(disable="ner"):
            docs = list(fast.pipe([*ALL, "", " ", "\n", "Oslo", *(MARKET + BRIDGE).splitlines(), MARKET * 40]))
        assert assert_same(ner, docs) > 300

    def test_in_made_up_articles(self, fast: Language, ner: Any) -> None:
        batch = batches(fast, 1, examples(3000), 40)
        assert sum(assert_same(ner, docs) for docs in batch) > examples(3000)

    @pytest.mark.parametrize("pieces", [1, 2, 3])
    def test_with_random_weights(self, pieces: int) -> None:
        nlp = small(pieces, maxout_pieces=pieces)
        batch = batches(nlp, pieces, examples(1500), 80)
        assert sum(assert_same(nlp.get_pipe("ner"), docs) for docs in batch) > examples(1500)

    @pytest.mark.parametrize("long", [3.0, 6.0, 12.0])
    def test_when_entities_are_long(self, long: float) -> None:
        nlp = small(5)
        favour(nlp.get_pipe("ner"), {"I": long, "B": 4.0})
        assert sum(assert_same(nlp.get_pipe("ner"), docs) for docs in batches(nlp, 5, examples(1500), 80)) > 100

    def test_when_scores_tie(self) -> None:
        nlp = small(7)
        ner: Any = nlp.get_pipe("ner")
        upper = ner.model.get_ref("upper")
        coarse = np.sign(upper.get_param("W")) * (np.abs(upper.get_param("W")) > 1.5)
        found = 0
        for weights, begin in ((coarse * 0, 0.0), (coarse * 0, 1.0), (coarse, 0.0)):
            upper.set_param("W", weights.astype(np.float32))
            upper.set_param("b", np.zeros_like(upper.get_param("b")))
            favour(ner, {"B": begin})
            found += sum(assert_same(ner, docs) for docs in batches(nlp, 7, examples(500), 60))
        assert found > 200

    def test_at_a_sentence_or_text_end(self) -> None:
        nlp = small(9)
        favour(nlp.get_pipe("ner"), {"B": 1e4, "I": 1e4})  # Every entity runs as far as it may.
        words = ["Anna", "Solheim", "\n", "Bank", "of", "Oslo"]
        starts: list[bool | int | None] = [True, False, False, True, False, True]
        docs = [Doc(nlp.vocab, words=words, sent_starts=starts), Doc(nlp.vocab, words=["Anna"]), Doc(nlp.vocab)]
        assert_same(nlp.get_pipe("ner"), docs)
        use_batch_decoder(nlp)
        assert [(ent.start, ent.end) for ent in next(iter(nlp.pipe(docs[:1]))).ents] == [(0, 3), (3, 5), (5, 6)]

    def test_in_a_text_longer_than_a_block(self) -> None:
        nlp = small(11)
        draw = random.Random(2)
        words = [draw.choice(WORDS) for _ in range(4 * BLOCK + 7)]
        assert assert_same(nlp.get_pipe("ner"), [Doc(nlp.vocab, words=words)]) > 1000

    def test_in_a_memory_zone(self, fast: Language) -> None:
        expected = [(ent.text, ent.label_) for ent in fast(BRIDGE).ents]
        with fast.memory_zone():
            doc = list(fast.pipe([MARKET, BRIDGE, ""], batch_size=2))[1]
            assert [(ent.text, ent.label_) for ent in doc.ents] == expected
        assert [(ent.text, ent.label_) for ent in fast(BRIDGE).ents] == expected


class TestLeftToSpacy:
    def loop(self, nlp: Language, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The pipeline's recogniser; a use of the batch decoder fails from here on."""

        def refuse(*given: object) -> None:
            raise AssertionError("decoded as a batch")

        monkeypatch.setattr(ner_decoder, "_Batch", refuse)
        return nlp.get_pipe("ner")

    @pytest.mark.parametrize(
        "model", [{"extra_state_tokens": True}, {"use_upper": False}], ids=["six features", "no upper layer"]
    )
    def test_models_of_another_shape(self, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13, **model)
        use_batch_decoder(nlp)
        assert type(nlp.get_pipe("ner")) is EntityRecognizer
        assert assert_same(self.loop(nlp, monkeypatch), [*next(batches(nlp, 1, 4, 60)), nlp.make_doc(BRIDGE)]) > 0

    def test_beam_search(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13, factory="beam_ner")
        use_batch_decoder(nlp)
        assert type(nlp.get_pipe("ner")) is EntityRecognizer
        assert assert_same(self.loop(nlp, monkeypatch), [nlp.make_doc(BRIDGE)]) > 0

    def test_labels_that_were_added_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13)
        use_batch_decoder(nlp)
        ner: Any = nlp.get_pipe("ner")
        assert supports_model(ner)
        ner.add_label("LAW")
        assert not supports_model(ner)
        assert assert_same(self.loop(nlp, monkeypatch), [nlp.make_doc(BRIDGE)]) > 0

    @pytest.mark.parametrize("label", ["ORG", "NEW"])
    @pytest.mark.parametrize("blocked", [False, True])
    def test_entities_set_before(self, label: str, blocked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13)
        use_batch_decoder(nlp)
        doc = nlp.make_doc(BRIDGE)
        span = Span(doc, 3, 6, label=label)
        doc.set_ents([] if blocked else [span], blocked=[span] if blocked else [], default="missing")
        assert assert_same(self.loop(nlp, monkeypatch), [nlp.make_doc(MARKET), doc]) > 0

    def test_texts_without_tokens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = small(13)
        assert assert_same(self.loop(nlp, monkeypatch), [Doc(nlp.vocab), Doc(nlp.vocab)]) == 0


class TestBounds:
    @pytest.fixture
    def scored(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """How many tokens were scored, call by call."""
        sizes: list[int] = []

        def count(sums: Any, units: int) -> Any:
            sizes.append(len(sums))
            return largest_pieces(sums, units)

        monkeypatch.setattr(ner_decoder, "largest_pieces", count)
        return sizes

    def test_a_long_text_takes_work_by_its_length(self, scored: list[int]) -> None:
        nlp = small(15)
        favour(nlp.get_pipe("ner"), {"B": 1e4, "I": 1e4})  # Any token begins an entity that runs to the text's end.
        use_batch_decoder(nlp)
        size = BLOCK + 100
        doc = nlp.get_pipe("ner")(Doc(nlp.vocab, words=["Oslo"] * size))
        assert [(ent.start, ent.end) for ent in doc.ents] == [(0, size)]
        assert sum(scored) <= (ROUNDS + 2) * size
        assert max(scored) == BLOCK


def test_the_fast_pipeline_decodes_batches(fast: Language, plain: Language) -> None:
    assert type(fast.get_pipe("ner")) is BatchEntityRecognizer
    assert type(plain.get_pipe("ner")) is EntityRecognizer


def test_a_saved_pipeline_loads_in_bare_spacy(tmp_path: Path) -> None:
    nlp = small(17)
    expected = [(ent.start, ent.end, ent.label_) for ent in nlp(BRIDGE).ents]
    assert expected
    use_batch_decoder(nlp)
    nlp.to_disk(tmp_path)
    bare = spacy.load(tmp_path)
    assert type(bare.get_pipe("ner")) is EntityRecognizer
    assert [(ent.start, ent.end, ent.label_) for ent in bare(BRIDGE).ents] == expected
