"""Resolves old articles again, by what is known now, from their decisions: no text is needed.

A name that was left open gets an entity where one fits by now; one that was decided changes only where another entity
fits clearly better. What an article itself had said of an entity does not count for it. What people decided by hand
about an article stays.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from pipeline import elasticsearch_client
from pipeline.entities.log import EntityLog
from pipeline.entities.models import RESOLVER_VERSION, Decision, Link, Mention, Ruling
from pipeline.entities.profile import Profile
from pipeline.entities.resolver import Pool, Resolver
from pipeline.entities.rulings import recount
from pipeline.entities.store import EntityStore
from pipeline.settings import Settings
from pipeline.topic_reader import Progress

_AT_ONCE = 100


@dataclass
class Again:
    """What came of it."""

    articles: int = 0
    opened: int = 0
    """Names that were open and have an entity now."""
    moved: int = 0
    """Names that have another entity now."""
    touched: set[str] = field(default_factory=set)


def resolve_again(
    settings: Settings, *, since: date | None = None, until: date | None = None, progress: Progress = lambda *_: None
) -> Again:
    """Resolves the articles of these days again (UTC, both included; all without).

    A resolver that runs at the same time is not disturbed: of a newer revision its decision holds.

    Raises:
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer; run it once more.
    """
    done = Again()
    events = EntityLog(settings)
    try:
        with elasticsearch_client.connection(settings) as client:
            store, resolver = EntityStore(client, settings), Resolver()
            store.prepare()
            store.refresh()
            total = store.count_decisions(since, until)
            for decisions in elasticsearch_client.chunks(store.decisions_between(since, until), _AT_ONCE):
                _batch(store, resolver, events, decisions, done)
                progress(done.articles, total)
            store.refresh()
            for id in sorted(done.touched):
                profile = store.get([id]).get(id)
                if profile:
                    recount(store, id, Profile(id, profile.kind, ""))
            store.refresh()
    finally:
        events.close()
    return done


def _batch(
    store: EntityStore, resolver: Resolver, events: EntityLog, decisions: Sequence[Decision], done: Again
) -> None:
    pool = store.pool(link for decision in decisions for link in decision.links)
    missing = {link.entity for one in decisions for link in one.links if link.entity} - pool.entities.keys()
    for profile in store.get({id for id in missing if id}).values():
        pool.add(profile)
    splits = store.splits([decision.article for decision in decisions])
    changed = [
        (decision, new)
        for decision in decisions
        if (new := decided_again(resolver, pool, decision, splits)) is not decision
    ]
    done.articles += len(decisions)
    if not changed:
        return
    holds = store.replace([new for _, new in changed], splits)
    kept = [pair for pair, won in zip(changed, holds, strict=True) if won]
    events.send(new for _, new in kept)
    seen: dict[str, list[tuple[Link, str]]] = {}
    for old, new in kept:
        for before, after in zip(old.links, new.links, strict=True):
            if before.entity == after.entity or not after.entity:
                continue
            done.opened += before.entity is None
            done.moved += before.entity is not None
            done.touched |= {before.entity} if before.entity else set()
            seen.setdefault(after.entity, []).append((after, new.day))
    store.see(seen)


def decided_again(resolver: Resolver, pool: Pool, decision: Decision, splits: Sequence[Ruling]) -> Decision:
    """The decision as it would be made now; the same object where nothing changes."""
    ruled = {ruling.entity for ruling in splits if decision.article in ruling.articles}
    with _without(pool, decision):
        made = [resolver.resolve(_mention(link), pool) for link in decision.links]
    links = []
    for link, (new, profile) in zip(decision.links, made, strict=True):
        # Left open, or a new entity: no reason for a change.
        fits = profile is not None and profile.id in pool.entities and link.entity not in ruled
        own = pool.entities.get(link.entity or "")
        if profile is None or not fits or (own and pool.final(own).id == profile.id):
            links.append(link)
            continue
        profile.see(_mention(link), decision.day)
        links.append(new)
    if all(one is other for one, other in zip(links, decision.links, strict=True)):
        return decision
    return decision.model_copy(update={"links": links, "resolver": RESOLVER_VERSION})


def _mention(link: Link) -> Mention:
    return Mention(**{name: getattr(link, name) for name in Mention.model_fields})


@contextmanager
def _without(pool: Pool, decision: Decision) -> Iterator[None]:
    """Leaves out meanwhile what the article itself has said of its entities."""
    named = [(pool.entities[link.entity], link) for link in decision.links if link.entity in pool.entities]
    for profile, link in named:
        profile.seen.count -= 1
        for feature in link.features:
            profile.features[feature] = profile.features.get(feature, 0) - 1
    try:
        yield
    finally:
        for profile, link in named:
            profile.seen.count += 1
            for feature in link.features:
                profile.features[feature] += 1
        for profile, _ in named:
            profile.features = {feature: count for feature, count in profile.features.items() if count}
