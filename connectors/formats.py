"""The formats that articles are kept in: a reader for each, which turns bytes into articles and problems."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import zstandard

from connectors import nitf, page, records, text
from connectors.article import make_article
from connectors.records import BadRecord
from pipeline.models import Article, Source

PACKED = ("gz", "zst")
_LONGEST_LINE = 64 * 2**20


@dataclass(frozen=True)
class Options:
    """What the user said about files: a date and a source above their own, a mapping of fields, a limit in bytes."""

    published: datetime | None = None
    source: Source | None = None
    mapping: Mapping[str, str] | None = None
    limit: int = 2**30


@dataclass(frozen=True)
class Reading:
    """An article, or why there is none; `part` of the file has been read, from 0 to 1."""

    article: Article | None = None
    problem: str = ""
    part: float = 1.0


def read_bytes(path: Path, limit: int) -> bytes | str:
    """The file's bytes, unpacked; a sentence where they are too many or broken.

    Raises:
        OSError: the file cannot be read.
    """
    too_long = f"is larger than {limit // 2**20} MB; split it, or raise WHOSAID_CONNECTORS__MAX_FILE_BYTES."
    suffix = path.suffix.lower()
    if path.stat().st_size > limit:
        return too_long
    try:
        if suffix == ".gz":
            with gzip.open(path) as packed:
                data = packed.read(limit + 1)
        elif suffix == ".zst":
            with (
                path.open("rb") as raw,
                zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as one,
            ):
                data = one.read(limit + 1)
        else:
            data = path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        return f"cannot be unpacked: {error}"
    return data if len(data) <= limit else too_long


def read_txt(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[Reading]:
    """One article: the body is the text exactly as it is."""
    body = text.decode(data)
    if not body.strip():
        yield Reading(problem=f"{name}: is empty.")
        return
    yield Reading(
        make_article(
            url=address,
            body=body,
            source=options.source or _own_source(name),
            fetched=fetched,
            published=options.published,
            modified=modified,
            raw={"origin": name},
        )
    )


def read_html(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[Reading]:
    """One article: the page's full text."""
    found = page.extract(data, url=None)
    if not found.body:
        yield Reading(problem=f"{name}: no article was found in this page.")
        return
    yield Reading(
        page.to_article(
            found,
            url=found.canonical or address,
            source=options.source or page.source_of(found) or _own_source(name),
            fetched=fetched,
            published=options.published,
            modified=found.modified or modified,
            raw={"origin": name},
        )
    )


def read_json(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[Reading]:
    """One record, a list of records, or an object with a list of them."""
    try:
        value = _loads(text.decode(data))
    except ValueError as error:
        if b"\n" in data.strip() and data.lstrip()[:1] == b"{":  # JSON lines under the wrong name
            yield from read_jsonl(data, name=name, address=address, options=options, fetched=fetched, modified=modified)
            return
        yield Reading(problem=f"{name}: is not JSON ({error}).")
        return
    many = _records(value)
    for number, record in enumerate(many, 1):
        where = f"{name}:{number}" if len(many) > 1 else name
        yield _record(record, where, number / len(many), options, fetched, modified)


def read_jsonl(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[Reading]:
    """One record a line; empty lines are passed over."""
    size, done = len(data) or 1, 0
    for number, line in enumerate(io.BytesIO(data), 1):
        done += len(line)
        if not line.strip():
            continue
        where = f"{name}:{number}"
        try:
            record = _loads(text.decode(line)) if len(line) <= _LONGEST_LINE else None
        except ValueError as error:
            yield Reading(problem=f"{where}: is not JSON ({error}).", part=done / size)
            continue
        yield _record(record, where, done / size, options, fetched, modified)


def read_csv(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[Reading]:
    """One record a row; the first row names the fields. Commas, semicolons or tabs."""
    content = text.decode(data)
    first = content.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(_LONGEST_LINE)
    rows = csv.DictReader(io.StringIO(content, newline=""), delimiter=separator)
    size = len(content) or 1
    done = len(first)
    try:
        for row in rows:
            done += sum(len(value) for value in row.values() if isinstance(value, str))
            record = {key.strip(): value for key, value in row.items() if isinstance(key, str)}
            yield _record(record, f"{name}:{rows.line_num}", min(1.0, done / size), options, fetched, modified)
    except csv.Error as error:
        yield Reading(problem=f"{name}:{rows.line_num}: is not CSV ({error}).")


def read_nitf(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[Reading]:
    """One article in the XML of wire services."""
    try:
        record = nitf.to_record(data)
    except BadRecord as error:
        yield Reading(problem=f"{name}: {error}.")
        return
    yield _record(record, name, 1.0, options, fetched, modified)


Reader = Callable[..., Iterator[Reading]]

READERS: dict[str, Reader] = {
    "txt": read_txt,
    "html": read_html,
    "json": read_json,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_csv,
    "nitf": read_nitf,
}


def _record(
    record: object, where: str, part: float, options: Options, fetched: datetime, modified: datetime | None
) -> Reading:
    try:
        article = records.to_article(
            record,
            source=options.source,
            fetched=fetched,
            published=options.published,
            mapping=options.mapping,
            origin=where,
            modified=modified,
        )
    except Exception as error:  # one record's: the others go on
        reason = str(error) if isinstance(error, BadRecord) else "has a field that cannot be used"
        return Reading(problem=f"{where}: {reason}.", part=part)
    return Reading(article, part=part)


def _records(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and not any(value.get(key) for key in records.FIELDS["body"]):
        for inner in ("articles", "items", "data", "results", "documents", "news"):
            if isinstance(value.get(inner), list):
                return list(value[inner])
    return [value]


def _loads(content: str) -> Any:
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _own_source(name: str) -> Source:
    return Source(id="files", name="Files")
