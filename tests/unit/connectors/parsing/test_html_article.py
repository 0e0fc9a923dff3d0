from datetime import datetime
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.parsing.html_article import extract, source_of, to_article
from pipeline.models import Source
from tests.fixtures.pages.cases import CASES as FIRST
from tests.fixtures.pages.cases import URL, Case, page
from tests.fixtures.pages.more import MORE
from tests.fixtures.pages.names import NAMES
from tests.thorough import examples
from tests.unit.connectors.helpers import NOW

CASES = [*FIRST, *MORE, *NAMES]
SLOWEST = 8.0  # seconds of processor time


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def test_there_are_as_many_cases_as_we_say() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_page(case: Case) -> None:
    started = process_time()
    found = extract(case.data, url=URL, charset=case.charset)
    assert process_time() - started < SLOWEST
    if not case.article:
        assert found.body == ""
        return
    assert {name: plain(getattr(found, name)) for name in case.expected} == case.expected
    for words in case.without:
        assert words not in found.body


def test_a_page_becomes_an_article_with_what_it_says() -> None:
    found = extract(page(head='<meta property="og:site_name" content="The Paper">').encode(), url=URL)
    source = source_of(found, URL)
    assert source == Source(id="news.test", name="The Paper", domain="news.test")
    article = to_article(found, url=URL + "?utm_source=x", source=source, fetched=NOW, published=NOW)
    assert (article.canonical_url, article.published, article.headline) == (URL, NOW, "Dam reopened")
    assert article.body == found.body


def test_a_walled_page_says_so_in_its_raw_headers() -> None:
    case = next(case for case in CASES if case.name == "a wall said in JSON-LD")
    found = extract(case.data, url=URL)
    article = to_article(found, url=URL, source=Source(id="s", name="S"), fetched=NOW)
    assert article.raw == {"paywalled": "true"}


PIECES = st.sampled_from(
    [
        b"<p>",
        b"</p>",
        b"<article>",
        b"<script type='application/ld+json'>",
        b"</script>",
        b'{"@type":"NewsArticle","articleBody":"',
        b'"}',
        b"<meta charset='",
        b"utf-7'>",
        b"<!--",
        b"-->",
        b"&#0;",
        b"&#xFFFFFFFF;",
        b"<title>",
        b"\x00",
        b"\xff",
        b"<svg>",
        b"<math><mi>",
        b"<template>",
        b"<table>",
        b"<select>",
        b"<link rel=canonical href='http://[",
        b"'>",
        b"<time datetime='9999-99'>",
        b"Words that say something. " * 20,
    ]
)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=40).map(b"".join))
def test_whatever_bytes_come_a_page_comes_out(data: bytes) -> None:
    found = extract(data, url=URL)
    assert all(line == line.strip() and line for line in found.body.split("\n")) or not found.body


@pytest.mark.parametrize("charset", ["utf-8\x00", "hex", "no such", ""])
def test_a_charset_that_is_none_is_passed_over(charset: str) -> None:
    data = "<html><body><h1>Fähre</h1><p>Die Fähre fährt. Die Fähre fährt.</p></body></html>".encode()
    assert "Fähre" in extract(data, url=URL, charset=charset).headline
