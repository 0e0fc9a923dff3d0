"""Reads short texts with the pipeline's own model."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pipeline.models import Quote
from pipeline.text.analyser import as_given
from pipeline.text.nlp import shared
from pipeline.text.quotes.extract import extract_quotes
from pipeline.text.readable import readable
from tests.unit.text.conftest import MODEL

PUBLISHED = datetime(2025, 3, 13, 12, tzinfo=UTC)  # a Thursday

Reader = Callable[[str], list[Quote]]


@pytest.fixture(scope="session")
def read() -> Reader:
    nlp = shared(MODEL)

    def quotes(text: str) -> list[Quote]:
        made = readable(text)
        found = extract_quotes(nlp(made.text), article_id="a1", published=PUBLISHED)
        return [as_given(quote, made, text) for quote in found] if made.text != text else found

    return quotes
