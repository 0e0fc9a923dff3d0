import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.embedded import paths
from pipeline.embedded.download import part_path
from pipeline.embedded.engine_pins import Engine
from pipeline.embedded.install import fetch_engines, is_unpacked, unpack
from pipeline.errors import DownloadError, EngineError
from pipeline.settings import Settings

from .conftest import BUILD, JARS, build_zip, path_of
from .web import Repository

pytestmark = pytest.mark.usefixtures("small_engines")


@pytest.fixture(autouse=True)
def _as_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "service_account", lambda: None)


def test_both_engines_are_fetched_checked_and_unpacked(settings: Settings) -> None:
    lines: list[str] = []
    installed = fetch_engines(settings, lines.append)
    assert [jar.read_bytes() for jar in installed.kafka_jars] == list(JARS.values())
    for name, content in BUILD.items():
        assert (installed.elasticsearch_home / name).read_bytes() == content
    assert (installed.elasticsearch_home / "plugins").is_dir()
    assert lines[0].startswith("Fetching Kafka 1.0 and Elasticsearch 1.0 (")
    assert "done in" in lines[1]


def test_what_is_unpacked_is_readable_and_programs_run(settings: Settings) -> None:
    umask = os.umask(0o077)
    try:
        home = fetch_engines(settings).elasticsearch_home
    finally:
        os.umask(umask)
    assert home.stat().st_mode & 0o777 == 0o755
    assert (home / "bin").stat().st_mode & 0o777 == 0o755
    assert (home / "bin" / "run").stat().st_mode & 0o777 == 0o755
    assert (home / "lib" / "core.jar").stat().st_mode & 0o777 == 0o644


def test_the_second_run_asks_nobody(settings: Settings, repository: Repository) -> None:
    first = fetch_engines(settings)
    repository.requests.clear()
    lines: list[str] = []
    assert fetch_engines(settings, lines.append) == first
    assert repository.requests == []
    assert lines == []


def test_a_full_cache_need_not_be_writable(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch_engines(settings)
    monkeypatch.setattr(paths, "make", lambda folder, variable: pytest.fail(f"{folder} was to be made"))
    assert fetch_engines(settings) == first


def test_a_damaged_file_is_noticed_and_fetched_again(settings: Settings, repository: Repository) -> None:
    jar = fetch_engines(settings).kafka_jars[0]
    jar.write_bytes(jar.read_bytes()[:-1] + b"?")
    repository.requests.clear()
    fetch_engines(settings)
    assert jar.read_bytes() == JARS["broker"]
    assert [path for path, _ in repository.requests] == [
        next(path for path in repository.files if path.endswith(jar.name))
    ]


def test_a_damaged_archive_is_fetched_and_unpacked_again(settings: Settings, small_engines: dict[str, Engine]) -> None:
    home = fetch_engines(settings).elasticsearch_home
    archive = settings.embedded.cache_dir / small_engines["elasticsearch"].files[0].filename
    archive.write_bytes(b"no zip")
    (home / "lib" / "core.jar").unlink()
    assert fetch_engines(settings).elasticsearch_home == home
    assert (home / "lib" / "core.jar").read_bytes() == BUILD["lib/core.jar"]
    assert archive.read_bytes() == build_zip()


@pytest.mark.parametrize("damage", ["changed", "missing", "folder"])
def test_a_damaged_build_is_unpacked_again_without_network(
    settings: Settings, repository: Repository, damage: str
) -> None:
    home = fetch_engines(settings).elasticsearch_home
    repository.requests.clear()
    if damage == "changed":
        (home / "config" / "jvm.options").write_bytes(BUILD["config/jvm.options"].replace(b"+", b"-"))
    elif damage == "missing":
        (home / "lib" / "core.jar").unlink()
    else:
        (home / "plugins").rmdir()
    fetch_engines(settings)
    assert (home / "config" / "jvm.options").read_bytes() == BUILD["config/jvm.options"]
    assert (home / "lib" / "core.jar").exists()
    assert (home / "plugins").is_dir()
    assert repository.requests == []
    assert [one.name for one in settings.embedded.cache_dir.iterdir() if one.name.startswith(".elastic")] == []


def test_an_interrupted_fetch_goes_on_later(
    settings: Settings, repository: Repository, small_engines: dict[str, Engine]
) -> None:
    archive = small_engines["elasticsearch"].files[0]
    repository.break_after = [len(JARS["broker"]), len(JARS["clients"]), 400, *[0] * 9]
    with pytest.raises(DownloadError):
        fetch_engines(settings)
    assert part_path(settings.embedded.cache_dir / archive.filename).stat().st_size == 400
    repository.break_after = []
    repository.requests.clear()
    lines: list[str] = []
    fetch_engines(settings, lines.append)
    assert repository.requests == [(path_of(archive), "bytes=400-")]
    assert "are here already" in lines[0]


def test_four_at_once_fetch_each_file_once(settings: Settings, repository: Repository) -> None:
    results: list[Any] = []
    lines: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(fetch_engines(settings, lines.append))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 4
    assert sorted(path for path, _ in repository.requests) == sorted(repository.files)


def test_a_process_waits_for_another_that_fetches(settings: Settings) -> None:
    settings.embedded.cache_dir.mkdir(parents=True)
    holder = "import sys; from pathlib import Path; from pipeline.embedded import lock; "
    holder += "assert lock.acquire(Path(sys.argv[1])) is not None; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(settings.embedded.cache_dir / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        lines: list[str] = []

        def say(line: str) -> None:
            lines.append(line)
            assert other.stdin
            other.stdin.close()  # the other one is done as soon as we wait for it

        fetch_engines(settings, say)
    assert lines[0] == "Another WhoSaid is fetching the engines; waiting for it …"


def test_a_disk_that_is_too_small_is_a_plain_sentence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(EngineError, match=r"has 0.0 MB free and 0.1 MB are needed; .*WHOSAID_EMBEDDED__CACHE_DIR"):
        fetch_engines(settings)


def test_a_folder_can_be_the_repository(tmp_path: Path, settings: Settings, repository: Repository) -> None:
    for path, content in repository.files.items():
        target = tmp_path / "maven" / path.lstrip("/")
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
    embedded = settings.embedded.model_copy(update={"repository": str(tmp_path / "maven")})
    installed = fetch_engines(settings.model_copy(update={"embedded": embedded}))
    assert installed.kafka_jars[1].read_bytes() == JARS["clients"]
    assert repository.requests == []


def test_an_archive_that_is_none_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = tmp_path / "elastic.zip"
    archive.write_bytes(b"no zip")
    with pytest.raises(EngineError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "home")
    assert list(tmp_path.iterdir()) == [archive]
    assert not is_unpacked(archive, tmp_path / "home")
