"""Reads the formats that files have: each reader turns bytes into articles and problems."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import zstandard

from connectors.base import unexpected_problem
from connectors.parsing import feed as feeds
from connectors.parsing import file_refusal, html_article, json_record, markup, nitf
from connectors.parsing.article_factory import clean, domain_of, make_article, one_line
from connectors.parsing.json_record import BadRecord
from pipeline import identity
from pipeline.errors import SourceError
from pipeline.models import Article, Source

PACKED = ("gz", "zst")
ARCHIVES = (".warc", ".warc.gz")
"""What the names of web archives end in; they have a connector of their own."""

_LONGEST_LINE = 64 * 2**20
_LONGEST_HEADLINE = 150  # characters of a text's first line; of a longer one its beginning
_FILES = Source(id="files", name="Files")  # the source of articles that name none
_FEED = re.compile(rb"<\s*(?:\w+:)?(?:rss|feed|rdf)[\s>]", re.IGNORECASE)


@dataclass(frozen=True)
class Options:
    """The user's options: a date and a source that replace the files' own, a mapping of fields, a limit in bytes."""

    published: datetime | None = None
    source: Source | None = None
    mapping: Mapping[str, str] | None = None
    limit: int = 2**30


@dataclass(frozen=True)
class ReadResult:
    """An article, or the problem in its place; `progress` is the share of the file that has been read, from 0 to 1."""

    article: Article | None = None
    problem: str = ""
    progress: float = 1.0


def read_bytes(path: Path, limit: int) -> bytes | str:
    """The file's bytes, unpacked; the end of a sentence where they are too many or broken.

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
                zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream,
            ):
                data = stream.read(limit + 1)
        else:
            with path.open("rb") as file:
                data = file.read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        return f"cannot be unpacked: {error}"
    return data if len(data) <= limit else too_long


def read_txt(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """One article: the body is the text without control characters, and its first line is also the headline."""
    body = markup.decode(data)
    if reason := file_refusal.by_text(body):
        yield ReadResult(problem=file_refusal.problem(name, reason))
        return
    if not (body := clean(body)).strip():
        yield ReadResult(problem=f"{name}: is empty.")
        return
    yield ReadResult(
        make_article(
            url=address,
            body=body,
            headline=_first_line(body),
            source=options.source or _FILES,
            fetched=fetched,
            published=options.published,
            modified=modified,
            raw={"origin": _origin(name)},
        )
    )


def read_html(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """One article: the page's full text."""
    found = html_article.extract(data, url=None)
    if not found.body:
        yield ReadResult(problem=f"{name}: no article was found in this page.")
        return
    yield ReadResult(
        html_article.to_article(
            found,
            url=found.canonical or address,
            source=options.source or html_article.source_of(found) or _FILES,
            fetched=fetched,
            published=options.published,
            modified=found.modified or modified,
            raw={"origin": _origin(name)},
        )
    )


def read_json(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """One record, a list of records, or an object with a list of them."""
    try:
        value = _loads(markup.decode(data))
    except ValueError as error:
        if b"\n" in data.strip() and data.lstrip()[:1] == b"{":  # JSON lines in a file with the wrong name
            yield from read_jsonl(data, name=name, address=address, options=options, fetched=fetched, modified=modified)
            return
        yield ReadResult(problem=f"{name}: is not JSON ({error}).")
        return
    many = _records(value)
    for number, record in enumerate(many, 1):
        where = f"{name}:{number}" if len(many) > 1 else name
        yield _record(record, where, number / len(many), options, fetched, modified)


def read_jsonl(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """One record a line; empty lines are passed over."""
    size, done = len(data) or 1, 0
    for number, line in enumerate(io.BytesIO(data), 1):
        done += len(line)
        if not line.strip():
            continue
        where = f"{name}:{number}"
        if len(line) > _LONGEST_LINE:
            problem = f"{where}: is longer than {_LONGEST_LINE // 2**20} MB, which no line of an article may be."
            yield ReadResult(problem=problem, progress=done / size)
            continue
        try:
            record = _loads(markup.decode(line))
        except ValueError as error:
            yield ReadResult(problem=f"{where}: is not JSON ({error}).", progress=done / size)
            continue
        yield _record(record, where, done / size, options, fetched, modified)


def read_csv(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """One record a row; the first row names the fields. Commas, semicolons or tabs."""
    content = markup.decode(data)
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
        yield ReadResult(problem=f"{name}:{rows.line_num}: is not CSV ({error}).")


def read_nitf(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """One article in the XML of wire services."""
    try:
        record = nitf.to_record(data)
    except BadRecord as error:
        yield ReadResult(problem=f"{name}: {error}.")
        return
    yield _record(record, name, 1.0, options, fetched, modified)


def read_feed(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """The items of a saved feed, with the feed's own text; no page is fetched."""
    try:
        feed = feeds.parse(data, url=address)
    except SourceError as error:
        yield ReadResult(problem=f"{name}: {str(error).removeprefix(address).strip()}")
        return
    for problem in feed.unread:
        yield ReadResult(problem=problem.replace(address, name))
    for number, entry in enumerate(reversed(feed.entries), 1):
        where, progress = f"{name}: {entry.link or repr(entry.title)}", number / len(feed.entries)
        try:
            article = _feed_item(entry, feed, name, address, options, fetched, modified)
        except Exception as error:
            yield ReadResult(problem=unexpected_problem(where, error), progress=progress)
            continue
        yield ReadResult(article, "" if article else f"{where}: has no text in this feed.", progress)
    if not feed.entries:
        yield ReadResult(problem=f"{name}: is a feed without items.")


def read_xml(
    data: bytes, *, name: str, address: str, options: Options, fetched: datetime, modified: datetime | None
) -> Iterator[ReadResult]:
    """NITF, or a saved feed."""
    head = data[:65_536]
    reader = read_feed if _FEED.search(head) and b"<nitf" not in head.lower() else read_nitf
    yield from reader(data, name=name, address=address, options=options, fetched=fetched, modified=modified)


Reader = Callable[..., Iterator[ReadResult]]

READERS: dict[str, Reader] = {
    "txt": read_txt,
    "html": read_html,
    "json": read_json,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_csv,
    "nitf": read_nitf,
    "feed": read_feed,
    "xml": read_xml,
}


def _record(
    record: object, where: str, progress: float, options: Options, fetched: datetime, modified: datetime | None
) -> ReadResult:
    try:
        article = json_record.to_article(
            record,
            source=options.source,
            fetched=fetched,
            published=options.published,
            mapping=options.mapping,
            origin=_origin(where),
            modified=modified,
        )
    except BadRecord as error:
        return ReadResult(problem=f"{where}: {error}.", progress=progress)
    except Exception as error:  # the fault of one record: the file goes on
        return ReadResult(problem=unexpected_problem(where, error), progress=progress)
    return ReadResult(article, progress=progress)


def _feed_item(
    entry: feeds.Entry,
    feed: feeds.Feed,
    name: str,
    address: str,
    options: Options,
    fetched: datetime,
    modified: datetime | None,
) -> Article | None:
    """The item's article; None where the feed has no text of it."""
    if not clean(entry.body).strip():
        return None
    own = f"urn:whosaid:item:{identity.digest(address, entry.key)}"
    domain = domain_of(entry.link)
    source = Source(id=domain, name=feed.title or domain, domain=domain) if domain else _FILES
    return make_article(
        url=entry.link or own,
        canonical=own if entry.shared_link else None,
        body=entry.body,
        source=options.source or source,
        fetched=fetched,
        headline=entry.title,
        byline=entry.byline,
        published=options.published or entry.published,
        modified=entry.modified or modified,
        language=entry.language or feed.language,
        tags=entry.tags,
        raw={"origin": _origin(name), "text": "feed"},
    )


def _first_line(body: str) -> str:
    """The text's first line that is not empty, cut at 150 characters."""
    line = one_line(next(filter(str.strip, body.split("\n")), ""))
    if len(line) <= _LONGEST_HEADLINE:
        return line
    cut = line[:_LONGEST_HEADLINE]
    return f"{cut.rpartition(' ')[0] or cut} …"


def _origin(where: str) -> str:
    """Where an article is from: the name of its file, without the folders, which are private."""
    return where.rpartition("/")[2]


def _records(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and not any(value.get(key) for key in json_record.FIELDS["body"]):
        for inner in ("articles", "items", "data", "results", "documents", "news"):
            if isinstance(value.get(inner), list):
                return list(value[inner])
    return [value]


def _loads(content: str) -> Any:
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
