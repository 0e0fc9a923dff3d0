"""Validates the parameters of searches: for quotes, articles and names."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StringConstraints, model_validator

from pipeline.models import Modality, QuoteType
from pipeline.search import clauses, moments, query_parser
from pipeline.search.clauses import Place
from pipeline.search.moments import Moment

MAX_WINDOW = 10_000
"""The most hits that pages reach, as is Elasticsearch's own default. Cursors go further."""

FACET_SIZE = 12
"""The values of a facet that are listed where nobody asks for more."""

MAX_VALUES = 50
"""The most values of one kind, such as speakers, in one search."""

Sort = Literal["newest", "oldest", "relevance"]
_ARRANGEMENT = {"page", "size", "sort", "cursor", "copies"}
_SELECTING = ("words", "speaker", "entity", "source", "article", "addressee", "cue", "medium")


def _filled(value: object) -> object:
    if isinstance(value, list):
        return [kept for item in value if (kept := _filled(item)) != ""]
    return value.strip() if isinstance(value, str) else value


def _listed(value: object) -> object:
    """One value is a list of one."""
    return [value] if isinstance(value, str | StrEnum) else value


_Text = Annotated[str, StringConstraints(max_length=200)]
_Texts = Annotated[list[_Text], BeforeValidator(_listed), Field(max_length=MAX_VALUES)]


class Parameters(BaseModel):
    """The parameters of a request. An empty one counts as absent, as forms send empty fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        filled = {name: _filled(value) for name, value in given.items()}
        return {name: value for name, value in filled.items() if value not in ("", [])}


class QuoteQuery(Parameters):
    """Selects quotes. They must meet all conditions; one that is left out does not restrict."""

    words: str = Field(
        default="",
        alias="q",
        max_length=query_parser.MAX_CHARACTERS,
        description='Words, all required; "a phrase"; tax OR levy; (brackets); -word leaves out; begin* stands for '
        'every word that begins so; spelling~ also for words that differ in a letter; "two words"~5 or one NEAR/5 '
        "other for words near each other. Case, accents, apostrophes and endings do not matter. Looked for in what "
        "was said first, then in the speaker's name and role, the headline and the paragraph, up to 600 characters "
        "on each side.",
        examples=['"cease-fire" OR truce'],
    )
    within: Annotated[list[Place], BeforeValidator(_listed)] = Field(
        default_factory=list,
        alias="in",
        max_length=3,
        description="Where the words must be: quote (what was said), paragraph (the quote and the text around it), "
        "headline; may be repeated. Without, anywhere, also in the speaker's name and role.",
    )
    speaker: _Texts = Field(
        default_factory=list,
        description="Words of the speaker's name, its beginning with a star, or the speaker's id. Also another "
        "spelling of the name, or the id of an entity (/api/entities): its quotes under all its names. May be "
        "repeated, as all that follow: one of them must fit.",
        examples=[["Zelens*"]],
    )
    entity: _Texts = Field(
        default_factory=list,
        description="Name or id of a person, organisation or place that the quote names, in any spelling, or the id of "
        "an entity.",
    )
    type: Annotated[list[QuoteType], BeforeValidator(_listed)] = Field(
        default_factory=list, max_length=3, description="direct, indirect or mixed."
    )
    since: Moment = Field(
        default=None,
        description="Published at this time or later: a date, a time (UTC), or how long ago: 24h, 7d, 2w, 3m, 1y, "
        "today, yesterday.",
        examples=["7d"],
    )
    until: Moment = Field(
        default=None, description="Published until then, in the same forms; a date includes its whole day."
    )
    source: _Texts = Field(default_factory=list, description="Words of the source's name, its id or its domain.")
    article: _Texts = Field(default_factory=list, description="Id of an article: its quotes alone.")
    modality: Annotated[list[Modality], BeforeValidator(_listed)] = Field(
        default_factory=list, max_length=3, description="asserted, negated or hypothetical."
    )
    addressee: _Texts = Field(default_factory=list, description="Whom it was said to, as the article has it.")
    cue: _Texts = Field(default_factory=list, description="The cue, such as say, warn or according to.")
    medium: _Texts = Field(default_factory=list, description="Where or by what it was said: words of it.")
    language: _Texts = Field(default_factory=list, description="The article's language: en, de …")
    confidence: float | None = Field(
        default=None, ge=0, le=1, description="How sure the engine must be at the least, from 0 to 1."
    )
    confidence_max: float | None = Field(
        default=None, ge=0, le=1, description="How sure the engine may be at the most, from 0 to 1."
    )
    copies: bool = Field(
        default=False,
        description="Also what copies of an article repeat; without, a quote counts once, where it was first. "
        "A search within one source or article always has them.",
    )
    sort: Sort | None = Field(
        default=None,
        description="newest, oldest or relevance; by default relevance where there are words, else newest.",
    )
    page: int = Field(default=1, ge=1, le=MAX_WINDOW, description="Page of the results, from 1.")
    size: int | None = Field(default=None, ge=1, le=100, description="Quotes on a page.")
    cursor: str | None = Field(
        default=None,
        max_length=1000,
        description="`next` of the page before, instead of a page: goes as far as you like.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.confidence is not None and self.confidence_max is not None and self.confidence > self.confidence_max:
            raise ValueError("confidence is more than confidence_max, so that no quote can be found")
        if self.since and self.until:
            now = datetime.now(UTC)
            first, last = (moments.utc(moments.moment(given, now=now)) for given in (self.since, self.until))
            if first.date() > last.date():
                raise ValueError(f"since ({self.since}) lies after until ({self.until}), so that no quote can be found")
        return self

    _entities: dict[str, list[clauses.Clause]] = PrivateAttr(default_factory=dict)

    def with_entities(self, found: Mapping[str, list[clauses.Clause]]) -> Self:
        """The query with further conditions of a kind, one of which may be met in place of the names."""
        query = self.model_copy()
        query._entities = dict(found)
        return query

    def of_entities(self, kind: str) -> list[clauses.Clause]:
        """The conditions of the entities that the names of this kind mean."""
        return self._entities.get(kind, [])

    @property
    def order(self) -> Sort:
        """The order of the results."""
        return self.sort or ("relevance" if self.words.strip() else "newest")

    @property
    def restricts(self) -> bool:
        """Whether there is any condition."""
        return self.model_dump(exclude=_ARRANGEMENT) != QuoteQuery().model_dump(exclude=_ARRANGEMENT)

    @property
    def selects(self) -> bool:
        """Whether there is a condition that few quotes may meet, as no type, language or date is."""
        return any(getattr(self, name) for name in _SELECTING)


class QuoteParameters(QuoteQuery):
    """The parameters of a search for quotes over HTTP."""

    facets: bool = Field(default=False, description="Also what the quotes found have in common, by nine kinds.")
    facet_size: int = Field(default=FACET_SIZE, ge=1, le=100, description="Values of each facet.")
    histogram: bool = Field(default=False, description="Also how many were published when.")


class SpeakerParameters(Parameters):
    """The parameters of a search for names of speakers."""

    prefix: str = Field(default="", max_length=200, description="How a word of the name begins.")
    size: int = Field(default=10, ge=1, le=100, description="Speakers, at the most.")


class ArticleQuery(Parameters):
    """Selects articles. They must meet all conditions; one that is left out does not restrict."""

    words: str = Field(
        default="",
        alias="q",
        max_length=query_parser.MAX_CHARACTERS,
        description="Words of headline, text, names and byline, in the same language as those of quotes.",
        examples=["harbour NEAR/5 tax"],
    )
    source: _Texts = Field(
        default_factory=list, description="Words of the source's name, its id or its domain; may be repeated."
    )
    entity: _Texts = Field(
        default_factory=list, description="Name of a person, organisation or place; may be repeated."
    )
    language: _Texts = Field(default_factory=list, description="The language: en, de …")
    since: Moment = Field(default=None, description="Published at this time or later: a date, a time, or 7d.")
    until: Moment = Field(default=None, description="Published until then; a date includes its whole day.")
    copies: bool = Field(default=False, description="Also articles that are copies of another.")
    sort: Sort | None = Field(
        default=None,
        description="newest, oldest or relevance; by default relevance where there are words, else newest.",
    )
    size: int = Field(default=20, ge=1, le=100, description="Articles on a page.")
    cursor: str | None = Field(default=None, max_length=1000, description="`next` of the page before.")

    @property
    def order(self) -> Sort:
        """The order of the results."""
        return self.sort or ("relevance" if self.words.strip() else "newest")
