"""Installs the engines' files, once: Kafka's jars as they are, Elasticsearch's zip unpacked."""

import shutil
import tempfile
import zipfile
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded import paths, preflight
from pipeline.embedded.download import download, http_client, is_right, part_path, take_local
from pipeline.embedded.engine_pins import Engine, Pin, engines
from pipeline.embedded.lock import locked
from pipeline.embedded.progress import Say, TransferProgress, quiet
from pipeline.errors import EngineError
from pipeline.settings import Settings

LOCK_TIMEOUT = 1800.0
"""Seconds to wait for another process that fetches the same files."""

_NAMES = {"kafka": "Kafka", "elasticsearch": "Elasticsearch"}


@dataclass(frozen=True)
class Installed:
    """The engines' files on this disk, each checked."""

    kafka_jars: tuple[Path, ...]
    elasticsearch_home: Path


def fetch_engines(settings: Settings, progress: Say = quiet) -> Installed:
    """Fetches what is missing of both engines and unpacks it; without network where nothing is missing.

    Raises:
        DownloadError: a file could not be fetched, or is not the pinned one.
        EngineError: the cache cannot be written, or its disk is too full.
    """
    _fetch(settings, list(engines().values()), progress)
    return Installed(kafka_jars(settings, progress), elasticsearch_home(settings, progress))


def kafka_jars(settings: Settings, progress: Say = quiet) -> tuple[Path, ...]:
    """Kafka's jars in the order of its class path, fetched where they are missing or damaged.

    Raises:
        DownloadError, EngineError: as `fetch_engines`.
    """
    kafka = engines()["kafka"]
    _fetch(settings, [kafka], progress)
    return tuple(_target(settings, kafka, pin) for pin in kafka.files)


def elasticsearch_home(settings: Settings, progress: Say = quiet) -> Path:
    """The folder of the unpacked Elasticsearch, fetched and unpacked where it is missing or damaged.

    Raises:
        DownloadError, EngineError: as `fetch_engines`.
    """
    elasticsearch = engines()["elasticsearch"]
    archive = _target(settings, elasticsearch, elasticsearch.files[0])
    if not archive.exists():
        _fetch(settings, [elasticsearch], progress)
    home = paths.shared_cache(settings, paths.service_account()) / f"elasticsearch-{elasticsearch.version}"
    if is_unpacked(archive, home):
        return home
    _fetch(settings, [elasticsearch], progress)  # before unpacking, its checksum counts
    with _locked(home.parent, progress):
        if not is_unpacked(archive, home):
            progress("Unpacking Elasticsearch …")
            preflight.disk(home.parent, 2 * archive.stat().st_size, "WHOSAID_EMBEDDED__CACHE_DIR")
            unpack(archive, home)
    return home


def is_unpacked(archive: Path, home: Path) -> bool:
    """Whether every file of the archive lies below `home`, byte for byte as in the archive."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            for member in zipped.infolist():
                path = home / _inner(member.filename)
                if member.is_dir():
                    if not path.is_dir():
                        return False
                elif path.stat().st_size != member.file_size or _crc(path) != member.CRC:
                    return False
    except (OSError, zipfile.BadZipFile):
        return False
    return True


def unpack(archive: Path, home: Path) -> None:
    """Unpacks the archive's one folder to `home`, readable by everyone; either wholly or not at all.

    Raises:
        EngineError: the disk does not take it.
    """
    temporary = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    try:
        with zipfile.ZipFile(archive) as zipped:
            for member in zipped.infolist():
                path = Path(zipped.extract(member, temporary / "unpacked"))
                path.chmod(0o755 if member.is_dir() or member.external_attr >> 16 & 0o100 else 0o644)
        (top,) = (temporary / "unpacked").iterdir()
        for folder in (top, *(path for path in top.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        if home.exists():
            home.rename(temporary / "damaged")
        top.rename(home)
    except (OSError, zipfile.BadZipFile) as error:
        raise EngineError(f"{archive} cannot be unpacked to {home}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fetch(settings: Settings, wanted: list[Engine], progress: Say) -> None:
    """Fetches the files that are missing or not right, under the cache's lock."""
    if not _missing(settings, wanted):
        return
    folder = paths.make(paths.cache_dir(settings), "WHOSAID_EMBEDDED__CACHE_DIR")
    with _locked(folder, progress):
        missing = _missing(settings, wanted)  # another process may have fetched them meanwhile
        if not missing:
            return
        from pipeline.embedded.repository import Repositories  # loads jgo, which the second run need not wait for

        repositories = Repositories(settings.embedded.repository)
        for target in missing:
            target.parent.mkdir(exist_ok=True)
        missing = {
            target: pin for target, pin in missing.items() if not take_local(pin, target, repositories.files(pin))
        }
        if not missing:
            return
        total = sum(pin.size for pin in missing.values())
        done = sum(part.stat().st_size for part in map(part_path, missing) if part.exists())
        preflight.disk(folder, total - done, "WHOSAID_EMBEDDED__CACHE_DIR")
        title = "Fetching " + " and ".join(f"{_NAMES[engine.name]} {engine.version}" for engine in wanted)
        with http_client() as client, TransferProgress(title, total, done, progress) as bar:
            for target, pin in missing.items():
                download(pin, target, repositories.urls(pin), client, bar.advance)


def _missing(settings: Settings, wanted: list[Engine]) -> dict[Path, Pin]:
    targets = {_target(settings, engine, pin): pin for engine in wanted for pin in engine.files}
    return {target: pin for target, pin in targets.items() if not is_right(target, pin)}


def _target(settings: Settings, engine: Engine, pin: Pin) -> Path:
    folder = paths.cache_dir(settings)
    return folder / f"kafka-{engine.version}" / pin.filename if engine.name == "kafka" else folder / pin.filename


def _locked(folder: Path, progress: Say) -> AbstractContextManager[None]:
    return locked(
        folder / ".lock",
        timeout=LOCK_TIMEOUT,
        waiting=lambda: progress("Another WhoSaid is fetching the engines; waiting for it …"),
    )


def _inner(name: str) -> str:
    """The name below the archive's one folder."""
    return name.partition("/")[2]


def _crc(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return value
