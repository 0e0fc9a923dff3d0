"""How quotes are cited."""

from datetime import UTC, date, datetime
from typing import Any

from pipeline.search import citation
from pipeline.search.results import QuoteHit
from tests.unit.search.factory import bridge, evil


def hit(**changes: Any) -> QuoteHit:
    quote, article = bridge().quotes[0], bridge().article
    fields = quote.model_dump(exclude={"context"}) | {
        "said": " ".join(quote.parts), "article_id": article.id, "headline": article.headline, "url": article.url,
        "source": article.source, "published": article.published, "language": article.language,
    }  # fmt: skip
    return QuoteHit.model_validate(fields | changes)


SAID = "We built it in two winters, … It will stand for a hundred years."


def test_a_citation_says_who_where_and_when() -> None:
    assert citation.sentence(hit()) == (
        f"Ines Calloway: “{SAID}” In: “Harbour bridge opens”, Harbour Tidings, 10 March 2026, "
        "https://tidings.example/bridge."
    )
    bare = hit(
        speaker=None,
        published=None,
        headline="",
        url="javascript:alert(1)",
        type="indirect",
        text="it stands",
        segments=[],
    )
    assert citation.sentence(bare) == "Speaker unknown: it stands In: Harbour Tidings."


def test_a_description_is_cut_between_words() -> None:
    assert citation.description(hit()) == f"“{SAID}” – Harbour Tidings, 10 March 2026"
    long = citation.description(hit(text="word " * 100, segments=[]))
    assert "word …” – Harbour" in long
    assert len(long) < 250


def test_a_quotation_has_what_schema_org_asks_for() -> None:
    made = citation.quotation(hit(said_on=date(2026, 3, 9)), "https://q.example/quotes/1")
    assert (made["@context"], made["@type"], made["text"]) == ("https://schema.org", "Quotation", SAID)
    assert made["creator"] == {"@type": "Person", "name": "Ines Calloway", "jobTitle": "Mayor"}
    assert made["dateCreated"] == "2026-03-09"
    assert made["isPartOf"] == {
        "@type": "NewsArticle", "headline": "Harbour bridge opens", "url": "https://tidings.example/bridge",
        "datePublished": datetime(2026, 3, 10, 8, tzinfo=UTC).isoformat(),
        "publisher": {"@type": "Organization", "name": "Harbour Tidings"},
    }  # fmt: skip
    bare = citation.quotation(hit(speaker=None, url=evil().article.url, said_on=None), "https://q.example/quotes/1")
    assert "creator" not in bare
    assert "url" not in bare["isPartOf"]
