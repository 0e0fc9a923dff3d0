"""Reads files and folders: txt, html, json, jsonl, csv, ninjs, NITF and saved feeds, also packed with gzip or zstd."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from connectors import options
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step, unexpected_problem
from connectors.parsing import dates, file_refusal
from connectors.parsing.file_formats import PACKED, READERS, Options, ReadResult, read_bytes
from pipeline import identity
from pipeline.errors import SourceError
from pipeline.models import Source

OPTIONS = {
    "pattern": "which files of a folder, by their names; default: `*`",
    "mapping": "where other people's JSON or CSV has our fields; default: the usual names",
    "source": "who published the articles; default: what they say themselves, or the source's name",
    "published": "a date that stands above the files' own; default: theirs",
    "every": "seconds between two looks; default: 10",
    "settle": "seconds a file of a folder must have been left alone, so that none is read half written; default: 1",
    "since": "only files changed since this date; default: all",
    "once": "true: the source is paused when all is read; default: false",
}
_KINDS = {
    "htm": "html", "xhtml": "html", "ndjson": "jsonl", "text": "txt", "rss": "feed", "atom": "feed", "rdf": "feed",
}  # fmt: skip
_STEPS = 100  # files between two cursors: each cursor holds all names
_TOGETHER = 0.01  # seconds of reading in another thread before what was read is taken over
_EVERY, _SETTLE = 10.0, 1.0


@dataclass(frozen=True)
class _File:
    """A file with the time of its last change, in seconds since 1970, and its size in bytes."""

    path: Path
    changed: float
    size: int


class FileConnector:
    """Reads a file, or a folder with everything below it. Its cursor holds each file's time and size."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        options.check(config, OPTIONS)
        self._path = Path(config.location.removeprefix("file://")).expanduser()
        self._pattern = str(config.options.get("pattern") or "*")
        self._context = context
        self._every = options.number(config, "every", _EVERY)
        self._settle = options.number(config, "settle", _SETTLE)
        self._since = options.moment(config, "since")
        self._once = options.flag(config, "once")
        self._options = Options(
            published=options.moment(config, "published"),
            source=named_source(config.options.get("source") or config.name),
            mapping=options.mapping(config),
            limit=context.settings.connectors.max_file_bytes,
        )

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Yields the articles of every file that is new or changed since the cursor, in the order of the paths."""
        files = await asyncio.to_thread(self._files)
        whole, done = sum(file.size for file in files.values()) or 1, 0
        seen: dict[str, Any] = {key: value for key, value in dict(cursor.get("files") or {}).items() if key in files}
        reached: Cursor = cursor
        steps = 0
        for name, file in files.items():
            mark = [file.changed, file.size]
            if seen.get(name) == mark:
                done += file.size
                continue
            reader = self._read(file, name)
            try:
                while some := await asyncio.to_thread(_some, reader):
                    for reading in some:
                        part = (done + file.size * min(1.0, reading.progress)) / whole
                        yield Step(reading.article, reached, problem=reading.problem, progress=part)
            except OSError as error:  # the next poll tries it again; the other files are read now
                yield Step(None, reached, problem=f"{name}: {error.strerror or error}.")
                continue
            finally:
                done += file.size
            seen[name] = mark
            steps += 1
            if steps % _STEPS == 0:
                reached = {"files": dict(seen)}
                yield Step(None, reached, progress=done / whole)
        hints = PollHints(next_poll_in=self._every, finished=self._once)
        yield Step(None, {"files": seen}, progress=done / whole if files else 1.0, hints=hints)

    def _files(self) -> dict[str, _File]:
        """The files by name."""
        try:
            if self._path.is_dir():
                paths = sorted(path for path in self._path.rglob(self._pattern) if self._wanted(path))
                settle = self._settle
            else:
                paths, settle = [self._path], 0.0
            found = {path: stat for path in paths if (stat := self._stat(path)) is not None}
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SourceError(f"{self._path} cannot be read: {reason}.") from error
        earliest, now = self._since.timestamp() if self._since else float("-inf"), time.time()
        return {
            displayed(path): _File(path, stat.st_mtime, stat.st_size)
            for path, stat in found.items()
            if earliest <= stat.st_mtime and not 0 <= now - stat.st_mtime < settle
        }

    def _stat(self, path: Path) -> os.stat_result | None:
        """The file's status; None for a file of a folder that was removed just now."""
        try:
            return path.stat()
        except FileNotFoundError:
            if path == self._path:
                raise
            return None

    def _wanted(self, path: Path) -> bool:
        hidden = any(part.startswith(".") for part in path.relative_to(self._path).parts)
        return not hidden and kind_of(path) in READERS and path.is_file()

    def _read(self, file: _File, name: str) -> Iterator[ReadResult]:
        if reason := refusal(file.path):
            yield ReadResult(problem=file_refusal.problem(name, reason))
            return
        # A file system may hold any number as a file's time, also one outside of the calendar.
        modified = dates.from_timestamp(file.changed)
        try:
            yield from read_file(
                file.path, kind_of(file.path), self._options, fetched=self._context.now(), modified=modified
            )
        except OSError:
            raise
        except Exception as error:  # the fault of one file: the folder goes on
            yield ReadResult(problem=unexpected_problem(name, error))


def _some(reader: Iterator[ReadResult]) -> list[ReadResult]:
    """The next results, as many as come within `_TOGETHER`; none at the end.

    To go to another thread and back takes longer than to read a record.
    """
    some: list[ReadResult] = []
    until = time.monotonic() + _TOGETHER
    for reading in reader:
        some.append(reading)
        if time.monotonic() >= until:
            break
    return some


def read_file(
    path: Path, kind: str, options: Options, *, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """Reads one file. A record that cannot be read is a problem with `file:line`; the rest goes on.

    Raises:
        OSError: the file cannot be read.
    """
    name = displayed(path)
    data = read_bytes(path, options.limit)
    if isinstance(data, str):
        yield ReadResult(problem=f"{name}: {data}")
        return
    if reason := file_refusal.by_magic(data):
        yield ReadResult(problem=file_refusal.problem(name, reason))
        return
    address = article_address(path)
    yield from READERS[kind](data, name=name, address=address, options=options, fetched=fetched, modified=modified)


def refusal(path: Path) -> str | None:
    """Why the file is refused unread, as the end of a sentence; None where it is read.

    Raises:
        OSError: it does not exist, or may not be read.
    """
    if reason := file_refusal.by_location(path):
        return reason
    return None if kind_of(path) in READERS else "is of a kind that is not read"


def article_address(path: Path) -> str:
    """The address of a file's article: the same each time, with the file's name and without its folders.

    Everybody who may search sees it, and the folders are private.
    """
    uri = path.resolve().as_uri()
    return f"urn:whosaid:file:{identity.digest('file', uri)}:{quote(os.fsencode(path.name))}"


def displayed(path: Path) -> str:
    """The path as text that can be saved and displayed: bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def kind_of(path: Path) -> str:
    """The file's kind by its name, whatever it is packed with: 'news.jsonl.gz' is jsonl."""
    suffixes = [suffix.lower().lstrip(".") for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else "txt"
    return _KINDS.get(kind, kind)


def named_source(name: object) -> Source | None:
    """The source with the name that the user gave; None where there is none."""
    text = " ".join(str(name or "").split())
    return Source(id=text, name=text) if text else None
