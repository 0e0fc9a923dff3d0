"""Indices that are closed, without their alias, somebody else's, blocked or away: told everywhere, and nothing lost."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient

from pipeline import elasticsearch_client, index_health
from pipeline.cli.main import main
from pipeline.errors import BackpressureError, ClusterUnavailable, IndicesUnfit
from pipeline.reindex import rebuild
from pipeline.search.api import create_app
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings, environment
from pipeline.sink import indices
from pipeline.sink.consumer import Sink
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration import sinks
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines

MONTH = "2026.03"
"""Of the factory's articles."""


@dataclass
class Harm:
    """What is done to an index, what everybody then says of it, and how it is mended."""

    name: str
    do: Callable[[Elasticsearch, Settings], object]
    mend: Callable[[Elasticsearch, Settings], object]
    sentence: str
    own_reason: str
    hides: bool = True


def index(settings: Settings, kind: str = "quotes", month: str = MONTH) -> str:
    return indices.name(settings, kind, month)


def set_block(client: Elasticsearch, settings: Settings, value: bool | None) -> None:
    client.indices.put_settings(index=index(settings), settings={"index.blocks.read_only_allow_delete": value})


def replace(client: Elasticsearch, settings: Settings) -> None:
    """Somebody deletes the month, and a shipper of logs makes an index of that name: the template is lost, too."""
    for kind in indices.KINDS:
        client.indices.delete_index_template(name=f"{settings.elasticsearch.prefix}-{kind}-v1")
    client.indices.delete(index=index(settings, month="2026.04"), ignore_unavailable=True)
    client.index(index=index(settings, month="2026.04"), document={"id": 5, "message": "hello"}, refresh=True)


HARMS = [
    Harm(
        "closed",
        lambda client, settings: client.indices.close(index=index(settings)),
        lambda client, settings: client.indices.open(index=index(settings)),
        r"The index \S+-quotes-v1-2026\.03 is closed.*POST /\S+-quotes-v1-2026\.03/_open",
        "index_closed_exception: closed",
    ),
    Harm(
        "foreign",
        replace,
        lambda client, settings: client.indices.delete(index=index(settings, month="2026.04")),
        r"The index \S+-quotes-v1-2026\.04 has a name of WhoSaid's.*DELETE /\S+-quotes-v1-2026\.04",
        "resource_already_exists_exception: index",
    ),
    Harm(
        "blocked",
        lambda client, settings: set_block(client, settings, True),
        lambda client, settings: set_block(client, settings, None),
        r"The index \S+ is blocked \(read_only_allow_delete\).*free some space",
        "cluster_block_exception: index",
        hides=False,
    ),
]


def write(client: Elasticsearch, settings: Settings, *names: str) -> None:
    """The articles, of March, written and searchable."""
    writer = Writer(client, settings, indices.prepare(client, settings))
    events = [enriched(article=name) for name in names]
    assert writer.batch([Event(record(one), one) for one in events]).write().written == len(names)
    client.indices.refresh(index=f"{settings.articles_alias},{settings.quotes_alias}")


def service(settings: Settings) -> TestClient:
    return TestClient(create_app(settings), base_url="http://localhost")


def status(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The problems that `whosaid status` tells; but for the parts, none of which runs here."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert main(["status", "--json"]) == 4
    problems: list[str] = json.loads(capsys.readouterr().out)["problems"]
    return [one for one in problems if "start" not in one]


def assert_told(
    settings: Settings, harm: Harm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    http = service(settings)
    page, ready = http.get("/api/quotes").json(), http.get("/readyz")
    assert page["complete"] is not harm.hides
    assert bool(re.search(harm.sentence, page["reason"] or "")) is harm.hides
    assert ready.json()["status"] == ("incomplete" if harm.hides else "ready")
    assert bool(re.search(harm.sentence, " ".join(ready.json().get("problems", ())))) is harm.hides
    assert ready.status_code == 200
    (problem,) = status(settings, monkeypatch, capsys)
    assert re.search(harm.sentence, problem)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.name)
@pytest.mark.guarantee("nothing-unsearchable", "incomplete-search")
def test_it_is_told_and_the_sink_waits(
    harm: Harm,
    quick: Settings,
    client: Elasticsearch,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("INFO", logger="pipeline.sink")
    write(client, quick, "before", "closing")
    write(client, quick, "another")
    other = indices.Indices(client, quick, elasticsearch_client.modules(client))
    other.ensure({"2026.02"})
    assert service(quick).get("/readyz").json() == {"status": "ready", "problems": []}
    with sinks.running(quick) as sink:
        harm.do(client, quick)
        sinks.publish(quick, [enriched(article=f"a{n}") for n in range(3)])
        sinks.wait_until(lambda: "trying again in" in caplog.text, "the sink waits")
        assert_told(quick, harm, monkeypatch, capsys)
        assert sink.total.written == 0
        assert harm.own_reason in caplog.text
        assert " ".join(HARMS_SENTENCE_WORDS[harm.name]) in caplog.text
        harm.mend(client, quick)
        sinks.drained(quick)
    assert sinks.articles(quick) == ["a0", "a1", "a2", "another", "before", "closing"]
    assert not sinks.letters(quick)
    assert service(quick).get("/api/quotes").json()["complete"] is True
    assert status(quick, monkeypatch, capsys) == []


HARMS_SENTENCE_WORDS = {
    "closed": ["is", "closed,", "so", "searches"],
    "foreign": ["has", "a", "name", "of", "WhoSaid's"],
    "blocked": ["is", "blocked", "(read_only_allow_delete)"],
}


@pytest.mark.guarantee("nothing-unsearchable")
def test_a_foreign_next_month_takes_no_quote(quick: Settings, client: Elasticsearch) -> None:
    """The sink runs already, and has not seen the month: somebody else makes its index first."""
    writer = Writer(client, quick, indices.prepare(client, quick))
    name = index(quick, "articles")
    for kind in indices.KINDS:
        client.indices.delete_index_template(name=f"{quick.elasticsearch.prefix}-{kind}-v1")
    client.indices.create(index=name)
    event = enriched()
    batch = writer.batch([Event(record(event), event)])
    with pytest.raises(BackpressureError, match=r"resource_already_exists_exception.*DELETE /"):
        batch.write()
    client.indices.refresh(index=f"{quick.elasticsearch.prefix}-*")
    assert client.count(index=f"{quick.elasticsearch.prefix}-*")["count"] == 0
    client.indices.delete(index=name)
    assert batch.write().written == 1
    assert sinks.articles(quick) == ["a1"]


@pytest.mark.parametrize("kinds", [("quotes",), ("articles",), ("quotes", "articles")], ids="+".join)
@pytest.mark.parametrize("months", ["one", "all"])
@pytest.mark.guarantee("nothing-unsearchable")
def test_an_alias_taken_off_is_told_and_put_back(
    kinds: tuple[str, ...],
    months: str,
    quick: Settings,
    client: Elasticsearch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(client, quick, "a1")
    for kind in kinds:
        where = index(quick, kind) if months == "one" else indices.pattern(quick, kind)
        client.indices.delete_alias(index=where, name=indices.alias(quick, kind))
    with Reader(quick) as reader:
        page = reader.search_quotes(QuoteQuery())
        assert page.complete is ("quotes" not in kinds)
        told = " ".join(reader.problems())
        assert f"{index(quick, kinds[0])} " in told.replace(",", " ")
        assert "POST /_aliases" in told
        if "articles" in kinds:
            with pytest.raises(ClusterUnavailable, match=r"cannot say now.*POST /_aliases"):
                reader.article("a1")
        if "quotes" in kinds and months == "all":
            with pytest.raises(ClusterUnavailable, match="POST /_aliases"):
                reader.check()
    event = enriched(article="a2")
    writer = Writer(client, quick, indices.prepare(client, quick))
    assert writer.batch([Event(record(event), event)]).write().written == 1
    assert "is put back" in caplog.text
    client.indices.refresh(index=quick.quotes_alias)
    assert sinks.articles(quick) == ["a1", "a2"]
    with Reader(quick) as reader:
        assert reader.check() == []
        assert reader.search_quotes(QuoteQuery()).total == 2


def test_an_alias_is_not_put_back_on_a_version_that_was_replaced(quick: Settings, client: Elasticsearch) -> None:
    """A sink that looked, and was frozen while the aliases were swapped: it wakes up, and puts back what it saw off."""
    write(client, quick, "a1")
    months = indices.prepare(client, quick)
    client.indices.delete_alias(index=index(quick), name=quick.quotes_alias)
    seen = months.look()
    rebuild.reindex(quick)
    months._put_back(seen)
    for kind in indices.KINDS:
        named = client.indices.get_alias(name=indices.alias(quick, kind))
        assert {indices.version_of(one) for one in named} == {"v2"}


@pytest.mark.guarantee("nothing-unsearchable")
def test_where_two_versions_could_be_meant_a_person_decides(
    quick: Settings, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    write(client, quick, "a1")
    modules = elasticsearch_client.modules(client)
    indices.Indices(client, quick, modules, "v2", searched=False).ensure({MONTH})
    for kind in indices.KINDS:
        client.indices.delete_alias(index=indices.pattern(quick, kind), name=indices.alias(quick, kind))
    sinks.publish(quick, [enriched(article="a2")])
    stopped = threading.Event()
    with Reader(quick) as reader, pytest.raises(ClusterUnavailable, match="v1 and v2 could be meant"):
        reader.check()
    sink = Sink(quick)

    def run() -> None:
        sink.run()
        stopped.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        sinks.wait_until(lambda: "v1 and v2 could be meant" in caplog.text, "the sink says why it waits")
        for kind in indices.KINDS:
            client.indices.put_alias(index=indices.pattern(quick, kind), name=indices.alias(quick, kind))
        sinks.drained(quick)
    finally:
        sink.stop()
        thread.join(60)
    assert stopped.is_set()
    assert sinks.articles(quick) == ["a1", "a2"]


@pytest.mark.guarantee("incomplete-search")
def test_an_intruder_behind_the_alias_is_left_out(quick: Settings, client: Elasticsearch) -> None:
    write(client, quick, "a1")
    client.index(index=f"{quick.elasticsearch.prefix}x", document={"published": "2026-03-10", "text": 1}, refresh=True)
    client.indices.put_alias(index=f"{quick.elasticsearch.prefix}x", name=quick.quotes_alias)
    with Reader(quick) as reader:
        page = reader.search_quotes(QuoteQuery(), facets=True)
        assert [hit.article_id for hit in page.hits] == ["a1"]
        assert page.complete is False
        assert page.reason
        assert "is not WhoSaid's, but has its alias" in page.reason
        assert len(reader.check()) == 1
    write(client, quick, "a2")  # what the sinks write is found


def test_an_index_with_the_name_of_the_alias_is_told(
    quick: Settings, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    """A script that wrote to the alias before there was one; or when the last month was dropped."""
    writer = Writer(client, quick, indices.prepare(client, quick))
    for kind in indices.KINDS:
        for name in client.indices.get(index=indices.pattern(quick, kind)):
            client.indices.delete(index=name)
    client.index(index=quick.quotes_alias, document={"by": "a script"}, refresh=True)
    event = enriched()
    batch = writer.batch([Event(record(event), event)])
    with pytest.raises(BackpressureError, match=r"invalid_alias_name_exception.*DELETE /\S+-quotes"):
        batch.write()
    with pytest.raises(IndicesUnfit, match="DELETE /"):
        indices.prepare(client, quick)
    with Reader(quick) as reader:
        page = reader.search_quotes(QuoteQuery())
        assert (page.complete, page.hits) == (False, [])
    client.indices.delete(index=quick.quotes_alias)
    assert batch.write().written == 1
    assert sinks.articles(quick) == ["a1"]


@pytest.mark.guarantee("incomplete-search")
def test_shards_that_are_away_are_told(quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_health, "STARTING", 0.0)
    write(client, quick, "a1")
    body = indices.body(quick, "quotes", elasticsearch_client.modules(client))
    body["settings"] |= {"index.routing.allocation.require._name": "a node that burnt down"}
    client.indices.create(index=index(quick, month="2026.02"), **body, wait_for_active_shards="0", timeout="1s")
    indices.Indices(client, quick, elasticsearch_client.modules(client)).ensure({"2026.01"})
    with Reader(quick) as reader:
        page = reader.search_quotes(QuoteQuery())
        assert (page.complete, page.total) == (False, 1)
        assert page.reason
        assert "2026.02 are away" in page.reason
        assert len(reader.check()) == 1
        shard = {"index": index(quick, month="2026.02"), "state": "INITIALIZING"}
        opening = SimpleNamespace(body={"shards": [[shard]]})
        with monkeypatch.context() as patched:  # as after a start of Elasticsearch
            patched.setattr(Elasticsearch, "search_shards", lambda *_, **__: opening)
            page = reader.search_quotes(QuoteQuery())
            assert (page.complete, page.total) == (False, 1)
            assert "still opening shards of" in str(page.reason)
        with monkeypatch.context() as patched:  # it has opened the last one behind the search
            patched.setattr(index_health.Examiner, "_away", lambda *_: (index_health.Fault.AWAY, []))
            page = reader.search_quotes(QuoteQuery())
            assert (page.complete, page.total) == (False, 1)
            assert page.reason == "1 of 4 shards were still being opened; search again to see all."
    event = enriched(article="a2")
    hasty = client.options(request_timeout=1)  # a refresh waits a minute for shards
    batch = Writer(hasty, quick, indices.prepare(client, quick)).batch([Event(record(event), event)])
    with pytest.raises(BackpressureError, match=r"ConnectionTimeout.*2026\.02 are away.*allocation/explain"):
        batch.write()


def test_a_new_index_is_not_told_as_away(quick: Settings, client: Elasticsearch) -> None:
    write(client, quick, "a1")
    done = threading.Event()
    answers: list[tuple[bool, str | None]] = []

    def search() -> None:
        with Reader(quick) as reader:
            while not done.is_set():
                page = reader.search_quotes(QuoteQuery())
                answers.append((page.complete, page.reason))

    thread = threading.Thread(target=search)
    thread.start()
    indices.Indices(client, quick, elasticsearch_client.modules(client)).ensure(
        {f"2025.{month:02}" for month in range(1, 7)}
    )
    time.sleep(0.2)
    done.set()
    thread.join()
    assert set(answers) == {(True, None)}
