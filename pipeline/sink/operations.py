"""Makes the operations of each phase of a batch: which documents are written, and which are deleted.

They are made one after another as they are taken (pipeline.sink.bulk.Pending). An event that is refused meanwhile gets
no more operations.
"""

from collections.abc import Iterable, Iterator

from pipeline.sink import documents
from pipeline.sink.batch_state import NO_EVENTS_FAULT, BatchState, Phase
from pipeline.sink.bulk import Operation
from pipeline.sink.events import Event
from pipeline.sink.lookup import Place
from pipeline.sink.target import Target


def of_phase(phase: Phase, state: BatchState, target: Target) -> Iterator[Operation]:
    """All operations of the phase. Where one cannot be made, its event becomes a dead letter."""
    for event in list(state.newest.values()):
        if phase is Phase.ARTICLES:
            yield from _guarded(event, _article(event, state, target), phase, state)
        elif phase is Phase.QUOTES:
            yield from _guarded(event, _quotes(event, state, target), phase, state)
        elif phase is Phase.FORMER:
            yield from _deletions(event, _former_places(event, state, target))
    for event in list(state.taken_back):
        if event.id in state.lost:
            continue
        if phase is Phase.TAKE_BACK:
            yield from _deletions(event, _own_quotes(event, state, target) | _obsolete_quotes(event, state, target))
        elif phase is Phase.FORMER:
            yield from _deletions(event, {_own_place(event, state, target)} | _former_places(event, state, target))


def _guarded(event: Event, operations: Iterator[Operation], phase: Phase, state: BatchState) -> Iterator[Operation]:
    """The operations, up to one that cannot be made: then the event becomes a dead letter."""
    try:
        for operation in operations:
            if state.newest.get(event.id) is not event:
                return  # it was refused or is stale
            yield operation
    except NO_EVENTS_FAULT:
        raise
    except Exception as error:
        if state.newest.get(event.id) is event:  # else it is a dead letter already, or stale
            state.fault(event, error, phase)


def _article(event: Event, state: BatchState, target: Target) -> Iterator[Operation]:
    document = documents.article(event.enriched, indexed=event.indexed or state.writing_since)
    index = target.index(event, "articles", state.now)
    yield Operation(event.id, index, document.id, event.version, document.json)


def _quotes(event: Event, state: BatchState, target: Target) -> Iterator[Operation]:
    index, version = target.index(event, "quotes", state.now), event.version
    for document in documents.quotes(event.enriched, indexed=event.indexed or state.writing_since):
        yield Operation(event.id, index, document.id, version, document.json)
    yield from _deletions(event, _obsolete_quotes(event, state, target))


def _deletions(event: Event, places: Iterable[Place]) -> Iterator[Operation]:
    for place in sorted(places, key=lambda place: (place.index, place.id)):
        yield Operation(event.id, place.index, place.id, event.version)


def _own_quotes(event: Event, state: BatchState, target: Target) -> set[Place]:
    """Where the event's quotes belong."""
    index = target.index(event, "quotes", state.now)
    return {Place(index, quote) for quote in documents.quote_ids(event.enriched)}


def _own_place(event: Event, state: BatchState, target: Target) -> Place:
    """Where the event's article belongs."""
    return Place(target.index(event, "articles", state.now), event.id)


def _obsolete_quotes(event: Event, state: BatchState, target: Target) -> set[Place]:
    """Quotes that the article had, by what was looked up or by the events that this one replaced, and has no longer."""
    obsolete = set(state.leftovers.get(event.id, ()))
    for older in state.replaced.get(event.id, ()):
        obsolete |= _own_quotes(older, state, target)
    return obsolete - _own_quotes(event, state, target)


def _former_places(event: Event, state: BatchState, target: Target) -> set[Place]:
    """Where the article was, by what was looked up or by the events that this one replaced, and belongs no longer."""
    former = {Place(place.index, event.id) for place in state.places.get(event.id, ())}
    former |= {_own_place(older, state, target) for older in state.replaced.get(event.id, ())}
    return former - {_own_place(event, state, target)}
