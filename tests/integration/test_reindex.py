"""`whosaid reindex` on a real Kafka and Elasticsearch, while sinks write: nothing is lost, nothing is there twice."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import AuthorizationException, Elasticsearch, NotFoundError

from pipeline import elasticsearch_client
from pipeline.cli.main import main
from pipeline.errors import ClusterUnavailable, InputError
from pipeline.models import Enriched
from pipeline.reindex import rebuild
from pipeline.settings import Settings, environment
from pipeline.sink import index_versions, indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration import sinks
from tests.integration.proxy import Proxy
from tests.integration.test_sink_faults import through
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines

MONTHS = [datetime(2026, month, 10, tzinfo=UTC) for month in (1, 2, 3)]
COUNT = 400


@pytest.fixture
def quick(settings: Settings) -> Settings:
    changes = {"batch_articles": 20, "batch_wait": 0.05, "backoff_initial": 0.05, "backoff_maximum": 0.5}
    return settings.model_copy(update={"sink": settings.sink.model_copy(update=changes)})


def some(count: int = COUNT, prefix: str = "a") -> list[Enriched]:
    return [
        enriched(article=f"{prefix}{n:04}", says=(f"Word {n}.", "Same."), published=MONTHS[n % 3]) for n in range(count)
    ]


class Writing:
    """Publishes on and on: new articles, and newer and older revisions of those there are, moved to other months."""

    def __init__(self, settings: Settings, known: list[Enriched]) -> None:
        self._settings = settings
        self._chance = random.Random(7)
        self._stop = threading.Event()
        self.newest = {one.article.id: one for one in known}
        self.published = 0

    @contextmanager
    def going_on(self) -> Iterator["Writing"]:
        self._stop.clear()
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(60)

    def _run(self) -> None:
        while not self._stop.is_set():
            batch = [self._next() for _ in range(10)]
            sinks.publish(self._settings, batch)
            self.published += len(batch)
            time.sleep(0.2)

    def _next(self) -> Enriched:
        if self._chance.random() < 0.4:
            name = f"new{len(self.newest):05}"
            revision = 1
        else:
            name = self._chance.choice(list(self.newest))
            revision = self.newest[name].article.revision + self._chance.choice((1, 1, 1, -1))
        says = tuple(f"Word {revision} {word}." for word in range(self._chance.randrange(4)))
        event = enriched(article=name, says=says, revision=max(0, revision), published=self._chance.choice(MONTHS))
        known = self.newest.get(name)
        if known is None or event.article.revision >= known.article.revision:
            self.newest[name] = event
        return event


def assert_is(settings: Settings, expected: dict[str, Enriched], version: str) -> None:
    """What a search finds is exactly this, all in this version."""
    there = sinks.documents(settings, settings.articles_alias)
    assert sorted((one["id"], one["revision"]) for one in there) == sorted(
        (one.article.id, one.article.revision) for one in expected.values()
    )
    quotes = sorted(one["id"] for one in sinks.documents(settings, settings.quotes_alias))
    assert quotes == sorted(quote.id for one in expected.values() for quote in one.quotes)
    with elasticsearch_client.connect(settings) as client:
        for alias in (settings.articles_alias, settings.quotes_alias):
            named = client.indices.get_alias(name=alias)
            assert {indices.version_of(index) for index in named} == {version}
    assert not sinks.letters(settings)


def assert_cannot_be_written(settings: Settings, client: Elasticsearch, version: str) -> None:
    """Not even by who makes a new month of it, as a sink may that has not heard of the swap."""
    months = indices.Indices(client, settings, elasticsearch_client.modules(client), version)
    months.ensure({"2026.03", "2001.01"})
    for month in ("2026.03", "2001.01"):
        index = indices.name(settings, "articles", month, version)
        with pytest.raises(AuthorizationException, match="cluster_block_exception"):
            client.index(index=index, id="late", document={"id": "late"})
    assert indices.current(client, settings) != version
    for kind in indices.KINDS:
        client.indices.delete(index=indices.name(settings, kind, "2001.01", version))


@pytest.mark.guarantee("reindex-loses-nothing")
def test_nothing_is_lost_while_articles_are_written(quick: Settings, client: Elasticsearch) -> None:
    first = some()
    sinks.publish(quick, first)
    steps: dict[str, int] = {}
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(sinks.running(quick))
        sinks.drained(quick)
        writing = Writing(quick, first)
        with writing.going_on():
            sinks.wait_until(lambda: writing.published > 50, "articles are being written")
            before = writing.published
            report = rebuild.reindex(quick, progress=lambda step, done, total: steps.update({step: done}))
            during = writing.published - before
            after = writing.published
            sinks.wait_until(lambda: writing.published > after + 50, "articles are written on")
        sinks.drained(quick)
        assert_is(quick, writing.newest, "v2")
        assert (report.old, report.new) == ("v1", "v2")
        assert during > 0, "it was no reindex under way"
        assert report.copied >= COUNT
        assert report.sampled > 0
        assert {"copy", "verify"} <= set(steps)
        assert_cannot_be_written(quick, client, "v1")
        with writing.going_on():
            after = writing.published
            sinks.wait_until(lambda: writing.published > after + 50, "articles are written on")
            report = rebuild.back(quick)
            after = writing.published
            sinks.wait_until(lambda: writing.published > after + 50, "articles are written on")
        sinks.drained(quick)
    assert (report.old, report.new, report.copied) == ("v2", "v1", 0)
    assert report.caught_up > 0
    assert_is(quick, writing.newest, "v1")


@pytest.mark.guarantee("reindex-loses-nothing")
def test_a_search_never_fails_and_never_misses_an_article(quick: Settings, client: Elasticsearch) -> None:
    first = some(150)
    sinks.publish(quick, first)
    counts: list[int] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            counts.append(client.count(index=quick.articles_alias)["count"])

    with sinks.running(quick):
        sinks.drained(quick)
        client.indices.refresh(index=quick.articles_alias)
        thread = threading.Thread(target=search)
        thread.start()
        try:
            rebuild.reindex(quick)
            time.sleep(0.3)
        finally:
            done.set()
            thread.join()
    assert set(counts) == {150}


def test_from_the_topic_without_a_sink(quick: Settings) -> None:
    first = some(60)
    sinks.publish(quick, [*first, (b"junk", b"junk")])
    with sinks.running(quick):
        sinks.drained(quick)
    late = some(30, "late")
    sinks.publish(quick, late)  # no sink has seen them
    report = rebuild.reindex(quick, from_topic=True)
    assert (report.copied, report.articles) == (0, 90)
    with sinks.running(quick):
        sinks.drained(quick)
    expected = {one.article.id: one for one in [*first, *late]}
    assert sorted(sinks.articles(quick)) == sorted(expected)


def test_what_the_topic_lacks_is_told_and_the_old_version_stays(quick: Settings, client: Elasticsearch) -> None:
    sinks.publish(quick, some(10))
    with sinks.running(quick):
        sinks.drained(quick)
        client.indices.refresh(index=quick.articles_alias)
        (document,) = client.search(index=quick.articles_alias, query={"term": {"id": "a0001"}})["hits"]["hits"]
        client.index(index=document["_index"], id="kept", document=document["_source"] | {"id": "kept"}, refresh=True)
        with pytest.raises(InputError, match="so v1 stays in use: the article kept is missing"):
            rebuild.reindex(quick, from_topic=True)
        sinks.publish(quick, some(20))
        sinks.drained(quick)
        assert len(sinks.articles(quick)) == 21
        assert rebuild.cancel(quick) == ["v2"]


def test_indices_whose_mapping_cannot_be_changed_are_replaced(quick: Settings, client: Elasticsearch) -> None:
    """What a new release finds whose mapping differs in the type of a field."""
    modules = elasticsearch_client.modules(client)
    for kind in indices.KINDS:
        old = indices.body(quick, kind, modules)
        fields = dict(old["mappings"]["properties"])
        fields |= {"byline": {"type": "text"}} if kind == "articles" else {"medium": {"type": "text"}}
        old["mappings"] = {**old["mappings"], "properties": fields}
        client.indices.create(index=indices.name(quick, kind, "2026.03"), **old)
    articles = [enriched(article=f"a{n}", says=("One.", "Two."), byline="Ada Lund") for n in range(5)]
    writer = Writer(client, quick, indices.Indices(client, quick, modules))
    assert writer.batch([Event(record(one), one) for one in articles]).write().written == 5
    with pytest.raises(ClusterUnavailable, match="`whosaid reindex` builds new ones"):
        indices.prepare(client, quick)
    assert rebuild.reindex(quick).articles == 5
    assert indices.prepare(client, quick).version == "v2"
    found = client.search(index=quick.articles_alias, query={"term": {"byline": "Ada Lund"}})
    assert found["hits"]["total"]["value"] == 5


def test_after_a_kill_behind_the_fence_the_next_frees_the_sinks(
    quick: Settings, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    sinks.publish(quick, some(10))
    with sinks.running(quick):
        sinks.drained(quick)
        index_versions.raise_fence(client, quick, "v1")
        sinks.publish(quick, some(20))
        sinks.wait_until(lambda: "trying again" in caplog.text, "the sink meets the fence")
        assert len(sinks.articles(quick)) == 10
        assert rebuild.cancel(quick) == []
        sinks.drained(quick)
        assert len(sinks.articles(quick)) == 20
        assert not sinks.letters(quick)


def test_the_command_line_there_and_back_and_no_further(
    quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def whosaid(*arguments: str) -> tuple[int, str]:
        code = main(["reindex", *arguments])
        captured = capsys.readouterr()
        return code, captured.err.strip() if code else captured.out

    for name, value in environment(quick).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    sinks.publish(quick, some(30))
    with sinks.running(quick):
        sinks.drained(quick)
        code, error = whosaid("--back")
        assert code == 2
        assert error.endswith("whosaid: There is no earlier version to go back to.")
        code, printed = whosaid()
        assert "v2 is searched now, in place of v1: 30 articles and 60 quotes, 30 articles compared" in printed
        code, printed = whosaid("--back")
        assert "v1 is searched now, in place of v2: 30 articles" in printed
        assert whosaid("--forget") == (0, "Deleted: v2.\n")
        assert whosaid("--cancel") == (0, "There was nothing to delete.\n")
        assert [version.name for version in index_versions.all_versions(client, quick)] == ["v1"]
    assert whosaid("--back", "--forget")[0] == 2


def lose_the_answer(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts the proxy when the swap is done and before its answer is heard, and mends it a second later."""
    swap = index_versions.swap

    def cut_off(client: Elasticsearch, *arguments: Any) -> None:
        update = client.indices.update_aliases

        def heard_by_nobody(**given: Any) -> Any:
            proxy.cut_after_request = True
            threading.Timer(1, proxy.mend).start()
            return update(**given)

        monkeypatch.setattr(client.indices, "update_aliases", heard_by_nobody)
        swap(client, *arguments)

    monkeypatch.setattr(index_versions, "swap", cut_off)


@pytest.mark.guarantee("reindex-interrupted")
def test_a_swap_whose_answer_is_lost_is_a_swap(
    quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks.publish(quick, some(20))
    with sinks.running(quick), Proxy(quick.elasticsearch_urls[0]) as proxy:
        sinks.drained(quick)
        lose_the_answer(proxy, monkeypatch)
        report = rebuild.reindex(through(quick, proxy, "elasticsearch"))
        assert (report.new, report.articles) == ("v2", 20)
        assert indices.fenced(client, quick, "v1")
        sinks.publish(quick, some(40))
        sinks.drained(quick)
    assert_is(quick, {one.article.id: one for one in some(40)}, "v2")


@pytest.mark.guarantee("reindex-interrupted")
def test_ctrl_c_after_the_swap_keeps_the_fence(
    quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = index_versions.swap

    def interrupted(*arguments: Any) -> None:
        swap(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(index_versions, "swap", interrupted)
    sinks.publish(quick, some(20))
    with sinks.running(quick):
        sinks.drained(quick)
        with pytest.raises(KeyboardInterrupt) as caught:
            rebuild.reindex(quick)
        assert caught.value.__notes__ == ["v2 is searched now, in place of v1."]
        assert indices.fenced(client, quick, "v1")
        sinks.publish(quick, some(40))
        sinks.drained(quick)
    assert_is(quick, {one.article.id: one for one in some(40)}, "v2")


@pytest.mark.guarantee("reindex-interrupted")
def test_ctrl_c_before_the_swap_lowers_the_fence(
    quick: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Any] = []

    def interrupted(*arguments: Any) -> None:
        late.append(arguments)
        raise KeyboardInterrupt

    swap = index_versions.swap
    monkeypatch.setattr(index_versions, "swap", interrupted)
    sinks.publish(quick, some(20))
    with sinks.running(quick):
        sinks.drained(quick)
        with pytest.raises(KeyboardInterrupt):
            rebuild.reindex(quick)
        with elasticsearch_client.connect(quick) as other, pytest.raises(NotFoundError):
            swap(other, *late[0][1:])  # comes late, and is refused: nobody waits for it any more
        sinks.publish(quick, some(40))
        sinks.drained(quick)
    assert_is(quick, {one.article.id: one for one in some(40)}, "v1")


def test_a_closed_month_is_not_left_behind(quick: Settings, client: Elasticsearch) -> None:
    sinks.publish(quick, some(20))
    with sinks.running(quick):
        sinks.drained(quick)
    client.indices.close(index=indices.name(quick, "articles", "2026.01"))
    with pytest.raises(InputError, match=r"cannot be read completely.*2026\.01 is closed.*/_open"):
        rebuild.reindex(quick)
    client.indices.open(index=indices.name(quick, "articles", "2026.01"))
    assert rebuild.reindex(quick).articles == 20


def test_somebody_elses_index_is_not_dropped(quick: Settings, client: Elasticsearch) -> None:
    foreign = indices.name(quick, "articles", "2026.01", "v2")
    sinks.publish(quick, some(5))
    with sinks.running(quick):
        sinks.drained(quick)
    client.index(index=foreign, id="1", document={"theirs": 1}, refresh=True)
    assert rebuild.cancel(quick) == []
    assert rebuild.reindex(quick).new == "v3"
    assert client.count(index=foreign)["count"] == 1
