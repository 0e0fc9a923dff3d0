"""What these tests share: a client and a writer for the test's Elasticsearch, and parts of tests/engines.py."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client
from pipeline.settings import Settings
from pipeline.sink import indices, refresher
from pipeline.sink.writer import Writer
from tests.engines import embedded_settings, free_ports
from tests.integration.sinks import impatient

__all__ = ["embedded_settings", "free_ports"]


@pytest.fixture
def client(settings: Settings) -> Iterator[Elasticsearch]:
    """A client for the test's Elasticsearch."""
    with elasticsearch_client.connect(settings) as client:
        yield client


@pytest.fixture
def writer(client: Elasticsearch, settings: Settings) -> Writer:
    """A writer into the test's indices."""
    return Writer(client, settings, indices.prepare(client, settings), keep_letters=lambda _: None)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """Settings under which nothing waits long."""
    return impatient(settings)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has waited long is not refreshed while the test runs, however slow the machine is."""
    for name in ("LONGEST", "QUIET"):
        monkeypatch.setattr(refresher, name, 600.0)
