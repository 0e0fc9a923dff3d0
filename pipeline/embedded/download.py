"""Downloads pinned files: resumes where a connection broke, checks SHA-256, moves only whole files into place."""

import errno
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from pipeline.backoff import Backoff
from pipeline.embedded.engine_pins import Pin
from pipeline.embedded.progress import megabytes
from pipeline.errors import DownloadError

ATTEMPTS = 5
"""Tries in a row that bring nothing new before a download is given up."""

PAUSE = 1.0
"""Seconds before the second try, at the most; doubled for each further one."""

LONGEST_PAUSE = 60.0
"""Seconds between two tries, at the most."""

_TIMEOUT = httpx.Timeout(30, connect=20)


class _Unusable(Exception):
    """This address will not give us the file, whenever we ask."""


def is_right(path: Path, pin: Pin) -> bool:
    """Whether the file is there and is the pinned one, byte for byte."""
    try:
        if path.stat().st_size != pin.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == pin.sha256
    except OSError:
        return False


def part_path(target: Path) -> Path:
    """Where the beginning of an unfinished download is kept."""
    return target.with_name(target.name + ".part")


def take_local(pin: Pin, target: Path, places: Iterable[Path]) -> bool:
    """Copies the file from the first of the places on this machine that has the right one; False where none has."""
    for place in places:
        if is_right(place, pin):
            temporary = part_path(target)
            shutil.copyfile(place, temporary)
            temporary.replace(target)
            return True
    return False


def download(
    pin: Pin,
    target: Path,
    urls: Iterable[str],
    client: httpx.Client,
    advance: Callable[[int], None] = lambda count: None,
) -> None:
    """Fetches the file from the first address that has it; goes on with what an earlier try has left.

    Args:
        pin: what it must be.
        target: where it goes; its folder exists.
        urls: where to ask, in order.
        client: the HTTP client (see `http_client`).
        advance: takes the bytes that came in, negative where some have to be fetched again.

    Raises:
        DownloadError: no address gave it, it is not what is pinned, or the disk is full.
    """
    reasons = []
    for url in urls:
        try:
            _from(url, pin, target, client, advance)
        except _Unusable as error:
            reasons.append(f"{url}: {error}")
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise DownloadError(f"{part_path(target)} cannot be written ({error.strerror}).") from error
            raise DownloadError(
                f"The disk of {target.parent} is full; free {megabytes(pin.size)} and start again, "
                "or set WHOSAID_EMBEDDED__CACHE_DIR to a folder on another disk."
            ) from error
        else:
            return
    raise DownloadError(
        f"{pin.filename} could not be fetched ({'; '.join(reasons) or 'no repository is configured'}); check the "
        "network and start again (it goes on where it stopped), or set WHOSAID_EMBEDDED__REPOSITORY to a Maven mirror."
    )


def http_client() -> httpx.Client:
    """The client for downloads: it obeys the environment's proxies and certificates."""
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers={"User-Agent": "whosaid"})


def _from(url: str, pin: Pin, target: Path, client: httpx.Client, advance: Callable[[int], None]) -> None:
    """Tries one address until the file is there, going on after each break."""
    part = part_path(target)
    backoff, mismatches, furthest = Backoff(PAUSE, LONGEST_PAUSE), 0, _size(part)
    while True:
        before = _size(part)
        try:
            _fetch_rest(url, pin, part, client, advance)
        except (httpx.TransportError, httpx.StreamError) as error:
            reason = _reason(error)
        else:
            if is_right(part, pin):
                part.replace(target)
                return
            if (size := _size(part)) >= pin.size:
                part.unlink(missing_ok=True)
                advance(-size)
                mismatches += 1
                if mismatches > 1 or before == 0:  # a beginning of long ago may have been what was wrong: once more
                    raise _Unusable(
                        f"it gives another file than the pinned one (SHA-256 {pin.sha256[:12]}…); nothing was installed"
                    )
                continue
            reason = "it ends too early"
        if _size(part) > furthest:
            backoff.reset()
        furthest = max(furthest, _size(part))
        pause = backoff.next()
        if backoff.tries >= ATTEMPTS:
            raise _Unusable(reason)
        time.sleep(pause)


def _fetch_rest(url: str, pin: Pin, part: Path, client: httpx.Client, advance: Callable[[int], None]) -> None:
    """One request for what is missing, appended to the part."""
    have = _size(part)
    if have > pin.size:
        part.unlink()
        advance(-have)
        have = 0
    elif have == pin.size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise httpx.ReadError("it answers with another piece than we asked for")
        if response.status_code == 416:  # what we have is longer than what it has
            part.unlink(missing_ok=True)
            advance(-have)
            raise httpx.ReadError("it has less of the file than we do")
        if response.status_code in {408, 429} or response.status_code >= 500:
            raise httpx.ReadError(f"it answers HTTP {response.status_code}")
        if response.status_code not in {200, 206}:
            raise _Unusable(f"it answers HTTP {response.status_code}")
        if response.status_code == 200 and have:  # it does not know ranges: from the beginning
            advance(-have)
            have = 0
        with part.open("ab" if have else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
                advance(len(chunk))
                have += len(chunk)
                if have > pin.size:
                    return


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
