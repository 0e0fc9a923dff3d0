"""Says what is wrong with an event of entities that the store could not take, or that contradicts itself.

Anybody who may write to the topic can put anything there, and a store is made again from all that it holds. So what is
read is checked for all that Elasticsearch refuses and that our code does not expect.
"""

import math
import re
from collections.abc import Iterator
from datetime import date

from pipeline.entities.models import Decision, Known, Ruling, event_key

__all__ = ["problem"]

_LONGEST_ID = 512  # bytes: what Elasticsearch takes
_LONGEST_LOCAL = 8000  # characters: with an entity's id beside it, it is no longer than a term can be
_REVISIONS = 2**57  # with the resolver's version in the six bits below, it is a version of Elasticsearch's
_RESOLVERS = 64
_ENTITY = re.compile(r"[plog]-\S{1,100}")
_COUNTRY = re.compile(r"\S{1,8}")

_NEEDS = {"merge": "other", "split": "other", "rename": "name", "alias": "name", "link": "name"}
"""By action, the field without which a ruling says nothing."""


def problem(key: str, event: Decision | Ruling | Known) -> str:
    """What is wrong with an event that has its form, in a sentence; empty where nothing is.

    Args:
        key: the key that it has on the topic.
        event: the event.
    """
    if event_key(event) != key:
        return f"it is about {event_key(event)[:80]!r}, and its key is another."
    match event:
        case Decision():
            checks = _of_decision(event)
        case Ruling():
            checks = _of_ruling(event)
        case Known():
            checks = _of_known(event)
    return next(filter(None, checks), "")


def _of_decision(decision: Decision) -> Iterator[str]:
    yield _of_id("article", decision.article)
    if not 0 <= decision.revision < _REVISIONS:
        yield "its revision is no number of milliseconds."
    if not 0 <= decision.resolver < _RESOLVERS:
        yield "there is no such version of the resolver."
    yield _of_day(decision.day)
    for link in decision.links:
        yield _of_entity("entity", link.entity or "")
        if not math.isfinite(link.score):
            yield "a score is not finite."
        if any(len(local) > _LONGEST_LOCAL for local in link.locals):
            yield f"a local id has more than {_LONGEST_LOCAL:,} characters."
        for country in (link.country, link.within, link.government):
            yield _of_country(country)


def _of_ruling(ruling: Ruling) -> Iterator[str]:
    yield _of_id("id", ruling.id)
    yield _of_entity("entity", ruling.entity, needed=True)
    yield _of_entity("other", ruling.other)
    needed = _NEEDS[ruling.action]
    if not getattr(ruling, needed):
        yield f"it is to {ruling.action}, and has no {needed}."
    if ruling.other == ruling.entity:
        yield f"it is to {ruling.action} an entity with itself."
    for article in ruling.articles:
        yield _of_id("articles", article)


def _of_known(known: Known) -> Iterator[str]:
    yield _of_entity("entity", known.entity)
    yield _of_country(known.country)


def _of_id(field: str, id: str) -> str:
    return "" if 0 < len(id.encode()) <= _LONGEST_ID else f"{field}: an id has 1 to {_LONGEST_ID} bytes."


def _of_entity(field: str, id: str, *, needed: bool = False) -> str:
    fits = _ENTITY.fullmatch(id) and len(id.encode()) <= _LONGEST_ID
    return "" if fits or not (id or needed) else f"{field}: {id[:80]!r} is no entity's id."


def _of_day(day: str) -> str:
    try:
        fits = not day or (len(day) == 10 and bool(date.fromisoformat(day)))
    except ValueError:
        fits = False
    return "" if fits else f"day: {day[:80]!r} is no day."


def _of_country(country: str | None) -> str:
    fits = country is None or _COUNTRY.fullmatch(country)
    return "" if fits else f"country: {str(country)[:80]!r} is no country's code."
