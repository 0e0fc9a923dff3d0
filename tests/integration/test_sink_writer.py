"""What the sink writes to a real Elasticsearch: the newest revision wins whole, whatever is repeated or cut off."""

import random
from concurrent.futures import wait
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline.models import Enriched
from pipeline.settings import Settings
from pipeline.sink import documents, indices
from pipeline.sink.batch import Batch
from pipeline.sink.batch_state import Phase, WriteOutcome
from pipeline.sink.bulk import Pending
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.integration import sinks
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines

FEBRUARY = datetime(2026, 2, 3, tzinfo=UTC)
JANUARY = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)


def write(writer: Writer, *articles: Enriched) -> WriteOutcome:
    return writer.batch([Event(record(one, offset=n), one) for n, one in enumerate(articles)]).write()


def advance(batch: Batch) -> None:
    """Sends one request and waits for its answer, or goes to the next phase."""
    batch._step()
    wait(batch.expected)
    batch.receive()


def hits(client: Elasticsearch, index: str) -> list[dict[str, Any]]:
    client.indices.refresh(index=index)
    found: list[dict[str, Any]] = client.search(index=index, size=1000, version=True)["hits"]["hits"]
    return found


def said(client: Elasticsearch, settings: Settings) -> list[str]:
    """All quotes that are searchable, in order of their words, however many times each."""
    return sorted(hit["_source"]["said"] for hit in hits(client, settings.quotes_alias))


def revisions(client: Elasticsearch, settings: Settings) -> list[tuple[str, str, int]]:
    """Month, id and revision of every article."""
    return sorted(
        (indices.month_of(hit["_index"]), hit["_id"], hit["_source"]["revision"])
        for hit in hits(client, settings.articles_alias)
    )


def test_the_same_article_five_times_is_there_once(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    article = enriched(says=("One thing.", "Another thing."))
    outcomes = [write(writer, article) for _ in range(3)] + [write(writer, article, article)]
    assert [(one.written, one.stale) for one in outcomes] == [(1, 0)] * 3 + [(1, 1)]
    assert said(client, settings) == ["Another thing.", "One thing."]
    assert revisions(client, settings) == [("2026.03", "a1", 1)]


@pytest.mark.guarantee("late-older-revision")
def test_a_late_older_revision_loses_and_brings_no_quote_back(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, enriched(says=("Old.", "Kept."), revision=1))
    write(writer, enriched(says=("Kept.", "New."), revision=2))
    outcome = write(writer, enriched(says=("Old.", "Kept."), revision=1))
    assert (outcome.written, outcome.stale) == (0, 1)
    assert said(client, settings) == ["Kept.", "New."]
    assert revisions(client, settings) == [("2026.03", "a1", 2)]


@pytest.mark.guarantee("quotes-removed")
def test_a_new_revision_removes_the_quotes_that_it_no_longer_has(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, enriched(says=("First.", "Second.", "Third."), revision=1), enriched(article="a2", says=("Mine.",)))
    write(writer, enriched(says=("Second.",), revision=2))
    assert said(client, settings) == ["Mine.", "Second."]
    write(writer, enriched(says=(), revision=3))
    assert said(client, settings) == ["Mine."]


def test_enriching_a_revision_again_replaces_its_quotes(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, enriched(says=("By the old engine.",), revision=4))
    write(writer, enriched(says=("By the new engine.",), revision=4))
    assert said(client, settings) == ["By the new engine."]


@pytest.mark.guarantee("one-month")
def test_a_change_of_month_moves_the_article_with_its_quotes(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, enriched(says=("Stays.", "Goes."), published=FEBRUARY, revision=1))
    write(writer, enriched(says=("Stays.", "Comes."), published=JANUARY, revision=2))
    assert revisions(client, settings) == [("2026.01", "a1", 2)]
    assert said(client, settings) == ["Comes.", "Stays."]
    assert {indices.month_of(hit["_index"]) for hit in hits(client, settings.quotes_alias)} == {"2026.01"}
    # An older one that comes late in the old month must not live on there.
    assert write(writer, enriched(says=("Goes.",), published=FEBRUARY, revision=1)).stale == 1
    assert revisions(client, settings) == [("2026.01", "a1", 2)]
    write(writer, enriched(says=("Back.",), published=FEBRUARY, revision=3))
    assert revisions(client, settings) == [("2026.02", "a1", 3)]
    assert said(client, settings) == ["Back."]


def test_revisions_in_one_batch_are_as_good_as_in_several(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    outcome = write(
        writer,
        enriched(says=("One.",), revision=1, published=FEBRUARY),
        enriched(says=("Three.",), revision=3),
        enriched(says=("Two.",), revision=2, published=JANUARY),
        enriched(article="a2", says=("Other.",)),
    )
    assert (outcome.written, outcome.stale) == (2, 2)
    assert said(client, settings) == ["Other.", "Three."]
    assert revisions(client, settings) == [("2026.03", "a1", 3), ("2026.03", "a2", 1)]


def test_a_sink_that_was_cut_off_brings_nothing_back(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    """Its requests arrive after another sink has written a newer revision: versions and deletions refuse them."""
    late = Writer(client, settings, writer.indices)
    old = enriched(says=("Old.", "Kept."), published=FEBRUARY, revision=1)
    cut_off = late.batch([Event(record(old), old)])
    cut_off._plan()  # it has looked, and found nothing …
    write(writer, old, enriched(says=("Kept.", "New."), revision=2))
    assert cut_off.write().stale == 1  # … when its first request comes
    assert said(client, settings) == ["Kept.", "New."]
    assert revisions(client, settings) == [("2026.03", "a1", 2)]


def test_a_sink_cut_off_before_the_quotes_brings_none_back(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    late = Writer(client, settings, writer.indices)
    old = enriched(says=("Old.", "Kept."), revision=1)
    cut_off = late.batch([Event(record(old), old)])
    cut_off._plan()
    advance(cut_off)  # the article is written, its quotes are not
    write(writer, old, enriched(says=("Kept.", "New."), revision=2))
    cut_off.write()
    assert said(client, settings) == ["Kept.", "New."]


@pytest.mark.parametrize("half", [False, True], ids=["between requests", "within a request"])
@pytest.mark.parametrize("steps", range(1, 9))
def test_the_replay_heals_a_crash_at_any_moment(
    writer: Writer, client: Elasticsearch, settings: Settings, steps: int, half: bool
) -> None:
    write(writer, enriched(says=("Old.", "Kept."), published=FEBRUARY, revision=1), enriched(article="a2"))
    new = enriched(says=("Kept.", "New."), revision=2)
    killed = writer.batch([Event(record(new), new)])
    for step in range(1, steps + 1):
        if half and step == steps:
            operations = list(killed._left)
            killed._left = Pending(operations[: len(operations) // 2])
        if killed._phase < 5:
            advance(killed)
    again = Writer(client, settings, indices.prepare(client, settings))  # remembers nothing
    assert write(again, new).written == 1
    assert said(client, settings) == ["Kept.", "New.", "We will build it."]
    assert revisions(client, settings) == [("2026.03", "a1", 2), ("2026.03", "a2", 1)]


def test_the_replay_of_several_revisions_heals_too(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    first = enriched(says=("One.",), revision=1, published=FEBRUARY)
    killed = writer.batch([Event(record(first), first)])
    for _ in range(5):
        advance(killed)  # all is written but nothing committed
    again = Writer(client, settings, indices.prepare(client, settings))
    write(again, first, enriched(says=("Two.",), revision=2))
    assert said(client, settings) == ["Two."]
    assert revisions(client, settings) == [("2026.03", "a1", 2)]


def test_a_refused_article_is_a_letter_and_others_are_written(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    bad = enriched(article="bad", language="x" * 40_000)  # longer than a term may be
    outcome = write(writer, enriched(article="a1", says=("Mine.",)), bad, enriched(article="a2", says=("Too.",)))
    (letter,) = outcome.letters
    assert "failed to parse field [language]" in letter.reason
    assert 'immense term in field="language"' in letter.reason
    assert letter.error in {"illegal_argument_exception", "document_parsing_exception"}
    assert outcome.written == 2
    assert said(client, settings) == ["Mine.", "Too."]


@pytest.mark.parametrize("where", ["_speech_terms", "article", "_said_hash"])
@pytest.mark.guarantee("unexpected-error")
def test_an_article_without_documents_is_a_letter_alone(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    real = getattr(documents, where)

    def broken(one: Any, *rest: Any, **options: Any) -> Any:
        about = one if where == "article" else (rest[0] if rest else None)
        if "Breaks." in str(about or one):
            raise KeyError("this is unexpected")
        return real(one, *rest, **options)

    write(writer, enriched(article="bad", says=("Before.",), revision=1))
    monkeypatch.setattr(documents, where, broken)
    bad = enriched(article="bad", says=("Kept.", "Breaks."), revision=2)
    outcome = write(writer, enriched(article="a1", says=("Mine.",)), bad, enriched(article="a2", says=("Too.",)))
    (letter,) = outcome.letters
    assert (letter.key, letter.error) == (b"bad", "KeyError")
    assert outcome.written == 2
    monkeypatch.undo()
    there = said(client, settings)
    assert [one for one in there if one != "Before."] == ["Mine.", "Too."]
    assert write(writer, bad).written == 1  # sent again by somebody who has mended the fault
    assert said(client, settings) == ["Breaks.", "Kept.", "Mine.", "Too."]


def test_want_of_memory_is_no_articles_fault(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(documents, "quotes", broken)
    with pytest.raises(MemoryError):
        write(writer, enriched())


def test_a_refused_revision_leaves_the_one_before_as_it_was(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, enriched(says=("Good.",), revision=1))
    outcome = write(writer, enriched(says=("Bad.",), revision=2, language="x" * 40_000))
    assert len(outcome.letters) == 1
    assert said(client, settings) == ["Good."]
    assert revisions(client, settings) == [("2026.03", "a1", 1)]


def test_what_a_refused_revision_replaced_is_written(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    outcome = write(
        writer,
        enriched(says=("Older.",), revision=1),
        enriched(says=("Good.",), revision=2),
        enriched(says=("Bad.",), revision=3, language="x" * 40_000),
    )
    assert (outcome.written, outcome.stale, len(outcome.letters)) == (1, 1, 1)
    assert said(client, settings) == ["Good."]


def test_an_article_with_a_refused_quote_is_taken_back(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, enriched(says=("Before.",), published=FEBRUARY, revision=1))
    bad = enriched(says=("Fine.", "Not fine."), revision=2)
    fine, broken = bad.quotes
    broken = broken.model_copy(update={"start": 2**40})  # no integer
    outcome = write(writer, bad.model_copy(update={"quotes": [fine, broken]}), enriched(article="a2", says=("Mine.",)))
    (letter,) = outcome.letters
    assert "out of range" in letter.reason
    assert outcome.written == 1
    assert said(client, settings) == ["Mine."]
    assert revisions(client, settings) == [("2026.03", "a2", 1)]


@pytest.mark.parametrize("known", [Phase.QUOTES, Phase.TAKE_BACK, Phase.FORMER])
def test_what_another_sink_wrote_meanwhile_is_not_taken_back(
    writer: Writer, client: Elasticsearch, settings: Settings, known: Phase
) -> None:
    """The partition of a1 goes to a sink whose quotes are not refused; this one learns of it in that phase."""
    both = [enriched(article=id, says=("Fine.", f"Not fine of {id}.")) for id in ("a1", "a2")]
    refused = [one.quotes[1].model_copy(update={"start": 2**40}) for one in both]  # no integer
    bad = [one.model_copy(update={"quotes": [one.quotes[0], quote]}) for one, quote in zip(both, refused, strict=True)]
    batch = writer.batch([Event(record(one, partition=n), one) for n, one in enumerate(bad)])
    while batch._phase < known:
        advance(batch)
    batch.make_ahead()
    assert write(Writer(client, settings, indices.prepare(client, settings)), both[0]).written == 1
    batch.keep_only(lambda event: event.record.partition == 1)
    assert len(batch.write().letters) == 2
    assert said(client, settings) == ["Fine.", "Not fine of a1."]
    assert revisions(client, settings) == [("2026.03", "a1", 1)], "a2 is taken back: its partition stayed"


@pytest.mark.parametrize(
    "poison",
    [enriched(article="p", revision=2**70), enriched(article="p").model_copy(update={"quotes": [
        enriched().quotes[0].model_copy(update={"id": "é" * 300})
    ]})],
)  # fmt: skip
def test_an_event_that_breaks_the_request_harms_no_other(
    writer: Writer, client: Elasticsearch, settings: Settings, poison: Enriched
) -> None:
    good = [enriched(article=f"a{n}", says=(f"Number {n}.",)) for n in range(6)]
    outcome = write(writer, *good[:3], poison, *good[3:])
    assert (outcome.written, len(outcome.letters)) == (6, 1)
    assert len(outcome.letters[0].reason) > 10
    assert said(client, settings) == [f"Number {n}." for n in range(6)]


def test_a_dropped_month_is_made_again_for_its_next_article(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, enriched(says=("Gone.",), published=JANUARY), enriched(article="a2", says=("Here.",)))
    sinks.drop_month(client, settings, "2026.01")
    assert said(client, settings) == ["Here."]
    write(writer, enriched(says=("Late.",), published=JANUARY))
    assert said(client, settings) == ["Here.", "Late."]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.guarantee("newest-revision")
def test_in_whatever_order_the_newest_revision_is_there(client: Elasticsearch, settings: Settings, seed: int) -> None:
    """Random revisions of a few articles in random months, in random batches; every third batch is killed."""
    chance = random.Random(seed)
    words = [f"Word {n}." for n in range(8)]
    topic: list[Enriched] = []
    for _ in range(120):
        says = tuple(chance.sample(words, chance.randrange(5)))
        month = chance.choice([JANUARY, FEBRUARY, FEBRUARY, datetime(2026, 3, 1, tzinfo=UTC)])
        name, revision = f"a{chance.randrange(6)}", chance.randrange(1000)
        topic.append(enriched(article=name, says=says, published=month, revision=revision))
    months = indices.prepare(client, settings)
    writer, committed = Writer(client, settings, months), 0
    while committed < len(topic):
        size = chance.randrange(1, 12)
        batch = writer.batch([Event(record(one), one) for one in topic[committed : committed + size]])
        if chance.random() < 0.33:
            for _ in range(chance.randrange(8)):
                if batch._phase < 5:
                    advance(batch)
            writer = Writer(client, settings, months)
            continue
        batch.write()
        committed += size
    newest: dict[str, Enriched] = {}
    for one in topic:
        if one.article.id not in newest or one.article.revision >= newest[one.article.id].article.revision:
            newest[one.article.id] = one
    assert revisions(client, settings) == sorted(
        (f"{one.article.published:%Y.%m}", one.article.id, one.article.revision) for one in newest.values()
    )
    assert sorted(
        (hit["_source"]["article_id"], hit["_source"]["said"]) for hit in hits(client, settings.quotes_alias)
    ) == sorted((one.article.id, quote.text) for one in newest.values() for quote in one.quotes)


def test_one_batch_may_hold_more_quotes_than_a_page_of_hits(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sink.lookup._PAGE", 7)
    monkeypatch.setattr("pipeline.sink.lookup._AT_ONCE", 3)
    old = [enriched(article=f"a{n}", says=("One.", "Two.", "Three.", "Four."), published=JANUARY) for n in range(8)]
    new = [enriched(article=f"a{n}", says=("Four.", "Five."), revision=2) for n in range(8)]
    write(writer, *old)
    write(writer, *new)
    assert said(client, settings) == sorted(["Four.", "Five."] * 8)
    assert len(revisions(client, settings)) == 8


def by(engine: str, *says: str, **changes: Any) -> Enriched:
    one = enriched(says=says, **changes)
    return one.model_copy(update={"model": one.model.model_copy(update={"engine": engine})})


def test_a_newer_engine_replaces_quotes_a_late_older_one_none(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, by("1", "Kept.", "Lost."))
    write(writer, by("2", "Kept.", "Found."))
    assert said(client, settings) == ["Found.", "Kept."]
    assert write(writer, by("1", "Kept.", "Lost.")).stale == 1
    assert said(client, settings) == ["Found.", "Kept."]
    # A newer revision wins whoever enriched it.
    assert write(writer, by("1", "Rewritten.", revision=2)).written == 1
    assert said(client, settings) == ["Rewritten."]


def test_elasticsearch_refuses_a_late_result_of_an_older_engine(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    late = Writer(client, settings, writer.indices)
    old = by("1", "Kept.", "Lost.")
    cut_off = late.batch([Event(record(old), old)])
    cut_off._plan()
    write(writer, by("2", "Kept.", "Found."))
    assert cut_off.write().stale == 1
    assert said(client, settings) == ["Found.", "Kept."]
