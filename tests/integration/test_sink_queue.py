"""Batches of which one begins while another is written, on a real Elasticsearch: as good as one after another."""

import random
from collections.abc import Sequence

import pytest
from elasticsearch import Elasticsearch

from pipeline.models import Enriched
from pipeline.settings import Settings
from pipeline.sink.batch import Batch
from pipeline.sink.batch_queue import BatchQueue
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration import sinks
from tests.integration.test_near_duplicates import counted, firsts, story
from tests.integration.test_sink_consumer import changed
from tests.integration.test_sink_writer import revisions, said
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines


def write(writer: Writer, batches: Sequence[Sequence[Enriched]]) -> tuple[list[Batch], int]:
    """Writes the batches by a queue that is kept full; how many had begun before the one before them was done."""
    queue = BatchQueue()
    waiting = [writer.batch([Event(record(one), one) for one in some]) for some in batches]
    done: list[Batch] = []
    begun: set[Batch] = set()

    def meanwhile() -> bool:
        if len(queue) < 2 and waiting:
            queue.add(waiting.pop(0))
            return True
        begun.update(batch for batch in list(queue._batches)[1:] if batch.begun)
        return False

    while queue or waiting:
        if not queue:
            meanwhile()
        queue.step(meanwhile)
        done += queue.done()
    return done, len(begun)


@pytest.mark.usefixtures("patient")
def test_batches_beside_each_other_are_as_good_as_alone(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    writer.catch_up(())
    batches = [
        [story("a1", ("One.", "Two.")), enriched(article="r", says=("Old.", "Kept."), revision=1)],
        [story("a2", ("One.", "Two."), lost=0.2), story("b1", ("X.",), seed=2, language="x" * 40_000)],
        [story("b2", ("X.",), seed=2, lost=0.2), enriched(article="r", says=("Kept.", "New."), revision=2)],
        [enriched(article=f"n{n}", says=tuple(f"Number {n} {m}." for m in range(40))) for n in range(20)],
        [enriched(article=f"m{n}", says=("Short.",)) for n in range(20)],
        [enriched(article="r", says=("Old.",), revision=1), story("a3", ("One.", "Three."), lost=0.1)],
    ]
    done, begun = write(writer, batches)
    assert [(one.outcome.written, one.outcome.stale, len(one.outcome.letters)) for one in done] == [
        (2, 0, 0), (1, 0, 1), (2, 0, 0), (20, 0, 0), (20, 0, 0), (1, 1, 0),
    ]  # fmt: skip
    assert begun
    links = {name: first for name, first in firsts(settings).items() if name[0] in "ab"}
    assert links == {"a1": None, "a2": "a1", "a3": "a1", "b2": None}, "a refused article has no copies"
    assert [one for one in counted(settings) if one in ("One.", "Two.", "Three.", "X.")] == [
        "One.", "Three.", "Two.", "X.",
    ]  # fmt: skip
    assert [one for one in said(client, settings) if one in ("Old.", "Kept.", "New.")] == ["Kept.", "New."]


@pytest.mark.usefixtures("patient")
@pytest.mark.guarantee("newest-revision")
def test_in_a_queue_the_newest_revision_is_there(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    chance = random.Random(7)
    topic = [
        enriched(
            article=f"a{chance.randrange(40)}",
            says=tuple(chance.sample([f"Word {n}." for n in range(8)], chance.randrange(5))),
            revision=chance.randrange(1000),
        )
        for _ in range(200)
    ]
    _, begun = write(writer, [topic[at : at + 4] for at in range(0, len(topic), 4)])
    newest: dict[str, Enriched] = {}
    for one in topic:
        if one.article.id not in newest or one.article.revision >= newest[one.article.id].article.revision:
            newest[one.article.id] = one
    assert revisions(client, settings) == sorted(
        ("2026.03", one.article.id, one.article.revision) for one in newest.values()
    )
    assert said(client, settings) == sorted(quote.text for one in newest.values() for quote in one.quotes)
    assert begun


@pytest.mark.guarantee("sink-commits")
def test_a_sink_that_is_stopped_commits_what_it_has_done(settings: Settings) -> None:
    small = changed(settings, batch_articles=10, batch_wait=0.05)
    sinks.publish(small, [enriched(article=f"a{n:03}", says=(f"Word {n:03}.", "Same.")) for n in range(300)])
    with sinks.running(small) as first:
        sinks.wait_until(lambda: first.total.written > 20, "it is in the middle of it")
    assert first.total.written < 300
    assert len(sinks.articles(small)) == first.total.written
    with sinks.running(small) as second:
        sinks.drained(small)
        assert first.total.written + second.total.written == 300, "nothing was written twice"
    assert len(sinks.articles(small)) == 300
    assert len(sinks.said(small)) == 600
