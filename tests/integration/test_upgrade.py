"""An upgrade from 0.1.0 and back: what either writes, the other reads, as docs/upgrading.md says."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from connectors.scheduling.elasticsearch_store import glance
from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.cli.main import main
from pipeline.models import Enriched
from pipeline.reindex import rebuild
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import Settings, environment
from tests.fixtures.releases.record import NEWER, PREFIX, SOURCE, command, part, surroundings
from tests.integration import articles as feed
from tests.integration import sinks
from tests.unit.sink.factory import enriched

pytestmark = pytest.mark.engines

ROOT = Path(__file__).parents[2]
COMMIT = "c14df45"
"""The state of 0.1.0 that is recorded in tests/fixtures/releases, and that is gone back to."""


class Recorded:
    """What 0.1.0 wrote, under the names of these settings."""

    def __init__(self, settings: Settings) -> None:
        text = (ROOT / f"tests/fixtures/releases/{COMMIT}.json").read_text(encoding="utf-8")
        text = text.replace(f'"{PREFIX}-', f'"{settings.elasticsearch.prefix}-')
        self._found = json.loads(text.replace(f'"{PREFIX}.', f'"{settings.kafka.prefix}'))
        self._settings = settings

    @property
    def enriched(self) -> list[Enriched]:
        return [Enriched.model_validate_json(event["value"]) for event in self._found["enriched"]]

    def put_back(self, client: Elasticsearch) -> None:
        """Puts all of it where it was."""
        self._events()
        for name, template in self._found["templates"].items():
            client.indices.put_index_template(name=name, **template)
        for name, index in self._found["indices"].items():
            client.indices.create(index=name, **index)
        operations: list[dict[str, Any]] = []
        for index, id, version, source in self._found["documents"]:
            kind = {"version": version, "version_type": "external"}
            operations += [{"index": {"_index": index, "_id": id, **kind}}, source]
        assert not client.bulk(operations=operations, refresh=True)["errors"]

    def _events(self) -> None:
        kafka_client.ensure_topics(self._settings, topics.all_topics(self._settings))
        producer = kafka_client.producer(self._settings)
        for name in ("articles", "enriched", "deadletter"):
            for event in self._found[name]:
                headers = [(key, value.encode()) for key, value in event["headers"]]
                value = (event["value"] or "").encode()
                producer.send(
                    self._settings.kafka.prefix + name, key=event["key"].encode(), value=value, headers=headers
                )
        producer.close(timeout=60)


@pytest.fixture
def client(settings: Settings) -> Iterator[Elasticsearch]:
    with elasticsearch_client.connect(settings) as connected:
        yield connected


@pytest.fixture
def whosaid(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Whosaid":
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    return Whosaid(capsys)


class Whosaid:
    """The command, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        code = main(list(arguments))
        captured = self._capsys.readouterr()
        assert code == 0, captured.err
        return captured.out


def quotes(settings: Settings, words: str = "") -> set[str]:
    """Ids of the quotes that a search finds."""
    with elasticsearch_client.connect(settings) as client:
        client.indices.refresh(index=settings.quotes_alias)
    with Reader(settings) as reader:
        return {quote.id for quote in reader.each_quote(QuoteQuery(words=words))}


def test_what_0_1_0_wrote_is_read_searched_replayed_and_rebuilt(
    settings: Settings, client: Elasticsearch, whosaid: Whosaid
) -> None:
    recorded = Recorded(settings)
    recorded.put_back(client)
    old = {quote.id for event in recorded.enriched for quote in event.quotes}
    with_penalties = {quote.id for event in recorded.enriched for quote in event.quotes if "penalties" in quote.text}
    assert len(old) > 20
    assert with_penalties

    # Before any part of ours has run: all quotes are listed; articles, sources and dead letters are shown.
    assert quotes(settings) == old
    article = recorded.enriched[0].article
    assert article.headline in whosaid("article", article.id)
    sources = asyncio.run(glance(settings))
    assert sources is not None
    assert [(one.config.id, one.config.location) for one in sources] == [("example", SOURCE)]
    [letter] = whosaid("dlq", "list", "--json").splitlines()
    assert json.loads(letter)["error"] == "NewerSchema"

    # A dead letter goes again to where it was.
    whosaid("dlq", "replay", "--every", "--timeout", "0")
    sent = [one.value for one in feed.records(settings, topics.articles(settings).name)]
    assert sent.count(NEWER) == 2

    # New indices have what is searched by its words; those of 0.1.0 are kept for the way back.
    assert rebuild.reindex(settings).articles == 3
    assert quotes(settings) == old
    assert with_penalties <= quotes(settings, "penalty")
    assert rebuild.back(settings).new == "v1"
    assert quotes(settings) == old

    # Our sink goes on where that of 0.1.0 stopped, or begins anew: nothing is lost, nothing is twice.
    sinks.publish(settings, [enriched(article="new", says=("We practise penalties.",))])
    with sinks.running(settings):
        sinks.drained(settings)
    assert len(sinks.articles(settings)) == 4
    assert len(sinks.said(settings)) == len(old) + 1
    assert len(quotes(settings, "penalty")) == len(with_penalties) + 1


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """0.1.0 as a folder of modules, out of the repository's history; in a clone without history this version itself."""
    checkout, installed = tmp_path / "checkout", tmp_path / "release"
    checkout.mkdir()
    for commit in (COMMIT, "HEAD"):
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
        if archive.returncode == 0:
            subprocess.run(["tar", "-x", "-C", str(checkout)], input=archive.stdout, check=True)
            break
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(installed), str(checkout)], check=True)
    return installed


def test_what_is_written_now_is_read_by_0_1_0_after_a_way_back(
    settings: Settings, release: Path, tmp_path: Path
) -> None:
    ours = [enriched(article=f"a{n}", says=(f"Bridge {n} opens.",)) for n in range(3)]
    sinks.publish(settings, [*ours, (b"torn", b"{")])
    with sinks.running(settings):
        sinks.drained(settings)

    def theirs(*arguments: str) -> str:
        done = subprocess.run(
            command(*arguments), cwd=release, env=surroundings(release, settings), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    with part(release, settings, "sink", tmp_path / "sink.log"):
        sinks.publish(settings, [enriched(article="a3", says=("Bridge 3 opens.",)), ours[0]])
        sinks.wait_until(lambda: len(sinks.articles(settings)) == 4, "0.1.0 writes")
        sinks.drained(settings)
    assert "Sink ready" in (tmp_path / "sink.log").read_text(encoding="utf-8")
    with elasticsearch_client.connect(settings) as client:  # docs/upgrading.md says so
        aliases = [settings.articles_alias, settings.quotes_alias]
        client.indices.put_settings(index=aliases, settings={"refresh_interval": "1s"})
    sinks.wait_until(lambda: theirs("search", "bridge").count("opens.") == 4, "0.1.0 finds all")
    [letter] = theirs("dlq", "list", "--json").splitlines()
    assert json.loads(letter)["error"] == "BadEvent"

    # Forward again: what 0.1.0 wrote is listed, and found by its words when it is written again.
    assert len(quotes(settings)) == 4
    assert rebuild.reindex(settings).articles == 4
    assert len(quotes(settings, "bridges")) == 4
