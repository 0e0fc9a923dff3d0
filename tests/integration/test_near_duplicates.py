"""Syndicated copies on a real Elasticsearch: linked to the first of their cluster, their quotes counted once."""

import base64
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline.models import Enriched
from pipeline.reindex import rebuild
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings
from pipeline.sink import indices, near_duplicates
from pipeline.sink.batch_state import WriteOutcome
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.text.fingerprint import BANDS, HASHES, ROWS, fingerprint
from tests.integration import sinks
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines

WORDS = [f"word{n}" for n in range(3000)]
MARCH, APRIL, JUNE = (datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 31), (4, 1), (6, 1)))


def story(name: str, says: tuple[str, ...], *, seed: int = 1, lost: float = 0, **changes: Any) -> Enriched:
    """An article about what the seed stands for, of which some is lost at the end."""
    words = random.Random(seed).choices(WORDS, k=300)
    words = words[: int(300 * (1 - lost))]
    body = "Lund said: " + " — ".join(f"“{one}”" for one in says) + " " + " ".join(words)
    one = enriched(article=name, body=body, says=says, **({"published": MARCH} | changes))
    return one.model_copy(update={"fingerprint": fingerprint(body)})


def write(writer: Writer, *articles: Enriched) -> WriteOutcome:
    return writer.batch([Event(record(one, offset=n), one) for n, one in enumerate(articles)]).write()


def firsts(settings: Settings) -> dict[str, str | None]:
    """By article the first of its cluster, None for a first itself."""
    return {one["id"]: one.get("duplicate_of") for one in sinks.documents(settings, settings.articles_alias)}


def counted(settings: Settings) -> list[str]:
    """The quotes that count where people count."""
    sinks.documents(settings, settings.quotes_alias)  # refreshes
    with Reader(settings) as reader:
        return sorted(hit.said for hit in reader.search_quotes(QuoteQuery(size=100)).hits)


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "within a second"])
def test_a_copy_is_indexed_and_linked_and_its_quotes_count_once(
    writer: Writer, settings: Settings, at_once: bool
) -> None:
    first, copy, other = (
        story("a1", ("One.", "Two.")),
        story("a2", ("One.", "Two."), lost=0.2),
        story("b", ("X.",), seed=2),
    )
    for batch in [(first, copy, other)] if at_once else [(first,), (copy,), (other,)]:
        write(writer, *batch)
    assert firsts(settings) == {"a1": None, "a2": "a1", "b": None}
    assert len(sinks.documents(settings, settings.quotes_alias)) == 5
    assert counted(settings) == ["One.", "Two.", "X."]


def test_a_sink_that_remembers_nothing_finds_it_in_the_index(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    write(writer, story("a1", ("One.",), published=MARCH))
    client.indices.refresh(index=settings.articles_alias)
    again = Writer(client, settings, indices.prepare(client, settings))
    write(again, story("a2", ("One.",), published=APRIL))  # the month after
    write(again, story("a3", ("One.",), published=JUNE))  # too far away to be looked for
    assert firsts(settings) == {"a1": None, "a2": "a1", "a3": None}


def test_what_only_the_copy_has_counts_and_that_only_once(writer: Writer, settings: Settings) -> None:
    write(writer, story("a1", ("One.",)))
    write(writer, story("a2", ("One!", "Only in the copy.")))
    write(writer, story("a3", ("“One”", "Only in the copy.", "Only in the third.")))
    assert firsts(settings) == {"a1": None, "a2": "a1", "a3": "a1"}
    assert counted(settings) == ["One.", "Only in the copy.", "Only in the third."]


def test_writing_the_same_again_changes_nothing(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    articles = [story("a1", ("One.",)), story("a2", ("One.", "Two.")), story("a3", ("Two.",))]
    for order in (articles, articles[::-1], articles):
        write(writer, *order)
        write(Writer(client, settings, indices.prepare(client, settings)), *order)
        client.indices.refresh(index=f"{settings.elasticsearch.prefix}-*")
        assert firsts(settings) == {"a1": None, "a2": "a1", "a3": "a1"}
        assert counted(settings) == ["One.", "Two."]


def test_two_sinks_agree_when_either_article_comes_again(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    client.indices.put_settings(index=indices.pattern(settings, "articles"), settings={"refresh_interval": "-1"})
    other = Writer(client, settings, indices.prepare(client, settings))
    one, two = story("a1", ("One.",), published=APRIL), story("a2", ("One.",), published=MARCH)
    for month in ("2026.03", "2026.04"):
        writer.indices.ensure({month})
    client.indices.put_settings(index=indices.pattern(settings, "articles"), settings={"refresh_interval": "-1"})
    for each in (writer, other):
        each.refresher.refresh()  # both have looked a moment ago
    write(writer, one)
    write(other, two)
    assert firsts(settings) == {"a1": None, "a2": None}
    write(writer, two)
    assert firsts(settings) == {"a1": None, "a2": None}, "the earlier one stays a first"
    write(writer, one)
    assert firsts(settings) == {"a1": "a2", "a2": None}


def test_a_copy_that_is_rewritten_is_none_any_more(writer: Writer, settings: Settings) -> None:
    write(writer, story("a1", ("One.",)), story("a2", ("One.",)))
    write(writer, story("a2", ("One.",), seed=5, revision=2))
    assert firsts(settings) == {"a1": None, "a2": None}
    assert counted(settings) == ["One.", "One."]


def test_a_first_that_the_cluster_refused_has_no_copies(writer: Writer, settings: Settings) -> None:
    bad = story("bad", ("One.",), language="x" * 40_000)
    assert len(write(writer, bad).letters) == 1
    write(writer, story("a2", ("One.",)))
    assert firsts(settings) == {"a2": None}


def test_short_texts_and_old_events_have_no_cluster(writer: Writer, settings: Settings) -> None:
    write(writer, enriched("a1", says=("Same.",)), enriched("a2", says=("Same.",)))
    assert firsts(settings) == {"a1": None, "a2": None}
    assert counted(settings) == ["Same.", "Same."]


def test_a_rebuild_keeps_the_clusters(settings: Settings) -> None:
    sinks.publish(settings, [story("a1", ("One.",)), story("b", ("X.",), seed=2)])
    with sinks.running(settings):
        sinks.drained(settings)
        sinks.publish(settings, [story("a2", ("One.", "Two."))])
        sinks.drained(settings)
        before = firsts(settings)
        rebuild.reindex(settings)
        assert firsts(settings) == before == {"a1": None, "a2": "a1", "b": None}
        assert counted(settings) == ["One.", "Two.", "X."]
        sinks.publish(settings, [story("a3", ("Two.",))])
        sinks.drained(settings)
    assert firsts(settings)["a3"] == "a1"
    assert counted(settings) == ["One.", "Two.", "X."]


def test_a_month_of_many_articles_is_asked_apart(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    many = [story(f"a{n}", ("One.",), seed=n, published=JUNE) for n in range(near_duplicates._MANY + 1)]
    old = story("b", ("Two.",), seed=100, published=MARCH)
    write(writer, *many, old)
    again = Writer(client, settings, indices.prepare(client, settings))
    client.indices.refresh(index=settings.articles_alias)
    copies = [
        story(f"c{n}", ("One.",), seed=n, lost=0.2, published=JUNE.replace(month=5 + n % 3))
        for n in range(3 * near_duplicates._MANY + 3)
    ]
    write(again, *copies, story("d", ("Two.",), seed=100, lost=0.2, published=APRIL))
    found = firsts(settings)
    assert [found[f"c{n}"] for n in range(near_duplicates._MANY + 1)] == [one.article.id for one in many]
    assert found["d"] == "b"
    write(again, *many)
    assert firsts(settings) == found, "written again, in whichever search they are found"


def test_only_a_first_article_has_keywords(writer: Writer, settings: Settings) -> None:
    write(writer, story("a1", ("One.",)), story("a2", ("One.",), lost=0.2))
    found = {one["id"]: len(one["bands"]) for one in sinks.documents(settings, settings.articles_alias)}
    assert found == {"a1": BANDS, "a2": 0}


def test_a_copy_of_a_month_beside_it_hides_no_first_one(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    """Somebody may keep a month under another name that begins alike, with the same articles."""
    numbers = range(near_duplicates._MANY + 1)
    write(writer, *(story(f"a{n}", ("One.",), seed=n, published=JUNE) for n in numbers))
    month = indices.name(settings, "articles", "2026.06")
    client.indices.refresh(index=month)
    hits = client.search(index=month, size=100)["hits"]["hits"]
    for name in (f"{month}-copy", f"{month}1"):
        lines = [line for hit in hits for line in ({"index": {"_id": hit["_id"]}}, hit["_source"])]
        client.bulk(index=name, operations=lines, refresh=True)
        client.indices.delete_alias(index=name, name=settings.articles_alias)
    again = Writer(client, settings, indices.prepare(client, settings))
    write(again, *(story(f"c{n}", ("One.",), seed=n, lost=0.2, published=JUNE) for n in numbers))
    found = firsts(settings)
    assert [found[f"c{n}"] for n in numbers] == [f"a{n}" for n in numbers]


def test_a_copy_of_a_month_beside_it_is_left_alone(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    article = story("a1", ("One.", "Two."), published=JUNE)
    write(writer, article)
    names = [f"{indices.name(settings, kind, '2026.06')}{end}" for kind in indices.KINDS for end in ("-copy", "1")]
    for name in names:
        month = name.removesuffix("-copy").removesuffix("1")
        client.indices.refresh(index=month)
        lines = [
            line
            for hit in client.search(index=month, version=True)["hits"]["hits"]
            for line in ({"index": {"_id": hit["_id"]}}, hit["_source"])
        ]
        client.bulk(index=name, operations=lines, refresh=True)
    before = {name: client.count(index=name)["count"] for name in names}
    newer = article.article.model_copy(update={"revision": article.article.revision + 1, "published": MARCH})
    write(writer, article.model_copy(update={"article": newer, "quotes": article.quotes[:1]}))
    client.indices.refresh(index=names)
    assert {name: client.count(index=name)["count"] for name in names} == before
    assert [one["said"] for one in sinks.documents(settings, indices.name(settings, "quotes", "2026.03"))] == ["One."]


def test_of_many_that_share_a_band_the_likely_are_looked_at(
    writer: Writer, client: Elasticsearch, settings: Settings
) -> None:
    """The texts of a source with much boilerplate have some bands in common, and are no copies of each other."""
    many = [boilerplate(f"a{n}", text=n) for n in range(500)]
    assert write(writer, *many).written == len(many)
    client.indices.refresh(index=settings.articles_alias)
    again = Writer(client, settings, indices.prepare(client, settings))
    new = [boilerplate(f"c{n}", text=n * 50, lost=0.5) for n in range(6)] + [boilerplate("d", text=1000)]
    events = {one.article.id: Event(record(one), one) for one in [*new, many[7]]}
    known = again.duplicates.look_up(events, datetime.now(UTC))
    found = [f"a{n}" for n in range(500) if known.firsts.get(f"a{n}") is not None]
    assert len(found) < near_duplicates.LIKELY * len(events)
    assert known.places.keys() == {"a7"}
    write(again, *new, many[7])
    after = firsts(settings)
    assert [after[one.article.id] for one in new] == [f"a{n * 50}" for n in range(6)] + [None]
    copies = {id for id, first in after.items() if first}
    assert copies == {f"c{n}" for n in range(6)}, "nothing else becomes a copy"


def test_a_month_with_one_article_knows_its_copy(writer: Writer, client: Elasticsearch, settings: Settings) -> None:
    """What is rare is counted over all months that are asked, not in that month alone."""
    write(writer, *(boilerplate(f"a{n}", text=n) for n in range(500)))
    month = indices.name(settings, "articles", "2026.03")
    for part in range(2):
        lines: list[dict[str, Any]] = []
        for number in range(5_000):
            lines += {"index": {}}, {"id": f"o{part}-{number}", "bands": ["none"]}
        assert not client.bulk(index=month, operations=lines)["errors"]
    write(writer, boilerplate("right", text=1000, published=APRIL))
    client.indices.refresh(index=settings.articles_alias)
    again = Writer(client, settings, indices.prepare(client, settings))
    write(again, boilerplate("copy", text=1000, published=APRIL))
    client.indices.refresh(index=settings.articles_alias)
    copies = client.search(index=settings.articles_alias, query={"term": {"duplicate_of": "right"}})
    assert [hit["_id"] for hit in copies["hits"]["hits"]] == ["copy"]


def boilerplate(name: str, *, text: int, lost: float = 0, published: datetime = MARCH) -> Enriched:
    """An article that has four of its bands in common with all such, and none of the others."""
    width, chance = HASHES * 4, random.Random(text)
    shared = ROWS * 4 * 4
    values = random.Random("boilerplate").randbytes(shared) + chance.randbytes(width - shared)
    kept = width - int((width - shared) * lost) // 4 * 4
    made = values[:kept] + random.Random(name).randbytes(width - kept)
    one = enriched(article=name, says=(), published=published)
    return one.model_copy(update={"fingerprint": "1:" + base64.b64encode(made).decode()})
