"""Plans a batch: decides by what was looked up which of its events are written, and which articles are copies."""

from collections.abc import Collection

from pipeline.sink import documents
from pipeline.sink.batch_lookup import Found
from pipeline.sink.batch_state import NO_EVENTS_FAULT, BatchState, Phase
from pipeline.sink.events import Event
from pipeline.sink.target import Target


def adopt(found: Found, state: BatchState, target: Target, removed: Collection[str]) -> None:
    """Drops the events that are taken down or older than what is there, and places the others among their copies.

    Args:
        found: what was looked up for the batch; it is changed.
        state: the batch.
        target: where the batch is written.
        removed: articles that the batch before has removed, maybe after the look-up.

    Raises:
        elasticsearch.ApiError, elasticsearch.TransportError, ClusterUnavailable: it could not ask or remove.
    """
    known, down = found.known, found.down
    known.forget(removed)
    if down:
        target.remove(down & known.places.keys())
        state.pass_over(down)
        known.forget(down)
    state.places = dict(known.places)
    for article, places in state.places.items():
        if article in state.newest and any(place.version > state.newest[article].version for place in places):
            state.stale(article)
    state.leftovers = found.leftovers
    state.newest = target.duplicates.place(state.newest, known, state.now)


def set_faulty_aside(state: BatchState, target: Target) -> bool:
    """Makes dead letters of the events that cause an unexpected error while planning; whether there were any."""
    faulty: list[tuple[Event, Exception]] = []
    for event in state.newest.values():
        try:
            target.index(event, "quotes", state.now)
            documents.quote_ids(event.enriched)
            target.duplicates.rehearse(event, state.now)
        except NO_EVENTS_FAULT:
            raise
        except Exception as error:
            faulty.append((event, error))
    for event, why in faulty:
        state.fault(event, why, Phase.PLAN)
    return bool(faulty)
