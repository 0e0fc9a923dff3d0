"""Merges, splits, renames and undoes by hand, and makes the store again from the topic.

A ruling goes to the topic first, then to the store. No quote and no decision is rewritten on the topic: a merged entity
redirects to the other, and a split changes what the decisions of its articles mean in the store. So every ruling can be
undone, and holds when the store is made again, also by better rules for names.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from elasticsearch import ApiError, Elasticsearch

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.entities import log, names, places
from pipeline.entities.documents import ruled
from pipeline.entities.log import EntityLog
from pipeline.entities.mentions import own_features
from pipeline.entities.models import Decision, Forgotten, Kind, Known, Link, Mention, Ruling, event_key
from pipeline.entities.profile import Profile, entity_id
from pipeline.entities.resolver import LINK, Pool, Resolver
from pipeline.entities.rulings import put_into_effect, recount
from pipeline.entities.store import EntityStore
from pipeline.errors import BrokerUnavailable, InputError, NotFoundError
from pipeline.identity import digest
from pipeline.settings import Settings
from pipeline.tombstones import Subject, Tombstones

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

_AT_ONCE = 300
_REASON = 500  # characters of a reason: Elasticsearch repeats what it was asked
MAX_ARTICLES = 10_000
"""The most articles of one split."""


@dataclass
class Rebuilt:
    """What the store was made of."""

    articles: int = 0
    entities: int = 0
    rulings: int = 0
    known: int = 0
    unreadable: int = 0


class Curator:
    """Decides by hand about the entities of one cluster.

    Every method raises:
        NotFoundError: there is no such entity, ruling or article.
        InputError: it cannot be done; the message says why.
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer.
    """

    def __init__(self, client: Elasticsearch, settings: Settings, events: EntityLog, by: str = "") -> None:
        self._client = client
        self._log = events
        self._by = by
        self.store = EntityStore(client, settings)

    def merge(self, entity: str, into: str, because: str = "") -> Ruling:
        """Makes an entity the same as another, by whose id both are found from now on."""
        with elasticsearch_client.translate_errors(self._client):
            loser, winner = self._entity(entity), self._entity(into)
            if loser.id == winner.id:
                raise InputError(f"{entity} and {into} are one entity already.")
            if loser.kind is not winner.kind:
                raise InputError(f"{entity} is a {loser.kind.value}, {into} is a {winner.kind.value}.")
            return self._rule(self._new("merge", loser.id, other=winner.id, because=because))

    def split(self, entity: str, articles: Collection[str], into: str = "", because: str = "") -> Ruling:
        """Says that some articles mean another person of that name: a new entity, or one that there is."""
        if not articles or len(articles) > MAX_ARTICLES:
            raise InputError(f"Say which articles mean somebody else: from 1 to {MAX_ARTICLES:,} ids.")
        with elasticsearch_client.translate_errors(self._client):
            one = self._entity(entity)
            there = self.store.decided(articles)
            ids = {one.id, *self.store.merged_into(one.id)}
            strange = sorted(
                article for article in articles
                if article not in there or not ids & {link.entity for link in there[article].links}
            )  # fmt: skip
            if strange:
                raise NotFoundError(f"The article {strange[0][:80]} does not name {one.name} ({one.id}).")
            other = self._entity(into).id if into else ""
            ruling = self._new("split", one.id, other=other, articles=sorted(articles), because=because)
            if not other:
                ruling = ruling.model_copy(update={"other": f"{one.id}~{ruling.id[:6]}"})
            return self._rule(ruling)

    def rename(self, entity: str, name: str, because: str = "") -> Ruling:
        """Makes a name the preferred one of an entity."""
        return self._named("rename", entity, name, because)

    def alias(self, entity: str, name: str, because: str = "") -> Ruling:
        """Gives an entity another name, by which it is found too."""
        return self._named("alias", entity, name, because)

    def link(self, entity: str, id: str) -> Ruling:
        """Notes the id that an entity has elsewhere, such as wikidata:Q61053."""
        return self._named("link", entity, id)

    def undo(self, id: str) -> Ruling:
        """Makes a ruling hold no more."""
        with elasticsearch_client.translate_errors(self._client):
            ruling = self.store.ruling(id)
            if ruling is None:
                raise NotFoundError(f"There is no ruling {id}; `whosaid entity show` lists those about an entity.")
            if ruling.undone:
                raise InputError(f"The ruling {id} is undone already.")
            return self._rule(ruling.model_copy(update={"undone": True}))

    def learn(self, known: Iterable[Known]) -> int:
        """Takes in entities of a knowledge base; how many."""
        total = 0
        for chunk in elasticsearch_client.chunks(known, _AT_ONCE):
            with elasticsearch_client.translate_errors(self._client):
                placed = place(self.store, chunk)
            self._log.send(placed)
            with elasticsearch_client.translate_errors(self._client):
                learn(self.store, placed)
            total += len(chunk)
        return total

    def _named(self, action: Literal["rename", "alias", "link"], entity: str, name: str, because: str = "") -> Ruling:
        name = " ".join(name.split())
        if not name or len(name) > names.MAX_CHARACTERS:
            raise InputError(f"A name has from 1 to {names.MAX_CHARACTERS} characters.")
        with elasticsearch_client.translate_errors(self._client):
            return self._rule(self._new(action, self._entity(entity).id, name=name, because=because))

    def _entity(self, id: str) -> Profile:
        profile = self.store.final(id)
        if profile is None:
            raise NotFoundError(f"There is no entity {id[:80]}; `whosaid entity search NAME` finds its id.")
        return profile

    def _new(
        self,
        action: Literal["merge", "split", "rename", "alias", "link"],
        entity: str,
        *,
        other: str = "",
        name: str = "",
        articles: Sequence[str] = (),
        because: str = "",
    ) -> Ruling:
        now = datetime.now(UTC)
        id = digest(action, entity, other, name, *articles, now.isoformat(), length=12)
        return Ruling(
            id=id, action=action, entity=entity, other=other, name=name, articles=list(articles), at=now, by=self._by,
            because=because,
        )  # fmt: skip

    def _rule(self, ruling: Ruling) -> Ruling:
        self._log.send([ruling])
        put_into_effect(self.store, ruling)
        return ruling


def forget(client: Elasticsearch, settings: Settings, articles: Collection[str]) -> bool:
    """Removes what articles said of entities, as they are taken down: from the store, and from the topic.

    An entity that no other article names is deleted. It returns whether the topic has been told; where Kafka does not
    answer it has not, and a rebuild of the store leaves the articles out all the same.

    Raises the client's own errors.
    """
    store = EntityStore(client, settings)
    decisions = store.decided(articles)
    if not decisions:
        return True
    splits = store.splits(articles)
    touched = {
        entity
        for decision in decisions.values()
        for link in decision.links
        if (entity := ruled(decision.article, link.entity, splits))
    }
    store.forget(decisions)
    store.refresh()
    for id in sorted(touched):
        recount(store, id, Profile(id, Kind.PERSON, ""))
    store.drop([id for id, profile in store.get(touched).items() if not profile.seen.count and not profile.aliases])
    store.refresh()
    events = EntityLog(settings)
    try:
        events.send(Forgotten(article=article) for article in decisions)
    except BrokerUnavailable:
        return False
    finally:
        events.close()
    return True


def place(store: EntityStore, known: Sequence[Known]) -> list[Known]:
    """Finds out which entity each of a knowledge base is: the one that has its id, the one that its name and what is
    said of it fit, or a new one. No two ids of one knowledge base become one entity.
    """  # fmt: skip
    resolver = Resolver()
    described = [
        Mention(
            kind=one.kind, name=one.name, locals=[], titles=one.titles, affiliations=one.affiliations,
            features=own_features(one.titles, one.affiliations),
        )
        for one in known
    ]  # fmt: skip
    pool = store.pool(described)
    linked = store.linked({link for one in known for link in one.links})
    placed = []
    for one, mention in zip(known, described, strict=True):
        found = next((linked[link] for link in one.links if link in linked), None)
        if found is None:
            profile = _fitting(resolver, one, mention, pool)
            profile.learn(one)
            pool.add(profile)
            found = profile.id
        linked |= dict.fromkeys(one.links, found)
        placed.append(one.model_copy(update={"entity": found}))
    return placed


def _fitting(resolver: Resolver, known: Known, mention: Mention, pool: Pool) -> Profile:
    if country := _country(known):
        id = entity_id(known.kind, known.name, country)
        return pool.entities.get(id) or Profile(id, known.kind, known.name, country)
    for scored in resolver.scored(mention, pool):
        if scored.score >= LINK and not _another(scored.profile, known):
            return pool.entities[scored.profile.id]
    return resolver.new(mention, pool)


def _another(profile: Profile, known: Known) -> bool:
    """Whether the entity has another id in the same knowledge base."""
    own = {link.partition(":")[0]: link for link in profile.links}
    return any(own.get(link.partition(":")[0], link) != link for link in known.links)


def learn(store: EntityStore, known: Iterable[Known]) -> None:
    """Takes entities of a knowledge base into the store: into the one of the same name, or a new one."""
    by_id: dict[str, list[Known]] = {}
    for one in known:
        by_id.setdefault(known_id(one), []).append(one)
    blanks = {id: Profile(id, some[0].kind, some[0].name, some[0].country) for id, some in by_id.items()}
    store.change(list(by_id), lambda profile: [profile.learn(one) for one in by_id[profile.id]], blanks)


def known_id(known: Known) -> str:
    """The entity that one of a knowledge base is: that of its name, or the one that was chosen when it was loaded."""
    return known.entity or entity_id(known.kind, known.name, _country(known))


def _country(known: Known) -> str | None:
    """The country that one of a knowledge base is, or whose people it is; a city is none, though it lies in one."""
    if known.kind is Kind.PLACE and not any(places.is_country(name) for name in (known.name, *known.aliases)):
        return None
    return known.country if known.kind in (Kind.PLACE, Kind.GROUP) else None


def rebuild(settings: Settings, progress: Progress = lambda *_: None) -> Rebuilt:
    """Deletes the store and makes it again from the topic.

    Raises:
        InputError: somebody resolves names now.
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer.
    """
    running = kafka_client.members(settings, topics.resolution_group(settings))
    if running:
        raise InputError(f"{len(running)} parts resolve names now; stop `whosaid resolve` first.")
    kafka_client.ensure_topics(settings, [topics.entities(settings)])
    done = Rebuilt()
    with elasticsearch_client.connection(settings) as client:
        store = EntityStore(client, settings)
        store.delete()
        store.prepare()
        tombstones = Tombstones(client, settings)
        tombstones.prepare()
        rulings: list[Ruling] = []
        for chunk in elasticsearch_client.chunks(log.read(settings, progress), _AT_ONCE):
            events = [event for _, event in chunk]
            done.unreadable += sum(event is None for event in events)
            rulings += [event for event in events if isinstance(event, Ruling)]
            _take_in(store, tombstones, [one for one in events if isinstance(one, Decision | Known)], done)
        store.refresh()
        for ruling in sorted(rulings, key=lambda ruling: (ruling.at, ruling.id)):
            try:
                put_into_effect(store, ruling)
                done.rulings += 1
            except ApiError as error:
                _pass_over(ruling, error, done)
        store.refresh()
        done.entities = store.count()
    return done


def _take_in(store: EntityStore, tombstones: Tombstones, events: Sequence[Decision | Known], done: Rebuilt) -> None:
    """Takes events into the store; in halves where Elasticsearch refuses them, so that it refuses one alone at last.

    What it took of them before is written again; an entity counts those mentions twice then.
    """
    try:
        _write(store, tombstones, events, done)
    except ApiError as error:
        if len(events) < 2 or not elasticsearch_client.is_refusal(error):
            _pass_over(events[0], error, done)
            return
        half = len(events) // 2
        _take_in(store, tombstones, events[:half], done)
        _take_in(store, tombstones, events[half:], done)


def _write(store: EntityStore, tombstones: Tombstones, events: Sequence[Decision | Known], done: Rebuilt) -> None:
    decisions = [event for event in events if isinstance(event, Decision)]
    gone = tombstones.among(Subject(decision.article, decision.source) for decision in decisions)
    decisions = [decision for decision in decisions if decision.article not in gone]
    known = [event for event in events if isinstance(event, Known)]
    store.decide(decisions, ())
    seen: dict[str, list[tuple[Link, str]]] = {}
    for decision in decisions:
        for link in decision.links:
            if link.entity:
                seen.setdefault(link.entity, []).append((link, decision.day))
    store.see(seen)
    learn(store, known)
    done.articles += len(decisions)
    done.known += len(known)


def _pass_over(event: Decision | Known | Ruling, error: ApiError, done: Rebuilt) -> None:
    """Counts and tells an event that Elasticsearch refuses; raises any other error."""
    if not elasticsearch_client.is_refusal(error):
        raise error
    done.unreadable += 1
    logger.warning(
        "%s is left out, as Elasticsearch does not take it: %s", event_key(event)[:80],
        elasticsearch_client.reason(error)[:_REASON],
    )  # fmt: skip
