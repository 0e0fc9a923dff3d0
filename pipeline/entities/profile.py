"""Keeps what is known of one entity: its names, titles, affiliations and company, each with how often and when."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.entities import names
from pipeline.entities.mentions import own_features
from pipeline.entities.models import Kind, Known, Link, Mention
from pipeline.identity import digest

MAX_FEATURES = 300
"""The most features that are kept of an entity: the most frequent ones."""

MAX_VARIANTS = 100
MAX_TITLES = 100

_PREFIXES = {Kind.PERSON: "p", Kind.ORGANIZATION: "o", Kind.PLACE: "l", Kind.GROUP: "g"}


def entity_id(kind: Kind, name: str, country: str | None = None, sense: int = 1) -> str:
    """The id of the `sense`th entity of that kind and name; a country has the same id by all its names.

    So two writers who meet a new name at the same time make one entity and not two.
    """
    if country and kind in (Kind.PLACE, Kind.GROUP):
        return f"{_PREFIXES[kind]}-{country.lower()}"
    key = names.parse(name, person=kind is Kind.PERSON).key
    return f"{_PREFIXES[kind]}-{digest('entity', kind, key, length=14)}" + (f".{sense}" if sense > 1 else "")


@dataclass
class Span:
    """How often something was seen, and the first and the last day."""

    count: int = 0
    first: str = ""
    last: str = ""

    def see(self, day: str, count: int = 1) -> None:
        """Counts it once more."""
        self.count += count
        if day:
            self.first = min(self.first or day, day)
            self.last = max(self.last, day)

    def add(self, other: "Span") -> None:
        """Counts what another has counted."""
        self.count += other.count
        self.first = min(filter(None, (self.first, other.first)), default="")
        self.last = max(self.last, other.last)


@dataclass
class Profile:
    """An entity as the store has it. `seq` tells the state of its document, where there is one."""

    id: str
    kind: Kind
    name: str
    country: str | None = None
    variants: dict[str, Span] = field(default_factory=dict)
    titles: dict[str, Span] = field(default_factory=dict)
    affiliations: dict[str, Span] = field(default_factory=dict)
    features: dict[str, int] = field(default_factory=dict)
    seen: Span = field(default_factory=Span)
    keys: dict[str, None] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    redirect: str | None = None
    """The entity that it was found to be the same as."""
    named: str | None = None
    """The name that somebody gave it by hand."""
    aliases: list[str] = field(default_factory=list)
    """Names that somebody gave it by hand, or a knowledge base has."""
    seq: tuple[int, int] | None = None

    @property
    def person(self) -> bool:
        """Whether it is a person."""
        return self.kind is Kind.PERSON

    def all_names(self) -> list[str]:
        """All its names, the preferred one first."""
        return list(dict.fromkeys([self.name, *self.aliases, *self.variants]))

    def see(self, mention: Mention | Link, day: str) -> None:
        """Takes a mention in."""
        self._seen(self.variants, mention.name, day, MAX_VARIANTS)
        for title in mention.titles:
            self._seen(self.titles, title, day, MAX_TITLES)
        for affiliation in mention.affiliations:
            self._seen(self.affiliations, affiliation, day, MAX_TITLES)
        for feature in mention.features:
            self.features[feature] = self.features.get(feature, 0) + 1
        if len(self.features) > MAX_FEATURES * 2:
            ordered = sorted(self.features.items(), key=lambda item: (-item[1], item[0]))
            self.features = dict(ordered[:MAX_FEATURES])
        self.seen.see(day)
        self.country = self.country or mention.country or mention.within
        self.call(mention.name)

    def call(self, name: str) -> None:
        """Adds the keys of a name, and chooses the preferred name anew."""
        self.keys |= dict.fromkeys(names.blocking_keys(name, person=self.person))
        self.name = self.named or self._preferred()

    def _preferred(self) -> str:
        """The most frequent name in Latin letters that is not short; of equal ones the longest."""

        def rank(item: tuple[str, Span]) -> tuple[bool, bool, int, int, str]:
            name, seen = item
            words = names.parse(name, person=self.person)
            full = len(words.strong) > 1 or not self.person
            return names.script(name) == "LATIN", full, seen.count, len(name), name

        return max(self.variants.items(), key=rank)[0] if self.variants else self.name

    def _seen(self, spans: dict[str, Span], name: str, day: str, most: int) -> None:
        if name not in spans and len(spans) >= most:
            del spans[min(spans, key=lambda known: (spans[known].count, known))]
        spans.setdefault(name, Span()).see(day)

    def together(self, others: Iterable["Profile"]) -> "Profile":
        """A copy that knows what others know that are the same."""
        copy = replace(self, features=Counter(self.features), seen=replace(self.seen), aliases=self.all_names())
        for other in others:
            copy.features.update(other.features)  # a Counter adds
            copy.seen.add(other.seen)
            copy.aliases += [name for name in other.all_names() if name not in copy.aliases]
        return copy

    def learn(self, known: Known) -> None:
        """Takes in what a knowledge base says."""
        self.aliases = list(dict.fromkeys([*self.aliases, known.name, *known.aliases]))[:MAX_VARIANTS]
        self.links = list(dict.fromkeys([*self.links, *known.links]))
        self.country = self.country or known.country
        self.told(known.titles, known.affiliations)
        for name in self.aliases:
            self.keys |= dict.fromkeys(names.blocking_keys(name, person=self.person))

    def told(self, titles: Iterable[str], affiliations: Iterable[str]) -> None:
        """Takes in titles and affiliations of a knowledge base."""
        titles, affiliations = list(titles), list(affiliations)
        for feature in own_features(titles, affiliations):
            self.features[feature] = max(3, self.features.get(feature, 0))
        for title in titles:
            self.titles.setdefault(title, Span())
        for affiliation in affiliations:
            self.affiliations.setdefault(affiliation, Span())

    def document(self) -> dict[str, Any]:
        """The document of the entity."""
        return {
            "id": self.id, "kind": self.kind.value, "name": self.name, "country": self.country,
            "names": self.all_names(), "keys": list(self.keys), "mentions": self.seen.count,
            "first_seen": self.seen.first or None, "last_seen": self.seen.last or None,
            "variants": [
                {"name": name, "script": names.script(name), **_span(span)} for name, span in self.variants.items()
            ],
            "titles": [{"name": name, **_span(span)} for name, span in self.titles.items()],
            "affiliations": [{"name": name, **_span(span)} for name, span in self.affiliations.items()],
            "features": [{"name": name, "count": count} for name, count in self.features.items()],
            "links": self.links, "redirect": self.redirect, "named": self.named, "aliases": self.aliases,
        }  # fmt: skip

    @classmethod
    def of(cls, document: dict[str, Any], seq: tuple[int, int] | None = None) -> "Profile":
        """The entity of a document."""
        return cls(
            id=document["id"], kind=Kind(document["kind"]), name=document["name"], country=document.get("country"),
            variants={item["name"]: _from(item) for item in document.get("variants", ())},
            titles={item["name"]: _from(item) for item in document.get("titles", ())},
            affiliations={item["name"]: _from(item) for item in document.get("affiliations", ())},
            features={item["name"]: item["count"] for item in document.get("features", ())},
            seen=Span(document.get("mentions", 0), document.get("first_seen") or "", document.get("last_seen") or ""),
            keys=dict.fromkeys(document.get("keys", ())), links=list(document.get("links") or ()),
            redirect=document.get("redirect"), named=document.get("named"),
            aliases=list(document.get("aliases") or ()), seq=seq,
        )  # fmt: skip


def _span(span: Span) -> dict[str, Any]:
    return {"count": span.count, "first": span.first or None, "last": span.last or None}


def _from(item: dict[str, Any]) -> Span:
    return Span(item["count"], item.get("first") or "", item.get("last") or "")
