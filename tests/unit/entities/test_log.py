"""Events of entities as anybody may have put them on the topic: what is taken, what is refused, and in which words."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.entities import documents
from pipeline.entities.log import decode
from pipeline.entities.models import Decision, Kind, Known, Link, Ruling, event_key
from pipeline.entities.profile import Profile
from pipeline.kafka_batches import Unreadable

ADA = Link(kind=Kind.PERSON, name="Ada Lovelace", locals=["p1"], entity="p-1a2b", country="GB", score=2.5)
DECISION = Decision(article="a1", revision=17, source="news.example", day="2026-03-12", links=[ADA])
RULING = Ruling(id="r1", action="merge", entity="p-1a2b", other="p-3c4d", at=datetime(2026, 3, 12, tzinfo=UTC))
KNOWN = Known(id="wikidata:Q7259", kind=Kind.PERSON, name="Ada Lovelace", country="GB", links=["wikidata:Q7259"])
GOOD = (DECISION, RULING, KNOWN)

_LONGEST_TERM = 32_766  # bytes: what Elasticsearch takes


def of(event: Decision | Ruling | Known, **changes: Any) -> tuple[bytes, bytes]:
    """Key and value of an event in which some fields are others."""
    return event_key(event).encode(), json.dumps(event.model_dump(mode="json") | changes).encode()


def link(**changes: Any) -> list[dict[str, Any]]:
    return [ADA.model_dump(mode="json") | changes]


@pytest.mark.parametrize("event", GOOD)
def test_a_good_event_is_read(event: Decision | Ruling | Known) -> None:
    assert decode(*of(event)) == event
    assert decode(event_key(event).encode(), event.model_dump_json(exclude={"type"}).encode()) == event


def test_the_last_of_a_doubled_field_counts() -> None:
    key, value = of(DECISION)
    assert decode(key, value[:-1] + b', "revision": 18}') == DECISION.model_copy(update={"revision": 18})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (None, b"{}", "it has no key of an event."),
        (b"x" * 2000, b"{}", "it has no key of an event."),
        (b"\xff", b"{}", "its key is '\ufffd'."),
        (b"note:1", b"{}", "its key is 'note:1'."),
        (b"article:a1", b"", "Invalid JSON"),
        (b"article:a1", b"[" * 100_000, "Invalid JSON"),
        (b"article:a1", b"null", "must be an object"),
        (b"article:a1", b"\x00\xff" * 500, "Invalid JSON"),
        (b"article:a1", b'{"article": "a1"}', "revision: "),
        (b"article:a1", Unreadable.made("CorruptBatch", "The batch is damaged", 4, 4), "The batch is damaged"),
        (b"article:a2", of(DECISION)[1], "it is about 'article:a1', and its key is another."),
        (b"ruling:r2", of(RULING)[1], "it is about 'ruling:r1', and its key is another."),
        (*of(DECISION, revision=-1), "its revision is no number of milliseconds."),
        (*of(DECISION, revision=2**60), "its revision is no number of milliseconds."),
        (*of(DECISION, resolver=64), "there is no such version of the resolver."),
        (*of(DECISION, day="yesterday"), "day: 'yesterday' is no day."),
        (*of(DECISION, day="2026-02-30"), "day: '2026-02-30' is no day."),
        (*of(DECISION, links=link(entity="x" * 600)), "is no entity's id."),
        (*of(DECISION, links=link(entity="z-1")), "entity: 'z-1' is no entity's id."),
        (*of(DECISION, links=link(score=float("nan"))), "a score is not finite."),
        (*of(DECISION, links=link(score=float("inf"))), "a score is not finite."),
        (*of(DECISION, links=link(country="x" * 40_000)), "is no country's code."),
        (*of(DECISION, links=link(locals=["p" * 9000])), "a local id has more than 8,000 characters."),
        (*of(RULING, action="marry"), "action: "),
        (*of(RULING, other=""), "it is to merge, and has no other."),
        (*of(RULING, action="split", other=""), "it is to split, and has no other."),
        (*of(RULING, action="rename"), "it is to rename, and has no name."),
        (*of(RULING, other="p-1a2b"), "it is to merge an entity with itself."),
        (*of(RULING, entity="z-1"), "entity: 'z-1' is no entity's id."),
        (*of(RULING, articles=[""]), "articles: an id has 1 to 512 bytes."),
        (*of(RULING, at="0001-01-01T00:00:00+14:00"), "at: "),
        (*of(KNOWN, entity="p-" + "x" * 600), "is no entity's id."),
        (*of(KNOWN, country="x" * 600), "is no country's code."),
        (*of(KNOWN, kind="ghost"), "kind: "),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_the_store_could_not_take_is_refused(key: bytes | None, value: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).+") as refused:
        decode(key, value)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["x" * 40_000, "p-1", "2026-03-12"])
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all fields within a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (*path, name)
        yield from places(inner, (*path, name))


@given(st.sampled_from(GOOD), st.data())
def test_what_is_taken_can_be_stored(event: Decision | Ruling | Known, data: st.DataObject) -> None:
    """Whatever stands in a field: it is refused in a sentence, or Elasticsearch can take what is made of it."""
    value = event.model_dump(mode="json")
    *path, last = data.draw(st.sampled_from(list(places(value))))
    inner: Any = value
    for name in path:
        inner = inner[name]
    inner[last] = data.draw(_VALUES)
    for document in stored(event_key(event).encode(), json.dumps(value).encode()):
        json.dumps(document, allow_nan=False)
        for field in ("keys", "locals", "pairs", "entities"):
            assert all(len(term.encode()) <= _LONGEST_TERM for term in document.get(field, ())), field


def stored(key: bytes, value: bytes) -> Iterator[dict[str, Any]]:
    """The documents that a rebuild makes of an event; none where it is refused."""
    try:
        event = decode(key, value)
    except ValueError:
        return
    if isinstance(event, Ruling):
        yield documents.ruling_document(event)
        return
    if isinstance(event, Known):
        profile = Profile("p-1a2b", event.kind, event.name, event.country)
        profile.learn(event)
        yield documents.entity_document(profile)
        return
    yield documents.decision_document(event, ())
    for one in event.links:
        profile = Profile("p-1a2b", one.kind, one.name, one.country)
        profile.see(one, event.day)
        yield documents.entity_document(profile)


@given(st.binary(max_size=40), st.binary(max_size=200))
def test_any_bytes_are_refused_in_a_sentence(key: bytes, value: bytes) -> None:
    with pytest.raises(ValueError, match=r"(?s).+"):
        decode(b"article:" + key, value)
