"""The Reconciliation API's rules, without a store."""

import json
from typing import Any

import pytest

from pipeline.entities.lookup import EntityHit
from pipeline.entities.models import Kind
from pipeline.errors import InputError
from pipeline.search import entities


class Known:
    """A directory that finds what it was given."""

    def __init__(self, *hits: EntityHit) -> None:
        self.hits = list(hits)
        self.asked: list[tuple[str, Kind | None]] = []

    def search(self, text: str, *, kind: Kind | None = None, size: int = 10) -> list[EntityHit]:
        self.asked.append((text, kind))
        return self.hits[:size]


def hit(name: str, score: float, **fields: Any) -> EntityHit:
    return EntityHit(id=f"p-{name}", kind=Kind.PERSON, name=name, score=score, **fields)


def answer(directory: Known, **query: Any) -> list[dict[str, Any]]:
    found = entities.reconcile(directory, json.dumps({"q0": query}))  # type: ignore[arg-type]
    return list(found["q0"]["result"])


def test_one_that_fits_alone_is_a_match() -> None:
    directory = Known(hit("Ada Lund", 1.0, title="Minister"), hit("Adam Lund", 0.8))
    first, second = answer(directory, query="Ada Lund", type="person", limit=2)
    assert (first["id"], first["match"], first["score"]) == ("p-Ada Lund", True, 100)
    assert first["type"] == [{"id": "person", "name": "Person"}]
    assert first["features"] == [{"id": "name", "value": 100}]
    assert second["match"] is False
    assert directory.asked == [("Ada Lund", Kind.PERSON)]


def test_of_two_namesakes_none_is_a_match_by_the_name_alone() -> None:
    directory = Known(hit("A", 1.0, title="Judge"), hit("B", 1.0, title="Rower"))
    assert not any(one["match"] for one in answer(directory, query="Ann Other"))
    by_title = answer(directory, query="Ann Other", properties=[{"pid": "title", "v": "rower"}])
    assert [one["name"] for one in by_title] == ["B", "A"]


@pytest.mark.parametrize(
    "given",
    ["", "[]", "{", '{"q": []}', '{"q": {"query": 5}}', json.dumps({str(n): {} for n in range(51)}), "[" * 10_000,
     '{"q": {"query": "a", "limit": 0}}'],
)  # fmt: skip
def test_what_is_no_batch_is_refused_in_a_sentence(given: str) -> None:
    with pytest.raises(InputError, match="quer"):
        entities.reconcile(Known(), given)  # type: ignore[arg-type]


def test_the_manifest_says_where_all_is() -> None:
    manifest = entities.manifest("http://host")
    assert manifest["versions"] == ["0.2"]
    assert manifest["view"]["url"] == "http://host/api/entities/{{id}}"
    assert {"name", "identifierSpace", "schemaSpace"} <= manifest.keys()
