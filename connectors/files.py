"""Articles from files: txt, html, json, jsonl, csv, ninjs and NITF, also packed with gzip or zstd; whole folders too.

Options of the source: `published` (a date that stands above the files' own), `source` (who published them), `mapping`
(where other people's JSON has our fields), `pattern` (which files of a folder, `*` by default).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors import dates
from connectors.base import Context, Cursor, Item, SourceConfig
from connectors.formats import PACKED, READERS, Options, Reading, read_bytes
from pipeline.errors import InputError, SourceError
from pipeline.models import Source


class FileConnector:
    """Reads a file, or a folder with all below it. The cursor knows each file's time and size."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self._path = Path(config.location.removeprefix("file://")).expanduser()
        self._config = config
        self._context = context
        options = config.options
        published = options.get("published")
        moment = dates.parse(published) if published is not None else None
        if published is not None and moment is None:
            raise InputError(f"The date {published!r} cannot be read; write it as 2025-03-12 or 2025-03-12T14:05:00Z.")
        mapping = options.get("mapping")
        if mapping is not None and not isinstance(mapping, Mapping):
            raise InputError(f"The mapping of source {config.id} is not an object of field names.")
        self._options = Options(
            published=moment,
            source=named_source(options.get("source") or config.name),
            mapping={str(key): str(value) for key, value in mapping.items()} if mapping else None,
            limit=context.settings.connectors.max_file_bytes,
        )

    async def articles(self, cursor: Cursor) -> AsyncIterator[Item]:
        """The articles of every file that is new or changed since the cursor, by path."""
        files = await asyncio.to_thread(self._files)
        sizes = {path: size for path, (_, size) in files.items()}
        whole, done = sum(sizes.values()) or 1, 0
        seen: dict[str, Any] = {key: value for key, value in dict(cursor.get("files") or {}).items() if key in files}
        for path, (changed, size) in files.items():
            mark = [changed, size]
            if seen.get(path) == mark:
                done += size
                continue
            reader = self._read(Path(path), changed)
            while (reading := await asyncio.to_thread(next, reader, None)) is not None:
                part = (done + size * min(1.0, reading.part)) / whole
                yield Item(reading.article, {"files": dict(seen)}, problem=reading.problem, progress=part)
            done += size
            seen[path] = mark
            yield Item(None, {"files": dict(seen)}, progress=done / whole)

    def _files(self) -> dict[str, tuple[float, int]]:
        """Each file with the time of its last change and its size in bytes."""
        try:
            if self._path.is_dir():
                pattern = str(self._config.options.get("pattern") or "*")
                paths = sorted(path for path in self._path.rglob(pattern) if self._wanted(path))
            else:
                paths = [self._path]
            found = {str(path): path.stat() for path in paths}
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SourceError(f"{self._path} cannot be read: {reason}.") from error
        return {path: (stat.st_mtime, stat.st_size) for path, stat in found.items()}

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
