"""The part that resolves names, between a real Kafka and a real Elasticsearch: killed, and given bad articles."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline.entities import curation, log
from pipeline.entities.consumer import ResolvingPart
from pipeline.entities.lookup import Directory
from pipeline.settings import Settings, environment
from pipeline.sink.events import DeadLetters
from tests.integration import sinks
from tests.integration.entities.resolved import PEOPLE
from tests.unit.entities.factory import article

pytestmark = pytest.mark.engines


@pytest.mark.guarantee("entities-killed")
def test_a_killed_resolver_is_continued(client: Elasticsearch, settings: Settings, tmp_path: Path) -> None:
    """kill -9 in the middle, again and again; the last one finishes: as one that was never killed would have it."""
    articles = [article(at, PEOPLE[at % len(PEOPLE)], title="Mayor", people=["Joan Clarke"]) for at in range(330)]
    sinks.publish(settings, articles[:300])
    for round in range(3):
        with resolving_process(settings, tmp_path / f"resolve{round}.log") as process:
            wanted = 60 * (round + 1)
            sinks.wait_until(partial(is_decided, client, settings, wanted), f"{wanted} decided")
            os.kill(process.pid, signal.SIGKILL)
            process.wait(60)
    sinks.publish(settings, articles[300:])  # so that the last one has some, though those that were killed be fast
    with running(settings) as part:
        sinks.wait_until(lambda: decided(client, settings) == 330, "all are decided")
        sinks.wait_until(lambda: part.total.decided + part.total.repeated >= 30, "it worked")
    directory = Directory(client, settings)
    for name in PEOPLE:
        found = directory.search(name)
        assert found[0].name == name
        assert directory.find(found[0].id).articles == 55
    events = dict(log.read(settings))
    assert len([key for key in events if key.startswith("article:")]) == 330
    before = {id: view.articles for id, view in views(directory, client, settings).items()}
    curation.rebuild(settings)
    assert {id: view.articles for id, view in views(directory, client, settings).items()} == before


def test_an_article_that_is_refused_stops_no_other(client: Elasticsearch, settings: Settings) -> None:
    """Elasticsearch takes no id of 600 bytes, and no name's id of 40,000: dead letters; those beside are resolved."""
    bloated = article(3, "Rosa Parks")
    bloated = bloated.model_copy(
        update={"entities": [one.model_copy(update={"id": "x" * 40_000}) for one in bloated.entities]}
    )
    sinks.publish(
        settings, [article(1, "Ada Lovelace"), article("x" * 600, "Marie Curie"), bloated, article(2, "Niels Bohr")]
    )
    with running(settings) as part:
        sinks.wait_until(lambda: decided(client, settings) == 2, "the others are resolved")
        sinks.wait_until(lambda: part.unreadable == 2, "the two are passed over")
    letters = sinks.letters(settings)
    assert {letter.key for letter in letters} == {b"article-" + b"x" * 600, b"article-3"}
    assert all(letter.reason.startswith("Its names cannot be resolved: ") for letter in letters)


def views(directory: Directory, client: Elasticsearch, settings: Settings) -> dict[str, Any]:
    client.indices.refresh(index=settings.entities_index)
    hits = client.search(index=settings.entities_index, size=1000, source=False)["hits"]["hits"]
    return {hit["_id"]: directory.find(hit["_id"]) for hit in hits}


def is_decided(client: Elasticsearch, settings: Settings, wanted: int) -> bool:
    return decided(client, settings) >= wanted


def decided(client: Elasticsearch, settings: Settings) -> int:
    index = settings.entity_decisions_index
    if not client.indices.exists(index=index):
        return 0
    client.indices.refresh(index=index)
    return int(client.count(index=index)["count"])


@contextmanager
def resolving_process(settings: Settings, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command: Sequence[str] = (sys.executable, "-m", "pipeline.cli.main", "resolve")
    with path.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | environment(settings), stdout=out, stderr=out)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def running(settings: Settings) -> AbstractContextManager[ResolvingPart]:
    return sinks.in_thread(ResolvingPart(settings, DeadLetters(settings)))
