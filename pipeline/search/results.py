"""Defines the results of searches; the JSON of the search service has exactly these fields."""

from datetime import date, datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from pipeline.models import (
    Article,
    Cue,
    Entity,
    Modality,
    ModelInfo,
    Quote,
    QuoteType,
    Source,
    Speaker,
    UtcDatetime,
    spoken,
)


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class QuoteHit(_Result):
    """A quote that a search found, with what is needed to show it."""

    id: str
    type: QuoteType
    modality: Modality = Modality.ASSERTED
    text: str = Field(description="The article's words from the first spoken one to the last.")
    said: str = Field(description="The spoken pieces alone, with a space between.")
    start: int = Field(description="Where `text` starts in the article's body, in code points.")
    end: int
    segments: list[tuple[int, int]] = Field(description="The spoken pieces, as offsets into the article's body.")
    matches: list[tuple[int, int]] = Field(
        default_factory=list, description="The words that were searched for, as offsets into `text`."
    )
    speaker: Speaker | None = None
    cue: Cue | None = None
    addressee: str | None = None
    medium: str | None = None
    said_on: date | None = None
    date_mention: str | None = None
    confidence: float
    article_id: str
    headline: str = ""
    headline_matches: list[tuple[int, int]] = Field(default_factory=list, description="Offsets into `headline`.")
    context: str = Field(default="", description="The best passage of the paragraph around, where the words are there.")
    context_matches: list[tuple[int, int]] = Field(default_factory=list, description="Offsets into `context`.")
    url: str
    source: Source
    published: UtcDatetime | None = None
    language: str | None = None
    duplicate_of: str | None = Field(default=None, description="The article that has this quote too and came first.")

    @property
    def spoken(self) -> str:
        """What was said, for people to read: with “…” between its pieces."""
        return spoken(self.text, self.start, self.segments)

    def beginning(self, most: int) -> str:
        """What was said, on one line, cut at a word after so many characters."""
        said = " ".join(self.spoken.split())
        return said if len(said) <= most else f"{said[:most].rsplit(' ', 1)[0]} …"


class Named(_Result):
    """A speaker or a source, and how many of the quotes are theirs."""

    name: str
    id: str
    count: int


class EntityCount(Named):
    """An entity, and how many of the quotes name it."""

    label: str = Field(description="PERSON, ORG, GPE …")


class AcrossCount(Named):
    """An entity across articles, or a name that means none of them surely, and how many of the quotes it has."""

    names: list[str] = Field(description="Its names in the quotes, the most frequent first.")
    known: bool = Field(description="Whether `id` is an entity's; else it is that of a name in articles.")


class Facets(_Result):
    """What the quotes found have in common: of each kind the most frequent values."""

    speakers: list[Named] = Field(default_factory=list)
    sources: list[Named] = Field(default_factory=list)
    types: dict[QuoteType, int] = Field(default_factory=dict)
    entities: list[EntityCount] = Field(default_factory=list, description="What the quotes name.")
    addressees: list[Named] = Field(default_factory=list)
    cues: list[Named] = Field(default_factory=list, description="Say, warn, according to …")
    modalities: dict[Modality, int] = Field(default_factory=dict)
    languages: list[Named] = Field(default_factory=list)
    media: list[Named] = Field(default_factory=list, description="Where or by what it was said.")
    more: list[str] = Field(default_factory=list, description="The facets that have more values than are listed.")


class Bar(_Result):
    """One bar of a histogram: the quotes published from `start` on, up to the next bar."""

    start: date
    count: int


class Histogram(_Result):
    """The quotes found over time, by the day of publication (UTC), without dates before 1900 and in the future."""

    interval: Literal["day", "week", "month", "year"] = "day"
    bars: list[Bar] = Field(default_factory=list)


class FacetValues(_Result):
    """The values of one facet."""

    values: list[EntityCount | AcrossCount | Named]
    more: bool = Field(description="Whether there are more than are listed.")
    total: int = Field(description="How many quotes were found.")
    reason: str | None = Field(default=None, description="Why some quotes may be missing; null where none is.")


class SourceCount(Named):
    """A source, and what it has."""

    domain: str | None = None
    articles: int = Field(description="Articles with quotes.")
    speakers: int
    first: UtcDatetime | None = Field(default=None, description="When the oldest quote was published.")
    last: UtcDatetime | None = Field(default=None, description="When the newest was.")


class SpeakerProfile(_Result):
    """A speaker: how much, when, how, where, to whom, about whom, and beside whom."""

    id: str
    name: str
    names: list[str] = Field(description="As articles have the name, the most frequent first.")
    titles: list[Named] = Field(default_factory=list)
    affiliations: list[Named] = Field(default_factory=list)
    total: int = Field(description="Quotes.")
    articles: int = Field(description="Articles with quotes; a thousand at the most.")
    first: UtcDatetime | None = None
    last: UtcDatetime | None = None
    histogram: Histogram = Field(default_factory=Histogram)
    entities: list[EntityCount] = Field(default_factory=list, description="Whom and what the quotes name.")
    addressees: list[Named] = Field(default_factory=list)
    sources: list[Named] = Field(default_factory=list)
    cues: list[Named] = Field(default_factory=list)
    types: dict[QuoteType, int] = Field(default_factory=dict)
    modalities: dict[Modality, int] = Field(default_factory=dict)
    media: list[Named] = Field(default_factory=list)
    languages: list[Named] = Field(default_factory=list)
    beside: list[Named] = Field(default_factory=list, description="Who is quoted in the same articles.")
    reason: str | None = Field(default=None, description="Why some quotes may be missing; null where none is.")


class Series(Named):
    """One value of a dimension over time."""

    histogram: Histogram
    split: list["Series"] = Field(default_factory=list, description="Its parts by the second dimension.")


class Trends(_Result):
    """The most frequent values of a dimension over time."""

    total: int = Field(description="Quotes found, also those without the dimension or without a date.")
    interval: Literal["day", "week", "month", "year"]
    series: list[Series]
    reason: str | None = Field(default=None, description="Why some quotes may be missing; null where none is.")


class RisingValue(Named):
    """A value now and before."""

    before: int = Field(description="How many there were in as many days before.")
    new: bool = Field(description="Whether there was none before.")


class Rising(_Result):
    """What is said more now than before."""

    days: int
    values: list[RisingValue]
    reason: str | None = Field(default=None, description="Why some quotes may be missing; null where none is.")


class Compared(_Result):
    """One of those that are compared."""

    value: str = Field(description="As it was asked for.")
    name: str = Field(default="", description="What it is called: the name of an id, or the one name that it means.")
    names: list[Named] = Field(
        default_factory=list, description="What was matched: names as articles have them, the most frequent first."
    )
    better: str | None = Field(
        default=None, description="Where nothing was matched, the name that may have been meant."
    )
    total: int
    first: UtcDatetime | None = None
    last: UtcDatetime | None = None
    histogram: Histogram = Field(default_factory=Histogram)
    entities: list[EntityCount] = Field(default_factory=list)
    speakers: list[Named] = Field(default_factory=list)
    sources: list[Named] = Field(default_factory=list)
    cues: list[Named] = Field(default_factory=list)
    types: dict[QuoteType, int] = Field(default_factory=dict)
    modalities: dict[Modality, int] = Field(default_factory=dict)


class Comparison(_Result):
    """Speakers, sources or entities beside each other."""

    of: Literal["speaker", "source", "entity"]
    total: int = Field(description="Quotes that the search finds, of anybody.")
    compared: list[Compared]
    reason: str | None = Field(default=None, description="Why some quotes may be missing; null where none is.")


class Statistics(_Result):
    """How much there is."""

    articles: int
    quotes: int
    speakers: int
    sources: int
    newest: UtcDatetime | None = Field(default=None, description="When the newest quote was indexed.")
    types: dict[QuoteType, int] = Field(default_factory=dict)
    modalities: dict[Modality, int] = Field(default_factory=dict)
    languages: list[Named] = Field(default_factory=list)
    days: Histogram = Field(default_factory=Histogram, description="The last thirty days, by publication.")
    week: list[RisingValue] = Field(
        default_factory=list, description="Who was quoted most in the last seven days, beside the seven before."
    )
    reason: str | None = Field(default=None, description="Why some quotes may be missing; null where none is.")


class Suggestion(_Result):
    """A word that may have been meant."""

    parameter: str = Field(description="q, speaker or entity.")
    typed: str
    better: str = Field(description="The whole of the parameter, with other words.")


class QuotePage(_Result):
    """One page of the quotes found."""

    total: int = Field(description="How many quotes there are on all pages.")
    hits: list[QuoteHit]
    next: str | None = Field(default=None, description="The cursor of the next page; null on the last.")
    facets: Facets | None = Field(default=None, description="Only where they were asked for.")
    histogram: Histogram | None = Field(default=None, description="Only where it was asked for.")
    suggestions: list[Suggestion] = Field(
        default_factory=list, description="Where nothing was found: searches that may have been meant."
    )
    complete: bool = Field(
        default=True,
        description="False: there may be more quotes, for the time ran out, or an index is closed, without its alias, "
        "not WhoSaid's, or away.",
    )
    reason: str | None = Field(
        default=None, description="Why it is not complete, and what mends it; null where it is complete."
    )
    seconds: float = Field(default=0, description="How long the cluster took.")


class SpreadHit(QuoteHit):
    """A quote that has words of another one."""

    likeness: float = Field(description="How much of the words is the same, in the same order, from 0 to 1.")
    how: Literal["whole", "cut", "changed"] = Field(
        description="whole: all the same words; cut: only some of them, or more around them; changed: others between."
    )


class Spread(_Result):
    """Where else the words of a quote appeared, the oldest first."""

    total: int
    articles: int = Field(description="How many articles among `hits` have it.")
    hits: list[SpreadHit]
    histogram: Histogram = Field(default_factory=Histogram)


class ArticleHit(_Result):
    """An article that a search found."""

    id: str
    url: str
    headline: str = ""
    byline: str | None = None
    source: Source
    published: UtcDatetime | None = None
    modified: UtcDatetime | None = None
    language: str | None = None
    quote_count: int = 0
    duplicate_of: str | None = None
    people: list[str] = Field(default_factory=list)
    organisations: list[str] = Field(default_factory=list)
    places: list[str] = Field(default_factory=list)


class ArticlePage(_Result):
    """One page of the articles found."""

    total: int
    hits: list[ArticleHit]
    next: str | None = Field(default=None, description="The cursor of the next page; null on the last.")
    complete: bool = True
    reason: str | None = None


class ArticleView(Article):
    """An article with what was found in it."""

    # Headers of the article's origin: for people who run WhoSaid, not for readers.
    raw: dict[str, str] = Field(default_factory=dict, exclude=True)
    entities: list[Entity] = Field(default_factory=list)
    quotes: list[Quote] = Field(default_factory=list)
    duplicate_of: str | None = None
    cluster: str | None = None
    model: ModelInfo | None = None
    enriched: UtcDatetime | None = None
    indexed: UtcDatetime | None = None


class Counts(NamedTuple):
    """How much can be searched; `newest` is when the last quote was indexed."""

    articles: int
    quotes: int
    speakers: int
    sources: int
    newest: datetime | None


class Steps(BaseModel):
    """When an article was fetched, analysed and written, in seconds since 1970."""

    fetched: float
    enriched: float
    indexed: float


class Writing(BaseModel):
    """What the sink wrote lately."""

    articles: int = Field(description="All that there are.")
    copies: int = Field(description="Those among them that are copies of another.")
    hours: list[tuple[datetime, int]] = Field(description="By hour, the articles written in it.")
    latest: list[Steps] = Field(description="The articles written last.")
