from datetime import datetime
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.parsing.feed import Feed, parse
from pipeline.errors import SourceError
from tests.fixtures.feeds.broken import BROKEN
from tests.fixtures.feeds.cases import CASES as FIRST
from tests.fixtures.feeds.cases import LINK, URL, Case, atom, entry, item, rss
from tests.fixtures.feeds.items import ITEMS
from tests.fixtures.feeds.more import MORE
from tests.thorough import examples

CASES = [*FIRST, *ITEMS, *BROKEN, *MORE]
SLOWEST = 6.0  # seconds of processor time


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def test_there_are_as_many_cases_as_we_say() -> None:
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_feed(case: Case) -> None:
    started = process_time()
    if case.error:
        with pytest.raises(SourceError, match=case.error):
            parse(case.data, url=URL, content_type=case.content_type)
        return
    feed = parse(case.data, url=URL, content_type=case.content_type)
    assert process_time() - started < SLOWEST
    assert len(feed.entries) == len(case.entries), [one.title[:50] for one in feed.entries]
    for found, expected in zip(feed.entries, case.entries, strict=True):
        assert {name: plain(getattr(found, name)) for name in expected} == expected
        assert len(found.body) < 2_000_000
        assert "root:" not in found.body
    assert {name: getattr(feed, name) for name in case.feed} == case.feed


@pytest.mark.parametrize(
    "tag", [b'<a xml:base="b/">', b'<p xml:base="b/">', b'<x:a xmlns:x="u">'], ids=lambda tag: tag.decode()
)
def test_endless_nesting_costs_little_and_no_item(tag: bytes) -> None:
    data = rss(item("<guid>1</guid>")).encode().replace(b"</channel>", tag * (300_000 // len(tag)))
    started = process_time()
    assert LINK in [one.link for one in parse(data, url=URL).entries]
    assert process_time() - started < SLOWEST


def test_a_broken_feed_says_what_is_broken() -> None:
    assert parse(b"<rss><channel>\n<item><title>cut", url=URL).problem == "its XML is broken: no element found"


def test_open_tags_of_html_are_no_nesting() -> None:
    loose = "<p>One<br>" * 3000 + "<!-- " + "<a>" * 3000 + " --><![CDATA[" + "<a>" * 3000 + "]]>"
    assert (
        len(
            parse(
                rss(item(f"<guid>1</guid><title>T</title><description>{loose}</description>")).encode(), url=URL
            ).entries
        )
        == 1
    )


def test_keys_outlive_guids_and_marks_follow_the_text() -> None:
    first = parse(rss(item("<guid>1</guid><description>One.</description>")).encode(), url=URL).entries[0]
    again = parse(rss(item("<guid>2</guid><description>One.</description>")).encode(), url=URL).entries[0]
    other = parse(rss(item("<guid>1</guid><description>Two.</description>")).encode(), url=URL).entries[0]
    assert (first.key, first.mark) == (again.key, again.mark)
    assert first.key == other.key
    assert first.mark != other.mark


def readable(data: bytes) -> Feed | None:
    try:
        return parse(data, url=URL)
    except SourceError:
        return None


PIECES = st.sampled_from(
    [
        b"<rss>",
        b"<channel>",
        b"<item>",
        b"</item>",
        b"<title>",
        b"</title>",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"-->",
        b"&amp;",
        b"&#0;",
        b"&#x110000;",
        b"&bogus;",
        b"<link>",
        b"http://[",
        b"<?xml version='1.0' encoding='",
        b"utf-7'?>",
        b"'?>",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"<feed xmlns='http://www.w3.org/2005/Atom'>",
        b"<entry>",
        b"<!DOCTYPE rss [",
        b"<!ENTITY a '",
        b"'>",
        b"]>",
        b"<pubDate>",
        b"99999999999999",
        b"{",
        b'"items":[',
        b"<content type='xhtml'>",
        b"<div>",
        b"</div>",
        b"<a b=",
        b"xml:base='",
        b"<category term='",
    ]
)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=40).map(b"".join))
def test_any_bytes_are_read_or_refused_with_a_sentence(data: bytes) -> None:
    readable(data)


@settings(max_examples=examples(80), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_good_feed_with_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(
        data.draw(st.sampled_from([rss(item("<guid>1</guid>")), atom(entry("<updated>x</updated>"))])).encode()
    )
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(whole) - 1))
        whole[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    readable(bytes(whole))
