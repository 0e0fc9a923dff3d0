"""What these tests share: a writer of entities with its topic, and the command `whosaid entity`."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from pipeline.entities.log import EntityLog
from pipeline.entities.writer import EntityWriter
from pipeline.settings import Settings
from tests.integration.commands import Command, command_in_process
from tests.integration.entities.resolved import new_writer


@pytest.fixture
def events(settings: Settings) -> Iterator[EntityLog]:
    events = EntityLog(settings)
    yield events
    events.close()


@pytest.fixture
def writer(client: Elasticsearch, settings: Settings, events: EntityLog) -> EntityWriter:
    return new_writer(client, settings, events)


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `whosaid entity …`: its exit code and what it printed."""
    return command_in_process("entity", settings, monkeypatch, capsys)
