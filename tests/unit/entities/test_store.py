"""What the store asks Elasticsearch for, by a client that only notes it."""

from types import SimpleNamespace
from typing import Any

from pipeline.entities.store import EntityStore
from pipeline.settings import Settings


def test_an_entity_on_a_shard_that_is_away_is_not_passed_over() -> None:
    """The resolver would make a second entity of it."""
    asked: list[dict[str, Any]] = []

    def msearch(*, index: str, searches: list[dict[str, Any]]) -> dict[str, Any]:
        asked.extend(searches)
        return {"responses": []}

    client: Any = SimpleNamespace(msearch=msearch)
    EntityStore(client, Settings())._of_surnames({"PERSON lee": {"country:NO"}, "PERSON berg": set()})
    assert [one["allow_partial_search_results"] for one in asked[::2]] == [False, False]
    assert [one["query"]["bool"]["filter"][0]["term"]["keys"] for one in asked[1::2]] == ["PERSON lee", "PERSON berg"]
