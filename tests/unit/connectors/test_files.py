import csv
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
from pipeline.identity import article_id, canonical_url
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


RECORDS = {
    "ours": {"body": "He said.", "headline": "H", "url": "https://a.test/1", "byline": "Jo", "published": "2025-03-12"},
    "schema.org": {
        "articleBody": "He said.", "headline": "H", "mainEntityOfPage": {"@id": "https://a.test/1"},
        "author": [{"@type": "Person", "name": "Jo"}], "datePublished": "2025-03-12T00:00:00Z",
    },
    "common": {
        "text": "He said.", "title": "H", "link": "https://a.test/1?utm_source=x", "author": "Jo",
        "date": "March 12, 2025",
    },
    "wordpress": {
        "content": {"rendered": "<p>He said.</p>"}, "title": {"rendered": "H"}, "link": "https://a.test/1",
        "author": {"name": "Jo"}, "date": "2025-03-12T00:00:00",
    },
    "ninjs": {
        "uri": "https://a.test/1", "headline": "H", "body_xhtml": "<div><p>He said.</p></div>", "byline": "Jo",
        "firstcreated": "2025-03-12T00:00:00Z",
    },
    "news-please": {
        "maintext": "He said.", "title": "H", "url": "https://a.test/1", "authors": ["Jo"],
        "date_publish": "2025-03-12 00:00:00",
    },
}  # fmt: skip


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_is_read_whatever_its_fields_are_called(tmp_path: Path, record: dict[str, object]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record))
    (article,), bad = reading(path)
    assert bad == []
    assert (article.body, article.headline, article.byline) == ("He said.", "H", "Jo")
    assert article.published == datetime(2025, 3, 12, tzinfo=UTC)
    assert article.id == article_id("https://a.test/1")
    assert article.canonical_url == canonical_url("https://a.test/1")
    assert article.source.domain == "a.test"


def test_an_article_of_our_own_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps(RECORDS["ours"] | {"source": {"id": "s", "name": "S", "domain": "d.test"}, "raw": {"a": "b"}})
    )
    first = reading(path)[0][0]
    copy = tmp_path / "b.jsonl"
    copy.write_text(first.model_dump_json() + "\n")
    again = reading(copy)[0][0]
    keep = {"fetched", "raw"}
    assert again.model_dump(exclude=keep) == first.model_dump(exclude=keep)


def test_without_a_url_the_identity_is_source_and_id_or_else_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"id": 7, "text": "a"},
        {"id": 7, "text": "a, revised"},
        {"id": 8, "text": "a"},
        {"text": "a"},
        {"text": "b"},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    ids = [article.id for article in reading(path, source="S")[0]]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert reading(path, source="Another")[0][0].id != ids[0]


def test_a_bad_line_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"text":"one"}\n{"text":\n\n[]\nnull\n{"title":"no text"}\n{"text":"\xff"}\n{"text":"two"}\n' + b"[" * 9000
    )
    good, bad = reading(path)
    assert [article.body for article in good][0::2] == ["one", "two"]
    assert [problem.partition(" ")[0] for problem in bad] == [f"{path}:{n}" + ":" for n in (2, 4, 5, 6, 9)]
    assert "has no text" in bad[3]


def test_json_may_be_one_record_a_list_or_an_object_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for value in ([{"text": "a"}, {"text": "b"}], {"articles": [{"text": "a"}, {"text": "b"}]}):
        path.write_text(json.dumps(value))
        assert [article.body for article in reading(path)[0]] == ["a", "b"]
    path.write_text('{"text":"a"}\n{"text":"b"}\n')  # JSON lines under a wrong name
    assert [article.body for article in reading(path)[0]] == ["a", "b"]


def test_csv_with_any_separator_quotes_and_line_ends_in_fields(tmp_path: Path) -> None:
    for name, separator in (("a.csv", ","), ("b.csv", ";"), ("c.tsv", "\t")):
        path = tmp_path / name
        with path.open("w", newline="") as file:
            rows = csv.writer(file, delimiter=separator)
            rows.writerows([["title", "text"], ["T", 'He said "no".\nThen, "yes".'], ["U", ""], ["V", "x"]])
        good, bad = reading(path)
        assert [article.body for article in good] == ['He said "no".\nThen, "yes".', "x"]
        assert len(bad) == 1


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


NITF = """<?xml version="1.0"?><!DOCTYPE nitf SYSTEM "nitf.dtd">
<nitf><head><title>T</title><docdata><doc-id id-string="q1"/><date.issue norm="20250312T101500Z"/>
<key-list><keyword key="dams"/></key-list></docdata></head><body><body.head><hedline><hl1>Dam reopens</hl1></hedline>
<byline>By Jo Do</byline><distributor>Wire</distributor></body.head><body.content><block><p>One <em>two</em>.</p>
<p>Three.</p><media><media-caption>no</media-caption></media></block></body.content></body></nitf>"""


def test_nitf_is_read_as_wire_services_send_it(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(NITF)
    (article,), _ = reading(path)
    assert (article.headline, article.byline, article.body) == ("Dam reopens", "Jo Do", "One two.\nThree.")
    assert article.published == datetime(2025, 3, 12, 10, 15, tzinfo=UTC)
    assert (article.tags, article.source.name) == (["dams"], "Wire")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><nitf>&c;</nitf>', "entities of its own"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><nitf>&a;</nitf>', "entities of its own"),
        ("<rss/>", "another kind"),
        ("<nitf><", "not XML"),
        ("<nitf/>", "has no text"),
        ("", "not XML"),
    ],
)
def test_xml_that_is_no_nitf_or_dangerous_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(content)
    good, bad = reading(path)
    assert good == []
    assert reason in bad[0]


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
            started = time.monotonic()
            items = await collect(config, Context(settings(), client))
            assert len(articles(items)) == 3000
            cursors = {id(item.cursor) for item in items}
            assert len(cursors) <= 32  # not one a file: each carries all names
        return time.monotonic() - started

    for number in range(3000):
        (tmp_path / f"{number}.txt").write_text("He said so.")
    assert run(work()) < 20


def test_ninjs_of_the_second_kind_is_read_and_what_its_sender_withdrew_is_not(tmp_path: Path) -> None:
    record = {
        "uri": "urn:newsml:wire.test:1", "headlines": [{"value": "Dam reopens"}], "bylines": [],
        "bodies": [{"contenttype": "application/xhtml+xml", "value": "<p>One.</p><p>Two.</p>"}, {"value": "One. Two."}],
        "versioncreated": "2025-03-12T12:00:00Z", "infosource": "Wire",
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(record | {"pubstatus": "usable"}))
    (tmp_path / "b.json").write_text(json.dumps(record | {"pubstatus": "canceled"}))
    good, bad = reading(tmp_path)
    assert [(article.headline, article.body) for article in good] == [("Dam reopens", "One.\nTwo.")]
    assert "canceled" in bad[0]


def test_a_mapping_finds_fields_anywhere(tmp_path: Path) -> None:
    async def work() -> list[Article]:
        path = tmp_path / "a.json"
        path.write_text(
            json.dumps({"payload": {"story": ["x", "He said."], "at": 1741780800}, "ref": "https://a.test/9"})
        )
        mapping = {"body": "payload.story.1", "published": "payload.at", "url": "ref"}
        config = SourceConfig("m", "file", str(path), options={"mapping": mapping})
        async with Client(settings().connectors) as client:
            return articles(await collect(config, Context(settings(), client)))

    (article,) = run(work())
    assert (article.body, article.url) == ("He said.", "https://a.test/9")
    assert article.published == datetime(2025, 3, 12, 12, tzinfo=UTC)


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
