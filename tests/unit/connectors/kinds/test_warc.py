import gzip
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from connectors.base import Context, SourceConfig, Step
from connectors.parsing import html_article
from connectors.web.client import Client
from pipeline.errors import InputError, SourceError
from tests.thorough import examples
from tests.unit.connectors.helpers import articles, collect, problems, story
from tests.unit.connectors.helpers import settings as connector_settings

pytestmark = pytest.mark.anyio


def archive(*pages: tuple[str, bytes, dict[str, str]], packed: bool = True, status: str = "200 OK") -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=packed)
    writer.write_record(writer.create_warcinfo_record("x.warc", {"software": "test"}))
    for url, body, headers in pages:
        http = StatusAndHeaders(status, list({"Content-Type": "text/html", **headers}.items()), protocol="HTTP/1.1")
        dated = {"WARC-Date": "2025-03-12T12:00:00Z"}
        writer.write_record(
            writer.create_warc_record(
                url, "response", payload=io.BytesIO(body), http_headers=http, warc_headers_dict=dated
            )
        )
    return out.getvalue()


async def reading(path: Path, cursor: dict[str, object] | None = None, **options: object) -> list[Step]:
    async with Client(connector_settings().connectors) as client:
        return await collect(
            SourceConfig("w", "warc", str(path), options=options), Context(connector_settings(), client), cursor
        )


PAGE = story("Story 1").encode()


@pytest.mark.parametrize("packed", [True, False])
async def test_pages_of_an_archive_are_articles_of_their_day(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("a.warc.gz" if packed else "a.warc")
    path.write_bytes(
        archive(
            ("https://news.test/1", PAGE, {}),
            ("https://news.test/a.png", b"\x89PNG", {"Content-Type": "image/png"}),
            ("https://news.test/robots.txt", b"User-agent: *", {}),
            packed=packed,
        )
    )
    (article,) = articles(await reading(path))
    assert (article.url, article.headline) == ("https://news.test/1", "Story 1")
    assert article.fetched == datetime(2025, 3, 12, 12, tzinfo=UTC)
    assert article.source.domain == "news.test"
    assert article.revision == 1_741_780_800_000  # the same whenever the archive is read


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(PAGE), {"Content-Encoding": "gzip"}),
        (brotli.compress(PAGE), {"Content-Encoding": "br"}),
        (PAGE, {"Content-Encoding": "gzip"}),  # kept unpacked under the old header, as crawlers do
        (b"%x\r\n" % len(PAGE) + PAGE + b"\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}),
        (PAGE, {"Transfer-Encoding": "chunked"}),
    ],
)
async def test_bodies_packed_or_in_chunks_are_undone(tmp_path: Path, body: bytes, headers: dict[str, str]) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(archive(("https://news.test/1", body, headers)))
    assert [article.headline for article in articles(await reading(path))] == ["Story 1"]


async def test_errors_in_the_archive_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(archive(("https://news.test/1", PAGE, {}), status="404 Not Found"))
    assert articles(await reading(path)) == []
    path.write_bytes(archive(("https://news.test/1", PAGE, {}), ("https://other.test/1", PAGE, {})))
    assert [article.source.id for article in articles(await reading(path, match="other"))] == ["other.test"]


async def test_a_folder_of_archives_goes_on_where_it_stopped(tmp_path: Path) -> None:
    inner = tmp_path / "CC-NEWS" / "2025" / "03"
    inner.mkdir(parents=True)
    for name in ("b", "a"):
        (inner / f"CC-NEWS-{name}.warc.gz").write_bytes(
            archive(*((f"https://news.test/{name}{n}", story(f"{name}{n}").encode(), {}) for n in range(3)))
        )
    items = await reading(tmp_path)
    assert [article.headline for article in articles(items)] == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert items[-1].progress == 1.0
    middle = items[1].cursor
    assert [article.headline for article in articles(await reading(tmp_path, dict(middle)))] == ["a2", "b0", "b1", "b2"]
    assert articles(await reading(tmp_path, dict(items[-1].cursor))) == []


async def test_a_broken_archive_gives_what_was_before_the_break(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    whole = archive(("https://news.test/1", PAGE, {}), ("https://news.test/2", PAGE * 3, {}))
    path.write_bytes(whole[:-200])
    items = await reading(path)
    assert articles(items)[0].url == "https://news.test/1"
    path.write_bytes(b"This is no archive.\n" * 50)
    assert "broken" in problems(await reading(path))[0]


async def test_a_record_of_a_wrong_length_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.warc"
    whole = archive(
        ("https://news.test/1", PAGE, {}), ("https://news.test/2", story("Story 2").encode(), {}), packed=False
    )
    head, rest = whole.split(b"WARC-Target-URI: https://news.test/1", 1)
    length = re.search(rb"Content-Length: (\d+)", rest)
    assert length is not None
    shorter = b"Content-Length: %d" % (int(length[1]) - len(b"ml>"))
    path.write_bytes(head + b"WARC-Target-URI: https://news.test/1" + rest.replace(length[0], shorter, 1))
    items = await reading(path)
    assert [one.headline for one in articles(items)] == ["Story 1", "Story 2"]
    assert problems(items) == [f"{path}, record 2: it does not end where it says; its page may be cut."]
    assert capfd.readouterr().err == ""


async def test_a_bomb_in_an_archive_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    bomb = gzip.compress(b"\0" * 40_000_000)
    path.write_bytes(
        archive(("https://news.test/1", bomb, {"Content-Encoding": "gzip"}), ("https://news.test/2", PAGE, {}))
    )
    items = await reading(path)
    assert "larger than" in problems(items)[0]
    assert [article.url for article in articles(items)] == ["https://news.test/2"]


async def test_an_archive_that_grows_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    one = archive(("https://news.test/1", PAGE, {}))
    path.write_bytes(one)
    first = await reading(path)
    path.write_bytes(one + archive(("https://news.test/2", PAGE, {})))
    second = await reading(path, dict(first[-1].cursor))
    assert [article.url for article in articles(second)] == ["https://news.test/2"]
    assert [len(articles(await reading(path, since=day))) for day in ("2025-03-12", "2025-03-13")] == [2, 0]
    hints = (await reading(path, once=True))[-1].hints
    assert hints is not None
    assert (hints.finished, hints.next_poll_in) == (True, 60)


async def test_a_missing_archive_and_a_wrong_pattern_are_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        await reading(tmp_path / "none.warc")
    with pytest.raises(InputError, match="no pattern"):
        await reading(tmp_path, match="(")


WHOLE = archive(("https://news.test/1", PAGE, {}), packed=False)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
async def test_a_damaged_archive_is_read_or_said_to_be_broken(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.mktemp("warc") / "a.warc"
    path.write_bytes(bytes(content))
    assert (await reading(path))[-1].cursor


@pytest.mark.guarantee("record-alone")
async def test_an_error_that_should_not_be_costs_its_own_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = html_article.extract

    def broken(data: bytes, **options: Any) -> html_article.Page:
        if b"Story 2" in data:
            raise ZeroDivisionError("oops")
        return whole(data, **options)

    monkeypatch.setattr(html_article, "extract", broken)
    path = tmp_path / "a.warc.gz"
    path.write_bytes(archive(*((f"https://news.test/{n}", story(f"Story {n}").encode(), {}) for n in (1, 2, 3))))
    items = await reading(path)
    assert [article.headline for article in articles(items)] == ["Story 1", "Story 3"]
    (bad,) = problems(items)
    assert (
        "record 3: https://news.test/2: cannot be read: unexpected error (ZeroDivisionError); the log has its trace."
        in bad
    )


@pytest.mark.parametrize("date", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9" * 309])
async def test_a_day_outside_of_the_calendar_stops_no_archive(tmp_path: Path, date: str) -> None:
    path = tmp_path / "a.warc"
    data = archive(*((f"https://news.test/{n}", story(f"Story {n}").encode(), {}) for n in (1, 2)), packed=False)
    path.write_bytes(data.replace(b"WARC-Date: 2025-03-12T12:00:00Z", b"WARC-Date: " + date.encode(), 1))
    assert [article.headline for article in articles(await reading(path))] == ["Story 1", "Story 2"]


async def test_an_archive_that_cannot_be_opened_stops_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.warc.gz", "b.warc.gz"):
        (tmp_path / name).write_bytes(archive((f"https://news.test/{name}", PAGE, {})))
    whole = Path.open

    def closed(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "a.warc.gz":
            raise PermissionError(13, "Permission denied")
        return whole(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", closed)
        items = await reading(tmp_path)
    assert [article.url for article in articles(items)] == ["https://news.test/b.warc.gz"]
    assert problems(items) == [f"{tmp_path / 'a.warc.gz'}: Permission denied."]
    again = await reading(tmp_path, dict(items[-1].cursor))
    assert [article.url for article in articles(again)] == ["https://news.test/a.warc.gz"]
