"""Articles from files: txt, html, json, jsonl, csv, ninjs and NITF, packed with gzip or zstd; whole folders too."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors import options
from connectors.base import Advice, Context, Cursor, Item, SourceConfig
from connectors.formats import PACKED, READERS, Options, Reading, read_bytes
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
_STEPS = 100  # files between two cursors: each carries all names
_EVERY, _SETTLE = 10.0, 1.0


class FileConnector:
    """Reads a file, or a folder with all below it. The cursor knows each file's time and size."""

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

    async def articles(self, cursor: Cursor) -> AsyncIterator[Item]:
        """The articles of every file that is new or changed since the cursor, by path."""
        files = await asyncio.to_thread(self._files)
        sizes = {path: size for path, (_, size) in files.items()}
        whole, done = sum(sizes.values()) or 1, 0
        seen: dict[str, Any] = {key: value for key, value in dict(cursor.get("files") or {}).items() if key in files}
        stand: Cursor = cursor
        steps = 0
        for path, (changed, size) in files.items():
            mark = [changed, size]
            if seen.get(path) == mark:
                done += size
                continue
            reader = self._read(Path(path), changed)
            while (reading := await asyncio.to_thread(next, reader, None)) is not None:
                part = (done + size * min(1.0, reading.part)) / whole
                yield Item(reading.article, stand, problem=reading.problem, progress=part)
            done += size
            seen[path] = mark
            steps += 1
            if steps % _STEPS == 0:
                stand = {"files": dict(seen)}
                yield Item(None, stand, progress=done / whole)
        advice = Advice(again=self._every, done=self._once)
        yield Item(None, {"files": seen}, progress=done / whole if files else 1.0, advice=advice)

    def _files(self) -> dict[str, tuple[float, int]]:
        """Each file with the time of its last change and its size in bytes."""
        try:
            if self._path.is_dir():
                paths = sorted(path for path in self._path.rglob(self._pattern) if self._wanted(path))
                settle = self._settle
            else:
                paths, settle = [self._path], 0.0
            found = {str(path): path.stat() for path in paths}
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SourceError(f"{self._path} cannot be read: {reason}.") from error
        earliest, now = self._since.timestamp() if self._since else float("-inf"), time.time()
        return {
            path: (stat.st_mtime, stat.st_size)
            for path, stat in found.items()
            if earliest <= stat.st_mtime and not 0 <= now - stat.st_mtime < settle
        }

    def _wanted(self, path: Path) -> bool:
        hidden = any(part.startswith(".") for part in path.relative_to(self._path).parts)
        return not hidden and kind_of(path) in READERS and path.is_file()

    def _read(self, path: Path, changed: float) -> Iterator[Reading]:
        kind = kind_of(path)
        if kind not in READERS:
            known = ", ".join(sorted(READERS))
            yield Reading(problem=f"{path}: files of this kind cannot be read; there are: {known} (also .gz and .zst).")
            return
        modified = datetime.fromtimestamp(changed, UTC)
        try:
            yield from read_file(path, kind, self._options, fetched=self._context.now(), modified=modified)
        except OSError as error:
            yield Reading(problem=f"{path}: {error.strerror or error}")


def read_file(path: Path, kind: str, options: Options, *, fetched: datetime, modified: datetime) -> Iterator[Reading]:
    """What is in one file. A record that cannot be read is a problem with `file:line`; the rest goes on.

    Raises:
        OSError: the file cannot be read.
    """
    data = read_bytes(path, options.limit)
    if isinstance(data, str):
        yield Reading(problem=f"{path}: {data}")
        return
    address = path.resolve().as_uri()
    yield from READERS[kind](data, name=str(path), address=address, options=options, fetched=fetched, modified=modified)


def kind_of(path: Path) -> str:
    """The file's kind by its name, without a packing: 'news.jsonl.gz' is jsonl."""
    suffixes = [suffix.lower().lstrip(".") for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else "txt"
    return {"htm": "html", "xhtml": "html", "ndjson": "jsonl", "text": "txt", "xml": "nitf"}.get(kind, kind)


def named_source(name: object) -> Source | None:
    """The source that a person named; None for no name."""
    text = " ".join(str(name or "").split())
    return Source(id=text, name=text) if text else None
