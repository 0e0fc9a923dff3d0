import gzip
import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from connectors.base import Context, SourceConfig
from connectors.one_shot import read, sniff
from connectors.parsing.file_refusal import by_text
from connectors.web.client import Client
from pipeline.control_characters import without_controls
from pipeline.errors import InputError, SourceError
from pipeline.identity import article_id
from pipeline.models import Article
from pipeline.settings import ConnectorSettings, Settings
from tests.unit.connectors.helpers import articles, collect, problems, settings, story

pytestmark = pytest.mark.anyio


def reading(path: Path | str, **options: Any) -> tuple[list[Article], list[str]]:
    items = list(read(str(path), Settings(), **options))
    return articles(items), problems(items)


@pytest.mark.parametrize(
    "text",
    [
        "One line.",
        "Zażółć “gęślą” jaźń — 東京 🌊 e\u0301\n\nTwo  blanks\tand a tab. \r\nCR LF\rCR\u2028LS\x0cFF\n",
        "  leading and trailing  \n\n",
        "Headline?\nBody.",
    ],
)
def test_the_body_of_a_text_file_is_its_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a b.txt"
    path.write_bytes(text.encode())
    (article,), bad = reading(path)
    assert (article.body, bad) == (without_controls(text), [])


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("Headline?\nBody.", "Headline?"),
        ("\n  \n  Dam  reopened \r\n\r\nHe said so.", "Dam reopened"),
        ("One line.", "One line."),
        ("Word " * 100, f"{'Word ' * 29}Word …"),
        ("x" * 300, f"{'x' * 150} …"),
    ],
)
def test_the_headline_of_a_text_is_its_first_line(tmp_path: Path, text: str, headline: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    assert reading(path)[0][0].headline == headline


def test_an_address_names_the_file_and_not_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "secret plans" / "a ü.txt"
    path.parent.mkdir()
    path.write_text("He said so.")
    (article,), _ = reading(path)
    assert article.url.startswith("urn:whosaid:file:")
    assert article.url.endswith(":a%20%C3%BC.txt")
    assert article.id == article_id(article.url) == reading(path)[0][0].id
    assert "secret" not in article.model_dump_json()
    records = path.with_suffix(".jsonl")
    records.write_text('{"text": "One."}\n')
    pages = path.with_suffix(".html")
    pages.write_text(story())
    for one in (*reading(records)[0], *reading(pages)[0]):
        assert "secret" not in one.model_dump_json()
    assert reading(records)[0][0].raw["origin"] == "a ü.jsonl:1"


def test_the_same_name_elsewhere_is_another_article(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("He said so.")
    assert len({article.id for article in reading(tmp_path)[0]}) == 2


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8-sig", "“Ja”, sagte Müller."),
        ("utf-16", "“Ja”, sagte Müller."),
        ("utf-32", "“Ja”, sagte Müller."),
        ("cp1252", "“It’s over,” the café’s owner said – naïvely."),
        ("cp1251", "Министр сказал, что переговоры продолжатся завтра, сообщает агентство. Он добавил, что надеется."),
        ("shift_jis", "首相は記者会見で、交渉を続けると述べた。政府は支援を約束した。"),
    ],
)
def test_a_text_file_in_another_charset_is_read(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    assert reading(path)[0][0].body == text


def test_the_revision_of_a_file_is_the_time_of_its_change(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("He said so.")
    os.utime(path, (1_741_780_800, 1_741_780_800))
    first, second = reading(path)[0][0], reading(path)[0][0]
    assert first.revision == second.revision == 1_741_780_800_000
    assert first.modified == datetime(2025, 3, 12, 12, tzinfo=UTC)


def test_the_users_date_and_source_stand_above_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"body": "x", "published": "2020-01-01", "source": "Other"}))
    day = datetime(2025, 3, 12, tzinfo=UTC)
    article = reading(path, published=day, source="The Gazette")[0][0]
    assert (article.published, article.source.id, article.source.name) == (day, "The Gazette", "The Gazette")


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_packed_files_are_unpacked_and_broken_or_huge_ones_named(tmp_path: Path, suffix: str) -> None:
    pack = gzip.compress if suffix == "gz" else zstandard.compress
    good, broken = tmp_path / f"a.jsonl.{suffix}", tmp_path / f"b.txt.{suffix}"
    good.write_bytes(pack(b'{"text":"one"}\n'))
    broken.write_bytes(b"not packed at all")
    bomb = tmp_path / f"c.txt.{suffix}"
    bomb.write_bytes(pack(b"\0" * 5_000_000))
    small = Settings(connectors=ConnectorSettings(max_file_bytes=1_000_000))
    items = list(read(str(tmp_path), small))
    assert [article.body for article in articles(items)] == ["one"]
    assert len(problems(items)) == 2
    assert any("cannot be unpacked" in one for one in problems(items))
    assert any("MAX_FILE_BYTES" in one for one in problems(items))


def test_a_folder_is_read_with_all_below_but_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.txt", "sub/a.txt", ".hidden.txt", "picture.png"):
        (tmp_path / name).write_text(name)
    good, bad = reading(tmp_path)
    assert ([article.body for article in good], bad) == (["b.txt", "sub/a.txt"], [])


@pytest.mark.parametrize("moment", [10**15, -(10**15), 253_402_300_800, -62_135_596_801])
@pytest.mark.guarantee("any-date")
def test_a_file_time_outside_of_the_calendar_stops_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    whole = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        real = whole(path, **options)
        return os.stat_result((*real[:8], moment, real[9])) if str(path).endswith("b.txt") else real

    monkeypatch.setattr(os, "stat", stat)
    good, bad = reading(tmp_path)
    assert ([article.body for article in good], bad) == (["a.txt", "b.txt", "c.txt"], [])


def test_a_name_that_is_no_utf_8_stops_no_folder(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("one")
    (tmp_path / os.fsdecode(b"bad\xff.png.txt")).write_bytes(b"\x89PNG")
    (tmp_path / "z.txt").write_text("two")
    items = list(read(str(tmp_path), Settings()))
    assert [article.body for article in articles(items)] == ["one", "two"]
    for item in items:  # all of it can be kept
        json.dumps([item.cursor, item.problem]).encode()
        assert item.article is None or item.article.model_dump_json().encode()
    assert any("caf\\xe9.txt" in name for name in items[-1].cursor["files"])


async def test_a_file_that_cannot_be_read_stops_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    whole = Path.open

    def closed(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied")
        return whole(path, *arguments, **options)

    config = SourceConfig("f", "file", str(tmp_path), options={"settle": 0})
    async with Client(settings().connectors) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", closed)
            first = await collect(config, Context(settings(), client))
        assert [article.body for article in articles(first)] == ["a.txt", "c.txt"]
        assert problems(first) == [f"{tmp_path / 'b.txt'}: Permission denied."]
        again = await collect(config, Context(settings(), client), first[-1].cursor)
        assert [article.body for article in articles(again)] == ["b.txt"]


@pytest.mark.guarantee("record-alone")
def test_an_error_that_should_not_be_costs_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.txt", "b.html", "c.txt"):
        (tmp_path / name).write_text(name)

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("connectors.parsing.html_article.extract", broken)
    good, (bad,) = reading(tmp_path)
    assert [article.body for article in good] == ["a.txt", "c.txt"]
    assert bad == f"{tmp_path / 'b.html'}: cannot be read: unexpected error (ZeroDivisionError); the log has its trace."


PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
"""


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("program", b"\x7fELF\x02\x01\x01\x00", "is a program"),
        ("setup.txt", b"MZ\x90\x00\x03", "is a program"),
        ("run", b"#!/bin/sh\necho hello\n", "is a script"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n", "is a picture"),
        ("photo.json", b"\xff\xd8\xff\xe0", "is a picture"),
        ("paper.txt", b"%PDF-1.4\n%", "is a PDF document"),
        ("office.txt", b"PK\x03\x04\x14", "is a zip archive or an office document"),
        ("packed.txt", b"\x1f\x8b\x08\x00", "is packed with gzip"),
        ("key.txt", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "is a key or a certificate"),
        ("archive.zip", b"PK\x03\x04", "is of a kind that is not read"),
        ("picture.png", b"\x89PNG", "is of a kind that is not read"),
    ],
)
def test_what_is_no_article_is_refused_by_name(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{name} {reason}.*articles are read from txt, html, json"):
        reading(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(PASSWD.encode(), "is a table of users"), (bytes(range(256)) * 20, "is no text"), (b"\0" * 5000, "is no text")],
)
def test_what_only_its_whole_shows_is_a_problem(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    good, (bad,) = reading(tmp_path / "a.txt")
    assert good == []
    assert reason in bad
    assert "articles are read from" in bad


@pytest.mark.parametrize(
    "text",
    [
        "Q: What now?\nA: We go on.\nQ: When?\nA: At 10:30, or at 11:15.\n",
        "Gov. Lenz: no.\nVoss: yes, at 10:30:00.\nLenz: no.\n",
        "首相は記者会見で、交渉を続けると述べた。\n" * 5,
        "\x1b[1mBold\x1b[0m headline\n\nHe said so, and he said it again in the evening.",
        "a:b",
    ],
)
def test_what_people_read_is_no_system_file(text: str) -> None:
    assert by_text(text) is None


@pytest.mark.parametrize("path", ["/etc/passwd", "/bin/ls", "/dev/null", "/dev/zero", "/proc/self/status"])
def test_files_and_devices_of_the_system_are_refused(path: str) -> None:
    with pytest.raises(InputError, match=r"is a file of the system|is no file but a device"):
        reading(path)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("He said so.",))
    writer.start()
    assert [article.body for article in reading(pipe)[0]] == ["He said so."]
    writer.join()


async def test_a_watched_folder_gives_only_what_is_new_or_changed(tmp_path: Path) -> None:
    config = SourceConfig("spool", "file", str(tmp_path), name="Spool", options={"pattern": "*.txt", "settle": 0})
    async with Client(settings().connectors) as client:
        context = Context(settings(), client)
        (tmp_path / "a.txt").write_text("a")
        (tmp_path / "skip.json").write_text("{}")
        first = await collect(config, context)
        assert [article.body for article in articles(first)] == ["a"]
        assert articles(first)[0].source.name == "Spool"
        (tmp_path / "b.txt").write_text("b")
        second = await collect(config, context, first[-1].cursor)
        assert [article.body for article in articles(second)] == ["b"]
        (tmp_path / "a.txt").write_text("a, longer")
        third = await collect(config, context, second[-1].cursor)
        assert [article.body for article in articles(third)] == ["a, longer"]
        fourth = await collect(config, context, third[-1].cursor)
        assert (articles(fourth), fourth[-1].cursor) == ([], third[-1].cursor)
        assert fourth[-1].hints is not None
        assert fourth[-1].hints.next_poll_in == 10  # a folder is free to look at: however quiet, it is looked at soon


async def test_a_file_that_is_still_written_to_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("half of i")
    config = SourceConfig("spool", "file", str(tmp_path), options={"settle": 30})
    async with Client(settings().connectors) as client:
        first = await collect(config, Context(settings(), client))
        assert articles(first) == []
        os.utime(path, (time.time() - 31,) * 2)
        again = await collect(config, Context(settings(), client), first[-1].cursor)
        assert len(articles(again)) == 1


async def test_a_folder_may_be_read_once_and_from_a_day_on(tmp_path: Path) -> None:
    for name, day in (("old.txt", 1_700_000_000), ("new.txt", 1_741_780_800)):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (day, day))
    config = SourceConfig("f", "file", str(tmp_path), options={"since": "2025-01-01", "once": True})
    async with Client(settings().connectors) as client:
        items = await collect(config, Context(settings(), client))
    assert [article.body for article in articles(items)] == ["new.txt"]
    assert items[-1].hints is not None
    assert items[-1].hints.finished


async def test_many_files_take_time_by_their_number(tmp_path: Path) -> None:
    async def work(number: int) -> float:
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in range(number):
            (folder / f"{name}.txt").write_text("He said so.")
        config = SourceConfig("f", "file", str(folder), options={"settle": 0})
        async with Client(settings().connectors) as client:
            started = time.process_time()
            items = await collect(config, Context(settings(), client))
            assert len(articles(items)) == number
            cursors = {id(item.cursor) for item in items}
            assert len(cursors) <= 32  # not one a file: each carries all names
        return time.process_time() - started

    few = await work(400)
    assert await work(1600) < 6 * few  # squares would take 16 times as long


def test_a_path_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        reading(tmp_path / "nothing.txt")


async def test_wrong_options_and_missing_files_are_one_sentence(tmp_path: Path) -> None:
    async def bad_date() -> None:
        async with Client(settings().connectors) as client:
            await collect(SourceConfig("x", "file", "x", options={"published": "someday"}), Context(settings(), client))

    with pytest.raises(InputError, match=r"published is 'someday'; the date cannot be read"):
        await bad_date()

    async def gone() -> None:
        async with Client(settings().connectors) as client:
            await collect(SourceConfig("x", "file", str(tmp_path / "gone")), Context(settings(), client))

    with pytest.raises(SourceError, match="cannot be read"):
        await gone()


def test_progress_grows_from_nothing_to_all(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"text":"x"}\n' * 20)
    parts = [item.progress for item in read(str(tmp_path), Settings()) if item.progress is not None]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<!doctype html><p>", "html"),
        (b"\xef\xbb\xbf {", "json"),
        (b"[1]", "json"),
        (b"Plain text.", "txt"),
        (b"<?xml version='1.0'?><nitf/>", "xml"),
        (b"<rss version='2.0'>", "xml"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html xmlns='x'>", "html"),
        (b"", "txt"),
    ],
)
def test_standard_input_is_known_by_its_beginning(data: bytes, kind: str) -> None:
    assert sniff(data) == kind
