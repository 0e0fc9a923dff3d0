"""Searches by who is who, and corrections over HTTP, on the real engines."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas
import pytest
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient
from reconciler import reconcile

from pipeline import access_tokens, elasticsearch_client
from pipeline.access_tokens import Scope
from pipeline.entities.log import EntityLog
from pipeline.models import Enriched
from pipeline.search.api import create_app
from pipeline.server import serving
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration.entities.resolved import entity_of, new_writer
from tests.unit.entities.factory import article
from tests.unit.sink.factory import record

pytestmark = pytest.mark.engines


def naming(one: Enriched, *names: str) -> Enriched:
    """The article, in whose quote these of its entities are named."""
    spoken = one.quotes[0].start
    moved = [
        entity.model_copy(update={"start": spoken, "end": spoken + 4}) if entity.name in names else entity
        for entity in one.entities
    ]
    return one.model_copy(update={"entities": moved})


ARTICLES = [
    naming(article(1, "Olaf Scholz", title="Chancellor", affiliation="Germany", people=["Volodymyr Zelenskyy"]),
           "Volodymyr Zelenskyy"),
    naming(article(2, "Olaf Scholz", title="Chancellor", people=["Volodymyr Zelensky"]), "Volodymyr Zelensky"),
    article(3, "Volodymyr Zelenskyy", title="President", people=["Olaf Scholz"]),
    article(4, "Зеленський, Володимир", people=["Olaf Scholz"]),
    article(5, "Marie Curie", title="Physicist", people=["Rosa Parks"]),
    article(6, "Rosa Parks", people=["Marie Curie"]),
]  # fmt: skip


class Library:
    """Resolved and indexed articles, and a service that searches them with tokens."""

    def __init__(self, client: Elasticsearch, settings: Settings, tokens: dict[Scope, str]) -> None:
        events = EntityLog(settings)
        self.client, self.settings, self.tokens = client, settings, tokens
        self.writer = new_writer(client, settings, events)
        self.writer.write(ARTICLES)
        events.close()
        self.writer.store.refresh()
        prepared = indices.prepare(client, settings)
        Writer(client, settings, prepared).batch([Event(record(one), one) for one in ARTICLES]).write()
        client.indices.refresh(index=settings.quotes_alias)
        self.service = TestClient(create_app(settings), base_url="http://localhost")

    def id(self, at: int, name: str) -> str:
        return entity_of(self.writer, ARTICLES[at - 1], name) or ""

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.service.get(path, params=parameters, headers=self._login(Scope.READ))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, path: str, **parameters: Any) -> str:
        answer = self.service.get(path, params=parameters, headers=self._login(Scope.READ))
        assert answer.status_code == 200, answer.text
        return answer.text

    def found(self, **parameters: Any) -> set[str]:
        """The numbers of the articles whose quotes are found."""
        return {hit["article_id"][-1] for hit in self.get("/api/v1/quotes", **parameters)["hits"]}

    def change(self, path: str, scope: Scope = Scope.ADMIN, **body: Any) -> tuple[int, Any]:
        answer = self.service.post(f"/api/v1/{path}", json=body, headers=self._login(scope))
        return answer.status_code, answer.json()

    def _login(self, scope: Scope) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[scope]}"}


@pytest.fixture
def library(settings: Settings, tmp_path: Path) -> Iterator[Library]:
    made = {scope: access_tokens.create(f"the-{scope}", [scope]) for scope in (Scope.READ, Scope.ADMIN)}
    path = tmp_path / "tokens"
    path.write_text("\n".join(line for _, line in made.values()))
    search = settings.search.model_copy(update={"tokens_file": path, "rate_limit": 0})
    settings = settings.model_copy(update={"search": search})
    with elasticsearch_client.connect(settings) as client:
        library = Library(client, settings, {scope: token for scope, (token, _) in made.items()})
        with library.service:
            yield library


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas: the client of others is older than that
def test_searches_by_who_is_who(library: Library) -> None:
    zelenskyy, scholz = library.id(1, "Volodymyr Zelenskyy"), library.id(1, "Olaf Scholz")
    assert zelenskyy.startswith("p-")
    for name in (zelenskyy, "Volodymyr Zelensky", "zelenskiy", "Зеленський", "Volodimir Zelenskij"):
        assert library.found(entity=name) == {"1", "2"}, name
        assert library.found(speaker=name) == {"3", "4"}, name
    # People beside each other, by id and in any spelling; what was matched is told.
    compared = library.get("/api/v1/compare", value=[zelenskyy, "zelenskiy", "scholz", "Skholz", "Marie Curie"])
    spelled = {"Volodymyr Zelenskyy", "Зеленський, Володимир"}
    rows = {one["value"]: one for one in compared["compared"]}
    assert [one["total"] for one in compared["compared"]] == [2, 2, 2, 0, 1]
    assert [one["name"] for one in compared["compared"]] == [
        "Volodymyr Zelenskyy", "zelenskiy", "Olaf Scholz", "Skholz", "Marie Curie",
    ]  # fmt: skip
    assert {one["name"] for one in rows[zelenskyy]["names"]} == {one["name"] for one in rows["zelenskiy"]["names"]}
    assert {one["name"] for one in rows["zelenskiy"]["names"]} == spelled
    assert rows["Skholz"]["better"] == "Olaf Scholz"
    mentioned = library.get("/api/v1/compare", of="entity", value=[zelenskyy, "Volodimir Zelenskij"])["compared"]
    assert [(one["total"], {name["name"] for name in one["names"]}) for one in mentioned] == [
        (2, {"Volodymyr Zelenskyy", "Volodymyr Zelensky"})
    ] * 2
    page = library.page("/compare", value=["zelenskiy", "Skholz"])
    assert "“zelenskiy” is found as " in page
    assert "nothing is found for “Skholz”" in page
    assert 'href="/compare?value=zelenskiy&amp;value=Olaf+Scholz">Olaf Scholz</a>' in page

    assert library.found(entity=scholz) == set()  # he is named in the articles, not in what is said
    assert library.found(entity=zelenskyy, speaker="Scholz") == {"1", "2"}
    assert library.found(entity=[zelenskyy, library.id(5, "Rosa Parks")]) == {"1", "2"}
    assert library.found(entity="p-00000000000000") == set()

    # Whom and by whom: counted by names, they are several; by who is who, one.
    named = library.get("/api/v1/facets/entities")["values"]
    assert {value["name"] for value in named} == {"Volodymyr Zelensky", "Volodymyr Zelenskyy"}
    (one,) = library.get("/api/v1/facets/entities", across=True)["values"]
    assert (one["id"], one["count"], one["known"]) == (zelenskyy, 2, True)
    assert sorted(one["names"]) == ["Volodymyr Zelensky", "Volodymyr Zelenskyy"]
    speakers = library.get("/api/v1/facets/speakers", across=True)["values"]
    assert [(value["id"], value["count"]) for value in speakers[:2]] == sorted([(scholz, 2), (zelenskyy, 2)])
    completed = library.get("/api/v1/facets/speakers", across=True, prefix="zel")["values"]
    assert [value["id"] for value in completed] == [zelenskyy]
    refused = library.service.get(
        "/api/v1/facets/types?across=true", headers={"Authorization": f"Bearer {library.tokens[Scope.READ]}"}
    )
    assert (refused.status_code, "across" in refused.json()["detail"]) == (422, True)

    profile = library.get(f"/api/v1/speakers/{zelenskyy}")
    assert (profile["id"], profile["total"], profile["articles"]) == (zelenskyy, 2, 2)
    assert set(profile["names"]) == {"Volodymyr Zelenskyy", "Зеленський, Володимир"}

    page = library.get("/api/v1/quotes", speaker="Marie Currrye", since="2001-01-01", until="2001-01-02")
    assert [one["better"] for one in page["suggestions"] if one["parameter"] == "speaker"] == ["Marie Curie"]
    reconciled_by_a_client_of_others(library)


def test_who_is_who_is_corrected_over_http(library: Library) -> None:
    curie, parks = library.id(5, "Marie Curie"), library.id(6, "Rosa Parks")
    merge = f"entities/{curie}/merge"
    assert library.change(merge, Scope.READ, into=parks)[0] == 403
    assert library.service.post(f"/api/v1/{merge}", json={"into": parks}).status_code == 401
    assert library.found(speaker=parks) == {"6"}
    status, ruling = library.change(merge, into=parks, because="a test")
    assert (status, ruling["by"], ruling["because"], ruling["other"]) == (200, "the-admin", "a test", parks)
    for id in (curie, parks):
        assert library.found(speaker=id) == {"5", "6"}
    view = library.get(f"/api/v1/entities/{curie}")
    assert (view["id"], view["merged"], view["rulings"][0]["id"]) == (parks, [curie], ruling["id"])
    (one,) = library.get("/api/v1/facets/speakers", across=True, article=["article-5", "article-6"])["values"]
    assert (one["id"], one["count"]) == (parks, 2)
    assert library.change(f"rulings/{ruling['id']}/undo")[0] == 200
    assert (library.found(speaker=curie), library.found(speaker=parks)) == ({"5"}, {"6"})

    zelenskyy = library.id(3, "Volodymyr Zelenskyy")
    status, split = library.change(f"entities/{zelenskyy}/split", articles=["article-4", "article-2"])
    assert status == 200
    assert (library.found(speaker=split["other"]), library.found(speaker=zelenskyy)) == ({"4"}, {"3"})
    assert (library.found(entity=split["other"]), library.found(entity=zelenskyy)) == ({"2"}, {"1"})
    assert library.change(f"rulings/{split['id']}/undo")[0] == 200
    assert library.found(speaker=zelenskyy) == {"3", "4"}
    assert library.change(f"entities/{curie}/rename", name="Maria Skłodowska-Curie")[0] == 200
    assert library.change(f"entities/{curie}/alias", name="Manya")[0] == 200
    assert library.get(f"/api/v1/entities/{curie}")["name"] == "Maria Skłodowska-Curie"
    assert library.found(speaker="manya") == {"5"}

    for path, body, wanted in (
        ("entities/p-nobody/merge", {"into": parks}, 404),
        (f"entities/{parks}/merge", {"into": parks}, 422),
        (f"entities/{parks}/split", {"articles": ["article-1"]}, 404),
        (f"entities/{parks}/split", {"articles": []}, 422),
        (f"entities/{parks}/alias", {"name": "  "}, 422),
        (f"entities/{parks}/alias", {"name": "A", "also": "B"}, 422),
        ("rulings/nothing/undo", {}, 404),
        (f"rulings/{split['id']}/undo", {}, 422),
    ):
        status, problem = library.change(path, **body)
        assert (status, problem["status"], problem["type"]) == (wanted, wanted, "about:blank"), (path, problem)
        assert problem["detail"].endswith((".", "undone already.")), problem


def reconciled_by_a_client_of_others(library: Library) -> None:
    """A program that was written for Wikidata's service matches a column of names against the store."""
    with serving_openly(library.settings) as address:
        names = pandas.Series(["SCHOLZ, Olaf", "Marie Curie", "Volodymyr Zelenskiy"])
        found = reconcile(names, type_id="person", reconciliation_endpoint=f"{address}/api/reconcile")
    best = dict(zip(found["input_value"], found["id"], strict=True))
    assert best == {
        "SCHOLZ, Olaf": library.id(1, "Olaf Scholz"),
        "Marie Curie": library.id(5, "Marie Curie"),
        "Volodymyr Zelenskiy": library.id(1, "Volodymyr Zelenskyy"),
    }
    assert list(found["match"]) == [True, True, True]
    assert set(found["type_id"]) == {"person"}


@contextmanager
def serving_openly(settings: Settings) -> Iterator[str]:
    """A service without tokens, on a port of its own; its address."""
    search = settings.search.model_copy(update={"tokens_file": None, "port": 0})
    settings = settings.model_copy(update={"search": search})
    with serving.listen("127.0.0.1", 0, variables="WHOSAID_SEARCH__") as listening:
        server = serving.server(create_app(settings), settings.server)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
