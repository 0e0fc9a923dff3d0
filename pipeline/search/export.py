"""Writes quotes as CSV, JSON lines or Parquet, piece by piece, so that an export of any size takes little memory.

CSV is for spreadsheets, which run a cell that begins with a sign such as `=` as a formula: there an apostrophe is put
before it. JSON lines and Parquet have the text exactly.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.search.results import QuoteHit

if TYPE_CHECKING:
    import pyarrow as pa

Column = tuple[str, str, Callable[[QuoteHit], Any]]

COLUMNS: tuple[Column, ...] = (
    ("id", "text", lambda hit: hit.id),
    ("speaker", "text", lambda hit: hit.speaker and hit.speaker.name),
    ("speaker_id", "text", lambda hit: hit.speaker and hit.speaker.id),
    ("speaker_title", "text", lambda hit: hit.speaker and hit.speaker.title),
    ("speaker_affiliation", "text", lambda hit: hit.speaker and hit.speaker.affiliation),
    ("speaker_confidence", "number", lambda hit: hit.speaker and hit.speaker.confidence),
    ("said", "text", lambda hit: hit.said),
    ("text", "text", lambda hit: hit.text),
    ("type", "text", lambda hit: hit.type.value),
    ("modality", "text", lambda hit: hit.modality.value),
    ("cue", "text", lambda hit: hit.cue and hit.cue.text),
    ("cue_lemma", "text", lambda hit: hit.cue and hit.cue.lemma),
    ("addressee", "text", lambda hit: hit.addressee),
    ("medium", "text", lambda hit: hit.medium),
    ("said_on", "date", lambda hit: hit.said_on),
    ("confidence", "number", lambda hit: hit.confidence),
    ("published", "time", lambda hit: hit.published),
    ("source", "text", lambda hit: hit.source.name),
    ("source_id", "text", lambda hit: hit.source.id),
    ("headline", "text", lambda hit: hit.headline),
    ("url", "text", lambda hit: hit.url),
    ("language", "text", lambda hit: hit.language),
    ("article_id", "text", lambda hit: hit.article_id),
    ("start", "whole", lambda hit: hit.start),
    ("end", "whole", lambda hit: hit.end),
    ("duplicate_of", "text", lambda hit: hit.duplicate_of),
)
"""The columns of CSV and Parquet: name, kind, and where the value is in a hit."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ROWS = 5_000  # of a row group of Parquet
_LINES = 200  # of CSV and JSON in one piece


def csv_pieces(hits: Iterable[QuoteHit]) -> Iterator[str]:
    """A header, and a line for each quote (RFC 4180)."""
    yield _lines([[name for name, _, _ in COLUMNS]])
    for some in _batches(hits, _LINES):
        yield _lines([[_cell(value(hit)) for _, _, value in COLUMNS] for hit in some])


def jsonl_pieces(hits: Iterable[QuoteHit]) -> Iterator[str]:
    """A line of JSON for each quote, with all its fields."""
    for some in _batches(hits, _LINES):
        yield "".join(f"{hit.model_dump_json()}\n" for hit in some)


def parquet_pieces(hits: Iterable[QuoteHit]) -> Iterator[bytes]:
    """A Parquet file, with a row group for every 5,000 quotes."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(pa)
    written = _Pieces()
    with parquet.ParquetWriter(pa.PythonFile(written, mode="w"), schema, compression="zstd") as writer:
        for some in _batches(hits, _ROWS):
            columns = {name: [value(hit) for hit in some] for name, _, value in COLUMNS}
            writer.write_table(pa.table(columns, schema=schema))
            yield written.taken()
    yield written.taken()


class _Pieces(io.RawIOBase):
    """A file that can only be written, and from which what was written is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._at = 0

    def write(self, piece: Any) -> int:
        """Keeps a piece until it is taken."""
        self._pieces.append(bytes(piece))
        self._at += len(self._pieces[-1])
        return len(self._pieces[-1])

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How much was written in all."""
        return self._at

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _schema(pa: Any) -> "pa.Schema":
    types = {
        "text": pa.string(),
        "number": pa.float64(),
        "whole": pa.int32(),
        "date": pa.date32(),
        "time": pa.timestamp("ms", tz="UTC"),
    }
    return pa.schema([pa.field(name, types[kind]) for name, kind, _ in COLUMNS])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{value}" if value.startswith(_FORMULA) else value


def _lines(rows: list[list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _batches(hits: Iterable[QuoteHit], size: int) -> Iterator[tuple[QuoteHit, ...]]:
    left = iter(hits)
    while some := tuple(islice(left, size)):
        yield some
