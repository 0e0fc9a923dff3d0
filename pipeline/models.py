"""Defines the events: articles, what was found in them, and dead letters.

Names follow schema.org's NewsArticle where it has one. All times are timezone-aware UTC. All offsets are Python string
offsets (code points) into the article's `body`, end exclusive, and `body[start:end]` is the text, always.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, FailFast, Field, model_validator

SCHEMA_VERSION = 1
"""The version of the events on the topics; readers accept this one and older ones."""

MAX_QUOTES = 5_000
MAX_ENTITIES = 20_000
"""The most that an article may have of each, to be indexed: several times what the longest book chapter has."""

MAX_ENGINE = 1023
"""The largest version of the quote engine that is told apart: with the revision it must fit into 64 bits."""


T = TypeVar("T")
Word = TypeVar("Word", bound=StrEnum)
Items = Annotated[list[T], FailFast()]
"""A list of which only the first bad item is told: pydantic takes a kilobyte for each that it tells."""

ByName = Annotated[dict[str, T], FailFast()]
"""The same for what is kept by names."""


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time lies outside the years 1 to 9999 in UTC") from None


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A timezone-aware time, kept in UTC; a naive one is refused, and one that has no year from 1 to 9999 there."""


def _quick_value(words: type[Word]) -> type[Word]:
    """Lets `value` of the members be read without Python code: pydantic asks for it whenever it writes one as JSON."""
    words.value = property(attrgetter("_value_"))  # type: ignore[method-assign, assignment]
    return words


class _Model(BaseModel):
    # Readers must accept the events of newer writers of the same schema version: unknown fields are dropped.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Span(_Model):
    """A piece of an article's body: `body[start:end]`."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}")
        return self


class Source(_Model):
    """Who published an article: `id` is stable (by default the domain), `name` is for people."""

    id: str
    name: str
    domain: str | None = None


class Article(_Model):
    """A news article as a connector published it; the Kafka key is `id`, so that its revisions stay in order."""

    schema_version: int = SCHEMA_VERSION
    id: str = Field(min_length=1, description="Hash of the canonical URL; see pipeline.identity.")
    url: str
    canonical_url: str
    source: Source
    headline: str = ""
    byline: str | None = None
    body: str
    published: UtcDatetime | None = Field(default=None, description="When the source says it was published.")
    modified: UtcDatetime | None = None
    fetched: UtcDatetime
    language: str | None = Field(default=None, description="ISO 639-1 code, where the source or a detector gave one.")
    tags: Items[str] = Field(default_factory=list)
    revision: int = Field(ge=0, description="Milliseconds since 1970 of `modified` or else `fetched`; newer wins.")
    content_hash: str = Field(description="Hash of headline and body; equal for equal content.")
    raw: ByName[str] = Field(default_factory=dict, description="Headers of where it came from.")


class Entity(Span):
    """A named entity that the spaCy pipeline found."""

    text: str
    label: str = Field(description="spaCy's label: PERSON, ORG, GPE …")
    name: str = Field(description="The canonical name within the article: 'Rubio' → 'Marco Rubio'.")
    id: str = Field(description="Stable across articles for the same name and label.")
    country: str | None = Field(default=None, description="ISO 3166-1 alpha-2 code, for places that have one.")


@_quick_value
class QuoteType(StrEnum):
    """direct: within marks or behind a label; indirect: none; mixed: a reported clause with marked words in it."""

    DIRECT = "direct"
    INDIRECT = "indirect"
    MIXED = "mixed"


@_quick_value
class Resolution(StrEnum):
    """How a speaker's name was found: by name, behind a pronoun or a role, or carried on from the quote before."""

    NAMED = "named"
    PRONOUN = "pronoun"
    NOMINAL = "nominal"
    CARRIED = "carried"


@_quick_value
class Modality(StrEnum):
    """Whether the article asserts that it was said ("said"), denies it ("did not say") or supposes it ("would say")."""

    ASSERTED = "asserted"
    NEGATED = "negated"
    HYPOTHETICAL = "hypothetical"


class Cue(Span):
    """The words that report the speech: said, according to, in a statement."""

    text: str
    lemma: str


class Speaker(_Model):
    """Who said a quote. `body[start:end]` is the mention; for a carried speaker, the mention it was carried from."""

    name: str = Field(description="The article's canonical name of the speaker.")
    id: str = Field(description="Stable across articles for the same name.")
    mention: str
    start: int
    end: int
    title: str | None = Field(default=None, description="Role or honorific: 'German Chancellor'.")
    affiliation: str | None = Field(default=None, description="Organisation or country the speaker speaks for.")
    resolution: Resolution
    confidence: float = Field(ge=0, le=1)


class Quote(Span):
    """Something somebody said.

    Quotation marks are outside the span. A direct quote split by its cue is one quote with two segments: `text` is
    `body[start:end]` with the words between, `parts` are the spoken pieces alone. A reported clause starts after its
    "that". An unknown speaker is null, never a guess.
    """

    id: str
    type: QuoteType
    text: str
    segments: Items[tuple[int, int]] = Field(min_length=1)
    cue: Cue | None = None
    speaker: Speaker | None = None
    addressee: str | None = None
    medium: str | None = Field(default=None, description="'on X', 'in a statement', 'at the White House'.")
    said_on: date | None = Field(default=None, description="`date_mention` resolved against the publication date.")
    date_mention: str | None = None
    modality: Modality = Modality.ASSERTED
    confidence: float = Field(ge=0, le=1)
    context: tuple[int, int] = Field(description="Offsets of the paragraph around the quote.")

    @property
    def parts(self) -> list[str]:
        """The spoken pieces, in order: the text of each segment."""
        return _pieces(self.text, self.start, self.segments)

    @property
    def spoken(self) -> str:
        """The spoken pieces for people to read, with “…” between them."""
        return spoken(self.text, self.start, self.segments)


def _pieces(text: str, start: int, segments: Sequence[Sequence[int]]) -> list[str]:
    return [text[begin - start : end - start] for begin, end in segments]


def spoken(text: str, start: int, segments: Sequence[Sequence[int]]) -> str:
    """The spoken pieces of a quote for people to read, with “…” where the article says something between them.

    Args:
        text: the article's words from the first spoken one to the last.
        start: where it starts in the article's body.
        segments: the pieces, as offsets into the article's body.
    """
    return " … ".join(_pieces(text, start, segments)) or text


def in_marks(type: QuoteType, words: str) -> str:
    """The words as others may repeat them: in quotation marks where somebody said just these, else as they are."""
    return f"“{words}”" if type is QuoteType.DIRECT else words


class ModelInfo(_Model):
    """Which engine enriched an article, so that a newer one can do it again."""

    name: str
    version: str
    engine: str = Field(description="Version of WhoSaid's quote engine: a whole number.")

    @property
    def order(self) -> int:
        """The engine's version as a number, to tell older from newer; 0 where it is none."""
        return min(int(self.engine), MAX_ENGINE) if self.engine.isascii() and self.engine.isdecimal() else 0


class Enriched(_Model):
    """An article with what was found in it; what `news.enriched` carries."""

    schema_version: int = SCHEMA_VERSION
    article: Article
    entities: Items[Entity] = Field(default_factory=list)
    quotes: Items[Quote] = Field(default_factory=list)
    fingerprint: str | None = Field(
        default=None, max_length=2000, description="Of the body, to find copies by; see pipeline.text.fingerprint."
    )
    duplicate_of: str | None = Field(
        default=None, description="Id of the first article of the cluster, if not this one; the sink finds it."
    )
    cluster: str | None = Field(
        default=None, description="Id shared by syndicated copies: that of their first article; the sink finds it."
    )
    copied: ByName[str] = Field(
        default_factory=dict,
        description="The quotes, by id, that another article of the cluster already has, with that article's id.",
    )
    model: ModelInfo
    enriched: UtcDatetime
    timings: ByName[float] = Field(default_factory=dict, description="Seconds by stage.")


class Stage(StrEnum):
    """Where an event failed."""

    CONNECT = "connect"
    ENRICH = "enrich"
    SINK = "sink"


class DeadLetter(_Model):
    """Why an event could not go on. On the topic its fields are headers; key and value are the original bytes."""

    topic: str
    partition: int
    offset: int
    stage: Stage
    error: str = Field(description="Class of the error.")
    reason: str = Field(description="One sentence; Elasticsearch's own where it refused a document.")
    attempts: int = 1
    first_failed: UtcDatetime
    last_failed: UtcDatetime
    key: bytes | None = None
    value: bytes | None = None
    headers: list[tuple[str, bytes]] = Field(default_factory=list, description="Those that the event came with.")
    null_headers: list[int] = Field(
        default_factory=list, description="Positions in `headers` of those that came without a value; it is empty here."
    )
    kept: bool = Field(default=True, description="False: too large for a letter; the bytes are in their topic only.")
    last_offset: int | None = Field(
        default=None, description="Of what could not be read from Kafka: the last offset of it; `offset` is the first."
    )
    replay_of: str | None = Field(default=None, description="Id of the dead letter that was replayed as this event.")
