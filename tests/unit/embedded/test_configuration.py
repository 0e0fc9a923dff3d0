"""What Kafka and Elasticsearch are configured with."""

import base64
import os
from pathlib import Path

import pytest
import yaml

from pipeline.embedded import elasticsearch, kafka, paths
from pipeline.embedded.elasticsearch import ElasticsearchServer, node_settings
from pipeline.embedded.engine import Extra
from pipeline.embedded.kafka import KafkaServer, cluster_id, server_properties, to_properties
from pipeline.embedded.progress import quiet
from pipeline.settings import KafkaSettings, Settings


@pytest.fixture(autouse=True)
def _ready_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engines' files as if they were fetched, and no other user to run as."""
    home = tmp_path / "build"
    (home / "config" / "jvm.options.d").mkdir(parents=True)
    (home / "config" / "jvm.options").write_text(
        "-XX:+UseG1GC\n20-:--add-modules=jdk.incubator.vector\n-XX:+HeapDumpOnOutOfMemoryError\n"
        "-XX:+ExitOnOutOfMemoryError\n-Xlog:gc*,gc+age=trace:file=gc.log:utctime:filecount=32,filesize=64m\n"
    )
    (home / "config" / "log4j2.properties").write_text("status = error\n")
    (home / "config" / "roles.yml").write_text("# roles\n")
    monkeypatch.setattr(elasticsearch, "elasticsearch_home", lambda settings, progress: home)
    monkeypatch.setattr(kafka, "kafka_jars", lambda settings, progress: (tmp_path / "a.jar", tmp_path / "b.jar"))
    monkeypatch.setattr(paths, "service_account", lambda: None)


def with_java_options(settings: Settings, options: str) -> Settings:
    embedded = settings.embedded.model_copy(update={"java_options": options})
    return settings.model_copy(update={"embedded": embedded})


def test_kafka_listens_here_alone_and_makes_no_topic_by_its_name(settings: Settings) -> None:
    found = server_properties(settings)
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:19092"
    assert found["auto.create.topics.enable"] == "false"
    assert found["log.dirs"] == "data"  # relative: a comma in a folder's name would part it


def test_an_idle_kafka_writes_no_records_about_itself(settings: Settings) -> None:
    assert server_properties(settings)["metadata.max.idle.interval.ms"] == 0


def test_kafka_takes_messages_as_large_as_the_settings_say(settings: Settings) -> None:
    large = settings.model_copy(update={"kafka": KafkaSettings(max_message_bytes=2**25)})
    assert server_properties(large)["message.max.bytes"] == 2**25
    assert server_properties(large)["replica.fetch.max.bytes"] == 2**25


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "a=plain\n"),
        (7, "a=7\n"),
        ("C:\\logs", "a=C:\\\\logs\n"),
        (" leading", "a=\\ leading\n"),
        ("two\nlines", "a=two\\nlines\n"),
        ("Zürich 😀", "a=Z\\u00fcrich \\ud83d\\ude00\n"),
    ],
)
def test_properties_are_written_as_java_reads_them(value: object, line: str) -> None:
    assert to_properties({"a": value}) == line


def test_a_cluster_id_is_a_uuid_as_kafka_writes_them() -> None:
    ids = {cluster_id() for _ in range(200)}
    assert len(ids) == 200
    for one in ids:
        assert len(one) == 22
        assert not one.startswith("-")
        assert len(base64.urlsafe_b64decode(one + "==")) == 16


def test_kafka_is_formatted_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    server, formatted = KafkaServer(settings), []

    def format_storage(base: list[str], surroundings: dict[str, str]) -> None:
        formatted.append(base)
        (server.folder / "data").mkdir()
        (server.folder / "data" / "meta.properties").write_text("")

    monkeypatch.setattr(server, "_format", format_storage)
    server._prepare(quiet)
    server._prepare(quiet)
    assert len(formatted) == 1


def test_kafka_starts_with_its_jars_its_heap_and_what_is_extra(settings: Settings, tmp_path: Path) -> None:
    extra = Extra(settings={"num.partitions": 9}, files={"jaas.conf": "x"})
    server = KafkaServer(with_java_options(settings, "-Dx=y"), extra=extra)
    (server.folder / "data").mkdir()
    (server.folder / "data" / "meta.properties").write_text("")
    launch = server._prepare(quiet)
    assert launch.environment["CLASSPATH"] == f"{tmp_path / 'a.jar'}{os.pathsep}{tmp_path / 'b.jar'}"
    assert "-Xmx512m" in launch.command
    assert "-Dx=y" in launch.command
    assert "num.partitions=9\n" in (server.folder / "config" / "server.properties").read_text()
    assert (server.folder / "config" / "jaas.conf").read_text() == "x"


def test_java_options_of_the_environment_do_not_reach_an_engine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "ES_JAVA_OPTS", "ES_PATH_CONF"):
        monkeypatch.setenv(name, "-Xnonsense")
    launch = ElasticsearchServer(settings)._prepare(quiet)
    assert "-Xnonsense" not in launch.environment.values()
    assert launch.environment["ES_JAVA_OPTS"] == "-Xms512m -Xmx512m"
    launch = ElasticsearchServer(with_java_options(settings, " -Da=b  -Dx=y "))._prepare(quiet)
    assert launch.environment["ES_JAVA_OPTS"] == "-Xms512m -Xmx512m -Da=b -Dx=y"


def test_elasticsearch_listens_here_alone_and_keeps_its_data(
    settings: Settings,
) -> None:
    server = ElasticsearchServer(settings)
    server._prepare(quiet)
    found = yaml.safe_load((server.folder / "config" / "elasticsearch.yml").read_text())
    assert found["network.host"] == "127.0.0.1"
    assert found["discovery.type"] == "single-node"
    assert found["http.port"] == settings.embedded.elasticsearch_port
    assert found["path.data"] == str(settings.embedded.data_dir / "elasticsearch" / "data")
    assert found["xpack.security.enabled"] is False
    assert found["cluster.routing.allocation.node_initial_primaries_recoveries"] > 4  # it opens years of months


def test_elasticsearch_keeps_a_fixed_piece_of_the_disk_free(tmp_path: Path) -> None:
    marks = {key: value for key, value in node_settings(Settings(), tmp_path).items() if "watermark" in key}
    assert len(marks) == 3
    assert all(str(value).endswith("mb") for value in marks.values())


def test_a_comma_in_the_data_folders_name_does_not_part_it(tmp_path: Path) -> None:
    assert node_settings(Settings(), tmp_path / "a, b")["path.data"] == [str(tmp_path / "a, b" / "data")]


def test_elasticsearchs_build_stays_and_its_copy_fits_our_java(settings: Settings, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "build").rglob("*") if path.is_file()}
    server = ElasticsearchServer(settings, extra=Extra(files={"users": "ana:x\n", "cert.pem": b"\x00"}))
    launch = server._prepare(quiet)
    config = server.folder / "config"
    assert (config / "jvm.options").read_text() == "-XX:+UseG1GC\n-XX:+ExitOnOutOfMemoryError\n"
    assert (config / "roles.yml").exists()
    assert (config / "users").read_text() == "ana:x\n"
    assert (config / "cert.pem").read_bytes() == b"\x00"
    assert f"-Des.path.conf={config}" in launch.command
    assert launch.cwd == tmp_path / "build"
    assert {path: path.read_bytes() for path in (tmp_path / "build").rglob("*") if path.is_file()} == before


def test_what_was_extra_is_gone_at_the_next_start(settings: Settings) -> None:
    ElasticsearchServer(settings, extra=Extra(files={"users": "ana:x\n"}))._prepare(quiet)
    server = ElasticsearchServer(settings)
    server._prepare(quiet)
    assert not (server.folder / "config" / "users").exists()


def test_the_address_is_https_where_that_is_switched_on(settings: Settings) -> None:
    assert ElasticsearchServer(settings).address == "http://127.0.0.1:19200"
    extra = Extra(settings={"xpack.security.http.ssl.enabled": True})
    assert ElasticsearchServer(settings, extra=extra).address == "https://127.0.0.1:19200"


def test_larger_heaps_need_more_memory(settings: Settings) -> None:
    embedded = settings.embedded.model_copy(update={"kafka_heap": "2g", "elasticsearch_heap": "4g"})
    larger = settings.model_copy(update={"embedded": embedded})
    assert KafkaServer(larger).memory > 1.5 * 2**30 > KafkaServer(settings).memory
    assert ElasticsearchServer(larger).memory > 4 * 2**30 > ElasticsearchServer(settings).memory
