"""The batch tagger gives the tags that spaCy's own gives."""

from typing import Any

import pytest
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.tokens import Doc

from pipeline.text.tagger_batch import BatchTagger
from tests.unit.text.articles import ALL, BRIDGE, MARKET


def tags(component: Any, docs: list[Doc]) -> list[list[str]]:
    copies = [doc.copy() for doc in docs]
    component.set_annotations(copies, component.predict(copies))
    return [[token.tag_ for token in doc] for doc in copies]


@pytest.fixture
def both(fast: Language) -> tuple[Any, Any]:
    ours: Any = fast.get_pipe("tagger")
    spacys = Tagger(ours.vocab, ours.model, ours.name)
    spacys.cfg.update(ours.cfg)
    return ours, spacys


def test_tags_are_spacys(fast: Language, both: tuple[Any, Any]) -> None:
    with fast.select_pipes(enable=["tok2vec"]):
        docs = list(fast.pipe([*ALL, "", " ", "\n", "Oslo", MARKET + BRIDGE]))
    found, expected = (tags(component, docs) for component in both)
    assert found == expected
    assert len({tag for one in found for tag in one}) > 20


@pytest.mark.parametrize("overwrite", [True, False])
def test_earlier_tags_stay_where_spacy_leaves_them(
    fast: Language, both: tuple[Any, Any], overwrite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fast.select_pipes(enable=["tok2vec"]):
        doc = fast(BRIDGE)
    doc[1].tag_ = "FW"
    for component in both:
        monkeypatch.setitem(component.cfg, "overwrite", overwrite)
    found, expected = (tags(component, [doc]) for component in both)
    assert found == expected
    assert (found[0][1] == "FW") is not overwrite


def test_texts_without_tokens_have_no_tags(fast: Language, both: tuple[Any, Any]) -> None:
    for docs in ([Doc(fast.vocab)], [Doc(fast.vocab), Doc(fast.vocab, words=["Oslo"])]):
        assert tags(both[0], docs) == tags(both[1], docs)


def test_only_the_fast_pipeline_tags_batches(fast: Language, plain: Language) -> None:
    assert type(fast.get_pipe("tagger")) is BatchTagger
    assert type(plain.get_pipe("tagger")) is Tagger
