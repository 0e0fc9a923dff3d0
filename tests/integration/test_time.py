"""Dates from a source to the index: UTC inside, whatever zone, clock or calendar they come from."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from connectors.parsing import dates
from connectors.parsing.article_factory import make_article
from pipeline.models import Article, Enriched, ModelInfo, Source
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings
from pipeline.sink import batch as revisions
from pipeline.sink import indices
from pipeline.sink.batch_state import WriteOutcome
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration import sinks
from tests.unit.sink.factory import enriched, quote, record

pytestmark = pytest.mark.engines

FETCHED = datetime(2026, 5, 20, 12, tzinfo=UTC)

CASES: dict[str, tuple[str | None, str, str]] = {
    # what the source writes, the moment that it means, the month of its indices
    "no date": (None, "", "2026.05"),
    "no such day": ("2023-02-29T10:00:00Z", "", "2026.05"),
    "a leap day": ("2024-02-29T23:30:00Z", "2024-02-29T23:30:00Z", "2024.02"),
    "a leap day in words": ("Thu, 29 Feb 2024 12:00:00 GMT", "2024-02-29T12:00:00Z", "2024.02"),
    "a leap day that is over in UTC": ("2024-02-29T20:00:00-05:00", "2024-03-01T01:00:00Z", "2024.03"),
    "the month before in UTC": ("2026-03-01T00:30:00+05:30", "2026-02-28T19:00:00Z", "2026.02"),
    "the year after in UTC": ("Wed, 31 Dec 2025 22:00:00 EST", "2026-01-01T03:00:00Z", "2026.01"),
    "an hour that summer time leaves out": ("Sun, 29 Mar 2026 02:30:00 CET", "2026-03-29T01:30:00Z", "2026.03"),
    "the first of an hour that comes twice": ("Sun, 02 Nov 2025 01:30:00 EDT", "2025-11-02T05:30:00Z", "2025.11"),
    "the second of it": ("Sun, 02 Nov 2025 01:30:00 EST", "2025-11-02T06:30:00Z", "2025.11"),
    "24:00": ("2026-01-31T24:00:00Z", "2026-02-01T00:00:00Z", "2026.02"),
    "a leap second": ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2017.01"),
    "in two years": ("2028-05-20T12:00:00Z", "2026-05-20T12:00:00Z", "2026.05"),
    "the year 9999": ("9999-12-31T23:59:59Z", "2026-05-20T12:00:00Z", "2026.05"),
    "a clock five minutes ahead": ("2026-05-20T12:05:00Z", "2026-05-20T12:05:00Z", "2026.05"),
    "before there was news": ("0001-01-01T00:00:00Z", "", "2026.05"),
    "before the epoch": ("1969-07-21T02:56:00Z", "1969-07-21T02:56:00Z", "other"),
}


@pytest.fixture(params=["America/New_York", "Pacific/Kiritimati"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine whose own clock is set to a zone far from UTC."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """The sink's clock shows this time."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    monkeypatch.setattr(revisions, "datetime", Clock)


def published(name: str, written: str | None, fetched: datetime = FETCHED, **more: Any) -> Article:
    return make_article(
        url=f"https://news.example/{name.replace(' ', '-')}", body="Lund said: “We will build it.”",
        source=Source(id="news.example", name="The News"), fetched=fetched, published=dates.parse(written), **more,
    )  # fmt: skip


def found_in(article: Article) -> Enriched:
    model = ModelInfo(name="en", version="1", engine="1")
    said = quote(article.body, "We will build it.", article.id)
    return Enriched(article=article, quotes=[said], model=model, enriched=FETCHED)


def write(writer: Writer, *articles: Article) -> WriteOutcome:
    return writer.batch([Event(record(None, offset=n), found_in(one)) for n, one in enumerate(articles)]).write()


def months(client: Elasticsearch, settings: Settings, kind: str) -> dict[str, str]:
    alias = indices.alias(settings, kind)
    client.indices.refresh(index=alias)
    key = {"articles": "id", "quotes": "article_id"}[kind]
    hits = client.search(index=alias, size=1000)["hits"]["hits"]
    return {hit["_source"][key]: indices.month_of(hit["_index"]) for hit in hits}


def test_every_date_comes_to_the_index_in_utc_and_in_its_month(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    at(monkeypatch, FETCHED)
    articles = {name: published(name, written) for name, (written, _, _) in CASES.items()}
    assert write(writer, *articles.values()).written == len(CASES)
    there = {one["id"]: one for one in sinks.documents(settings, settings.articles_alias)}
    for name, (_, moment, _) in CASES.items():
        assert there[articles[name].id].get("published", "") == moment, name
        assert there[articles[name].id]["fetched"] == "2026-05-20T12:00:00Z"
    for kind in indices.KINDS:
        where = months(client, settings, kind)
        assert {name: where[articles[name].id] for name in CASES} == {name: case[2] for name, case in CASES.items()}
    assert there[articles["in two years"].id]["raw"] == {"published-in-future": "2028-05-20T12:00:00+00:00"}
    # Days of a search are days of UTC.
    with Reader(settings) as reader:

        def on(since: str, until: str) -> int:
            return reader.search_quotes(QuoteQuery.model_validate({"since": since, "until": until})).total

        assert on("2024-02-29", "2024-02-29") == 2
        assert on("2024-03-01", "2024-03-01") == 1
        assert on("2026-02-28", "2026-02-28") == 1
        assert on("2025-12-31", "2025-12-31") == 0
        assert on("2026-01-01T03:00:00Z", "2026-01-01T03:00:00Z") == 1
        assert on("2025-11-02T05:00:00Z", "2025-11-02T06:00:00Z") == 1


def test_a_connector_a_year_ahead_does_not_win_for_a_year(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, FETCHED)
    ahead = published("skewed", None, fetched=FETCHED + timedelta(days=365))  # no date: its revision is the clock's
    assert write(writer, ahead).written == 1
    assert months(client, settings, "articles") == {ahead.id: indices.OTHER}, "no date of it can be true"
    # Its clock was set right, and the source has corrected the article.
    right = published("skewed", None, fetched=FETCHED + timedelta(hours=1), previous_revision=ahead.revision)
    assert right.revision == ahead.revision + 1
    assert write(writer, right).written == 1
    assert months(client, settings, "articles") == {ahead.id: "2026.05"}
    assert [one["fetched"] for one in sinks.documents(settings, settings.articles_alias)] == ["2026-05-20T13:00:00Z"]


def test_two_connectors_agree_on_the_revision_of_a_dated_article() -> None:
    one = published("dated", "2026-05-01T10:00:00Z")
    other = published("dated", "2026-05-01T10:00:00Z", fetched=FETCHED + timedelta(hours=7))
    assert one.revision == other.revision


def test_a_sink_behind_its_time_puts_an_article_aside(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = published("news", "2026-05-20T11:00:00Z")
    at(monkeypatch, datetime(2020, 1, 1, tzinfo=UTC))
    assert write(writer, article).written == 1
    assert months(client, settings, "articles") == {article.id: indices.OTHER}
    at(monkeypatch, FETCHED)
    assert write(writer, article).written == 1
    for kind in indices.KINDS:
        assert months(client, settings, kind) == {article.id: "2026.05"}
    assert len(sinks.documents(settings, settings.quotes_alias)) == 1


def test_an_article_dated_in_the_future_goes_by_its_other_dates(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, FETCHED)
    future = datetime(2031, 1, 1, tzinfo=UTC)
    events = [
        enriched(article="modified", published=future, modified=datetime(2026, 4, 1, tzinfo=UTC), fetched=FETCHED),
        enriched(article="fetched", published=future, modified=future, fetched=FETCHED),
        enriched(article="none", published=future, modified=future, fetched=future),
    ]
    writer.batch([Event(record(one), one) for one in events]).write()
    assert months(client, settings, "quotes") == {"modified": "2026.04", "fetched": "2026.05", "none": "other"}
