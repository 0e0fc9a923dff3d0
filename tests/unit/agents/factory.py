"""Makes articles as connectors publish them."""

from typing import Any

from pipeline.models import SCHEMA_VERSION


def article(**changes: Any) -> dict[str, Any]:
    """The fields of an article's event, with these changes."""
    fields = {
        "id": "a1",
        "url": "https://news.example/1",
        "canonical_url": "https://news.example/1",
        "source": {"id": "news.example", "name": "News"},
        "headline": "Talks",
        "body": "Nobody was surprised.",
        "published": "2025-03-12T09:00:00Z",
        "fetched": "2025-03-12T09:00:00Z",
        "revision": 1741770000000,
        "content_hash": "c1",
        "schema_version": SCHEMA_VERSION,
    }
    return fields | changes
