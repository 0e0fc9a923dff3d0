import errno
from pathlib import Path

import httpx
import pytest

from pipeline.embedded import download
from pipeline.embedded.download import is_right, part_path, take_local
from pipeline.errors import DownloadError

from .conftest import path_of, pin
from .web import Repository

CONTENT = bytes(range(256)) * 4000
PIN = pin(CONTENT)


def fetch(repository: Repository, target: Path, *urls: str) -> list[int]:
    steps: list[int] = []
    with download.http_client() as client:
        download.download(PIN, target, urls or [repository.url + path_of(PIN)], client, steps.append)
    return steps


def test_a_file_is_fetched_whole_and_its_bytes_are_counted(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT
    target = tmp_path / PIN.filename
    assert sum(fetch(repository, target)) == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]


def test_a_broken_download_goes_on_where_it_broke_off(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT
    repository.break_after = [300_000, 200_000]
    target = tmp_path / PIN.filename
    assert sum(fetch(repository, target)) == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert repository.asked(PIN.filename) == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_run_goes_on_with_what_an_earlier_one_left(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT
    target = tmp_path / PIN.filename
    part_path(target).write_bytes(CONTENT[:1000])
    assert sum(fetch(repository, target)) == len(CONTENT) - 1000
    assert repository.asked(PIN.filename) == ["bytes=1000-"]
    assert is_right(target, PIN)


def test_a_server_without_ranges_is_asked_for_all_again(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT
    repository.ranges = False
    repository.break_after = [300_000]
    target = tmp_path / PIN.filename
    steps = fetch(repository, target)
    assert is_right(target, PIN)
    assert sum(steps) == len(CONTENT)
    assert min(steps) == -300_000  # the bar goes back by what has to be fetched again


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)])
def test_a_wrong_beginning_of_an_earlier_run_is_thrown_away(
    repository: Repository, tmp_path: Path, left: bytes
) -> None:
    repository.files[path_of(PIN)] = CONTENT
    target = tmp_path / PIN.filename
    part_path(target).write_bytes(left)
    steps = fetch(repository, target)
    assert target.read_bytes() == CONTENT
    assert sum(steps) == len(CONTENT) - len(left)


@pytest.mark.parametrize("wrong", [b"y" * len(CONTENT), b"y" * (len(CONTENT) + 1)])
def test_a_file_that_is_not_the_pinned_one_is_not_kept(repository: Repository, tmp_path: Path, wrong: bytes) -> None:
    repository.files[path_of(PIN)] = wrong
    with pytest.raises(DownloadError, match=r"another file than the pinned one \(SHA-256 "):
        fetch(repository, tmp_path / PIN.filename)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_server_has_only_half_of_is_given_up(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT[:5000]
    with pytest.raises(DownloadError, match=r"less of the file|ends too early"):
        fetch(repository, tmp_path / PIN.filename)
    assert not (tmp_path / PIN.filename).exists()


def test_an_overloaded_server_is_asked_again(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT
    repository.statuses = [503, 429, 500]
    fetch(repository, tmp_path / PIN.filename)
    assert is_right(tmp_path / PIN.filename, PIN)
    assert len(repository.requests) == 4


def test_the_next_repository_is_asked_for_what_the_first_lacks(repository: Repository, tmp_path: Path) -> None:
    repository.files["/second" + path_of(PIN)] = CONTENT
    fetch(
        repository,
        tmp_path / PIN.filename,
        repository.url + "/first" + path_of(PIN),
        repository.url + "/second" + path_of(PIN),
    )
    assert is_right(tmp_path / PIN.filename, PIN)
    assert len(repository.asked("/first" + path_of(PIN))) == 1  # 404 is not asked twice


def test_a_server_that_gives_nothing_is_given_up_in_five_tries(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT
    repository.break_after = [0] * 9
    with pytest.raises(DownloadError, match=r"thing-1.0.jar could not be fetched .*WHOSAID_EMBEDDED__REPOSITORY"):
        fetch(repository, tmp_path / PIN.filename)
    assert len(repository.requests) == download.ATTEMPTS


def test_no_network_is_a_plain_sentence(tmp_path: Path, repository: Repository) -> None:
    with pytest.raises(DownloadError, match=r"could not be fetched .*check the network"):
        fetch(repository, tmp_path / PIN.filename, "http://127.0.0.1:1/thing.jar")


def test_no_repository_at_all_is_a_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no repository is configured"), download.http_client() as client:
        download.download(PIN, tmp_path / PIN.filename, [], client)


def test_a_full_disk_is_a_plain_sentence(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_fetch_rest", full)
    with pytest.raises(DownloadError, match=r"disk of .* is full; free 1.0 MB .*WHOSAID_EMBEDDED__CACHE_DIR"):
        fetch(repository, tmp_path / PIN.filename)


def test_a_folder_that_takes_no_files_is_a_plain_sentence(repository: Repository, tmp_path: Path) -> None:
    repository.files[path_of(PIN)] = CONTENT
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(repository, tmp_path / "missing" / PIN.filename)


def test_a_right_file_here_is_copied_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    wrong, right, target = tmp_path / "wrong", tmp_path / "right", tmp_path / "target"
    wrong.write_bytes(b"z" * len(CONTENT))
    assert not take_local(PIN, target, [tmp_path / "none", wrong])
    right.write_bytes(CONTENT)
    assert take_local(PIN, target, [tmp_path / "none", wrong, right])
    assert target.read_bytes() == CONTENT


def test_the_client_obeys_the_environments_proxy(monkeypatch: pytest.MonkeyPatch, repository: Repository) -> None:
    monkeypatch.setenv("http_proxy", repository.url)
    monkeypatch.setenv("no_proxy", "")
    with download.http_client() as client:
        assert client.get("http://nowhere.invalid/x").status_code == httpx.codes.NOT_FOUND
    assert repository.requests[0][0] == "http://nowhere.invalid/x"
