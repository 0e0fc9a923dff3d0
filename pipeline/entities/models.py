"""Defines what is known of entities, and the decisions that say who is who.

A **decision** says to which entity each name in an article belongs, with a score and the reasons. A **ruling** is what
a person decided by hand. Both are events on the topic of entities; the store is made of them and of nothing else.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.models import UtcDatetime

RESOLVER_VERSION = 1
"""The version of the rules by which names are resolved."""


class Kind(StrEnum):
    """What an entity is."""

    PERSON = "person"
    ORGANIZATION = "organization"
    PLACE = "place"
    GROUP = "group"


KINDS = {
    "PERSON": Kind.PERSON, "ORG": Kind.ORGANIZATION, "GPE": Kind.PLACE, "LOC": Kind.PLACE, "FAC": Kind.PLACE,
    "NORP": Kind.GROUP,
}  # fmt: skip
"""By spaCy's label, what an entity is; other labels are no entities of ours."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Mention(_Model):
    """A name in an article with what the article says of its bearer."""

    kind: Kind
    name: str
    locals: list[str] = Field(description="The ids that the article's entities and speakers have by this name.")
    titles: list[str] = Field(default_factory=list)
    affiliations: list[str] = Field(default_factory=list)
    country: str | None = Field(default=None, description="ISO 3166-1 alpha-2 code, of a place or a people.")
    within: str | None = Field(default=None, description="Of a city: the country in which it lies.")
    government: str | None = Field(
        default=None, description="Of a place that says something: the country whose government it stands for."
    )
    features: list[str] = Field(default_factory=list, description="What speaks for a bearer of the name: see mentions.")


class Link(Mention):
    """A mention and the entity that it belongs to; without one where the name could be several people's."""

    entity: str | None = None
    score: float = Field(default=0, description="How much speaks for the entity: a sum of logarithms of odds.")
    why: list[str] = Field(default_factory=list)


class Decision(_Model):
    """Who is who in one article; on the topic its key is `article:` and the article's id."""

    type: Literal["decision"] = "decision"
    article: str
    revision: int
    source: str = ""
    day: str = Field(default="", description="The day of publication.")
    resolver: int = RESOLVER_VERSION
    links: list[Link] = Field(default_factory=list)


class Ruling(_Model):
    """What somebody decided by hand; on the topic its key is `ruling:` and its id. Rulings hold in the order of `at`.

    merge: `entity` is the same as `other`, and is called by that id from now on. split: the `articles` of `entity`
    mean `other`. rename and alias: `name` becomes its preferred, or another, name. link: `name` is its id in a
    knowledge base. An undone ruling holds no more.
    """

    type: Literal["ruling"] = "ruling"
    id: str
    action: Literal["merge", "split", "rename", "alias", "link"]
    entity: str
    other: str = ""
    name: str = ""
    articles: list[str] = Field(default_factory=list)
    at: UtcDatetime
    by: str = ""
    because: str = ""
    automatic: bool = False
    undone: bool = False


class Known(_Model):
    """An entity of a knowledge base; on the topic its key is `known:` and its id."""

    type: Literal["known"] = "known"
    id: str
    kind: Kind
    name: str
    aliases: list[str] = Field(default_factory=list)
    titles: list[str] = Field(default_factory=list)
    affiliations: list[str] = Field(default_factory=list)
    country: str | None = None
    entity: str = Field(default="", description="The entity that it is; by default the one of its name.")
    links: list[str] = Field(default_factory=list, description="Its ids elsewhere, such as wikidata:Q61053.")


class Forgotten(_Model):
    """An article whose decision is withdrawn, as it was taken down; on the topic its key is the article's."""

    type: Literal["forgotten"] = "forgotten"
    article: str


def event_key(event: Decision | Ruling | Known | Forgotten) -> str:
    """The key of an event on the topic; of events with one key the last holds."""
    if isinstance(event, Decision | Forgotten):
        return f"article:{event.article}"
    return f"{event.type}:{event.id}"
