"""Reads short texts with the pipeline's own model."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pipeline.models import Quote
from pipeline.text.nlp import shared
from pipeline.text.quotes.extract import extract_quotes
from tests.unit.text.conftest import MODEL

PUBLISHED = datetime(2025, 3, 13, 12, tzinfo=UTC)  # a Thursday

Reader = Callable[[str], list[Quote]]


@pytest.fixture(scope="session")
def read() -> Reader:
    nlp = shared(MODEL)
    return lambda text: extract_quotes(nlp(text), article_id="a1", published=PUBLISHED)
