"""The documents that an index is filled with, and what `benchmarks.full_index` tells."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks import corpus, filling, full_index
from benchmarks.filling import Templates
from benchmarks.full_index import FEW, FULL, Result
from benchmarks.measure import Turn
from benchmarks.search_speed import Words, article
from pipeline import identity, terms
from pipeline.sink import documents
from pipeline.text import fingerprint

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates()


def made(templates: Templates, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The documents of an article and of its quotes."""
    (_, _, first), *others = templates.documents(number, NOW, NOW)
    return json.loads(first), [json.loads(document) for _, _, document in others]


def fields(document: dict[str, Any], above: str = "") -> Iterable[str]:
    for name, value in document.items():
        yield f"{above}{name}"
        if isinstance(value, dict):
            yield from fields(value, f"{above}{name}.")


def test_they_have_the_fields_of_the_sinks_own(templates: Templates) -> None:
    event = article(Words(1), 1)
    event = event.model_copy(update={"fingerprint": fingerprint.fingerprint(event.article.body)})
    whole, quotes = made(templates, 1)
    assert set(fields(whole)) == set(fields(json.loads(documents.article(event, indexed=NOW).json)))
    assert set(fields(quotes[0])) == set(fields(json.loads(next(documents.quotes(event, indexed=NOW)).json)))


def test_what_is_in_them_fits_together(templates: Templates) -> None:
    whole, quotes = made(templates, 5)
    assert whole["bands"] == list(fingerprint.bands(whole["fingerprint"]))
    assert len(whole["bands"]) == fingerprint.BANDS
    assert (whole["terms"]["body"], whole["terms"]["body_stems"]) == terms.indexed(whole["body"])
    assert whole["quote_ids"] == [quote["id"] for quote in quotes] == [quote["id"] for quote in whole["quotes"]]
    assert len(quotes) == whole["quote_count"] == filling.QUOTES
    for quote in quotes:
        assert quote["article_id"] == whole["id"]
        assert quote["said"] in whole["body"]
        assert (quote["terms"]["context"], quote["terms"]["context_stems"]) == terms.indexed(quote["context_text"])
        assert quote["speaker"]["id"] == identity.name_id("PERSON", quote["speaker"]["name"])
        assert quote["terms"]["speaker"] == terms.folded(quote["speaker"]["name"])


def test_no_two_are_alike(templates: Templates) -> None:
    some = [made(templates, number)[0] for number in range(200)]
    for name in ("id", "url", "body", "content_hash", "fingerprint"):
        assert len({one[name] for one in some}) == 200
    assert len({band for one in some for band in one["bands"]}) == 200 * fingerprint.BANDS
    assert made(templates, 7) == made(templates, 7)


def test_they_are_of_the_months_that_the_corpus_has() -> None:
    portions = list(filling._portions(100_000, NOW))
    assert sum(portion.count for portion in portions) == 100_000
    assert [portion.first for portion in portions[1:]] == [one.first + one.count for one in portions[:-1]]
    assert sum(portion.count for portion in portions if portion.days[1] <= 30) == 90_000
    dated = {record["published"][:7] for record in corpus.records(["A text."] * 2_000, now=NOW)}
    assert {portion.month.replace(".", "-") for portion in portions} == dated


def test_the_ratio_is_that_of_medians() -> None:
    result = Result(1_000_000, 600.0, 12.0, {FEW: (3_000, 60_000), FULL: (1_003_000, 3_060_000)})
    for few, full in ((3.0, 3.3), (9.0, 3.2), (3.1, 9.9)):
        result.turns[FEW].append(Turn(200, 4.0, {"client": 1.0, "elasticsearch": few - 1.0}))
        result.turns[FULL].append(Turn(200, 4.0, {"client": 1.1, "elasticsearch": full - 1.1}))
    assert result.ratio() == pytest.approx(3.3 / 3.1)
    assert result.ratio("client") == pytest.approx(1.1)
    lines = "\n".join(full_index.printed(result))
    assert "1,003,000 articles, 3,060,000 quotes" in lines
    assert "Met: yes." in lines
    told = json.loads(json.dumps(full_index.as_json(result)))
    assert (told["ratio"], told["met"]) == (1.065, True)
