"""A dump of a topic gives back what went in, and is refused where it is damaged or none."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard

from pipeline import kafka_client, topics
from pipeline.backup import topic_dump, whole
from pipeline.backup.topic_dump import Event
from pipeline.errors import InputError
from pipeline.settings import Settings

LINE = {"p": 1, "o": 7, "t": 99, "k": "YQ==", "v": None, "h": [["mine", "/g=="]]}


def dump(path: Path, text: str) -> Path:
    path.write_bytes(zstandard.compress(text.encode()))
    return path


def test_events_come_back_byte_by_byte(tmp_path: Path) -> None:
    path = dump(tmp_path / "a", json.dumps(LINE) + "\n" + json.dumps(LINE | {"k": None, "v": "AP8=", "h": []}) + "\n")
    assert list(topic_dump.read(path)) == [
        Event(1, 7, 99, b"a", None, [("mine", b"\xfe")]),
        Event(1, 7, 99, None, b"\x00\xff", []),
    ]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "7", "{}", "é", *(json.dumps(LINE | one) for one in ({"v": "***"}, {"h": 7}, {"p": "x"}, {"h": [1]}))],
)
def test_what_is_no_dump_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="is no dump of a topic, or it is damaged"):
        list(topic_dump.read(dump(tmp_path / "a", text)))


def test_a_file_that_is_cut_or_not_packed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("not packed", encoding="utf-8")
    with pytest.raises(InputError, match="is no dump of a topic"):
        list(topic_dump.read(path))
    with pytest.raises(InputError, match="is no dump of a topic"):
        list(topic_dump.read(tmp_path / "none"))


def test_a_manifest_names_no_file_outside_of_the_backup(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jsonl.zst"
    dump(outside, json.dumps(LINE))
    folder = tmp_path / "backup"
    folder.mkdir()
    topic = {"name": "n", "file": "../outside.jsonl.zst", "events": 1, "unreadable": 0}
    manifest = {
        "form": 1, "made": "2026-11-26T12:00:00Z", "version": "0.1.0", "kafka_prefix": "news.",
        "elasticsearch_prefix": "whosaid", "topics": [topic | {"digest": topic_dump.digest(outside)}], "done": {},
        "repository": "", "snapshot": "s",
    }  # fmt: skip
    (folder / whole.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match="is missing, or is not what was written"):
        whole.read(folder)
    (folder / whole.MANIFEST).write_text(json.dumps(manifest | {"form": 9}), encoding="utf-8")
    with pytest.raises(InputError, match="which is newer"):
        whole.read(folder)


class Producer:
    """Refuses what kafka-python's refuses: an event with neither key nor value."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes | None, bytes | None]] = []

    def send(self, _: str, *, key: bytes | None, value: bytes | None, **__: Any) -> Any:
        if key is None and value is None:
            raise ValueError("Need at least one: key or value")
        self.sent.append((key, value))
        where = SimpleNamespace(partition=0, offset=len(self.sent))
        return SimpleNamespace(get=lambda timeout: where)

    def close(self, timeout: float) -> None:
        """Nothing is open."""


def test_an_event_of_nothing_stops_no_restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can publish one; it comes back without content, and those behind it come back, too."""
    producer = Producer()
    monkeypatch.setattr(kafka_client, "producer", lambda *_, **__: producer)
    lines = [LINE, LINE | {"k": None, "v": None}, LINE | {"k": None, "v": "AP8="}]
    path = dump(tmp_path / "a", "".join(json.dumps(line) + "\n" for line in lines))
    assert topic_dump.send(Settings(), topics.articles(Settings()), path, total=3) == 3
    assert producer.sent == [(b"a", None), (None, b""), (None, b"\x00\xff")]
