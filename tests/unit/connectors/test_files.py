import gzip
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from connectors.base import Context, SourceConfig
from connectors.http import Client
from connectors.ingest import read, sniff
from pipeline.errors import InputError, SourceError
from pipeline.identity import article_id
from pipeline.models import Article
from pipeline.settings import ConnectorSettings, Settings
from tests.unit.connectors.helpers import articles, collect, problems, run, settings


def reading(path: Path | str, **options: object) -> tuple[list[Article], list[str]]:
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
def test_the_body_of_a_text_file_is_its_text_untouched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a b.txt"
    path.write_bytes(text.encode())
    (article,), bad = reading(path)
    assert (article.body, article.headline, bad) == (text, "", [])
    assert article.url == path.as_uri()
    assert article.id == article_id(path.as_uri())


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


def test_the_revision_of_a_file_is_the_time_of_its_change_and_the_same_each_time(tmp_path: Path) -> None:
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


def test_a_folder_is_read_with_all_below_and_hidden_files_left_out(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.txt", "sub/a.txt", ".hidden.txt", "picture.png"):
        (tmp_path / name).write_text(name)
    good, bad = reading(tmp_path)
    assert ([article.body for article in good], bad) == (["b.txt", "sub/a.txt"], [])


def test_a_watched_folder_gives_only_what_is_new_or_changed(tmp_path: Path) -> None:
    async def work() -> None:
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
            assert fourth[-1].advice is not None
            assert fourth[-1].advice.again == 10  # a folder is free to look at: however quiet, it is looked at soon

    run(work())


def test_a_file_that_is_still_written_to_is_left_for_the_next_look(tmp_path: Path) -> None:
    async def work() -> None:
        path = tmp_path / "a.txt"
        path.write_text("half of i")
        config = SourceConfig("spool", "file", str(tmp_path), options={"settle": 30})
        async with Client(settings().connectors) as client:
            first = await collect(config, Context(settings(), client))
            assert articles(first) == []
            os.utime(path, (time.time() - 31,) * 2)
            again = await collect(config, Context(settings(), client), first[-1].cursor)
            assert len(articles(again)) == 1

    run(work())


def test_a_folder_may_be_read_once_and_from_a_day_on(tmp_path: Path) -> None:
    async def work() -> None:
        for name, day in (("old.txt", 1_700_000_000), ("new.txt", 1_741_780_800)):
            (tmp_path / name).write_text(name)
            os.utime(tmp_path / name, (day, day))
        config = SourceConfig("f", "file", str(tmp_path), options={"since": "2025-01-01", "once": True})
        async with Client(settings().connectors) as client:
            items = await collect(config, Context(settings(), client))
        assert [article.body for article in articles(items)] == ["new.txt"]
        assert items[-1].advice is not None
        assert items[-1].advice.done

    run(work())


def test_thousands_of_files_are_read_in_time_that_grows_with_their_number(tmp_path: Path) -> None:
    async def work() -> float:
        config = SourceConfig("f", "file", str(tmp_path), options={"settle": 0})
        async with Client(settings().connectors) as client:
            started = time.process_time()
            items = await collect(config, Context(settings(), client))
            assert len(articles(items)) == 3000
            cursors = {id(item.cursor) for item in items}
            assert len(cursors) <= 32  # not one a file: each carries all names
        return time.process_time() - started

    for number in range(3000):
        (tmp_path / f"{number}.txt").write_text("He said so.")
    assert run(work()) < 20


def test_wrong_options_and_missing_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        reading(tmp_path / "nothing.txt")

    async def bad_date() -> None:
        async with Client(settings().connectors) as client:
            await collect(SourceConfig("x", "file", "x", options={"published": "someday"}), Context(settings(), client))

    with pytest.raises(InputError, match=r"published is 'someday'; the date cannot be read"):
        run(bad_date())

    async def gone() -> None:
        async with Client(settings().connectors) as client:
            await collect(SourceConfig("x", "file", str(tmp_path / "gone")), Context(settings(), client))

    with pytest.raises(SourceError, match="cannot be read"):
        run(gone())


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
        (b"", "txt"),
    ],
)
def test_standard_input_is_known_by_its_beginning(data: bytes, kind: str) -> None:
    assert sniff(data) == kind
