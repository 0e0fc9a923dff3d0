import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

from jgo.maven import MavenContext

from pipeline.embedded import engine_pins, write_pins

from .web import Repository


def test_kafka_is_pinned_with_root_clients_and_a_logger() -> None:
    kafka = engine_pins.engines()["kafka"]
    assert {"kafka_2.13", "kafka-clients", "kafka-metadata", "scala-library", "log4j-slf4j-impl"} <= {
        one.artifact for one in kafka.files
    }
    assert kafka.version == next(one.version for one in kafka.files if one.artifact == "kafka_2.13")
    assert len({one.artifact for one in kafka.files}) == len(kafka.files)


def test_every_pinned_file_has_a_size_and_a_checksum() -> None:
    for engine in engine_pins.engines().values():
        assert engine.size == sum(one.size for one in engine.files) > 10_000_000
        for one in engine.files:
            assert re.fullmatch(r"[0-9a-f]{64}", one.sha256), one.coordinates
            assert one.size > 0
            assert one.coordinates.endswith((":jar", ":zip"))


def test_no_registry_is_named_in_the_pins() -> None:
    assert "://" not in files("pipeline.embedded").joinpath("engines.json").read_text(encoding="utf-8")


POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
<dependencies>{dependencies}</dependencies></project>"""

DEPENDENCY = """<dependency><groupId>org.example</groupId><artifactId>{0}</artifactId><version>1</version>
<scope>{1}</scope></dependency>"""


def test_pinning_writes_the_root_its_needs_and_the_archive(repository: Repository, tmp_path: Path) -> None:
    needs = DEPENDENCY.format("needed", "runtime") + DEPENDENCY.format("only-for-tests", "test")
    for coordinates, extension, dependencies in (
        (write_pins.KAFKA, "jar", needs),
        (write_pins.LOGGING, "jar", ""),
        ("org.example:needed:1", "jar", ""),
        (":".join(write_pins.ELASTICSEARCH), "zip", ""),
    ):
        group, artifact, version = coordinates.split(":")
        base = f"/{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}"
        pom = POM.format(group=group, artifact=artifact, version=version, dependencies=dependencies)
        repository.files[f"{base}.pom"] = pom.encode()
        repository.files[f"{base}.{extension}"] = f"bytes of {artifact}".encode()
    target = tmp_path / "engines.json"
    write_pins.main(target, MavenContext(repo_cache=tmp_path / "m2", remote_repos={"here": repository.url}))
    written = {name: engine_pins.parse(name, entry) for name, entry in json.loads(target.read_text()).items()}
    assert [one.artifact for one in written["kafka"].files] == ["kafka_2.13", "needed", "log4j-slf4j-impl"]
    (archive,) = written["elasticsearch"].files
    assert (archive.filename, archive.size) == ("elasticsearch-8.19.8.zip", len("bytes of elasticsearch"))
    assert archive.sha256 == hashlib.sha256(b"bytes of elasticsearch").hexdigest()
