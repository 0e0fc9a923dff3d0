"""Decides where the engines live on this disk, so that the account that Elasticsearch runs as can reach it.

Ordinarily everything is below two folders of the settings: `cache_dir` (the engines' files) and `data_dir` (data and
logs). Elasticsearch refuses to run as root. Started by root, it runs as `nobody`, who often cannot enter root's home:
what `nobody` cannot reach there is kept in /var/cache/whosaid (the unpacked build, a copy of the Java runtime) and
/var/lib/whosaid/<name> (data; `data_dir/elasticsearch` is then a link to it) instead.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import EngineError
from pipeline.settings import Settings

SHARED_CACHE = Path("/var/cache/whosaid")
SHARED_DATA = Path("/var/lib/whosaid")
_OWNER = "belongs-to"


@dataclass(frozen=True)
class Account:
    """Whom a process runs as."""

    name: str
    uid: int
    gid: int


def service_account() -> Account | None:
    """The account for what refuses to run as root: `nobody` where we are root, otherwise none (ourselves).

    Raises:
        EngineError: we are root and the machine has no such account.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EngineError(
            "Elasticsearch refuses to run as root and this machine has no user `nobody`; "
            "start WhoSaid as an ordinary user."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def reaches(account: Account | None, path: Path) -> bool:
    """Whether the account can enter the folder (or run the file) and read it: tried out, not reckoned."""
    if account is None:
        return os.access(path, os.R_OK | os.X_OK)
    program = shutil.which("test", path="/usr/bin:/bin") or "test"
    return all(
        subprocess.run(
            [program, flag, str(path)], user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False
        ).returncode
        == 0
        for flag in ("-r", "-x")
    )


def make(folder: Path, variable: str) -> Path:
    """Makes the folder with its parents; it is there and ours to write in afterwards.

    Raises:
        EngineError: that cannot be; the message names the variable to set.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{folder} cannot be made ({error.strerror}); set {variable} to another folder.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EngineError(
            f"{folder} cannot be written by this user; set {variable} to another folder, "
            "or start WhoSaid as the user it belongs to."
        )
    return folder


def cache_dir(settings: Settings) -> Path:
    """The folder of the engines' files, absolute. It need not exist."""
    folder = settings.embedded.cache_dir
    if os.pathsep in str(folder):
        raise EngineError(
            f"{folder} has a {os.pathsep} in its name, which Java takes for the end of a path; "
            "set WHOSAID_EMBEDDED__CACHE_DIR to another folder."
        )
    return folder


def data_dir(settings: Settings) -> Path:
    """The folder of data and logs, absolute and made.

    Raises:
        EngineError: it cannot be made or written.
    """
    return make(settings.embedded.data_dir, "WHOSAID_EMBEDDED__DATA_DIR")


def log_path(settings: Settings, name: str) -> Path:
    """The log of an engine."""
    return make(data_dir(settings) / "logs", "WHOSAID_EMBEDDED__DATA_DIR") / f"{name}.log"


def shared_cache(settings: Settings, account: Account | None) -> Path:
    """The folder for what the account must be able to read: the cache, or else the shared one.

    Raises:
        EngineError: neither can be used.
    """
    folder = cache_dir(settings)
    if account is None:
        return folder
    if folder.is_dir() and reaches(account, folder):
        return folder
    return _shared(SHARED_CACHE, account)


def elasticsearch_dir(settings: Settings, account: Account | None) -> Path:
    """The folder of Elasticsearch's data and configuration, made; a link in `data_dir` leads to one that is elsewhere.

    Raises:
        EngineError: it cannot be made or written.
    """
    home = data_dir(settings)
    link = home / "elasticsearch"
    if account is None or reaches(account, home):
        return make(link, "WHOSAID_EMBEDDED__DATA_DIR")
    if link.is_symlink() and link.is_dir() and reaches(account, link):
        return make(link.resolve(), "WHOSAID_EMBEDDED__DATA_DIR")
    remove_orphans()
    folder = _shared(SHARED_DATA / shared_name(home), account)
    target = folder / "elasticsearch"
    if link.is_dir() and not link.is_symlink():  # made by another user, or when this folder could still be reached
        shutil.move(link, target)
    target.mkdir(exist_ok=True)
    target.chmod(0o755)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    (folder / _OWNER).write_text(str(home), encoding="utf-8")
    return target


def shared_name(home: Path) -> str:
    """The name that a data folder has among the shared ones."""
    return hashlib.sha256(str(home).encode()).hexdigest()[:12]


def remove_orphans() -> None:
    """Removes shared data whose `data_dir` somebody has removed by hand."""
    for note in SHARED_DATA.glob(f"*/{_OWNER}"):
        if not (Path(note.read_text(encoding="utf-8")) / "elasticsearch").is_symlink():
            shutil.rmtree(note.parent, ignore_errors=True)


def _shared(folder: Path, account: Account) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for parent in (folder, *folder.parents):
            if parent.name == "whosaid" or parent.parent.name == "whosaid":
                parent.chmod(0o755)  # whatever umask we have
    except OSError as error:
        raise EngineError(
            f"Elasticsearch cannot run as root, {account.name} cannot reach the folders of the settings, and {folder} "
            f"cannot be made ({error.strerror}); start WhoSaid as an ordinary user."
        ) from error
    return folder
