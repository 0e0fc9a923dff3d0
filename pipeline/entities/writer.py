"""Resolves a batch of articles and writes who is who in them, so that repeats and other writers change nothing.

The order of the steps makes it safe to be killed anywhere. First the names of new entities are reserved: where another
writer was faster, the batch is resolved again with what that one made. Then the decisions are written; the first one
for a revision holds. They are sent to the topic. Then the entities take the new mentions in. An article that is
repeated finds its decision, which is sent again and not made again.

Last, entities that have been seen often enough are held beside others (pipeline.entities.duplicates). Two that are one
are merged by a ruling, as by hand: the first writer to write it has decided, and what somebody undid is not done again.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from elasticsearch import Elasticsearch

from pipeline.entities import duplicates
from pipeline.entities.documents import ruled
from pipeline.entities.log import AnyEvent
from pipeline.entities.mentions import mentions
from pipeline.entities.models import RESOLVER_VERSION, Decision, Link, Mention, Ruling
from pipeline.entities.profile import Profile
from pipeline.entities.resolver import Pool, Resolver, is_full
from pipeline.entities.rulings import put_into_effect
from pipeline.entities.store import EntityStore
from pipeline.errors import ClusterUnavailable
from pipeline.identity import digest
from pipeline.models import Enriched
from pipeline.settings import Settings
from pipeline.tombstones import Subject, Tombstones

logger = logging.getLogger(__name__)

Send = Callable[[Iterable[AnyEvent]], None]

_TRIES = 10


@dataclass(frozen=True)
class Named:
    """An article's names, before it is decided whose they are."""

    article: str
    revision: int
    source: str
    day: str
    mentions: list[Mention]


@dataclass
class Outcome:
    """What became of articles."""

    decided: int = 0
    repeated: int = 0
    taken_down: int = 0
    links: int = 0
    open: int = 0
    made: int = 0
    merged: int = 0

    def add(self, other: "Outcome") -> None:
        """Counts what another has counted."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class _Resolved:
    decisions: list[Decision] = field(default_factory=list)
    new: dict[str, Profile] = field(default_factory=dict)
    pool: Pool = field(default_factory=Pool)


class EntityWriter:
    """Writes who is who. One thread; several writers may run side by side.

    Args:
        client: Elasticsearch.
        settings: whose indices.
        send: puts events on the topic and returns when the broker has them.
    """

    def __init__(self, client: Elasticsearch, settings: Settings, send: Send) -> None:
        self.store = EntityStore(client, settings)
        self._resolver = Resolver()
        self.tombstones = Tombstones(client, settings)
        self._send = send

    def write(self, articles: Sequence[Enriched]) -> Outcome:
        """Decides who is who in the articles. Raises the client's own errors, and those of `send`."""
        newest: dict[str, Named] = {}
        for enriched in articles:
            one = named(enriched)
            if one.article not in newest or newest[one.article].revision <= one.revision:
                newest[one.article] = one
        outcome = Outcome()
        gone = self.tombstones.among(Subject(one.article, one.source) for one in newest.values())
        outcome.taken_down = len(gone)
        known = self.store.decided(newest.keys() - gone.keys())
        repeated = [known[id] for id, one in newest.items() if id in known and known[id].revision >= one.revision]
        outcome.repeated = len(repeated)
        fresh = [one for id, one in newest.items() if id not in gone and known.get(id) not in repeated]
        resolved = self._resolve(fresh)
        splits = self.store.splits(newest.keys()) if newest else []
        holds = self.store.decide(resolved.decisions, splits)
        mine = [decision for decision, won in zip(resolved.decisions, holds, strict=True) if won]
        others = [decision.article for decision, won in zip(resolved.decisions, holds, strict=True) if not won]
        self._send([*mine, *repeated, *self.store.decided(others).values()])
        changed = self._take_in(mine, [decision for decision in known.values() if decision not in repeated], splits)
        outcome.merged = self._merge(changed, resolved.pool)
        outcome.decided = len(mine)
        outcome.made = len(resolved.new)
        for decision in mine:
            outcome.links += sum(link.entity is not None for link in decision.links)
            outcome.open += sum(link.entity is None for link in decision.links)
        return outcome

    def _resolve(self, articles: Sequence[Named]) -> _Resolved:
        """Decides, and reserves the names of new entities."""
        for _ in range(_TRIES):
            pool = self.store.pool(mention for one in articles for mention in one.mentions)
            resolved = resolve(self._resolver, articles, pool)
            if not resolved.new or self.store.reserve(_bare(profile) for profile in resolved.new.values()):
                return resolved
        raise ClusterUnavailable("Other writers meet the same new names all the time; try again.")

    def _take_in(
        self, decisions: Iterable[Decision], replaced: Iterable[Decision], splits: Sequence[Ruling]
    ) -> Collection[Profile]:
        """Takes the mentions into the entities, but for what an earlier revision has said already; those entities."""
        before = {(decision.article, link.entity, link.name) for decision in replaced for link in decision.links}
        seen: dict[str, list[tuple[Link, str]]] = {}
        for decision in decisions:
            for link in decision.links:
                entity = ruled(decision.article, link.entity, splits)
                if entity and (decision.article, link.entity, link.name) not in before:
                    seen.setdefault(entity, []).append((link, decision.day))
        return self.store.see(seen).values()

    def _merge(self, changed: Collection[Profile], pool: Pool) -> int:
        """Merges those of these entities that turn out to be others; how many."""
        due = [profile for profile in changed if duplicates.due(profile)]
        for profile in changed if due else ():
            pool.add(profile)
        merged = 0
        for profile in due:
            same = duplicates.duplicate(self._resolver, profile, pool)
            ruling = self.store.claim(_merging(same)) if same else None
            if same and ruling and not ruling.undone:
                self._send([ruling])
                put_into_effect(self.store, ruling)
                pool.entities[ruling.entity].redirect = ruling.other
                logger.info("%s is %s: %s", ruling.entity, ruling.other, ruling.because)
                merged += 1
        return merged


def _merging(same: duplicates.Same) -> Ruling:
    """The ruling that merges two entities; its id is the same whichever of them is given up."""
    return Ruling(
        id=digest("automatic", *sorted((same.loser.id, same.winner.id)), length=12), action="merge",
        entity=same.loser.id, other=same.winner.id, at=datetime.now(UTC), by=f"resolver {RESOLVER_VERSION}",
        because=f"{same.score:.1f}: {'; '.join(same.why)}", automatic=True,
    )  # fmt: skip


def named(enriched: Enriched) -> Named:
    """The names of an article."""
    article = enriched.article
    moment = article.published or article.fetched
    return Named(article.id, article.revision, article.source.id, f"{moment:%Y-%m-%d}", mentions(enriched))


def resolve(resolver: Resolver, articles: Iterable[Named], pool: Pool) -> _Resolved:
    """Decides who is who in the articles by what the pool has, and adds what it learns to the pool.

    Parts of names come first: they need evidence, and what the article says of others of the name is none. It has left
    open itself which of them a part of a name means.
    """
    resolved = _Resolved(pool=pool)
    for one in articles:
        links: dict[int, Link] = {}
        for at, mention in sorted(enumerate(one.mentions), key=lambda item: is_full(item[1])):
            links[at], profile = resolver.resolve(mention, pool)
            if profile is not None:
                if profile.id not in pool.entities:
                    resolved.new[profile.id] = profile
                profile.see(mention, one.day)
                pool.add(profile)
        ordered = [links[at] for at in range(len(links))]
        resolved.decisions.append(
            Decision(article=one.article, revision=one.revision, source=one.source, day=one.day, links=ordered)
        )
    return resolved


def _bare(profile: Profile) -> Profile:
    """The entity by its name alone: its mentions are taken in when they are decided."""
    bare = Profile(profile.id, profile.kind, profile.name, profile.country)
    bare.call(profile.name)
    return bare
