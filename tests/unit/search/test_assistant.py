"""What assistants are told of a quote, without a search service."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.search import assistant, result_mapping
from pipeline.search.results import ArticleView
from tests.unit.search.factory import bridge
from tests.unit.search.test_result_mapping import found

SPLIT = "We built it in two winters, … It will stand for a hundred years."
"""The article says who said it between the two pieces."""


def answered() -> Any:
    """The answers of a search service that has the article of the bridge."""
    one = bridge()
    hit = result_mapping.quote_hit(found(), [])
    page = SimpleNamespace(total=1, hits=[hit], next=None, facets=None, suggestions=[], reason=None)
    view = ArticleView.model_validate(one.article.model_dump() | {"quotes": one.quotes})
    return SimpleNamespace(search=lambda *_, **__: page, article=lambda _: view)


@pytest.mark.parametrize(("tool", "arguments"), [("search_quotes", {}), ("get_article", {"id": "bridge"})])
def test_what_the_article_says_between_is_not_passed_over(tool: str, arguments: dict[str, str]) -> None:
    answer: Any = asyncio.run(assistant.server(answered()).call_tool(tool, arguments))
    told = answer.structured_content if hasattr(answer, "structured_content") else answer[1]
    assert told["quotes"][0]["said"] == SPLIT
