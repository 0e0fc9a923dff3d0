"""Cites a quote: in a sentence for people, as schema.org's Quotation for programs."""

from typing import Any

from pipeline.models import in_marks
from pipeline.search import rendering
from pipeline.search.results import ArticleView, QuoteHit

_SHOWN = 200  # characters of what was said in a description


def sentence(hit: QuoteHit) -> str:
    """The quote with its speaker, article, source, day and address, as a text cites it."""
    who = hit.speaker.name if hit.speaker else "Speaker unknown"
    said = in_marks(hit.type, hit.spoken)
    headline = f"“{hit.headline}”" if hit.headline else None
    where = [headline, hit.source.name, rendering.day(hit.published), rendering.weblink(hit.url)]
    return f"{who}: {said.rstrip()} In: {', '.join(part for part in where if part)}."


def article(view: ArticleView) -> str:
    """The article with its author, source, day and address, as a text cites it."""
    headline = f"“{view.headline}”" if view.headline else None
    parts = [headline, view.source.name, rendering.day(view.published), rendering.weblink(view.url)]
    return f"{', '.join(part for part in (_author(view.byline), *parts) if part)}."


def _author(byline: str | None) -> str | None:
    """The name in a byline: By Elena Marsh → Elena Marsh."""
    return byline[3:] if byline and byline[:3].lower() == "by " else byline


def description(hit: QuoteHit) -> str:
    """What was said, cut, with its source and day: for search engines and for previews of a link."""
    said = in_marks(hit.type, hit.beginning(_SHOWN))
    return ", ".join(part for part in (f"{said} – {hit.source.name}", rendering.day(hit.published)) if part)


def quotation(hit: QuoteHit, address: str) -> dict[str, Any]:
    """The quote as https://schema.org/Quotation; `address` is its permanent address here."""
    article = {
        "@type": "NewsArticle",
        "headline": hit.headline or None,
        "url": rendering.weblink(hit.url),
        "datePublished": hit.published.isoformat() if hit.published else None,
        "publisher": {"@type": "Organization", "name": hit.source.name},
    }
    speaker = hit.speaker
    person = _filled({"@type": "Person", "name": speaker.name, "jobTitle": speaker.title}) if speaker else None
    return _filled(
        {
            "@context": "https://schema.org",
            "@type": "Quotation",
            "@id": address,
            "url": address,
            "text": hit.spoken,
            "creator": person,
            "spokenByCharacter": person,
            "dateCreated": hit.said_on.isoformat() if hit.said_on else None,
            "inLanguage": hit.language,
            "isPartOf": _filled(article),
        }
    )


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
