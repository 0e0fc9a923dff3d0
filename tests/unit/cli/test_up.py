"""What `whosaid up` says while it starts its parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline import kafka_client
from pipeline.cli import up
from pipeline.cli.console import errors
from pipeline.settings import Settings


class _Spinner:
    def __init__(self) -> None:
        self.said: list[str] = []

    def update(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def status(self, text: str) -> Iterator["_Spinner"]:
        self.said.append(text)
        yield self


def test_the_parts_are_named_while_they_start(monkeypatch: pytest.MonkeyPatch) -> None:
    spinner, groups = _Spinner(), iter([[], ["sink"], ["enrich"]])
    monkeypatch.setattr(errors, "status", spinner.status)
    monkeypatch.setattr(kafka_client, "members", lambda *_: next(groups))
    monkeypatch.setattr(up, "_answers", lambda _: True)
    supervisor: Any = None  # it is asked only when a part is late
    up._wait_ready(Settings(), supervisor, up.Stop())
    assert spinner.said == ["Starting the parts …", "Starting enrich …"]
