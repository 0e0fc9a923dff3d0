"""Old months are deleted on the real engines, and what is left stays whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client, kafka_client, retention, topics
from pipeline.cli.main import main
from pipeline.dead_letters import dead_letter
from pipeline.dead_letters.log import Filter, Letters
from pipeline.models import Article, Enriched, Source, Stage
from pipeline.settings import Settings, environment
from pipeline.sink import indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.text.fingerprint import fingerprint
from tests.integration import articles as published
from tests.integration.test_takedown import LONG
from tests.unit.sink.factory import enriched, record

NOW = datetime.now(UTC)
KEPT = retention.first_kept(3, NOW)
OLD, BOUNDARY = KEPT - timedelta(days=40), KEPT - timedelta(days=1)
ANCIENT = datetime(1970, 1, 1, tzinfo=UTC)


def made(name: str, when: datetime, body: str = "", fetched: datetime | None = None) -> Enriched:
    """An enriched article of that time, with quotes; `body` makes a copy of all with the same."""
    changes = {"published": when, "fetched": fetched or when, "source": Source(id=f"{name}.example", name=name)}
    one = enriched(name, ("We will see.",), **changes)
    text = f"{one.article.body}\n\n{body}" if body else one.article.body
    article = one.article.model_copy(update={"body": text})
    return one.model_copy(update={"article": article, "fingerprint": fingerprint(text) if body else None})


def counts(client: Elasticsearch, settings: Settings) -> dict[str, list[str]]:
    """The ids of the articles by index."""
    client.indices.refresh(index=[settings.articles_alias, settings.quotes_alias])
    found: dict[str, list[str]] = {}
    hits = client.search(index=settings.articles_alias, size=100, sort=["id"])["hits"]["hits"]
    for hit in hits:
        found.setdefault(indices.month_of(hit["_index"]), []).append(hit["_id"])
    return found


def bury(settings: Settings, *articles: Article) -> None:
    """Dead letters of these articles."""
    with kafka_client.producer(settings) as producer:
        for one in articles:
            letter = dead_letter.from_failure(
                "no room", stage=Stage.ENRICH, topic=topics.articles(settings).name, partition=0, offset=0,
                key=one.id.encode(), value=one.model_dump_json().encode(),
            )  # fmt: skip
            producer.send(
                topics.deadletter(settings).name, key=letter.key, value=letter.value,
                headers=dead_letter.to_headers(letter),
            ).get(30)  # fmt: skip
        producer.send(topics.deadletter(settings).name, key=b"x", value=b"no letter").get(30)


def test_old_months_go_and_what_is_left_is_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka_client.ensure_topics(settings, topics.every_topic(settings))
    new, old = published.article(1, published=NOW, fetched=NOW), published.article(2, published=OLD, fetched=OLD)
    bury(settings, new, old, published.article(3, published=ANCIENT, fetched=OLD))
    with elasticsearch_client.connect(settings) as client:
        writer = Writer(client, settings, indices.prepare(client, settings))

        def write(*some: Enriched) -> None:
            writer.batch([Event(record(one), one) for one in some]).write()
            client.indices.refresh(index=[settings.articles_alias, settings.quotes_alias])

        write(made("old", OLD), made("first", BOUNDARY, LONG), made("ancient", ANCIENT, fetched=OLD))
        write(made("copy", KEPT + timedelta(hours=1), LONG), made("new", NOW), made("late", ANCIENT, fetched=NOW))
        copy = client.get(index=indices.name(settings, "articles", f"{KEPT:%Y.%m}"), id="copy")["_source"]
        assert copy["duplicate_of"] == "first"

        for name, value in environment(settings).items():
            monkeypatch.setenv(name, value)
        assert main(["retain", "--months", "3"]) == 2, "there is nobody to ask"
        assert "Delete 3 articles from before" in capsys.readouterr().err
        assert len(counts(client, settings)) == 5, "nothing is deleted"

        assert main(["retain", "--months", "3", "--yes"]) == 0
        told = capsys.readouterr().out
        assert "2 months deleted: 3 articles and 3 quotes" in told
        assert "1 copies were written again, 2 dead letters discarded" in told.replace("\n", " ")
        left = {f"{KEPT:%Y.%m}": ["copy"], f"{NOW:%Y.%m}": ["new"], "other": ["late"]}
        assert counts(client, settings) == left
        copy = client.get(index=indices.name(settings, "articles", f"{KEPT:%Y.%m}"), id="copy")["_source"]
        assert not copy.get("duplicate_of")
        quotes: list[dict[str, Any]] = client.search(index=settings.quotes_alias, size=100)["hits"]["hits"]
        assert sorted(hit["_source"]["article_id"] for hit in quotes) == ["copy", "late", "new"]
        assert not any(hit["_source"].get("duplicate_of") for hit in quotes)
        with Letters(settings) as letters:
            by_key = {letter.key: letter.mark for letter in letters.scan(Filter(handled=True))}
        assert by_key[new.id] is None, "its article is young enough"
        assert (mark := by_key[old.id]) is not None
        assert (mark.how, mark.because) == ("discarded", retention.BECAUSE)

        assert main(["retain", "--months", "3", "--yes"]) == 0, "a second run has nothing to do"
        assert "0 months deleted: 0 articles" in capsys.readouterr().out
        write(made("again", OLD))
        assert "again" in counts(client, settings)[f"{OLD:%Y.%m}"], "a sink that goes on makes the month anew"


@pytest.mark.parametrize(
    ("months", "first"),
    [(1, "2026-11-01"), (11, "2026-01-01"), (12, "2025-12-01"), (24, "2024-12-01"), (1200, "1926-12-01")],
)
def test_the_current_month_is_the_last_that_is_kept(months: int, first: str) -> None:
    assert f"{retention.first_kept(months, datetime(2026, 11, 26, tzinfo=UTC)):%Y-%m-%d}" == first
