"""Exports have every quote, exactly, piece by piece."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime

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
