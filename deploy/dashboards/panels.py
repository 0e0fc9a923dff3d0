"""Lists what the dashboards of quotes show, for both tools."""

from dataclasses import dataclass
from typing import Literal

QUOTES, ARTICLES = "whosaid-quotes", "whosaid-articles"
TIME = "published"
SITE = "http://127.0.0.1:8765"
"""Where the search service is, unless the reader of a dashboard says otherwise."""

SINCE = "now-1y"
"""The range that a dashboard opens with: the sample articles are in it."""

COPIES = "duplicate_of"
"""The field of documents that repeat another article's; they are left out, as in a search."""


@dataclass(frozen=True)
class Figure:
    """One number: how many documents, how many different values of a field, or its average."""

    title: str
    description: str
    index: str = QUOTES
    measure: Literal["count", "unique", "average"] = "count"
    field: str = ""


@dataclass(frozen=True)
class Ranking:
    """The most frequent values of a field; `parameter` is the condition of a search that a value leads to."""

    title: str
    description: str
    field: str
    index: str = QUOTES
    parameter: str = ""
    size: int = 12


@dataclass(frozen=True)
class OverTime:
    """How many documents over time, for each of the most frequent values of a field."""

    title: str
    description: str
    field: str
    index: str = QUOTES
    size: int = 5
    stacked: bool = False


FIGURES = (
    Figure("Quotes", "Quotes in articles published in this time."),
    Figure("Articles", "Articles published in this time.", ARTICLES),
    Figure("Speakers", "People and others who are quoted.", measure="unique", field="speaker.id"),
    Figure("Sources", "Publishers with a quote.", measure="unique", field="source.id"),
    Figure("Confidence", "How sure the engine is of a quote, on average.", measure="average", field="confidence"),
)
TIMES = (
    OverTime("Quotes over time", "By how the speech is reported.", "type", size=3, stacked=True),
    OverTime("Speakers over time", "The five who are quoted most.", "speaker.name"),
    OverTime("Articles over time", "By language.", "language", ARTICLES, stacked=True),
)
RANKINGS = (
    Ranking("Top speakers", "Who is quoted most.", "speaker.name", parameter="speaker"),
    Ranking("Top sources", "Where most quotes are.", "source.name", parameter="source"),
    Ranking("Mentioned", "Whom and what quotes name.", "entities.name", parameter="entity"),
    Ranking("Cues", "The words that report speech.", "cue.lemma", parameter="cue"),
    Ranking("Said to", "Addressees.", "addressee", parameter="addressee"),
    Ranking("Where", "Places and media in which it was said.", "medium", parameter="medium"),
    Ranking("Stated as", "Said, not said, or supposed.", "modality", parameter="modality", size=3),
    Ranking("Organisations", "Named in articles.", "organisations", ARTICLES, "entity"),
    Ranking("Places", "Named in articles.", "places", ARTICLES, "entity"),
    Ranking("Countries", "Of the places in articles.", "countries", ARTICLES),
)
CONTROLS = (("Speaker", "speaker.name"), ("Source", "source.name"), ("Type", "type"), ("Language", "language"))
"""What a reader narrows the dashboard down by."""

NEWEST = ("speaker.name", "said", "addressee", "medium", "source.name", "headline")
"""The fields of the newest quotes."""
