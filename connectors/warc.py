"""Articles from web archives: WARC files, packed or not, and Common Crawl's news archive laid out in folders.

Backfill without asking anybody's server again: each HTML response in the archive is read as the page it was that day.
Options of the source: `match` (a regular expression that addresses must contain), `source`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator

from connectors import dates, decoding, page
from connectors.article import domain_of, source_of
from connectors.base import Context, Cursor, Item, SourceConfig
from connectors.formats import Reading
from connectors.http import Response
from pipeline.errors import InputError, SourceError
from pipeline.models import Article

_SUFFIXES = (".warc", ".warc.gz")


class WarcConnector:
    """Reads an archive, or a folder of them. Its cursor: files that are done, and records done of the one under way."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._path = Path(config.location.removeprefix("file://")).expanduser()
        try:
            self._match = re.compile(str(config.options.get("match") or ""))
        except re.error as error:
            raise InputError(f"Source {config.id}: {config.options.get('match')!r} is no pattern: {error}.") from None

    async def articles(self, cursor: Cursor) -> AsyncIterator[Item]:
        """The articles of every archive that is not done, by name."""
        files = await asyncio.to_thread(self._files)
        done: list[str] = [name for name in cursor.get("done") or [] if name in files]
        position = dict(cursor.get("at") or {})
        whole = len(files) or 1
        for name in files:
            if name in done:
                continue
            skip = int(position.get(name, 0))
            reader = self._read(Path(name), skip)
            while (step := await asyncio.to_thread(next, reader, None)) is not None:
                number, reading = step
                part = (len(done) + reading.part) / whole
                yield Item(reading.article, {"done": list(done), "at": {name: number}}, reading.problem, progress=part)
            done.append(name)
            yield Item(None, {"done": list(done)}, progress=len(done) / whole)

    def _files(self) -> list[str]:
        try:
            if self._path.is_dir():
                return sorted(str(path) for path in self._path.rglob("*") if path.name.lower().endswith(_SUFFIXES))
            self._path.stat()
            return [str(self._path)]
        except OSError as error:
            raise SourceError(f"{self._path} cannot be read: {error.strerror or error}.") from error

    def _read(self, path: Path, skip: int) -> Iterator[tuple[int, Reading]]:
        """Each record's number with what is in it; records up to `skip` are passed over."""
        size = path.stat().st_size or 1
        number = 0
        with path.open("rb") as file:
            records = ArchiveIterator(file)
            while True:
                try:
                    record = next(records, None)
                    if record is None:
                        return
                    number += 1
                    if number <= skip or record.rec_type not in ("response", "resource"):
                        continue
                    reading = self._record(record, f"{path}, record {number}")
                except Exception as error:  # warcio lets slips of its own out on broken archives
                    # After a broken record nothing tells where the next one begins.
                    reason = " ".join(str(error).split())[:200] or type(error).__name__
                    yield number, Reading(problem=f"{path}, record {number + 1}: the archive is broken here: {reason}.")
                    return
                part = min(1.0, file.tell() / size)
                if reading is not None:
                    yield number, Reading(reading.article, reading.problem, part)

    def _record(self, record: Any, where: str) -> Reading | None:
        url = record.rec_headers.get_header("WARC-Target-URI") or ""
        url = url.strip("<> ")
        if domain_of(url) is None or not self._match.search(url) or url.endswith("/robots.txt"):
            return None
        headers = {name.lower(): value for name, value in (record.http_headers.headers if record.http_headers else ())}
        kind = headers.get("content-type", record.rec_headers.get_header("Content-Type") or "").lower()
        status = record.http_headers.get_statuscode() if record.http_headers else "200"
        if status != "200" or "html" not in kind:
            return None
        limit = self._context.settings.connectors.max_bytes
        raw = record.raw_stream.read(limit + 1)
        if len(raw) > limit:
            return Reading(problem=f"{where}: {url} is larger than {limit} bytes.")
        try:
            body = self._body(raw, headers, limit)
        except (decoding.TooLarge, decoding.Undecodable) as error:
            return Reading(problem=f"{where}: {url}: {error}.")
        response = Response(200, url, {"content-type": kind}, body)
        found = page.extract(body, url=url, charset=response.charset)
        if not found.body:
            return None  # front pages, lists, galleries: no article, and nothing wrong
        crawled = dates.parse(record.rec_headers.get_header("WARC-Date")) or self._context.now()
        return Reading(self._article(found, url, crawled, where))

    def _body(self, raw: bytes, headers: dict[str, str], limit: int) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            raw = _unchunked(raw)
        encoding = headers.get("content-encoding", "")
        try:
            return decoding.decode(raw, encoding, limit)
        except decoding.Undecodable:
            # Crawlers often keep the header and store the unpacked body.
            if b"<" in raw[:1024]:
                return raw
            raise

    def _article(self, found: page.Page, url: str, crawled: datetime, where: str) -> Article:
        return page.to_article(
            found,
            url=url,
            source=source_of(self._config, url)
            if self._config.options.get("source")
            else page.source_of(found, url) or source_of(self._config, url),
            fetched=crawled,
            raw={"archive": where},
        )


def _unchunked(raw: bytes) -> bytes:
    """The body without its chunks' lengths; as it is, where it has none (crawlers leave the header, too)."""
    out, position = bytearray(), 0
    while True:
        line_end = raw.find(b"\r\n", position, position + 20)
        try:
            size = int(raw[position:line_end].split(b";")[0], 16) if line_end > 0 else -1
        except ValueError:
            size = -1
        if size < 0:
            return bytes(out) if out else raw
        if size == 0:
            return bytes(out)
        out += raw[line_end + 2 : line_end + 2 + size]
        position = line_end + 2 + size + 2
