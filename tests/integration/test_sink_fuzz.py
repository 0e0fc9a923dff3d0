"""Whatever comes on the topic: every event is searchable or a dead letter, and good ones are not harmed by bad ones."""

import copy
import json
import random
from typing import Any

import pytest

from pipeline.settings import Settings
from tests.integration import sinks
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines

NASTY: list[Any] = [
    None, "", " ", "\x00", "é" * 300, "x" * 40_000, "\\", '"', "/", "..", "_all", "*", "a,b", "😀", "yesterday", True,
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 0, -1, 2**31, 2**53, 2**63 - 1, 2**63, 2**70, 1e308, float("nan"),
    float("inf"), [], {}, [None], [[]], {"a": {"b": "c"}}, [0, 0], [5, 1], [-3, 2**40], {"": ""},
    {"a.b": "c", ".": "d"},
]  # fmt: skip


EDGES = [
    f"{moment}{zone}"
    for moment in ("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "1969-12-31T23:59:59", "2026-03-31T23:30:00")
    for zone in ("Z", "+00:00", "+14:00", "-14:00", "+23:59", "-23:59", "+00:01", "-00:01")
]
"""Times at the edges of what can be, in every kind of zone."""

DATES = ("published", "modified", "fetched", "enriched")
"""The fields that are times; the last is the event's own, the others are the article's."""


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a JSON value."""
    found = [path] if path else []
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        found += places(value, (*path, key))
    return found


def spoiled(chance: random.Random, name: str) -> bytes:
    """An event of which one to three values are something else, or whose bytes are."""
    value = json.loads(enriched(article=name, says=("Hear me.", "And me.")).model_dump_json())
    if chance.random() < 0.2:
        for field in DATES:
            (value if field == "enriched" else value["article"])[field] = chance.choice(EDGES)
    for _ in range(chance.randint(1, 3)):
        *path, last = chance.choice(places(value))
        node = value
        for key in path:
            node = node[key]
        node[last] = copy.deepcopy(chance.choice(EDGES if last in DATES and chance.random() < 0.8 else NASTY))
    data = json.dumps(value).encode()
    if chance.random() < 0.15:
        at = chance.randrange(len(data))
        data = data[:at] + chance.randbytes(chance.randrange(4)) + data[at + chance.randrange(3) :]
    return data


@pytest.mark.parametrize("seed", range(2))
def test_every_event_is_accounted_for_and_harms_no_other(settings: Settings, seed: int) -> None:
    chance = random.Random(seed)
    good = [enriched(article=f"good{n:03}", says=(f"Word {n:03}.",)) for n in range(100)]
    bad = [(f"bad{n:03}".encode(), spoiled(chance, f"bad{n:03}")) for n in range(500)]
    mixed: list[Any] = [*good, *bad]
    chance.shuffle(mixed)
    published = sinks.publish(settings, mixed)
    with sinks.running(settings) as sink:
        sinks.drained(settings, 120)
        total = sink.total
        assert total.written + total.stale + sink.refused == published
        assert total.written > 100, "some of the spoiled ones are still good"
        assert sink.refused > 100, "many of the spoiled ones are not"
    found = sinks.documents(settings, settings.articles_alias)
    assert {one["id"] for one in found} >= {one.article.id for one in good}
    letters = sinks.letters(settings)
    assert len(letters) == sink.refused
    assert all(letter.reason for letter in letters)
    # Whole or not at all: every quote has its article, and every article all of its quotes.
    expected = {(one["id"], quote) for one in found for quote in one["quote_ids"]}
    there = {(one["article_id"], one["id"]) for one in sinks.documents(settings, settings.quotes_alias)}
    assert there == expected
