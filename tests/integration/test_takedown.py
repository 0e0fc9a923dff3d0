"""Articles taken down on the real engines: they go with their quotes, and stay away however they come again."""

import json
import threading
import time
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient

from pipeline import takedown, topics
from pipeline.cli.main import main
from pipeline.errors import ClusterUnavailable, NotFoundError, TakenDownError
from pipeline.models import Enriched, ModelInfo, Source
from pipeline.reindex import rebuild
from pipeline.republish import retained
from pipeline.search.api import create_app
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings, environment
from pipeline.sink import documents, events, index_versions, indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.takedown import Selection
from pipeline.text.fingerprint import fingerprint
from pipeline.tombstones import Tombstone, Tombstones
from tests.integration import articles as published
from tests.integration import sinks
from tests.integration.commands import Command, command_in_process
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines

LONG = (
    "The harbour bridge of Port Aurel will close for two winters while its cables are replaced, the council decided on "
    "Monday after a long debate about ferries, costs, noise and the fishermen who were never asked about any of it."
)


@pytest.fixture
def command(quick: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `whosaid article …`: its exit code and what it printed."""
    return command_in_process("article", quick, monkeypatch, capsys)


def take(settings: Settings, *ids: str, **changes: Any) -> takedown.TakedownReport:
    found = takedown.find(settings, Selection(ids=ids, **changes))
    return takedown.take_down(settings, found, because="a court says so", by="desk")


def write(client: Elasticsearch, settings: Settings, *articles: Enriched) -> None:
    writer = Writer(client, settings, indices.prepare(client, settings))
    writer.batch([Event(record(one), one) for one in articles]).write()
    client.indices.refresh(index=f"{settings.articles_alias},{settings.quotes_alias}")


def copy(name: str, minute: int, said: str = "We never asked the fishermen.") -> Enriched:
    """One of some near copies, each published a minute after the other."""
    made = enriched(article=name, says=(said,))
    body = f"{made.article.body} {LONG}"
    when = made.article.published
    assert when
    article = made.article.model_copy(update={"body": body, "published": when.replace(minute=minute)})
    return made.model_copy(update={"article": article, "fingerprint": fingerprint(body)})


def test_it_goes_with_its_quotes_and_is_told_by_date(quick: Settings, client: Elasticsearch) -> None:
    write(client, quick, enriched(article="bad", says=("One.", "Two.")), enriched(article="good", says=("Three.",)))
    report = take(quick, "bad")
    assert (report.removed.articles, report.removed.quotes, report.already, report.held_by) == (1, 2, set(), [])
    assert sinks.articles(quick) == ["good"]
    assert sinks.said(quick) == ["Three."]
    (tombstone,) = takedown.listed(quick)
    assert (tombstone.id, tombstone.url, tombstone.by, tombstone.because, tombstone.quotes) == (
        "bad", "https://news.example/bad", "desk", "a court says so", 2,
    )  # fmt: skip
    http = TestClient(create_app(quick), base_url="http://localhost")
    gone = http.get("/api/articles/bad")
    assert gone.status_code == 410
    assert gone.json() == {"error": f"The article bad was taken down on {tombstone.at:%Y-%m-%d}."}
    assert "Taken down" in http.get("/articles/bad").text
    assert http.get("/api/articles/never").status_code == 404
    with Reader(quick) as reader:
        assert reader.taken_down() == 1
        with pytest.raises(TakenDownError):
            reader.article("bad")


AGAIN = {
    "replayed": {},
    "a new revision": {"revision": 9},
    "a late older revision": {"revision": 0},
    "in another month": {"published": None},
}


@pytest.mark.parametrize("changes", AGAIN.values(), ids=AGAIN)
@pytest.mark.guarantee("taken-down")
def test_it_stays_away_when_it_comes_again(
    changes: dict[str, Any], quick: Settings, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pipeline.sink")
    write(client, quick, enriched(article="bad"))
    take(quick, "bad")
    sinks.publish(quick, [enriched(article="bad", **changes), enriched(article="good")])
    with sinks.running(quick) as sink:
        sinks.drained(quick)
        assert (sink.total.written, sink.total.taken_down) == (1, 1)
    assert "Article bad is taken down; not indexed" in caplog.text
    assert sinks.articles(quick) == ["good"]
    assert sinks.said(quick) == ["We will build it."]
    assert not sinks.letters(quick)


def test_a_newer_engine_does_not_bring_it_back(quick: Settings, client: Elasticsearch) -> None:
    write(client, quick, enriched(article="bad"))
    take(quick, "bad")
    newer = enriched(article="bad").model_copy(update={"model": ModelInfo(name="new", version="1", engine="900")})
    write(client, quick, newer, enriched(article="good"))
    assert sinks.articles(quick) == ["good"]


def test_what_was_half_removed_is_finished_by_the_sink(quick: Settings, client: Elasticsearch) -> None:
    """Whoever took it down was killed between the tombstone and the removal."""
    write(client, quick, enriched(article="bad"))
    found = takedown.find(quick, Selection(ids=["bad"]))
    tombstones = Tombstones(client, quick)
    tombstones.prepare()
    tombstones.add([Tombstone(id=found[0].id, because="x", by="y", at=datetime(2026, 3, 14, tzinfo=UTC))])
    write(client, quick, enriched(article="bad", revision=2))
    assert sinks.articles(quick) == []
    assert sinks.said(quick) == []
    assert take(quick, "bad").already == {"bad"}


@pytest.mark.parametrize("moment", ["before it writes", "after it has written"])
@pytest.mark.guarantee("taken-down")
def test_a_sink_that_has_it_in_hand_does_not_keep_it(
    moment: str, quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink has looked for tombstones; the article is taken down while it writes, or when it is about to end."""
    writer = Writer(client, quick, indices.prepare(client, quick))
    write(client, quick, enriched(article="bad"))
    batch = writer.batch([Event(record(enriched(article="bad", revision=2)), enriched(article="bad", revision=2))])
    send = batch._send
    down: list[Any] = []

    def taken_down_meanwhile() -> None:
        if moment == "before it writes" and not down:
            down.append(take(quick, "bad"))
        send()
        if moment == "after it has written" and not down:
            down.append(take(quick, "bad"))

    monkeypatch.setattr(batch, "_send", taken_down_meanwhile)
    outcome = batch.write()
    assert (outcome.written, outcome.taken_down) == (0, 1)
    assert sinks.articles(quick) == []
    assert sinks.said(quick) == []


@pytest.mark.guarantee("taken-down")
def test_two_sinks_write_while_articles_are_taken_down(quick: Settings) -> None:
    bad = [f"a{n:03}" for n in range(0, 60, 2)]

    def publish() -> None:
        for revision in range(1, 7):
            batch = [
                enriched(article=f"a{n:03}", says=(f"Word {n} {revision}.",), revision=revision) for n in range(60)
            ]
            sinks.publish(quick, batch)

    with sinks.running(quick), sinks.running(quick):
        thread = threading.Thread(target=publish)
        thread.start()
        sinks.wait_until(lambda: len(sinks.articles(quick)) == 60, "all are there")
        for some in (bad[:10], bad[10:20], bad[20:]):
            take(quick, *some)
        thread.join(120)
        sinks.drained(quick, 120)
    assert sinks.articles(quick) == sorted({f"a{n:03}" for n in range(60)} - set(bad))
    assert len(sinks.said(quick)) == 30
    assert not sinks.letters(quick)


@pytest.mark.guarantee("taken-down")
def test_a_reindex_keeps_it_out_there_and_back(quick: Settings, client: Elasticsearch) -> None:
    names = [f"a{n}" for n in range(6)]
    sinks.publish(quick, [enriched(article=name) for name in names])
    with sinks.running(quick):
        sinks.drained(quick)
    take(quick, "a0")
    assert rebuild.reindex(quick, from_topic=True).articles == 5
    report = take(quick, "a1")
    assert report.held_by == ["v1"]  # which is blocked
    assert sinks.articles(quick) == names[2:]
    assert rebuild.back(quick).articles == 4
    assert sinks.articles(quick) == names[2:]
    assert sinks.said(quick) == ["We will build it."] * 4
    assert index_versions.searched(client, quick, "v1")


@pytest.mark.parametrize("step", ["copy", "verify"])
@pytest.mark.guarantee("taken-down")
def test_it_is_taken_down_while_a_reindex_runs(step: str, quick: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sinks.publish(quick, [enriched(article=f"a{n}") for n in range(6)])
    threads: list[threading.Thread] = []
    with sinks.running(quick):
        sinks.drained(quick)

        def progress(now: str, done: int, total: int) -> None:
            if now == step and not threads:
                threads.append(threading.Thread(target=take, args=(quick, "a0")))
                threads[0].start()
                time.sleep(0.5)

        rebuild.reindex(quick, progress=progress)
        threads[0].join(60)
    assert sinks.articles(quick) == [f"a{n}" for n in range(1, 6)]


def test_it_is_kept_out_though_it_cannot_be_removed_yet(quick: Settings, client: Elasticsearch) -> None:
    write(client, quick, enriched(article="bad"))
    hasty = quick.model_copy(update={"elasticsearch": quick.elasticsearch.model_copy(update={"request_timeout": 0.5})})
    found = takedown.find(quick, Selection(ids=["bad"]))
    index_versions.raise_fence(client, quick, "v1")
    with pytest.raises(ClusterUnavailable, match="kept out from now on, but some are still there"):
        takedown.take_down(hasty, found, because="x", by="y")
    index_versions.lower_fence(client, quick, "v1")
    assert take(quick, "bad").already == {"bad"}
    assert sinks.articles(quick) == []


def test_copies_stay_and_count_for_themselves(quick: Settings, client: Elasticsearch) -> None:
    write(client, quick, copy("first", 0))
    write(client, quick, copy("second", 1))
    write(client, quick, copy("third", 2))
    before = {one["id"]: one.get("duplicate_of") for one in sinks.documents(quick, quick.articles_alias)}
    assert before == {"first": None, "second": "first", "third": "first"}
    report = take(quick, "first")
    assert report.copies_kept == 2
    after = {one["id"]: one.get("duplicate_of") for one in sinks.documents(quick, quick.articles_alias)}
    assert after == {"second": None, "third": "second"}
    quotes = {one["article_id"]: one.get("duplicate_of") for one in sinks.documents(quick, quick.quotes_alias)}
    assert quotes == {"second": None, "third": "second"}


def test_nothing_new_is_a_copy_of_it(quick: Settings, client: Elasticsearch) -> None:
    """Also not to a sink that remembers it as the first."""
    writer = Writer(client, quick, indices.prepare(client, quick))
    first, second = copy("first", 0), copy("second", 1)
    assert writer.batch([Event(record(first), first)]).write().written == 1
    take(quick, "first")
    assert writer.batch([Event(record(second), second)]).write().written == 1
    (document,) = sinks.documents(quick, quick.articles_alias)
    assert (document["cluster"], document.get("duplicate_of")) == ("second", None)


def test_a_copy_that_cannot_be_written_again_stays(
    quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(one: Enriched, **more: Any) -> Any:
        yield from islice(quotes(one, **more), 0 if one.article.id == "second" else None)
        if one.article.id == "second":
            raise ValueError("no quote of it can be made")

    for number, name in enumerate(("first", "second", "third")):
        write(client, quick, copy(name, number))
    quotes = documents.quotes
    monkeypatch.setattr(documents, "quotes", broken)
    with pytest.raises(ClusterUnavailable, match="second could not be written again whole"):
        take(quick, "first")
    assert (sinks.articles(quick), len(sinks.said(quick))) == (["second", "third"], 2)
    monkeypatch.undo()
    assert take(quick, "first").copies_kept == 1
    with Reader(quick) as reader:
        assert [hit.article_id for hit in reader.search_quotes(QuoteQuery()).hits] == ["second"]


def test_copies_may_be_meant_too(quick: Settings, client: Elasticsearch) -> None:
    write(client, quick, copy("first", 0))
    write(client, quick, copy("second", 1), enriched(article="other"))
    take(quick, "second", copies=True)
    assert sinks.articles(quick) == ["other"]


def test_a_source_is_taken_down_and_kept_out(quick: Settings, client: Elasticsearch) -> None:
    tabloid = Source(id="tabloid.example", name="Tabloid")
    write(client, quick, *(enriched(article=f"t{n}", source=tabloid) for n in range(3)), enriched(article="good"))
    found = takedown.find(quick, Selection(source="tabloid.example"))
    takedown.take_down(quick, found, because="a settlement", by="desk")
    write(client, quick, enriched(article="t1", source=tabloid), enriched(article="t7", source=tabloid))
    assert sinks.articles(quick) == ["good", "t7"]
    found = takedown.find(quick, Selection(source="tabloid.example"))
    takedown.take_down(quick, found, because="a settlement", by="desk", source="tabloid.example")
    write(client, quick, enriched(article="t8", source=tabloid))
    assert sinks.articles(quick) == ["good"]
    assert [one.kind for one in takedown.listed(quick, "tabloid.example")].count("source") == 1


@pytest.mark.guarantee("taken-down")
def test_restored_it_comes_back_from_the_topic(quick: Settings, client: Elasticsearch) -> None:
    article = published.article(1)
    published.publish(quick, [article, published.article(2)])
    write(client, quick, enriched(article=article.id), enriched(article="gone"))
    take(quick, article.id, "gone")
    tombstones = takedown.restorable(quick, [article.id, "gone"], None)
    takedown.lift(quick, tombstones)
    since = min(one.fetched for one in tombstones if one.fetched)
    assert retained.publish_again(quick, {article.id, "gone"}, since=since) == {article.id}
    records = list(published.records(quick, topics.articles(quick).name))
    assert [one.key.decode() for one in records].count(article.id) == 2
    write(client, quick, enriched(article=article.id))  # what enrichment makes of it: of the same revision
    assert sinks.articles(quick) == [article.id]


def test_a_replayed_letter_is_told_as_taken_down(
    quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment(quick).items():
        monkeypatch.setenv(name, value)
    write(client, quick, enriched(article="bad"))
    take(quick, "bad")
    sinks.publish(quick, [])
    letters = events.DeadLetters(quick)
    origin = record(enriched(article="bad", revision=3), topic=topics.enriched(quick).name)
    letters.send([events.letter(origin, "mended since", kind="Odd")])
    letters.close()
    with sinks.running(quick):
        assert main(["dlq", "replay", "--every", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fate"] == "taken down"
    assert sinks.articles(quick) == []


def test_the_commands(quick: Settings, client: Elasticsearch, command: Command) -> None:
    write(client, quick, *(enriched(article=name) for name in ("bad", "worse", "good")))
    assert command("delete", "bad")[0] == 2  # no reason
    assert command("delete", "--because", "x")[0] == 2
    code, printed = command("delete", "never", "--because", "x", "--yes")
    assert (code, "No article has the id never" in printed) == (5, True)
    code, printed = command("delete", "bad", "--because", "[b]a court", "--by", "desk", "--yes")
    assert (code, "1 article taken down: removed 1 article and 1 quote." in printed) == (0, True)
    code, printed = command(
        "delete", "--url", "https://news.example/worse?utm_source=x", "--because", "y", "-y", "--json"
    )
    assert json.loads(printed)["removed"] == {"articles": 1, "quotes": 1}
    code, printed = command("delete", "soon", "--ahead", "--because", "z", "--yes")
    assert code == 0
    assert command("bad")[0] == 5
    assert "was taken down on" in command("show", "bad")[1]
    assert command("good")[0] == 0
    code, printed = command("deleted")
    assert "[b]a court" in printed
    assert printed.endswith("3 articles are taken down.\n")
    assert [json.loads(line)["id"] for line in command("deleted", "--json")[1].splitlines()] == ["bad", "worse", "soon"]
    code, printed = command("restore", "bad", "--yes")
    assert (code, "whosaid ingest https://news.example/bad" in printed) == (0, True)
    assert command("restore", "bad", "--yes")[0] == 5
    with pytest.raises(NotFoundError):
        takedown.restorable(quick, [], "nowhere")
    write(client, quick, enriched(article="bad"), enriched(article="soon"))
    assert sinks.articles(quick) == ["bad", "good"]


def test_without_a_yes_nothing_is_done(quick: Settings, client: Elasticsearch, command: Command) -> None:
    write(client, quick, enriched(article="bad"))
    code, printed = command("delete", "bad", "--because", "x")
    assert code == 2
    assert "Take down 1 article with 1 quote?" in printed
    assert sinks.articles(quick) == ["bad"]
    assert takedown.listed(quick) == []
