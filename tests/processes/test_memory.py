"""Memory that the worst events take, within a limit of the system: where it is exceeded, the process dies."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.unit.sink.factory import enriched

MOST_MEGABYTES = 200
"""What may be added to a process while it reads and indexes one event of the largest size."""

TEXTS = {
    "a word": "x", "a word with accents": "é", "a word with apostrophes": "a'", "numbers in a number": "1,",
    "an abbreviation": "a.", "letters that are words": "港", "short words": "ab ", "no words": "\n",
}  # fmt: skip
"""By name the text that the body repeats."""

_CODE = f"""
import resource
from datetime import UTC, datetime
from types import SimpleNamespace
from tests.processes import test_memory
from pipeline.sink import bulk, documents, events

shapes = test_memory.shapes()
with open("/proc/self/statm") as status:
    now = int(status.read().split()[0]) * resource.getpagesize()
most = now + {MOST_MEGABYTES} * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for name, make in shapes.items():
    print(name, flush=True)
    value = make()
    record = SimpleNamespace(
        topic="t", partition=0, offset=1, key=b"a1", value=value, headers=[], timestamp=0, timestamp_type=0
    )
    event = events.read(record)
    if isinstance(event, events.Event):
        indexed = datetime.now(UTC)
        article = documents.article(event.enriched, indexed=indexed)
        for document in (article, *documents.quotes(event.enriched, indexed=indexed)):
            bulk.Operation("a1", "index", document.id, 1, document.json).lines()
    print("   ", getattr(event, "error", "indexed"), flush=True)
    del value, record, event
print("all", flush=True)
"""


def shapes() -> dict[str, Callable[[], bytes]]:
    """By name what makes an event of nearly 6 MB."""
    items = {
        "tags that are no texts": ("0", "tags"),
        "texts as tags": ('""', "tags"),
        "numbers as entities": ("0", "entities"),
        "objects as entities": ("{}", "entities"),
        "entities": ('{"start":0,"end":0,"text":"","label":"","name":"","id":""}', "entities"),
        "objects as quotes": ("{}", "quotes"),
        "quotes": (
            '{"id":"a1-","type":"direct","text":"","start":0,"end":0,"segments":[[0,0]],"confidence":0,"context":[0,0]}',
            "quotes",
        ),
        "numbers as pieces": ("0", "segments"),
        "lists as pieces": ("[]", "segments"),
        "pieces": ("[0,0]", "segments"),
        "lists": ("[0]", "unknown"),
        "objects": ('{"":0}', "unknown"),
        "numbers": ("0", "unknown"),
        "texts": ('""', "unknown"),
    }
    made: dict[str, Callable[[], bytes]] = {}
    for name, (item, place) in items.items():
        made[name] = lambda item=item, place=place: _filled(item, place)  # type: ignore[misc]
    for name, most in {
        "entities": 95_000,
        "pieces": 95_000,
        "objects as entities": 95_000,
        "texts as tags": 950_000,
    }.items():
        item, place = items[name]
        made[f"{most:,} {name}"] = lambda item=item, place=place, most=most: _filled(item, place, most)  # type: ignore[misc]
    for name, text in TEXTS.items():
        made[name] = lambda text=text: _long(text)  # type: ignore[misc]
    return made


_SIZE = 6 * 2**20 - 5000


def _event() -> dict[str, Any]:
    return dict(json.loads(enriched(article="a1").model_dump_json()))


def _filled(item: str, place: str, most: int = _SIZE) -> bytes:
    event = _event()
    holder = {"tags": event["article"], "segments": event["quotes"][0]}.get(place, event)
    holder[place] = "HERE"
    items = ",".join([item] * min(most, _SIZE // (len(item) + 1)))
    return json.dumps(event).replace('"HERE"', f"[{items}]").encode()


def _long(text: str) -> bytes:
    event = _event()
    event["article"]["body"] += " " + text * (_SIZE // len(json.dumps(text, ensure_ascii=False).encode()[1:-1]))
    return json.dumps(event, ensure_ascii=False).encode()


def test_no_event_takes_many_times_its_size() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, f"at {done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    assert done.stdout.endswith("all\n")
