"""What these tests share: a writer of entities with its topic, and the command `whosaid entity`."""

from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch

from pipeline.cli.main import main
from pipeline.entities.log import EntityLog
from pipeline.entities.writer import EntityWriter
from pipeline.settings import Settings, environment
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
def command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs `whosaid entity …`: its exit code and what it printed."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["entity", *arguments])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run
