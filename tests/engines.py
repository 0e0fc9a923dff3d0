"""Kafka and Elasticsearch for the tests that need them: the embedded ones, started once a session on free ports.

Where engines already run for tests, WHOSAIDTEST_KAFKA=host:port and WHOSAIDTEST_ELASTICSEARCH=http://host:port name
them, and nothing is started. Each test has topics and indices of its own by a unique prefix, removed when it ends.
"""

import os
import random
import shutil
import socket
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import elasticsearch_client, kafka_client
from pipeline.settings import ElasticsearchSettings, EmbeddedSettings, EnrichmentSettings, KafkaSettings, Settings
from tests.shared import common_folder, shared, worker_number

if TYPE_CHECKING:
    from pipeline.embedded.elasticsearch import ElasticsearchServer
    from pipeline.embedded.kafka import KafkaServer

ENGINE_FIXTURES = {"kafka_server", "elasticsearch_server", "settings", "engine_settings", "killable_engines"}


ONE_PROCESS = EnrichmentSettings(processes=1)
"""The start of a spaCy process takes seconds of processor time; tests that need more than one say so."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses an engine has the marker for it."""
    for item in items:
        if ENGINE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.engines)


_given: deque[int] = deque(maxlen=1_000)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now and that were not given before, as nothing may listen on those yet.

    From below the range that systems take the local ends of connections from: a port of that range, free now, may be
    the local end of anybody's connection by the time an engine starts, or starts again, on it. Each worker of a run
    takes them from a part of its own.
    """
    return [_free_row(1) for _ in range(count)]


def free_ports_in_a_row(count: int) -> range:
    """The same, one behind the other."""
    first = _free_row(count)
    return range(first, first + count)


def _free_row(count: int) -> int:
    low = 10_000 + 2_500 * (worker_number() % 8)
    while True:
        first = random.randrange(low, low + 2_500 - count)
        row = range(first, first + count)
        if all(map(_is_free, row)):
            _given.extend(row)
            return first


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return number not in _given


QUICK_START = "-XX:TieredStopAtLevel=1"
"""One of Java's two compilers alone: the other is for engines that run longer than tests (12 to 7 s of a start)."""


def embedded_settings(data_dir: Path, java_options: str = QUICK_START) -> Settings:
    """Settings for engines of one's own: free ports, data in the given folder, the engines' files from the cache."""
    kafka, controller, http, transport = free_ports(4)
    embedded = EmbeddedSettings(
        data_dir=data_dir,
        kafka_port=kafka,
        kafka_controller_port=controller,
        elasticsearch_port=http,
        elasticsearch_transport_port=transport,
        java_options=java_options,
    )
    return Settings(embedded=embedded, enrichment=ONE_PROCESS)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder for the data of engines of one's own, in a place that also `nobody` can reach."""
    folder = _public_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine_settings(data_dir: Path) -> Settings:
    """Settings for engines that the test itself starts, stops and kills."""
    return embedded_settings(data_dir)


@pytest.fixture(scope="session")
def kafka_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """host:port of a Kafka that runs for the whole session, of all workers."""
    if given := os.environ.get("WHOSAIDTEST_KAFKA"):
        return given
    from pipeline.embedded.kafka import KafkaServer

    return shared(pytestconfig, common_folder(tmp_path_factory), "kafka", lambda: _running(KafkaServer))


@pytest.fixture(scope="session")
def elasticsearch_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """http://host:port of an Elasticsearch that runs for the whole session, of all workers."""
    if given := os.environ.get("WHOSAIDTEST_ELASTICSEARCH"):
        return given
    from pipeline.embedded.elasticsearch import ElasticsearchServer

    return shared(pytestconfig, common_folder(tmp_path_factory), "elasticsearch", lambda: _running(ElasticsearchServer))


@dataclass(frozen=True)
class Engines:
    """A Kafka and an Elasticsearch that a test may kill, freeze, stop and start, and settings with names of its own."""

    kafka: "KafkaServer"
    elasticsearch: "ElasticsearchServer"
    settings: Settings


@pytest.fixture(scope="session")
def killable_engines() -> Iterator[Engines]:
    """One pair for all tests that kill engines; its folder has everything in its name that has ever broken a path."""
    from pipeline.embedded.stack import Stack

    folder = _public_folder()
    settings = embedded_settings(folder / "data, of Zoë's; (x)=1 #2")
    with Stack(settings) as stack:
        yield Engines(stack.kafka, stack.elasticsearch, settings)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def killable(killable_engines: Engines) -> Iterator[Engines]:
    """The engines for tests that kill them, both up, with names of the test's own; they are up again afterwards."""
    kafka, elasticsearch, settings = killable_engines.kafka, killable_engines.elasticsearch, killable_engines.settings
    made = named(settings)
    yield Engines(kafka, elasticsearch, made)
    for engine in (kafka, elasticsearch):
        engine.resume()
        engine.start()
    _remove_topics(made)
    remove_indices(made)


@contextmanager
def _running(kind: "Callable[[Settings], KafkaServer | ElasticsearchServer]") -> Iterator[str]:
    """An engine in a folder of its own; its address."""
    folder = _public_folder()
    try:
        with kind(embedded_settings(folder)) as server:
            yield server.address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(kafka_server: str, elasticsearch_server: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings for both engines with names of the test's own; what it made under them is removed afterwards."""
    made = named(
        Settings(
            embedded=EmbeddedSettings(data_dir=tmp_path / "data"),
            kafka=KafkaSettings(bootstrap_servers=kafka_server),
            elasticsearch=ElasticsearchSettings(url=elasticsearch_server),
            enrichment=ONE_PROCESS,
        )
    )
    yield made
    _remove_topics(made)
    remove_indices(made)


def named(settings: Settings) -> Settings:
    """The settings with topics and indices of a test's own."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    kafka = settings.kafka.model_copy(update={"prefix": f"{name}."})
    elasticsearch = settings.elasticsearch.model_copy(update={"prefix": name})
    return settings.model_copy(update={"kafka": kafka, "elasticsearch": elasticsearch})


def _public_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="whosaid-test-"))
    folder.chmod(0o755)
    return folder


def _remove_topics(settings: Settings) -> None:
    client = kafka_client.admin(settings)
    try:
        names = [name for name in client.list_topics() if name.startswith(settings.kafka.prefix)]
        if names:
            client.delete_topics(names)
    finally:
        client.close()


def remove_indices(settings: Settings) -> None:
    """Removes every index and template under the settings' prefix."""
    prefix = settings.elasticsearch.prefix
    with elasticsearch_client.connect(settings) as client:
        names = list(client.indices.get(index=f"{prefix}*", expand_wildcards="all", allow_no_indices=True))
        for name in names:
            client.indices.delete(index=name, ignore_unavailable=True)
        templates = [one["name"] for one in client.indices.get_index_template()["index_templates"]]
        for template in filter(lambda one: one.startswith(prefix), templates):
            client.indices.delete_index_template(name=template)
        components = [one["name"] for one in client.cluster.get_component_template()["component_templates"]]
        for component in filter(lambda one: one.startswith(prefix), components):
            client.cluster.delete_component_template(name=component)
