"""A knowledge base on the real engines: its entries join what articles made, and other programs match names with it."""

import json
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient

from pipeline.cli.main import main
from pipeline.entities import curation
from pipeline.entities.lookup import Directory
from pipeline.entities.writer import EntityWriter
from pipeline.search.api import create_app
from pipeline.settings import Settings
from tests.integration.commands import Command
from tests.integration.entities.resolved import SCHOLZ, entity_of

pytestmark = pytest.mark.engines


def test_a_knowledge_base_is_loaded(
    writer: EntityWriter,
    client: Elasticsearch,
    settings: Settings,
    tmp_path: Path,
    command: Command,
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
