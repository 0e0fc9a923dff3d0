"""Writers of entities on the real engines: what is repeated or written by two at once is decided once."""

import threading

import pytest
from elasticsearch import Elasticsearch

from pipeline.entities import curation, log
from pipeline.entities.log import EntityLog
from pipeline.entities.lookup import Directory
from pipeline.entities.models import Decision
from pipeline.entities.writer import EntityWriter
from pipeline.settings import Settings
from pipeline.tombstones import Tombstone, Tombstones
from tests.integration.entities.resolved import PEOPLE, SCHOLZ, entity_of, new_writer, state
from tests.unit.entities.factory import article

pytestmark = pytest.mark.engines


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
