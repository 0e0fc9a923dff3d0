"""The embedded Elasticsearch as it is run: real, alone, on data of its own."""

import psutil
import pytest
from elasticsearch import ConnectionError, ConnectionTimeout

from pipeline import elasticsearch_client
from pipeline.embedded.elasticsearch import REPOSITORIES, ElasticsearchServer
from pipeline.embedded.engine import Extra
from pipeline.errors import EngineError
from pipeline.settings import Settings
from tests.engines import Engines


def index(settings: Settings, number: int) -> None:
    document = {"text": f"quote number {number}"}
    with elasticsearch_client.connect(settings) as client:
        client.index(index=settings.quotes_alias, id=str(number), document=document, refresh=True)


def found(settings: Settings, words: str = "quote") -> int:
    with elasticsearch_client.connect(settings) as client:
        client.indices.refresh(index=settings.quotes_alias)
        return int(client.count(index=settings.quotes_alias, query={"match": {"text": words}})["count"])


def test_what_was_indexed_outlives_a_stop_and_a_kill(killable: Engines) -> None:
    elasticsearch, settings = killable.elasticsearch, killable.settings
    engine = psutil.Process(elasticsearch._engine())
    assert engine.uids().effective != 0
    index(settings, 1)
    assert found(settings) == 1
    elasticsearch.stop()
    assert not engine.is_running()
    with elasticsearch_client.connect(settings) as client, pytest.raises(ConnectionError):
        client.cluster.health()
    elasticsearch.start()
    index(settings, 2)
    java = psutil.Process(elasticsearch._engine()).children(recursive=True)
    elasticsearch.kill()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in java)
    elasticsearch.start()
    assert found(settings) == 2

    elasticsearch.pause()
    with (
        elasticsearch_client.connect(settings, request_timeout=1) as client,
        pytest.raises((ConnectionTimeout, ConnectionError)),
    ):
        client.cluster.health()
    elasticsearch.resume()
    assert found(settings, "number") == 2

    left = {path.name for path in (settings.embedded.data_dir / "elasticsearch").iterdir()}
    assert left - {REPOSITORIES} == {"config", "data", "lock", "logs", "tmp"}


def test_a_configuration_that_it_refuses_is_told_in_its_words(engine_settings: Settings) -> None:
    server = ElasticsearchServer(engine_settings, extra=Extra(settings={"no.such.setting": 1}))
    with pytest.raises(EngineError, match=r"unknown setting \[no\.such\.setting\].*Its log: .*elasticsearch\.log"):
        server.start()
    assert not server.is_running
