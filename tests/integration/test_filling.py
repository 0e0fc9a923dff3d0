"""An index is filled for the benchmark of full ones, in a real Elasticsearch."""

from datetime import UTC, datetime

import pytest
from elasticsearch import Elasticsearch

from benchmarks import filling
from benchmarks.filling import Portion
from pipeline.settings import Settings
from pipeline.sink import indices

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_articles_and_quotes_are_loaded(
    settings: Settings, client: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    portions = [Portion("2026.11", (0.0, 26.0), 0, 100, NOW), Portion("2026.10", (27.0, 30.0), 100, 30, NOW)]
    monkeypatch.setattr(filling, "_portions", lambda count, now: portions)
    filling.fill(client, settings, 130, lambda done, seconds: told.append(done))
    patterns = {kind: indices.pattern(settings, kind) for kind in indices.KINDS}
    assert {kind: client.count(index=pattern)["count"] for kind, pattern in patterns.items()} == {
        "articles": 130,
        "quotes": 130 * filling.QUOTES,
    }
    assert told[-1] == 130
    for pattern in patterns.values():
        for found in client.indices.get_settings(index=pattern).values():
            index = found["settings"]["index"]
            assert index["refresh_interval"] == f"{indices.REFRESH}s"
            assert index["translog"]["durability"] == "request"
    assert filling.wait_for_merges(client, interval=0.01) < 60
