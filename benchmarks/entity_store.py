"""Measures a store of many entities: what resolving an article costs, and how long a look-up takes.

    python -m benchmarks.entity_store [ENTITIES] [ARTICLES]

It uses the Kafka and the Elasticsearch of the settings, with a prefix of its own, and removes what it made.
"""

import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.entity_corpus import Corpus, Made
from pipeline import elasticsearch_client
from pipeline.entities.documents import entity_document
from pipeline.entities.lookup import Directory
from pipeline.entities.models import Kind
from pipeline.entities.profile import Profile, Span, entity_id
from pipeline.entities.resolver import Resolver
from pipeline.entities.store import EntityStore
from pipeline.entities.writer import Named, resolve
from pipeline.settings import Settings, load

LOOK_UPS = 300
BATCH = 100


def main(arguments: Sequence[str]) -> None:
    """Prints what was measured."""
    entities, articles = (int(value) for value in [*arguments, *("1000000", "2000")[len(arguments) :]])
    settings = load()
    prefix = f"{settings.elasticsearch.prefix}-bench-{random.randrange(10**9)}"
    own = settings.model_copy(update={"elasticsearch": settings.elasticsearch.model_copy(update={"prefix": prefix})})
    with elasticsearch_client.connect(own, request_timeout=120) as client:
        store = EntityStore(client, own)
        store.prepare()
        try:
            names = dict(_fill(client, own, entities))
            store.refresh()
            print(f"{store.count():,} entities", flush=True)
            chosen = random.sample(list(names.items()), min(LOOK_UPS, len(names)))
            _look_up(client, Directory(client, own), own.entities_index, chosen)
            _write(store, articles)
        finally:
            store.delete()


def _fill(client: Any, settings: Settings, count: int) -> Iterator[tuple[str, str]]:
    people = Corpus(count, 0).people
    operations: list[dict[str, Any]] = []
    senses: dict[str, int] = {}
    for person in people:
        name = f"{person.given} {person.surname}"
        base = entity_id(Kind.PERSON, name)
        senses[base] = senses.get(base, 0) + 1
        profile = Profile(entity_id(Kind.PERSON, name, sense=senses[base]), Kind.PERSON, name)
        profile.variants[name] = Span(1, "2026-01-01", "2026-01-01")
        profile.seen = Span(1 + person.number % 100, "2026-01-01", "2026-01-01")
        profile.call(name)
        operations += [{"index": {"_id": profile.id}}, entity_document(profile)]
        if len(operations) >= 4000:
            client.bulk(index=settings.entities_index, operations=operations, filter_path="errors")
            operations = []
        yield name, profile.id
    if operations:
        client.bulk(index=settings.entities_index, operations=operations, filter_path="errors")


def _look_up(client: Any, directory: Directory, index: str, names: Sequence[tuple[str, str]]) -> None:
    """Looks names up, by turns with what costs the least of all: a document by its id, on the same machine."""
    for text, _ in names[:20]:
        directory.search(text)
    wall: list[float] = []
    cpu: list[float] = []
    raw: list[float] = []
    for text, id in names:
        began, used = time.perf_counter(), time.process_time()
        directory.search(text)
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
        began = time.perf_counter()
        client.get(index=index, id=id)
        raw.append((time.perf_counter() - began) * 1000)
    ordered, plain = sorted(wall), statistics.median(raw)
    print(
        f"{len(names)} look-ups by name: median {statistics.median(wall):.1f} ms, best quarter below "
        f"{ordered[len(ordered) // 4]:.1f} ms, 95 % below {ordered[int(len(ordered) * 0.95)]:.1f} ms; of our own CPU "
        f"{statistics.mean(cpu):.1f} ms; a document by its id: median {plain:.1f} ms; ratio "
        f"{statistics.median(wall) / plain:.1f}",
        flush=True,
    )


def _write(store: EntityStore, articles: int) -> None:
    made = list(Corpus(max(100, articles // 10), articles).articles())
    resolver = Resolver()
    began, used = time.perf_counter(), time.process_time()
    for start in range(0, len(made), BATCH):
        _batch(store, resolver, made[start : start + BATCH])
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    print(
        f"{len(made)} articles resolved and written: {cpu / len(made) * 1000:.2f} ms of CPU an article, in {wall:.0f} s"
    )


def _batch(store: EntityStore, resolver: Resolver, made: Sequence[Made]) -> None:
    named = [Named(one.article, 1, one.source, one.day, [mention for mention, _ in one.mentions]) for one in made]
    pool = store.pool(mention for one in named for mention in one.mentions)
    resolved = resolve(resolver, named, pool)
    store.reserve(resolved.new.values())
    store.decided([one.article for one in named])
    store.decide(resolved.decisions, ())
    seen: dict[str, list[Any]] = {}
    for decision in resolved.decisions:
        for link in decision.links:
            if link.entity:
                seen.setdefault(link.entity, []).append((link, decision.day))
    store.see(seen)


if __name__ == "__main__":
    main(sys.argv[1:])
