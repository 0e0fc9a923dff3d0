"""Exports have every quote, exactly, piece by piece."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow import parquet

from pipeline.search import export, result_mapping
from pipeline.search.results import QuoteHit
from tests.unit.search.test_result_mapping import found


def hits(number: int = 1, **changes: object) -> Iterator[QuoteHit]:
    one = result_mapping.quote_hit(found(published="2026-03-10T08:00:00Z", **changes))
    return (one.model_copy(update={"id": f"q{at}"}) for at in range(number))


def test_csv_has_a_header_and_a_line_for_each_quote() -> None:
    text = "".join(export.csv_pieces(hits(450)))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == [f"q{at}" for at in range(450)]
    assert rows[0]["said"] == "We built it in two winters, It will stand for a hundred years."
    assert (rows[0]["speaker"], rows[0]["published"]) == ("Ines Calloway", "2026-03-10T08:00:00+00:00")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_has_no_cell_that_a_spreadsheet_runs(sign: str) -> None:
    (row,) = csv.DictReader(io.StringIO("".join(export.csv_pieces(hits(headline=f"{sign}1+1"))), newline=""))
    assert row["headline"] == f"'{sign}1+1"


def test_csv_keeps_line_breaks_commas_and_marks() -> None:
    headline = 'a,"b"\nc 😀'
    (row,) = csv.DictReader(io.StringIO("".join(export.csv_pieces(hits(headline=headline))), newline=""))
    assert row["headline"] == headline


def test_json_lines_have_every_field() -> None:
    (line,) = "".join(export.jsonl_pieces(hits(headline="=1+1"))).splitlines()
    assert QuoteHit.model_validate(json.loads(line)) == next(hits(headline="=1+1"))


@pytest.mark.parametrize("number", [0, 1, 12_000])
def test_parquet_has_every_quote_with_its_types(number: int) -> None:
    pieces = list(export.parquet_pieces(hits(number)))
    table = parquet.read_table(io.BytesIO(b"".join(pieces)))
    assert table.num_rows == number
    assert table.column_names == [name for name, _, _ in export.COLUMNS]
    if number:
        row = table.slice(number - 1).to_pylist()[0]
        assert row["id"] == f"q{number - 1}"
        assert row["published"] == datetime(2026, 3, 10, 8, tzinfo=UTC)
        assert (row["said_on"], row["start"]) == (date(2026, 3, 9), next(hits()).start)


@pytest.mark.parametrize(
    ("kind", "pieces"),
    [("csv", export.csv_pieces), ("jsonl", export.jsonl_pieces), ("parquet", export.parquet_pieces)],
)
def test_duckdb_opens_it_as_it_is(kind: str, pieces: Callable[..., Iterator[Any]], tmp_path: Path) -> None:
    """By the file's name alone: all quotes, with their times, and with texts that are hard to write."""
    headline = 'a,"b"\nc 😀 \u2028 \\ NULL;\ttab'
    written = [
        *hits(3000),
        *(one.model_copy(update={"headline": headline, "id": "hard"}) for one in hits()),
        *hits(900),
    ]
    path = tmp_path / f"quotes.{kind}"
    with path.open("wb") as file:
        for piece in pieces(written):
            file.write(piece.encode() if isinstance(piece, str) else piece)
    with duckdb.connect() as database:
        (whole,) = database.sql(f"SELECT count(*), count(DISTINCT headline), min(published) FROM '{path}'").fetchall()
        (hard,) = database.sql(f"SELECT headline, said, \"end\" - start FROM '{path}' WHERE id = 'hard'").fetchall()
    number, headlines, first = whole
    assert (number, headlines) == (len(written), 2)
    assert (first if first.tzinfo else first.replace(tzinfo=UTC)) == datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert hard == (headline, written[0].said, written[0].end - written[0].start)


def test_pieces_come_before_all_quotes_are_read() -> None:
    for make in (export.csv_pieces, export.jsonl_pieces, export.parquet_pieces):
        read = 0

        def counted() -> Iterator[QuoteHit]:
            nonlocal read
            for hit in hits(20_000):
                read += 1
                yield hit

        pieces = make(counted())
        next(pieces)
        assert read < 10_000
