"""A text that was analysed before is not analysed again: what is copied is what an analysis would have given."""

import json
import os
import tracemalloc
from datetime import datetime
from typing import Any

import pytest

from benchmarks import corpus
from pipeline.agents import known_texts
from pipeline.agents.article_enricher import enricher
from pipeline.agents.known_texts import KnownTexts, Text
from pipeline.models import SCHEMA_VERSION, Article, Enriched, ModelInfo
from pipeline.settings import EnrichmentSettings
from pipeline.workers.protocol import Outcome, Result, Work
from tests.unit.agents.factory import article

DATED = (
    "“We are close to an agree\u00adment,” Ada Lovelace told reporters in London on Tuesday.\n\n“It\u2019s done,” "
    "she said two hours ago. Grace Hopper said last week\u00a0that the bridge would open on March 5. “Nothing,” "
    "said Lovelace, “is ready.” The mayor of Paris said yesterday that nobody had asked him. \U0001f600 “No,” he "
    "added on 3 May 2019."
)
TEXTS = [DATED, *corpus.texts(4, seed=5), "Kurz.", "Der Kanzler sagte am Dienstag in Berlin, dass er bald zurücktritt."]
ELSEWHERE: list[dict[str, Any]] = [
    {
        "published": "2025-03-13T00:30:00+02:00",
        "tags": ["a", "ß"],
        "raw": {"x": "y"},
        "modified": "2025-03-13T01:00:00Z",
    },
    {"published": None, "byline": "Ann Lee", "headline": "Other words", "id": "much-longer-than-the-first"},
    {"published": "0001-01-01T00:00:00Z", "source": {"id": "b.example", "name": "B"}, "revision": 0},
]


def event(body: str, **changes: Any) -> bytes:
    return json.dumps(article(body=body, **changes)).encode()


def result(value: bytes) -> Result:
    """What an article without quotes is enriched to."""
    read = Article.model_validate_json(value)
    model = ModelInfo(name="m", version="1", engine="9")
    enriched = Enriched(article=read, model=model, enriched=datetime.fromisoformat("2025-03-12T10:00:00Z"))
    return Result(read.id.encode(), enriched.model_dump_json().encode())


def without_times(outcome: Outcome | None) -> tuple[bytes, str]:
    """Key and event, but for when it was enriched and how long that took."""
    assert isinstance(outcome, Result), outcome
    found = json.loads(outcome.value)
    assert Enriched.model_validate_json(outcome.value).enriched
    del found["enriched"], found["timings"]
    return outcome.key, json.dumps(found)


@pytest.fixture(scope="module")
def work(one_model: None) -> Work:
    settings = EnrichmentSettings()
    return enricher(settings.model, settings.fast, settings.batch_size, settings.max_characters)


@pytest.mark.parametrize("body", TEXTS, ids=range(len(TEXTS)))
def test_a_copy_is_what_an_analysis_gives(body: str, work: Work) -> None:
    """To the byte, in the order of its fields: with its own ids, its own dates, its own source."""
    texts = KnownTexts(2**20)
    first = event(body)
    [analysed] = work([first])
    assert isinstance(analysed, Result)
    assert texts.copy(Text(first)) is None
    texts.keep(Text(first), analysed)
    for number, changes in enumerate(ELSEWHERE):
        other = event(body, **({"id": f"other{number}", "url": f"https://other.example/{number}"} | changes))
        copied = texts.copy(Text(other))
        [again] = work([other])
        assert without_times(copied) == without_times(again)
    assert without_times(texts.copy(Text(first))) == without_times(analysed)


def test_dates_and_ids_are_the_copys_own(work: Work) -> None:
    texts, first = KnownTexts(2**20), event(DATED)
    [analysed] = work([first])
    assert isinstance(analysed, Result)
    texts.keep(Text(first), analysed)
    copied = texts.copy(Text(event(DATED, id="b2", published="2025-04-16T09:00:00Z")))
    assert copied is not None
    quotes = Enriched.model_validate_json(copied.value).quotes
    assert {quote.id.partition("-")[0] for quote in quotes} == {"b2"}
    assert "2025-04-15" in {str(quote.said_on) for quote in quotes}, "another Tuesday"


@pytest.mark.parametrize(
    "other",
    [
        event("Nobody was surprised!"),
        event("Nobody was surprised.", language="de"),
        event("Nobody was surprised.", schema_version=SCHEMA_VERSION + 1),
        event("Nobody was surprised.", revision=-1),
        event("Nobody was surprised.", published="10000-01-01"),
        event("Nobody was surprised.")[:-1],
        event("Nobody was surprised.", headline="x" * known_texts.LARGEST),
        b"",
        b"[]",
        b"{}",
        b'{"body": 5}',
        b"\xff\x00",
        b"[" * 100_000,
        rb'{"body": "\ud800"}',
    ],
)
def test_anything_else_is_analysed(other: bytes) -> None:
    texts, first = KnownTexts(2**20), event("Nobody was surprised.")
    texts.keep(Text(first), result(first))
    assert texts.copy(Text(event("Nobody was surprised.", id="2"))) is not None
    assert texts.copy(Text(other)) is None


def test_what_cannot_be_copied_is_analysed(caplog: pytest.LogCaptureFixture) -> None:
    texts, first = KnownTexts(2**20), event("Nobody was surprised.")
    texts.keep(Text(first), Result(b"a1", b"no JSON"))
    assert texts.copy(Text(first)) is None
    assert "cannot be copied" in caplog.text


def test_memory_is_bounded_by_bytes_and_what_is_copied_stays() -> None:
    """Some large analyses or very many small ones: neither takes more."""
    most = 2**20
    often = event("Everybody has this text.")
    tracemalloc.start()
    try:
        texts = KnownTexts(most)
        texts.keep(Text(often), result(often))
        for number in range(6_000):
            size = 30_000 if number % 200 < 20 else 0
            one = event(f"Text {number}." + os.urandom(size // 2).hex())
            texts.keep(Text(one), result(one))
            assert texts.bytes <= most
            if number % 10 == 0:
                assert texts.copy(Text(often)) is not None
        own = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, known_texts.__file__)])
        held = sum(trace.size for trace in own.traces)
    finally:
        tracemalloc.stop()
    assert most / 2 < held <= most
    assert texts.copy(Text(event("Text 0."))) is None


def test_nothing_is_remembered_where_there_is_no_room() -> None:
    texts, first = KnownTexts(0), event("Nobody was surprised.")
    texts.keep(Text(first), result(first))
    assert texts.copy(Text(first)) is None
    assert texts.bytes == 0


def test_an_event_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker looks a text up each time that a batch is gathered, and keeps it once."""
    parsed: list[bytes] = []

    def parse(value: bytes) -> Any:
        parsed.append(value)
        return json.loads(value)

    monkeypatch.setattr(known_texts, "from_json", parse)
    texts, before, first = KnownTexts(2**20), event("Somebody was surprised."), event("Nobody was surprised.")
    texts.keep(Text(before), result(before))
    parsed.clear()
    text = Text(first)
    assert [texts.copy(text) for _ in range(3)] == [None] * 3
    texts.keep(text, result(first))
    assert parsed == [first]
