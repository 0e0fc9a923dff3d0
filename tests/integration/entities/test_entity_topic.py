"""The topic of entities on the real Kafka: it is compacted, and the store is made of it again, whatever is on it."""

import json
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline import topics
from pipeline.entities import curation
from pipeline.entities.lookup import Directory
from pipeline.entities.models import Decision
from pipeline.entities.writer import EntityWriter
from pipeline.settings import Settings
from tests.integration import strangers
from tests.integration.entities.resolved import SCHOLZ, state

pytestmark = pytest.mark.engines


def test_the_topic_is_compacted(settings: Settings) -> None:
    assert topics.entities(settings).config["cleanup.policy"] == "compact"
    assert topics.entities(settings) in topics.every_topic(settings)


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
