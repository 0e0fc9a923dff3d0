"""Who is who on the real engines: resolved, merged, split, undone, replayed, made again, with writers killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient

from pipeline import elasticsearch_client, topics
from pipeline.cli.main import main
from pipeline.entities import curation, log
from pipeline.entities.consumer import ResolvingPart
from pipeline.entities.log import EntityLog
from pipeline.entities.lookup import Directory
from pipeline.entities.models import Decision, Kind, Link
from pipeline.entities.profile import Profile
from pipeline.entities.writer import EntityWriter, named
from pipeline.models import Enriched
from pipeline.search.api import create_app
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings, environment
from pipeline.sink import indices
from pipeline.sink.events import DeadLetters, Event
from pipeline.sink.writer import Writer
from pipeline.tombstones import Tombstone, Tombstones
from tests.integration import sinks, strangers
from tests.unit.entities.factory import article
from tests.unit.sink.factory import record

pytestmark = pytest.mark.engines

PEOPLE = ["Ada Lovelace", "Ilse Brandt", "Tomas Reil", "Marie Curie", "Niels Bohr", "Rosa Parks"]
SCHOLZ = [
    article(1, "Olaf Scholz", title="Chancellor", affiliation="Germany", people=["Emmanuel Macron"]),
    article(2, "Olaf Scholz", title="Chancellor", people=["Emmanuel Macron"], places=[("Berlin", None)]),
    article(3, "Scholz", title="Chancellor", affiliation="Germany", people=["Emmanuel Macron"]),
    article(4, "Scholz"),
    article(5, "Volodymyr Zelenskyy", places=[("Ukraine", "UA")]),
    article(6, "Volodymyr Zelensky", places=[("Kyiv", None)]),
]


@pytest.fixture
def client(settings: Settings) -> Iterator[Elasticsearch]:
    with elasticsearch_client.connect(settings) as client:
        yield client


@pytest.fixture
def events(settings: Settings) -> Iterator[EntityLog]:
    events = EntityLog(settings)
    yield events
    events.close()


@pytest.fixture
def writer(client: Elasticsearch, settings: Settings, events: EntityLog) -> EntityWriter:
    return new_writer(client, settings, events)


@pytest.fixture
def command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs `whosaid entity …`: its exit code and what it printed."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["entity", *arguments])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def new_writer(client: Elasticsearch, settings: Settings, events: EntityLog) -> EntityWriter:
    writer = EntityWriter(client, settings, events.send)
    writer.store.prepare()
    writer.tombstones.prepare()
    return writer


def entity_of(writer: EntityWriter, one: Enriched, name: str) -> str | None:
    links = writer.store.decided([one.article.id])[one.article.id].links
    return next(link.entity for link in links if link.name == name)


def state(writer: EntityWriter, directory: Directory) -> dict[str, Any]:
    """All that searches see."""
    writer.store.refresh()
    hits = writer.store._hits(writer.store.entities, {"match_all": {}}, size=5000)
    views = {hit["_id"]: directory.find(hit["_id"]).model_dump() for hit in hits}
    documents = writer.store._hits(writer.store.decisions, {"match_all": {}}, size=5000)
    return {"entities": views, "decisions": {hit["_id"]: hit["_source"]["pairs"] for hit in documents}}


@pytest.mark.guarantee("entities-undone", "entities-rebuilt")
def test_by_hand(
    writer: EntityWriter,
    client: Elasticsearch,
    settings: Settings,
    command: Callable[..., tuple[int, str]],
) -> None:
    """Merges, splits, names and undoes with the command; searches follow, and a rebuild keeps all of it."""
    for one in SCHOLZ:
        writer.write([one])
    writer.store.refresh()
    directory = Directory(client, settings)
    scholz, macron = entity_of(writer, SCHOLZ[0], "Olaf Scholz"), entity_of(writer, SCHOLZ[0], "Emmanuel Macron")
    zelenskyy = entity_of(writer, SCHOLZ[4], "Volodymyr Zelenskyy")
    assert scholz
    assert macron
    assert zelenskyy
    assert entity_of(writer, SCHOLZ[1], "Olaf Scholz") == scholz
    assert entity_of(writer, SCHOLZ[2], "Scholz") == scholz  # his title, country and company speak for it
    assert entity_of(writer, SCHOLZ[3], "Scholz") is None  # a surname alone says nothing
    assert entity_of(writer, SCHOLZ[5], "Volodymyr Zelensky") == zelenskyy
    assert entity_of(writer, SCHOLZ[4], "Ukraine") == "l-ua"
    for spelling in ("Zelensky", "zelenskiy volodymyr", "Зеленський", "Volodymir Zelensky", zelenskyy):
        assert [hit.id for hit in directory.search(spelling)][:1] == [zelenskyy], spelling
    assert directory.search("nobody of that name") == []

    into_the_index(client, settings, SCHOLZ)
    speakers = partial(found_by_speaker, settings)
    assert speakers("Olaf Scholz") == speakers(scholz) == {"article-1", "article-2", "article-3"}
    assert speakers("Зеленський") == speakers("zelenskiy") == speakers(zelenskyy) == {"article-5", "article-6"}
    assert speakers("Scholz") == {"article-1", "article-2", "article-3", "article-4"}
    assert speakers("p-00000000000000") == set()
    before = state(writer, directory)
    expansion = directory.expand("Olaf Scholz")
    assert expansion.ids == (scholz,)
    surname = next(link for link in writer.store.decided(["article-3"])["article-3"].links if link.name == "Scholz")
    assert expansion.without == {surname.locals[0]: ["article-4"]}

    assert command("explain", "article-4", "Scholz")[0] == 0
    assert "needs 2.5 of evidence" in command("explain", "article-4", "Scholz")[1]
    code, told = command("merge", macron, scholz, "--because", "a test")
    assert code == 0, told
    ruling = told.split("undo ")[1].split("`")[0]
    assert directory.find(macron).id == scholz
    assert set(directory.expand(macron).ids) == {scholz, macron}
    assert speakers(macron) == {"article-1", "article-2", "article-3"}
    assert "one entity already" in command("merge", scholz, macron)[1]
    assert command("undo", ruling)[0] == 0
    assert speakers(macron) == set()
    after = state(writer, directory)
    for view in (*before["entities"].values(), *after["entities"].values()):
        view["rulings"] = []
    assert after == before
    assert command("undo", ruling)[0] == 2

    code, told = command("split", scholz, "article-2", "--because", "another Scholz")
    assert code == 0, told
    other = told.split("mean ")[1].split(" ")[0]
    split = told.split("undo ")[1].split("`")[0]
    assert [variant.articles for variant in directory.find(other).variants] == [1]
    assert directory.find(scholz).articles == 2
    assert speakers(other) == {"article-2"}
    assert speakers(scholz) == {"article-1", "article-3"}
    assert directory.expand(other).only or directory.expand(other).without
    assert command("split", zelenskyy, "article-1")[0] == 5
    assert command("rename", scholz, "Olaf Scholz (SPD)")[0] == 0
    assert command("alias", zelenskyy, "Ze")[0] == 0
    assert directory.search("Ze")[0].id == zelenskyy
    assert command("merge", macron, other)[0] == 0
    assert json.loads(command("show", scholz, "--json")[1])["name"] == "Olaf Scholz (SPD)"

    held = state(writer, directory)
    code, told = command("rebuild")
    assert code == 0, told
    assert state(writer, directory) == held
    assert speakers(scholz) == {"article-1", "article-3"}
    assert command("undo", split)[0] == 0
    assert speakers(scholz) == {"article-1", "article-2", "article-3"}
    assert directory.find(scholz).articles == 3
    assert command("show", "p-nobody")[0] == 5
    assert command("search", "Scholz", "--kind", "river")[0] == 2


def into_the_index(client: Elasticsearch, settings: Settings, articles: Sequence[Enriched]) -> None:
    prepared = indices.prepare(client, settings)
    read = [Event(record(one), one) for one in articles]
    Writer(client, settings, prepared).batch(read).write()
    client.indices.refresh(index=settings.quotes_alias)


def found_by_speaker(settings: Settings, speaker: str) -> set[str]:
    with Reader(settings) as reader:
        page = reader.search_quotes(QuoteQuery(speaker=[speaker], copies=True))
        each = {hit.article_id for hit in reader.each_quote(QuoteQuery(speaker=[speaker], copies=True))}
    assert {hit.article_id for hit in page.hits} == each
    return each


@pytest.mark.guarantee("entities-once")
def test_repeats_and_revisions_change_nothing(
    writer: EntityWriter, client: Elasticsearch, settings: Settings, events: EntityLog
) -> None:
    directory = Directory(client, settings)
    writer.write(SCHOLZ)
    before = state(writer, directory)
    other = new_writer(client, settings, events)
    outcomes = [other.write(list(reversed(SCHOLZ))), writer.write(SCHOLZ + SCHOLZ)]
    assert [outcome.decided for outcome in outcomes] == [0, 0]
    assert state(writer, directory) == before

    old = SCHOLZ[0].model_copy(update={"article": SCHOLZ[0].article.model_copy(update={"revision": 0})})
    writer.write([old])
    assert state(writer, directory) == before
    newer = article(1, "Olaf Scholz", revision=5)
    assert writer.write([newer]).decided == 1
    assert [link.name for link in directory.decision("article-1").links] == ["Olaf Scholz"]
    kept = {key: event for key, event in log.read(settings) if isinstance(event, Decision)}
    assert kept["article:article-1"].revision == 5
    assert len(kept) == len(SCHOLZ)

    zelenskyy = directory.search("Zelensky")[0].id
    Tombstones(client, settings).add(
        [Tombstone(id=f"article-{at}", because="a test", by="test", at=SCHOLZ[0].article.fetched) for at in (5, 6)]
    )
    again = article(5, "Volodymyr Zelenskyy", revision=9)
    assert writer.write([again]).taken_down == 1
    assert curation.forget(client, settings, ["article-5"])
    assert directory.find(zelenskyy).articles == 1
    assert curation.forget(client, settings, ["article-6", "never-seen"])
    held = state(writer, directory)
    assert not {"article-5", "article-6"} & held["decisions"].keys()
    assert zelenskyy not in held["entities"]
    assert not {"article:article-5", "article:article-6"} & dict(log.read(settings)).keys()
    curation.rebuild(settings)
    assert state(writer, directory)["decisions"] == held["decisions"]


@pytest.mark.guarantee("entities-once")
def test_two_writers_make_one_entity(client: Elasticsearch, settings: Settings, events: EntityLog) -> None:
    """Two writers meet the same new names at the same time, in other articles."""
    new_writer(client, settings, events)
    barrier = threading.Barrier(2)

    def write(side: int) -> None:
        writer = new_writer(client, settings, events)
        for at, name in enumerate(PEOPLE):
            barrier.wait(60)
            writer.write([article(f"{side}-{at}", name, title="Mayor", people=PEOPLE[:3])])

    threads = [threading.Thread(target=write, args=(side,)) for side in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    writer = new_writer(client, settings, events)
    for at, name in enumerate(PEOPLE):
        both = {entity_of(writer, article(f"{side}-{at}", name), name) for side in range(2)}
        assert len(both) == 1, (name, both)
        assert None not in both
    writer.store.refresh()
    assert writer.store.count() == len(PEOPLE)
    kept = [event for _, event in log.read(settings) if isinstance(event, Decision)]
    assert len(kept) == 2 * len(PEOPLE)


@pytest.mark.guarantee("entities-killed")
def test_a_killed_resolver_is_continued(client: Elasticsearch, settings: Settings, tmp_path: Path) -> None:
    """kill -9 in the middle, again and again; the last one finishes: as one that was never killed would have it."""
    articles = [article(at, PEOPLE[at % len(PEOPLE)], title="Mayor", people=["Joan Clarke"]) for at in range(330)]
    sinks.publish(settings, articles[:300])
    for round in range(3):
        with resolving_process(settings, tmp_path / f"resolve{round}.log") as process:
            wanted = 60 * (round + 1)
            sinks.wait_until(partial(is_decided, client, settings, wanted), f"{wanted} decided")
            os.kill(process.pid, signal.SIGKILL)
            process.wait(60)
    sinks.publish(settings, articles[300:])  # so that the last one has some, though those that were killed be fast
    with running(settings) as part:
        sinks.wait_until(lambda: decided(client, settings) == 330, "all are decided")
        sinks.wait_until(lambda: part.total.decided + part.total.repeated >= 30, "it worked")
    directory = Directory(client, settings)
    for name in PEOPLE:
        found = directory.search(name)
        assert found[0].name == name
        assert directory.find(found[0].id).articles == 55
    events = dict(log.read(settings))
    assert len([key for key in events if key.startswith("article:")]) == 330
    before = {id: view.articles for id, view in views(directory, client, settings).items()}
    curation.rebuild(settings)
    assert {id: view.articles for id, view in views(directory, client, settings).items()} == before


def views(directory: Directory, client: Elasticsearch, settings: Settings) -> dict[str, Any]:
    client.indices.refresh(index=settings.entities_index)
    hits = client.search(index=settings.entities_index, size=1000, source=False)["hits"]["hits"]
    return {hit["_id"]: directory.find(hit["_id"]) for hit in hits}


def is_decided(client: Elasticsearch, settings: Settings, wanted: int) -> bool:
    return decided(client, settings) >= wanted


def decided(client: Elasticsearch, settings: Settings) -> int:
    index = settings.entity_decisions_index
    if not client.indices.exists(index=index):
        return 0
    client.indices.refresh(index=index)
    return int(client.count(index=index)["count"])


@contextmanager
def resolving_process(settings: Settings, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command: Sequence[str] = (sys.executable, "-m", "pipeline.cli.main", "resolve")
    with path.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | environment(settings), stdout=out, stderr=out)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def running(settings: Settings) -> AbstractContextManager[ResolvingPart]:
    return sinks.in_thread(ResolvingPart(settings, DeadLetters(settings)))


def test_an_article_that_is_refused_stops_no_other(client: Elasticsearch, settings: Settings) -> None:
    """Elasticsearch takes no id of 600 bytes, and no name's id of 40,000: dead letters; those beside are resolved."""
    bloated = article(3, "Rosa Parks")
    bloated = bloated.model_copy(
        update={"entities": [one.model_copy(update={"id": "x" * 40_000}) for one in bloated.entities]}
    )
    sinks.publish(
        settings, [article(1, "Ada Lovelace"), article("x" * 600, "Marie Curie"), bloated, article(2, "Niels Bohr")]
    )
    with running(settings) as part:
        sinks.wait_until(lambda: decided(client, settings) == 2, "the others are resolved")
        sinks.wait_until(lambda: part.unreadable == 2, "the two are passed over")
    letters = sinks.letters(settings)
    assert {letter.key for letter in letters} == {b"article-" + b"x" * 600, b"article-3"}
    assert all(letter.reason.startswith("Its names cannot be resolved: ") for letter in letters)


def test_the_topic_is_compacted(settings: Settings) -> None:
    assert topics.entities(settings).config["cleanup.policy"] == "compact"
    assert topics.entities(settings) in topics.every_topic(settings)


def reconciled_by_another_program(settings: Settings, scholz: str) -> None:
    """A program matches its list against the store, as the Reconciliation API says; and asks for an entity."""
    with TestClient(create_app(settings), base_url="http://localhost") as service:
        manifest = service.get("/api/reconcile").json()
        queries = {
            "q0": {"query": "SCHOLZ, Olaf", "type": "person", "properties": [{"pid": "title", "v": "Chancellor"}]},
            "q1": {"query": "Ann Other"},
            "q2": {"query": "Nobody Atall"},
        }
        for answer in (
            service.post("/api/reconcile", data={"queries": json.dumps(queries)}),
            service.get("/api/reconcile", params={"queries": json.dumps(queries)}),
        ):
            found = answer.json()
            assert found["q0"]["result"][0]["id"] == scholz
            assert found["q0"]["result"][0]["match"] is True
            assert [one["match"] for one in found["q1"]["result"]] == [False, False]
            assert found["q2"] == {"result": []}
        view = manifest["view"]["url"].replace("{{id}}", scholz)
        assert service.get(view).json()["name"] == "Olaf Scholz"
        suggest = service.get("/api/reconcile/suggest", params={"prefix": "olaf sch"}).json()
        assert suggest["result"][0]["id"] == scholz
        assert service.get("/api/entities", params={"name": "Scholzomat"}).json()[0]["id"] == scholz
        assert service.get("/api/entities/p-nobody").status_code == 404
        assert service.post("/api/reconcile", data={"queries": "["}).status_code == 422


@pytest.mark.guarantee("entities-rebuilt")
def test_a_rebuild_survives_whatever_is_on_the_topic(
    writer: EntityWriter, settings: Settings, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the store cannot take is told and left out; all that was decided is there again."""
    for one in SCHOLZ:
        writer.write([one])
    writer.store.refresh()
    before = state(writer, Directory(client, settings))
    good = Decision(article="late", revision=1, day="2026-03-12").model_dump(mode="json")

    def late(**changes: Any) -> bytes:
        return json.dumps(good | changes).encode()

    link = {"kind": "person", "name": "Ann Other", "locals": ["p1"], "entity": "p-00"}
    rubbish: list[strangers.Event] = [  # a compacted topic takes no event without a key
        (b"\xff", b"\x00\xff", [("h", None)]),
        (b"", b"{}", []),
        (b"k" * 5000, late(), []),
        (b"article:late", late(), []),
        (b"article:late", late(revision=2**62), []),
        (b"article:empty", b"", []),
        (b"article:", late(article=""), []),
        (b"article:deep", b"[" * 50_000, []),
        (b"article:other", late(), []),
        (b"article:day", late(article="day", day="12/03/2026"), []),
        (b"article:" + b"x" * 600, late(article="x" * 600), []),
        (b"article:nan", late(article="nan", links=[link | {"score": float("nan")}]), []),
        (b"article:huge", late(article="huge", links=[link | {"locals": ["x" * 40_000]}]), []),
        (b"article:withdrawn", None, []),
        (b"ruling:r9", b'{"id": "r9", "action": "split", "entity": "z-9", "at": "2026-03-12T00:00:00Z"}', []),
        (b"known:k", b'{"id": "k", "kind": "ghost", "name": ""}', []),
    ]
    strangers.send(settings, topics.entities(settings).name, rubbish)
    with caplog.at_level("WARNING", "pipeline.entities"):
        rebuilt = curation.rebuild(settings)
    assert state(writer, Directory(client, settings)) == before
    assert rebuilt.unreadable == len(rubbish) - 2  # but for the one that another replaced, and the withdrawal
    told = [record.getMessage() for record in caplog.records if "is no event of entities: " in record.getMessage()]
    assert len(told) == rebuilt.unreadable
    assert max(map(len, told)) < 500


def test_a_knowledge_base_is_loaded(
    writer: EntityWriter,
    client: Elasticsearch,
    settings: Settings,
    tmp_path: Path,
    command: Callable[..., tuple[int, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Entries join the entities that articles made; namesakes within it stay two; a rebuild keeps them."""
    for one in SCHOLZ[:3]:
        writer.write([one])
    writer.store.refresh()
    scholz = entity_of(writer, SCHOLZ[0], "Olaf Scholz")
    lines = [
        {
            "id": "wikidata:Q61053",
            "name": "Olaf Scholz",
            "aliases": ["Олаф Шольц", "Scholzomat"],
            "titles": ["Chancellor"],
        },
        {"id": "wikidata:Q1", "name": "Ann Other", "titles": ["Judge"]},
        {"id": "wikidata:Q2", "name": "Ann Other", "titles": ["Rower"]},
    ]
    path = tmp_path / "people.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    for _ in range(2):
        assert main(["kb", "load", str(path)]) == 0
        assert "3 entities loaded" in capsys.readouterr().out
    writer.store.refresh()
    directory = Directory(client, settings)
    assert [hit.id for hit in directory.search("Scholzomat")] == [scholz]
    reconciled_by_another_program(settings, scholz or "")
    assert directory.find(scholz or "").links == ["wikidata:Q61053"]
    others = directory.search("Ann Other")
    assert {hit.links[0] for hit in others} == {"wikidata:Q1", "wikidata:Q2"}
    before = {hit.id: hit.links for hit in others}
    curation.rebuild(settings)
    assert {hit.id: hit.links for hit in directory.search("Ann Other")} == before
    assert [hit.id for hit in directory.search("Scholzomat")] == [scholz]


def test_resolved_again_and_found_to_be_one(
    writer: EntityWriter,
    client: Elasticsearch,
    settings: Settings,
    events: EntityLog,
    command: Callable[..., tuple[int, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A surname that came too early finds its bearer; two entities turn out to be one, which can be undone."""
    circle: dict[str, Any] = {
        "title": "Harbour Minister", "people": ["Ilse Brandt"], "organisations": ["Port Council"],
    }  # fmt: skip
    early = [article("early", "Kowalenko", **circle), article("other", "Kowalenko", title="Coach", people=["Ken Ade"])]
    writer.write(early)
    name = "Sergei Kowalenko"
    writer.write([article(f"known-{at}", name, **circle) for at in range(4)])
    assert entity_of(writer, early[0], "Kowalenko") is None
    directory = Directory(client, settings)
    known = entity_of(writer, article("known-0"), name) or ""

    assert main(["resolve", "--since", "2026-03-01"]) == 2
    assert main(["resolve", "--again", "--since", "2026-03-11"]) == 0
    assert "0 articles were resolved again" in capsys.readouterr().out
    for opened in (1, 0):  # the second time nothing is left to change
        assert main(["resolve", "--again", "--since", "2026-03-01", "--until", "2026-03-31"]) == 0
        assert f"{opened} names that were open have an entity now, 0 have another" in capsys.readouterr().out
    assert entity_of(writer, early[0], "Kowalenko") == known
    assert entity_of(writer, early[1], "Kowalenko") is None
    assert directory.find(known).articles == 5
    assert log_of(settings, "article:article-early").links[0].entity == known

    twin = writer.store.change([known + ".2"], lambda profile: profile.call(name), {known + ".2": Profile(
        known + ".2", Kind.PERSON, name)})[known + ".2"]  # fmt: skip
    for at in range(4):
        one = named(article(f"twin-{at}", name, **circle))
        links = [Link(**mention.model_dump(), entity=twin.id if mention.name == name else None)
                 for mention in one.mentions]  # fmt: skip
        decision = Decision(article=one.article, revision=one.revision, day=one.day, links=links)
        writer.store.decide([decision], ())
        events.send([decision])
        changed = writer.store.see({twin.id: [(links[0], one.day)]})
    writer.store.refresh()
    pool = writer.store.pool(named(article("twin-0", name, **circle)).mentions)
    assert writer._merge(changed.values(), pool) == 1
    assert writer._merge(changed.values(), pool) == 0
    loser, winner = twin.id, known
    assert directory.find(loser).id == winner
    assert directory.find(winner).articles == 9
    ruling = directory.find(winner).rulings[0]
    assert (ruling.automatic, ruling.by) == (True, "resolver 1")
    assert "minister" in ruling.because
    assert ruling.id in dict(log.read(settings))["ruling:" + ruling.id].model_dump_json()  # type: ignore[union-attr]
    assert "by itself" in command("show", winner)[1]
    curation.rebuild(settings)
    assert command("undo", ruling.id)[0] == 0
    assert directory.find(loser).id == loser
    again = writer.store.get([loser]).values()
    assert writer._merge(again, writer.store.pool(named(article("twin-0", name, **circle)).mentions)) == 0
    assert directory.find(loser).id == loser  # what somebody undid is not done again


def log_of(settings: Settings, key: str) -> Decision:
    event = dict(log.read(settings))[key]
    assert isinstance(event, Decision)
    return event
