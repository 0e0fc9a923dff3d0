"""The embedded Elasticsearch as it is run: real, alone, on data of its own."""

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from elasticsearch import AuthenticationException, ConnectionError, ConnectionTimeout

from pipeline import elasticsearch_client
from pipeline.embedded.elasticsearch import ElasticsearchServer
from pipeline.embedded.engine import Extra
from pipeline.errors import EngineError
from pipeline.settings import ElasticsearchSettings, Settings

from .conftest import embedded_settings


@pytest.fixture
def odd_settings(data_dir: Path) -> Settings:
    """A data folder with everything in its name that has ever broken a path."""
    return embedded_settings(data_dir / "data, of Zoë's; (x)=1 #2")


@pytest.fixture
def elasticsearch(odd_settings: Settings) -> Iterator[ElasticsearchServer]:
    server = ElasticsearchServer(odd_settings)
    server.start()
    yield server
    server.stop()


def index(settings: Settings, number: int) -> None:
    with elasticsearch_client.connect(settings) as client:
        client.index(index="quotes", id=str(number), document={"text": f"quote number {number}"}, refresh=True)


def found(settings: Settings, words: str = "quote") -> int:
    with elasticsearch_client.connect(settings) as client:
        client.indices.refresh(index="quotes")
        return int(client.count(index="quotes", query={"match": {"text": words}})["count"])


def test_what_was_indexed_is_there_after_a_stop_and_after_a_kill(
    odd_settings: Settings, elasticsearch: ElasticsearchServer
) -> None:
    engine = psutil.Process(elasticsearch._engine())
    assert engine.uids().effective != 0
    index(odd_settings, 1)
    assert found(odd_settings) == 1
    elasticsearch.stop()
    assert not engine.is_running()
    with elasticsearch_client.connect(odd_settings) as client, pytest.raises(ConnectionError):
        client.cluster.health()
    elasticsearch.start()
    index(odd_settings, 2)
    java = psutil.Process(elasticsearch._engine()).children(recursive=True)
    elasticsearch.kill()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in java)
    elasticsearch.start()
    assert found(odd_settings) == 2

    elasticsearch.pause()
    with (
        elasticsearch_client.connect(odd_settings, request_timeout=1) as client,
        pytest.raises((ConnectionTimeout, ConnectionError)),
    ):
        client.cluster.health()
    elasticsearch.resume()
    assert found(odd_settings, "number") == 2

    left = sorted(path.name for path in (odd_settings.embedded.data_dir / "elasticsearch").iterdir())
    assert left == ["config", "data", "lock", "logs", "tmp"]


def test_a_configuration_that_elasticsearch_refuses_is_told_in_its_own_words(engine_settings: Settings) -> None:
    server = ElasticsearchServer(engine_settings, extra=Extra(settings={"no.such.setting": 1}))
    with pytest.raises(EngineError, match=r"unknown setting \[no\.such\.setting\].*Its log: .*elasticsearch\.log"):
        server.start()
    assert not server.is_running


def password_hash(password: str) -> str:
    """A line of Elasticsearch's file of users is a name and this."""
    salt = os.urandom(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10_000, dklen=32)
    return f"{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def test_it_can_be_started_with_a_login_for_tests_of_that(engine_settings: Settings) -> None:
    extra = Extra(
        settings={
            "xpack.security.enabled": True,
            "xpack.security.authc.password_hashing.algorithm": "pbkdf2",
            "xpack.security.authc.realms.file.file1.order": 0,
        },
        files={"users": f"whosaid:{password_hash('right words')}\n", "users_roles": "superuser:whosaid\n"},
    )

    def client(password: str) -> Settings:
        login = ElasticsearchSettings.model_validate({"username": "whosaid", "password": password})
        return engine_settings.model_copy(update={"elasticsearch": login})

    with ElasticsearchServer(engine_settings, extra=extra):
        index(client("right words"), 1)
        assert found(client("right words")) == 1
        with elasticsearch_client.connect(client("wrong words")) as refused, pytest.raises(AuthenticationException):
            refused.cluster.health()
