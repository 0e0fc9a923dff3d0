"""The quote engine measured on the sample articles. The bars are what it reached when they were set, less a margin."""

from collections.abc import Callable

import pytest

from pipeline.models import Quote
from pipeline.samples import articles
from pipeline.settings import Settings
from pipeline.text.analyser import Analyser, AnalysisError, Document
from tests.unit.samples import gold
from tests.unit.samples.gold import GoldArticle, GoldQuote

Reading = list[tuple[GoldArticle, list[Quote]]]

UNSURE = 0.5
"""Below this confidence a reader is warned; words on a banner may come out so, nothing else that is no quote may."""


@pytest.fixture(scope="module")
def reading(one_model: None) -> Reading:
    """Each article's labels with what the engine reads out of it."""
    analyser = Analyser(Settings().enrichment.model)
    by_url = {article.url: article for article in articles()}
    result = []
    for label in gold.load():
        article = by_url[label.url]
        document = Document(article.id, article.body, article.published)
        analysis = analyser.analyse_one(document)
        assert not isinstance(analysis, AnalysisError), analysis
        result.append((label, list(analysis.quotes)))
    return result


def share(reading: Reading, right: Callable[[GoldQuote, Quote], bool], wanted: Callable[[GoldQuote], bool]) -> float:
    """Of the quotes that were found and are wanted, the share for which `right` holds."""
    marks = [
        right(label, quote)
        for article, quotes in reading
        for label, quote in gold.pairs(article, quotes)
        if quote is not None and wanted(label)
    ]
    assert marks
    return sum(marks) / len(marks)


@pytest.mark.parametrize(("kind", "least"), [("direct", 0.94), ("mixed", 0.90), ("indirect", 0.91)])
def test_nearly_all_quotes_of_each_type_are_found(reading: Reading, kind: str, least: float) -> None:
    found = [
        (label, quote)
        for article, quotes in reading
        for label, quote in gold.pairs(article, quotes)
        if label.type == kind
    ]
    missed = [label.segments for label, quote in found if quote is None]
    assert 1 - len(missed) / len(found) >= least, missed


def test_few_quotes_are_read_that_a_person_does_not_see(reading: Reading) -> None:
    extra = []
    total = 0
    for article, quotes in reading:
        matched = {quote.id for _, quote in gold.pairs(article, quotes) if quote is not None}
        for quote in quotes:
            total += 1
            if quote.id not in matched and not any(words in quote.text for words in article.borderline):
                extra.append(quote.text)
    assert len(extra) / total <= 0.10, extra


def test_the_speaker_has_the_right_name(reading: Reading) -> None:
    assert share(reading, lambda label, quote: _speaker(label, quote), lambda label: True) >= 0.75


def test_types_cues_addressees_media_and_days_are_mostly_right(reading: Reading) -> None:
    shares = {
        "type": share(reading, lambda label, quote: quote.type == label.type, lambda label: True),
        "cue": share(reading, _cue, lambda label: label.cue is not None),
        "addressee": share(
            reading,
            lambda label, quote: gold.same_name(quote.addressee, label.addressee),
            lambda label: label.addressee is not None,
        ),
        "medium": share(
            reading,
            lambda label, quote: gold.same_name(quote.medium, label.medium),
            lambda label: label.medium is not None,
        ),
        "day": share(
            reading, lambda label, quote: quote.said_on == label.day(), lambda label: label.said_on is not None
        ),
    }
    least = {"type": 0.96, "cue": 0.96, "addressee": 0.89, "medium": 0.54, "day": 0.85}
    assert {name: value for name, value in shares.items() if value < least[name]} == {}


def test_scare_quotes_titles_and_furniture_are_never_quotes(reading: Reading) -> None:
    for article, quotes in reading:
        for snippet in article.never:
            characters = article.characters([snippet])
            taken = [quote.text for quote in quotes if _is(quote, characters)]
            assert taken == [], f"{article.url}: {snippet}"


def test_words_on_banners_are_at_most_doubtful_quotes(reading: Reading) -> None:
    for article, quotes in reading:
        for snippet in article.inscriptions:
            characters = article.characters([snippet])
            sure = [quote.text for quote in quotes if _is(quote, characters) and quote.confidence >= UNSURE]
            assert sure == [], f"{article.url}: {snippet}"


def test_a_quote_that_stays_open_over_paragraphs_is_one(reading: Reading) -> None:
    runs = [
        (label, quote)
        for article, quotes in reading
        for label, quote in gold.pairs(article, quotes)
        if len(label.segments) > 3
    ]
    assert runs
    for label, quote in runs:
        assert quote is not None, label.segments
        assert quote.parts == label.segments
        assert _speaker(label, quote)


def _speaker(label: GoldQuote, quote: Quote) -> bool:
    return quote.speaker is not None and gold.same_name(quote.speaker.name, label.speaker)


def _cue(label: GoldQuote, quote: Quote) -> bool:
    if label.cue is None or quote.cue is None:
        return label.cue is None and quote.cue is None
    return label.cue in quote.cue.text or quote.cue.text in label.cue


def _is(quote: Quote, characters: frozenset[int]) -> bool:
    """Whether the quote is made of these characters, rather than a longer one that has them in it."""
    pieces = gold.spoken(quote)
    return len(pieces & characters) > len(pieces) / 2
