"""Articles that are resolved again on the real engines: open names find bearers, entities turn out to be one."""

from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline.cli.main import main
from pipeline.entities import curation, log
from pipeline.entities.log import EntityLog
from pipeline.entities.lookup import Directory
from pipeline.entities.models import Decision, Kind, Link
from pipeline.entities.profile import Profile
from pipeline.entities.writer import EntityWriter, named
from pipeline.settings import Settings
from tests.integration.commands import Command
from tests.integration.entities.resolved import entity_of
from tests.unit.entities.factory import article

pytestmark = pytest.mark.engines


def test_resolved_again_and_found_to_be_one(
    writer: EntityWriter,
    client: Elasticsearch,
    settings: Settings,
    events: EntityLog,
    command: Command,
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
