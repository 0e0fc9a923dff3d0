"""Ids are equal for what is the same, and differ for what is not."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity import article_id, canonical_url, content_hash, digest, name_id, quote_id, revision


@pytest.mark.parametrize(
    "variant",
    [
        "https://news.example/a?id=7&utm_source=feed&utm_medium=rss",
        "https://NEWS.example/a?id=7#comments",
        "https://news.example:443/a?fbclid=xyz&id=7",
        "HTTPS://news.example/a?id=7",
        "Https://News.Example/a?id=7",
        " https://news.example/a?id=7 ",
        "https://news.example./a?id=7",
        "https://news.example.:443/a?id=7",
        "https://news.example:0443/a?id=7",
        "https://news.example:/a?id=7",
        "https://ana:secret@news.example/a?id=7",
        "https://ana@news.example:443/a?id=7",
    ],
)
def test_addresses_of_one_article_have_one_id(variant: str) -> None:
    assert canonical_url(variant) == "https://news.example/a?id=7"
    assert article_id(variant) == article_id("https://news.example/a?id=7")


@pytest.mark.parametrize(
    "other",
    [
        "https://news.example/a?id=8",
        "https://news.example/A?id=7",
        "https://other.example/a?id=7",
        "http://news.example/a?id=7",
        "https://news.example:8443/a?id=7",
    ],
)
def test_addresses_of_different_articles_differ(other: str) -> None:
    assert article_id(other) != article_id("https://news.example/a?id=7")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://münchen.example/a", "https://xn--mnchen-3ya.example/a"),
        ("https://MÜNCHEN.example/a", "https://xn--mnchen-3ya.example/a"),
        ("Http://news.example", "http://news.example:80/"),
        ("http://[::1]:80/a", "HTTP://[::1]/a"),
    ],
)
def test_one_host_written_in_two_ways_is_one(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other)


HOSTS = ("news.example", "NEWS.Example.", "münchen.example", "[::1]", "1.2.3.4", ":", "", "..", "x..")


@given(
    st.sampled_from(["http://", "Http://", "HTTPS://", " https://"]),
    st.sampled_from(["", "u@", "u:p@", "u@v:p@", "@"]),
    st.sampled_from(HOSTS),
    st.sampled_from(["", ":", ":80", ":443", ":0443", ":8080", ":80.", ":99999", ":x"]),
    st.text("/?#&=%.;:@[]\\ aAä+~'\t2F", max_size=14),
)
def test_what_is_canonical_stays_so(scheme: str, login: str, host: str, port: str, path: str) -> None:
    once = canonical_url(f"{scheme}{login}{host}{port}/{path}")
    assert canonical_url(once) == once


def test_repeated_query_parameters_are_kept() -> None:
    assert canonical_url("https://news.example/?tag=b&tag=a") == "https://news.example/?tag=a&tag=b"


def test_what_is_no_web_address_stays_as_it_is() -> None:
    assert canonical_url("file:///tmp/An Article.txt") == "file:///tmp/An Article.txt"
    assert canonical_url("urn:whosaid:x:1") == "urn:whosaid:x:1"


@pytest.mark.parametrize("url", ["http://news.example:port/a", "https://[::1/a", "http://news.example:99999999/a"])
def test_an_address_that_cannot_be_read_stays_as_it_is(url: str) -> None:
    assert canonical_url(url) == url


def test_canonical_urls_are_stable() -> None:
    once = canonical_url("https://news.example/ä?q=ü&utm_id=1")
    assert canonical_url(once) == once


def test_a_revision_is_the_modification_whatever_the_zone() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    assert revision(moment, moment + timedelta(days=1)) == 1772366400250
    assert revision(moment.astimezone(timezone(timedelta(hours=5))), moment) == 1772366400250
    assert revision(None, moment) == 1772366400250


def test_a_revision_before_1970_is_zero() -> None:
    assert revision(datetime(1960, 1, 1, tzinfo=UTC), datetime.now(UTC)) == 0


def test_a_quote_id_depends_on_article_segments_and_text() -> None:
    base = quote_id("a", "We go.", [(0, 6)])
    assert base == quote_id("a", "We go.", [(0, 6)])
    assert base.startswith("a-")
    assert (
        len({base, quote_id("b", "We go.", [(0, 6)]), quote_id("a", "We go.", [(1, 7)]), quote_id("a", "x", [(0, 6)])})
        == 4
    )


def test_names_that_differ_in_case_or_spacing_alone_share_an_id() -> None:
    assert name_id("PERSON", "Olaf  Scholz") == name_id("PERSON", "OLAF SCHOLZ")
    assert name_id("PERSON", "Zoe\u0308") == name_id("PERSON", "Zoë")
    assert name_id("PERSON", "Rubio") != name_id("ORG", "Rubio")


def test_equal_content_has_an_equal_hash() -> None:
    assert content_hash("a", "b") == content_hash("a", "b")
    assert content_hash("a", "b") != content_hash("ab", "")


@given(st.lists(st.text(alphabet=st.characters(codec=None), max_size=20), max_size=4))
def test_any_text_has_a_digest(parts: list[str]) -> None:
    assert len(digest(*parts)) == 32
