"""Articles with names to resolve, a writer of entities, and what it has decided."""

from typing import Any

from elasticsearch import Elasticsearch

from pipeline.entities.log import EntityLog
from pipeline.entities.lookup import Directory
from pipeline.entities.writer import EntityWriter
from pipeline.models import Enriched
from pipeline.settings import Settings
from tests.unit.entities.factory import article

PEOPLE = ["Ada Lovelace", "Ilse Brandt", "Tomas Reil", "Marie Curie", "Niels Bohr", "Rosa Parks"]
SCHOLZ = [
    article(1, "Olaf Scholz", title="Chancellor", affiliation="Germany", people=["Emmanuel Macron"]),
    article(2, "Olaf Scholz", title="Chancellor", people=["Emmanuel Macron"], places=[("Berlin", None)]),
    article(3, "Scholz", title="Chancellor", affiliation="Germany", people=["Emmanuel Macron"]),
    article(4, "Scholz"),
    article(5, "Volodymyr Zelenskyy", places=[("Ukraine", "UA")]),
    article(6, "Volodymyr Zelensky", places=[("Kyiv", None)]),
]


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
