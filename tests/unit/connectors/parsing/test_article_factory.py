from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import SourceConfig
from connectors.parsing.article_factory import clean, domain_of, language_code, make_article, one_line, source_of
from pipeline.models import Article, Source
from tests.unit.connectors.helpers import NOW

EARLIER = datetime(2025, 3, 11, 8, 30, tzinfo=UTC)


def an_article(url: str = "https://a.test/1", body: str = "He said so.", **more: Any) -> Article:
    return make_article(url=url, body=body, source=Source(id="a", name="A"), fetched=NOW, **more)


def test_the_identity_is_the_canonical_address_without_tracking() -> None:
    assert an_article("https://A.test/1?utm_source=x&fbclid=y#top").id == an_article("https://a.test/1").id
    assert an_article("https://m.a.test/1", canonical="https://a.test/1").id == an_article().id


def test_the_revision_is_the_first_of_its_dates_that_is_known() -> None:
    def at(moment: datetime) -> int:
        return round(moment.timestamp() * 1000)

    assert an_article(published=EARLIER, modified=NOW - timedelta(hours=1)).revision == at(NOW) - 3_600_000
    assert an_article(published=EARLIER).revision == at(EARLIER)
    assert an_article().revision == at(NOW)


def test_a_new_content_is_above_the_revision_before_it() -> None:
    assert an_article(published=EARLIER, previous_revision=9_999_999_999_999).revision == 10_000_000_000_000
    assert an_article(modified=NOW, previous_revision=5).revision == round(NOW.timestamp() * 1000)


def test_a_date_in_the_future_is_now_and_said_so() -> None:
    article = an_article(published=NOW + timedelta(days=3650))
    assert article.published == NOW
    assert article.raw["published-in-future"].startswith("2035-")


def test_text_that_no_utf8_can_carry_is_replaced_in_place() -> None:
    article = an_article(body="a\ud800b", headline="\udfff")
    assert (article.body, article.headline) == ("a?b", "?")
    assert article.model_dump_json()


def test_control_characters_go_from_all_that_it_says() -> None:
    bad = "\x1b]0;t\x07a\x9b2J\u202eb\x00"
    article = make_article(
        url=f"https://a.test/{bad}\n\t1", canonical=f"https://a.test/{bad}", body=f"{bad}\r\n{bad}\tc", fetched=NOW,
        source=Source(id=bad, name=bad, domain=bad), headline=bad, byline=bad, tags=[bad], raw={bad: bad},
    )  # fmt: skip
    left = "]0;ta2Jb"
    assert article.body == f"{left}\n{left}\tc"  # offsets are into the body that is here
    assert (article.headline, article.byline, article.tags) == (left, left, [left])
    assert article.source == Source(id=left, name=left, domain=left)
    assert (article.url, article.raw) == (f"https://a.test/{left}1", {left: left})
    assert not any(character in article.model_dump_json() for character in "\x1b\x9b\u202e\x00\x07")
    assert "\\u00" not in article.model_dump_json()


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en", "en"), ("en-GB", "en"), ("EN_us", "en"), (" de ", "de"), ("english", None), ("", None), (None, None),
     ("zh-Hans-CN", "zh")],
)  # fmt: skip
def test_a_language_is_its_two_letters(tag: str | None, code: str | None) -> None:
    assert language_code(tag) == code


@pytest.mark.parametrize(
    ("url", "domain"),
    [("https://www.News.test/a", "news.test"), ("http://news.test:81", "news.test"), ("file:///a", None),
     ("https://[x", None)],
)  # fmt: skip
def test_the_domain_of_an_address(url: str, domain: str | None) -> None:
    assert domain_of(url) == domain


def test_a_source_is_named_by_the_user_or_else_by_its_domain() -> None:
    feed = SourceConfig("f", "feed", "https://www.news.test/rss")
    assert source_of(feed, "https://blog.test/1").domain == "blog.test"
    assert source_of(feed).id == "news.test"
    named = SourceConfig("f", "feed", "https://news.test/rss", name="The News", options={"source": "news"})
    assert (source_of(named).id, source_of(named).name) == ("news", "The News")
    assert source_of(SourceConfig("spool", "file", "/var/spool")).id == "spool"


def test_headlines_are_one_line_and_tags_are_few_and_different() -> None:
    article = an_article(headline=" A\n b\t c ", tags=["x", "x", "", " y "] + [str(n) for n in range(200)])
    assert article.headline == "A b c"
    assert article.tags[:2] == ["x", "y"]
    assert len(article.tags) == 64
    assert len(one_line("a" * 9999)) == 2000
    assert clean(None) == ""
