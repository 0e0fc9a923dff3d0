"""Entities on the real engines, merged, split, named and undone by hand: searches follow, a rebuild keeps it."""

import json
from collections.abc import Sequence
from functools import partial

import pytest
from elasticsearch import Elasticsearch

from pipeline.entities.lookup import Directory
from pipeline.entities.writer import EntityWriter
from pipeline.models import Enriched
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration.commands import Command
from tests.integration.entities.resolved import SCHOLZ, entity_of, state
from tests.unit.sink.factory import record

pytestmark = pytest.mark.engines


@pytest.mark.guarantee("entities-undone", "entities-rebuilt")
def test_by_hand(
    writer: EntityWriter,
    client: Elasticsearch,
    settings: Settings,
    command: Command,
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
