"""Thousands of messages that nobody should send, in every topic: each is accounted for, and nobody dies of them."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline import kafka_client, topics
from pipeline.models import DeadLetter, Enriched
from tests.faults import corpus, fuzz, hostile
from tests.faults.engines import Engines
from tests.faults.pipeline import Pipeline
from tests.integration import articles as feed
from tests.integration import sinks, strangers
from tests.integration.parts import whosaid
from tests.unit.sink.factory import enriched

NUMBERS = [pytest.param(150, id="150"), pytest.param(10_000, id="10000", marks=pytest.mark.faults)]


def sent(pipeline: Pipeline, topic: str, events: Sequence[fuzz.Event]) -> set[tuple[int, int]]:
    """Publishes the events; where each of them is (partition, offset)."""
    return set(strangers.send(pipeline.settings, topic, events))


def buried(letters: Sequence[DeadLetter], topic: str) -> set[tuple[int, int]]:
    """Where on this topic the events of the dead letters were."""
    return {(letter.partition, letter.offset) for letter in letters if letter.topic == topic}


def mixed(seed: int, good: Sequence[fuzz.Event], bad: Sequence[fuzz.Event]) -> list[fuzz.Event]:
    together = [*good, *bad]
    random.Random(seed).shuffle(together)
    return together


def alive(pipeline: Pipeline) -> bool:
    return all(part.process.poll() is None for part in pipeline.parts.values())


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", NUMBERS)
@pytest.mark.guarantee("articles-topic-fuzz")
def test_fuzz_on_articles_is_enriched_or_dead_and_harms_no_other(engines: Engines, tmp_path: Path, count: int) -> None:
    good = [corpus.edition(number) for number in range(100) if not corpus.too_long(number)]
    events = mixed(
        count,
        [(one.id.encode(), one.model_dump_json().encode(), []) for one in good],
        list(fuzz.events(count, count, lambda number: corpus.edition(100_000 + number).model_dump_json().encode())),
    )
    with Pipeline(engines, tmp_path, work="", time_limit=30, max_characters=60_000) as pipeline:
        pipeline.start("enrich")
        pipeline.start("sink")
        pipeline.ready()
        name, next_name = topics.articles(pipeline.settings).name, topics.enriched(pipeline.settings).name
        places = sent(pipeline, name, events)
        odd = hostile.send(
            pipeline.settings, name, count, count, lambda number: corpus.edition(number).model_dump_json().encode()
        )
        pipeline.settle()
        assert alive(pipeline)
        letters = feed.dead(pipeline.settings)
        passed = {(record.partition, record.offset): record for record in feed.records(pipeline.settings, next_name)}
        assert buried(letters, name) <= places | odd
        assert len(buried(letters, name)) + len(passed) == len(places | odd) == len(events) + len(odd)
        assert len(buried(letters, name)) > count / 3, "most of them are bad"
        found = set(sinks.articles(pipeline.settings))
        assert found >= {one.id for one in good}
        written = [record for place, record in passed.items() if place not in buried(letters, next_name)]
        assert {json.loads(record.value)["article"]["id"] for record in written} == found
        assert all(letter.reason and letter.error for letter in letters)
        assert pipeline.waiting() == 0
        print(f"{len(events)} events: {len(passed)} enriched, {len(letters)} dead letters; {pipeline.megabytes()}")
        pipeline.check_memory()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", NUMBERS)
@pytest.mark.guarantee("enriched-topic-fuzz", "memory-bound")
def test_fuzz_on_enriched_is_found_or_dead_and_harms_no_other(engines: Engines, tmp_path: Path, count: int) -> None:
    def event(name: str) -> Enriched:
        return enriched(article=name, says=(f"Hear {name}.", "And me."))

    good = [event(f"good{number:03}") for number in range(100)]
    events = mixed(
        count,
        [(one.article.id.encode(), one.model_dump_json().encode(), []) for one in good],
        list(fuzz.events(count, count, lambda number: event(f"bad{number:06}").model_dump_json().encode())),
    )
    with Pipeline(engines, tmp_path) as pipeline:
        pipeline.start("sink")
        pipeline.ready()
        name = topics.enriched(pipeline.settings).name
        places = sent(pipeline, name, events)
        places |= hostile.send(
            pipeline.settings, name, count, count, lambda number: event(f"odd{number:06}").model_dump_json().encode()
        )
        pipeline.settle()
        assert alive(pipeline)
        letters = feed.dead(pipeline.settings)
        records = {(record.partition, record.offset): record for record in feed.records(pipeline.settings, name)}
        assert set(records) == places
        taken = [json.loads(record.value) for place, record in records.items() if place not in buried(letters, name)]
        documents = sinks.documents(pipeline.settings, pipeline.settings.articles_alias)
        assert {one["article"]["id"] for one in taken} == {one["id"] for one in documents}
        assert {one["id"] for one in documents} >= {one.article.id for one in good}
        assert len(buried(letters, name)) > count / 3
        # Whole or not at all: every quote has its article, and every article all of its quotes.
        expected = {(one["id"], quote) for one in documents for quote in one["quote_ids"]}
        there = [
            (one["article_id"], one["id"]) for one in sinks.documents(pipeline.settings, pipeline.settings.quotes_alias)
        ]
        assert set(there) == expected
        assert len(there) == len(expected)
        print(f"{len(events)} events: {len(taken)} taken, {len(letters)} dead letters; {pipeline.megabytes()}")
        pipeline.check_memory()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", NUMBERS)
@pytest.mark.guarantee("rubbish-letters")
def test_fuzz_on_the_dead_letter_topic_stops_nobody(engines: Engines, tmp_path: Path, count: int) -> None:
    """Nothing reads that topic but people's commands; the parts go on, and the commands know letters from rubbish.

    The topic beside it, of what was done with the letters, gets as much of it.
    """
    good = corpus.editions(50)
    with Pipeline(engines, tmp_path) as pipeline:
        pipeline.start("enrich")
        pipeline.start("sink")
        pipeline.ready()
        events = list(fuzz.events(count, count, lambda number: corpus.edition(number).model_dump_json().encode()))
        dead_name = topics.deadletter(pipeline.settings).name
        places = sent(pipeline, dead_name, events)
        places |= hostile.send(pipeline.settings, dead_name, count, count, lambda _: b"{}", transactions=False)
        kafka_client.ensure_topics(pipeline.settings, [topics.handled(pipeline.settings)])
        keyed = [(key or b"-", value, headers) for key, value, headers in events]
        sent(pipeline, topics.handled(pipeline.settings).name, keyed)
        pipeline.publish(good)
        pipeline.settle()
        assert alive(pipeline)
        dead = {one.id for one in good} - set(sinks.articles(pipeline.settings))
        assert dead == {corpus.edition(number).id for number in range(50) if corpus.too_long(number)}
        status, stats, listed = (
            whosaid(pipeline.settings, *command)
            for command in (("status", "--json"), ("dlq", "stats"), ("dlq", "list", "--json", "--limit", "0"))
        )
        assert "Traceback" not in status.stderr + stats.stderr + listed.stderr
        found = json.loads(status.stdout)
        assert found["dead_letters"] + found["strange_letters"] == len(places) + len(dead)
        assert (stats.returncode, listed.returncode) == (0, 0), stats.stderr + listed.stderr
        assert {json.loads(line)["article"] for line in listed.stdout.splitlines()} == dead
        pipeline.check_memory()
