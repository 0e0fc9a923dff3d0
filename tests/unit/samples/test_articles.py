"""The bundled sample articles: whole, invented, of every shape, and labelled word for word."""

import re
from datetime import UTC, datetime

import pytest

from pipeline.identity import article_id, content_hash
from pipeline.models import Article
from pipeline.samples import articles
from tests.unit.samples import gold

ARTICLES = articles()
LABELS = gold.load()
QUOTES = [quote for article in LABELS for quote in article.quotes]


def test_there_are_some_twenty_articles_of_several_outlets() -> None:
    assert 20 <= len(ARTICLES) <= 24
    assert all(150 <= len(article.body.split()) <= 450 for article in ARTICLES)
    assert len({article.source.id for article in ARTICLES}) in range(4, 7)
    assert len({article.published.month for article in ARTICLES if article.published}) >= 5
    assert len({tag for article in ARTICLES for tag in article.tags}) >= 10


def test_they_come_in_the_order_of_their_publication() -> None:
    moments = [article.published or datetime.max.replace(tzinfo=UTC) for article in ARTICLES]
    assert moments == sorted(moments)


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.url.rpartition("/")[2])
def test_an_article_is_as_a_connector_would_publish_it(article: Article) -> None:
    assert re.fullmatch(r"https://[a-z]+\.example/2026/\d\d/\d\d/[a-z0-9-]+", article.url), "reserved names only"
    assert article.published is not None
    assert article.published.strftime("/%Y/%m/%d/") in article.url
    assert article.source.domain == article.url.split("/")[2]
    assert article.id == article_id(article.url)
    assert article.content_hash == content_hash(article.headline, article.body)
    assert article.headline
    assert article.byline
    assert article.tags
    assert article.language == "en"
    assert article.body == article.body.strip()


def test_reading_them_twice_gives_the_same_events() -> None:
    assert articles() == ARTICLES


@pytest.mark.parametrize("marks", ["“”", '"', "‘’", "'"])
def test_every_kind_of_quotation_mark_is_some_articles_main_one(marks: str) -> None:
    def pieces_in(kind: str, body: str) -> int:
        return len(re.findall(f"(?<!\\w){kind[0]}[^{kind}]{{12,}}[,.!?]{kind[-1]}", body))

    main = [max(("“”", '"', "‘’", "'"), key=lambda kind: pieces_in(kind, article.body)) for article in ARTICLES]
    assert marks in main


def test_paragraphs_are_parted_by_one_line_break_or_by_two() -> None:
    assert {("\n\n" in article.body) for article in ARTICLES} == {True, False}


def test_every_article_is_labelled_once() -> None:
    assert [label.url for label in LABELS] == sorted((article.url for article in ARTICLES), key=_path)


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.url.rpartition("/")[2])
def test_every_label_is_words_of_the_body(label: gold.GoldArticle) -> None:
    starts = [min(label.characters(quote.segments)) for quote in label.quotes]
    assert starts == sorted(starts), "labels stand in the order of the text"
    label.characters([*label.never, *label.inscriptions, *label.borderline])
    for quote in label.quotes:
        words = [quote.mention, quote.cue, quote.addressee, quote.medium, quote.date_mention]
        assert [word for word in words if word and word not in label.body] == []
        assert (quote.day() is None) == (quote.date_mention is None)
        assert not (quote.carried and quote.cue)


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.url.rpartition("/")[2])
def test_what_is_no_quote_lies_in_none(label: gold.GoldArticle) -> None:
    said = label.characters([segment for quote in label.quotes for segment in quote.segments])
    assert not said & label.characters([*label.never, *label.inscriptions, *label.borderline])


def test_the_labels_have_every_hard_shape() -> None:
    assert {quote.type for quote in QUOTES} == {"direct", "indirect", "mixed"}
    shapes = {
        "split by its cue": sum(len(quote.segments) == 2 for quote in QUOTES),
        "open over paragraphs": sum(len(quote.segments) > 3 for quote in QUOTES),
        "without a cue": sum(quote.carried for quote in QUOTES),
        "by a pronoun": sum(quote.mention.lower() in ("he", "she", "they") for quote in QUOTES),
        "to somebody": sum(quote.addressee is not None for quote in QUOTES),
        "in a medium": sum(quote.medium is not None for quote in QUOTES),
        "on a day": sum(quote.date_mention is not None for quote in QUOTES),
        "by a spokesperson": sum(quote.mention.startswith("A spokesperson for") for quote in QUOTES),
        "by a document": sum(quote.mention in ("The paper", "The licence", "the ruling") for quote in QUOTES),
        "by a joint statement": sum(quote.mention == "a joint statement" for quote in QUOTES),
        "according to": sum((quote.cue or "").lower() == "according to" for quote in QUOTES),
        "no quote at all": sum(len(label.never) for label in LABELS),
    }
    assert [shape for shape, count in shapes.items() if count == 0] == []


def test_a_person_is_named_by_two_roles_in_one_article() -> None:
    roles = {quote.mention for quote in QUOTES if quote.speaker == "Dana Whitcombe"}
    assert {"Calderan Energy Secretary Dana Whitcombe", "Senator Dana Whitcombe"} <= roles


def test_when_they_are_read_changes_no_revision() -> None:
    now = datetime(2027, 1, 2, tzinfo=UTC)
    assert {article.fetched for article in articles(now)} == {now}
    assert articles(now) == [article.model_copy(update={"fetched": now}) for article in articles()]


def _path(url: str) -> str:
    return url.split("/", 3)[3]
