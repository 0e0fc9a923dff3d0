from pathlib import Path

import pytest

from pipeline.embedded.repository import Repositories, mirror

from .conftest import path_of, pin

PIN = pin(b"x")

SETTINGS = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors>
<mirror><id>other</id><mirrorOf>snapshots</mirrorOf><url>https://snapshots.example/</url></mirror>
<mirror><id>ours</id><mirrorOf>{}</mirrorOf><url>https://maven.example/all/</url></mirror></mirrors></settings>"""


def maven_settings(home: Path, of: str) -> Path:
    path = home / ".m2" / "settings.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SETTINGS.format(of))
    return path


def test_the_repository_of_the_settings_is_the_only_one_asked() -> None:
    assert list(Repositories("https://given.example/maven/").urls(PIN)) == [
        "https://given.example/maven" + path_of(PIN)
    ]


def test_without_any_configuration_it_is_the_one_that_jgo_knows() -> None:
    (url,) = Repositories().urls(PIN)
    assert url.startswith("https://")
    assert url.endswith(path_of(PIN))


@pytest.mark.parametrize("of", ["*", "central", "external:*", "snapshots, central"])
def test_mavens_mirror_of_the_central_repository_is_used(tmp_path: Path, of: str) -> None:
    found = Repositories(maven_settings=maven_settings(tmp_path, of))
    assert list(found.urls(PIN)) == ["https://maven.example/all" + path_of(PIN)]


@pytest.mark.parametrize("of", ["internal", "*,!central"])
def test_a_mirror_of_something_else_is_not_used(tmp_path: Path, of: str) -> None:
    assert mirror(maven_settings(tmp_path, of)) == {}


def test_a_missing_or_broken_settings_file_names_no_mirror(tmp_path: Path) -> None:
    assert mirror(tmp_path / "none.xml") == {}
    (tmp_path / "broken.xml").write_text("<settings>")
    assert mirror(tmp_path / "broken.xml") == {}


def test_jgos_own_repositories_come_before_mavens_mirror(tmp_path: Path) -> None:
    home = Path.home()
    maven_settings(home, "*")
    (home / ".config").mkdir(parents=True)
    (home / ".config" / "jgo.conf").write_text("[repositories]\none = https://jgo.example/maven\n")
    assert list(Repositories().urls(PIN)) == ["https://jgo.example/maven" + path_of(PIN)]


def test_mavens_folder_and_one_of_the_settings_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(Repositories().files(PIN)) == [Path.home() / ".m2" / "repository" / path_of(PIN).lstrip("/")]
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    found = Repositories(str(tmp_path / "mirror"))
    assert list(found.files(PIN)) == [tmp_path / name / path_of(PIN).lstrip("/") for name in ("m2", "mirror")]
    assert list(found.urls(PIN)) == []
