"""Records of other people's JSON, CSV and XML: whatever their fields are called."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Context, SourceConfig
from connectors.one_shot import read
from connectors.parsing import file_formats, json_record
from connectors.parsing.article_factory import make_article
from connectors.web.client import Client
from pipeline.identity import article_id, canonical_url
from pipeline.models import Article
from pipeline.settings import Settings
from tests.unit.connectors.helpers import articles, collect, problems, settings

pytestmark = pytest.mark.anyio

RECORDS: dict[str, dict[str, Any]] = {
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

NITF = """<?xml version="1.0"?><!DOCTYPE nitf SYSTEM "nitf.dtd">
<nitf><head><title>T</title><docdata><doc-id id-string="q1"/><date.issue norm="20250312T101500Z"/>
<key-list><keyword key="dams"/></key-list></docdata></head><body><body.head><hedline><hl1>Dam reopens</hl1></hedline>
<byline>By Jo Do</byline><distributor>Wire</distributor></body.head><body.content><block><p>One <em>two</em>.</p>
<p>Three.</p><media><media-caption>no</media-caption></media></block></body.content></body></nitf>"""


def reading(path: Path | str, **options: Any) -> tuple[list[Article], list[str]]:
    items = list(read(str(path), Settings(), **options))
    return articles(items), problems(items)


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
        json.dumps({**RECORDS["ours"], "source": {"id": "s", "name": "S", "domain": "d.test"}, "raw": {"a": "b"}})
    )
    first = reading(path)[0][0]
    copy = tmp_path / "b.jsonl"
    copy.write_text(first.model_dump_json() + "\n")
    again = reading(copy)[0][0]
    keep = {"fetched", "raw"}
    assert again.model_dump(exclude=keep) == first.model_dump(exclude=keep)


def test_without_a_url_the_id_or_the_content_is_the_identity(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("date", ["9" * 309, "1" + "0" * 4200, "1e400", "-1e308", "NaN", '"' + "9" * 309 + '"'])
def test_a_date_that_is_none_costs_nothing(tmp_path: Path, date: str) -> None:
    for name, between in (("a.jsonl", "\n"), ("b.json", ",")):
        path = tmp_path / name
        lines = ['{"text":"one"}', f'{{"text":"two","published":{date},"modified":[{date}]}}', '{"text":"three"}']
        path.write_text(between.join(lines) if name == "a.jsonl" else f"[{between.join(lines)}]")
        good, bad = reading(path)
        assert ([article.body for article in good], bad) == (["one", "two", "three"], [])
        assert good[1].published is None


@pytest.mark.guarantee("record-alone")
def test_an_error_that_should_not_be_costs_its_own_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_article

    def broken(**fields: Any) -> Article:
        if fields["body"] == "two":
            raise ZeroDivisionError("oops")
        return whole(**fields)

    monkeypatch.setattr(json_record, "make_article", broken)
    (tmp_path / "a.jsonl").write_text('{"text":"one"}\n{"text":"two"}\n{"text":"three"}\n')
    (tmp_path / "b.csv").write_text("text\none\ntwo\nthree\n")
    (tmp_path / "c.json").write_text('[{"text":"one"},{"text":"two"},{"text":"three"}]')
    good, bad = reading(tmp_path)
    assert [article.body for article in good] == ["one", "three"] * 3
    assert (
        bad[0]
        == f"{tmp_path / 'a.jsonl'}:2: cannot be read: unexpected error (ZeroDivisionError); the log has its trace."
    )
    assert len(bad) == 3


def test_a_line_that_is_too_long_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_formats, "_LONGEST_LINE", 2**20)
    path = tmp_path / "a.jsonl"
    path.write_text('{"text":"one"}\n{"text":"' + "x" * 2**20 + '"}\n{"text":"two"}\n')
    good, (bad,) = reading(path)
    assert [article.body for article in good] == ["one", "two"]
    assert bad == f"{path}:2: is longer than 1 MB, which no line of an article may be."


def test_a_record_of_control_characters_has_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "\x1b\x9b\u202e\r\n"}) + "\n" + json.dumps({"text": "\x1b[2Jso\r\nit is"}))
    good, (bad,) = reading(path)
    assert [article.body for article in good] == ["[2Jso\nit is"]
    assert "has no text" in bad


FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>The Paper</title>
<item><title>New</title><link>https://news.test/2</link><description>She said so.</description></item>
<item><title>Empty</title><link>https://news.test/3</link></item>
<item><title>Old</title><link>https://news.test/1</link><pubDate>Wed, 12 Mar 2025 12:00:00 GMT</pubDate>
<description>&lt;p&gt;He said &lt;b&gt;so&lt;/b&gt;.&lt;/p&gt;</description></item></channel></rss>"""


@pytest.mark.parametrize("name", ["a.xml", "a.rss", "a.atom.gz"])
def test_a_saved_feed_gives_its_own_text_oldest_first(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(FEED.encode()) if name.endswith("gz") else FEED.encode())
    (old, new), (bad,) = reading(path)
    assert (old.body, old.headline, old.url) == ("He said so.", "Old", "https://news.test/1")
    assert old.published == datetime(2025, 3, 12, 12, tzinfo=UTC)
    assert (new.body, new.source.id, new.source.name) == ("She said so.", "news.test", "The Paper")
    assert bad == f"{path}: https://news.test/3: has no text in this feed."


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


def test_ninjs_2_is_read_and_what_is_withdrawn_is_not(tmp_path: Path) -> None:
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


async def test_a_mapping_finds_fields_anywhere(tmp_path: Path) -> None:
    async def work() -> list[Article]:
        path = tmp_path / "a.json"
        path.write_text(
            json.dumps({"payload": {"story": ["x", "He said."], "at": 1741780800}, "ref": "https://a.test/9"})
        )
        mapping = {"body": "payload.story.1", "published": "payload.at", "url": "ref"}
        config = SourceConfig("m", "file", str(path), options={"mapping": mapping})
        async with Client(settings().connectors) as client:
            return articles(await collect(config, Context(settings(), client)))

    (article,) = await work()
    assert (article.body, article.url) == ("He said.", "https://a.test/9")
    assert article.published == datetime(2025, 3, 12, 12, tzinfo=UTC)
