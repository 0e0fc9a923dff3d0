"""`whosaid status` shows the sources: which fail and why, and whether anybody reads them."""

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import SourceConfig
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.intervals import PollingStats
from connectors.scheduling.source_state import SourceState
from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.cli.main import main
from pipeline.settings import Settings, environment
from tests.integration.parts import COMMAND, env


@pytest.fixture
def there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Topics, and the settings as this process's own."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    for name, value in (environment(settings) | {"COLUMNS": "200"}).items():
        monkeypatch.setenv(name, value)
    return settings


def keep(settings: Settings, states: Sequence[SourceState]) -> None:
    """Has these sources in the store, in these states."""

    async def work() -> None:
        async with ElasticsearchStore(settings) as store:
            await store.add([one.config for one in states], datetime.now(UTC))
            for one in states:
                known = await store.get(one.id)
                await store.save(replace(one, version=known.version, added=known.added), release=False)
            await store.all()  # refreshes

    asyncio.run(work())


def asked(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    main(["status", *options])
    return capsys.readouterr().out


def test_sources_and_those_that_fail(there: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    soon, before = now + timedelta(minutes=20), now - timedelta(hours=3)
    why = "http://ana:hunter2@news.test/b answers with status 500."
    keep(
        there,
        [
            SourceState(SourceConfig("a", "feed", "http://news.test/a"), due=soon, last_success=before),
            SourceState(
                SourceConfig("b", "feed", "http://news.test/b"),
                due=soon,
                stats=PollingStats(failures=4),
                last_error=why,
            ),
            SourceState(SourceConfig("c", "page", "http://news.test/c"), paused=True, cursor={"long": "x" * 1000}),
        ],
    )
    shown = asked(capsys)
    assert "Sources         3, 1 failing, 1 paused  last read 3 h ago; next poll in 20 min" in shown
    assert "  feed          2, 1 failing" in shown
    assert "! b failed 4 times: http://ana:********@news.test/b answers with status 500; next try in 20 min." in shown
    assert "No connector" not in shown
    found = json.loads(asked(capsys, "--json"))["sources"]
    assert (found["total"], found["failing"], found["paused"], found["connectors"]) == (3, 1, 1, [])
    [failure] = found["failures"]
    assert failure == {
        "id": "b",
        "failures": 4,
        "error": why.replace("hunter2", "********"),
        "next_poll": soon.isoformat(),
    }


def test_optimized_python(there: Settings) -> None:
    done = subprocess.run(
        [*COMMAND, "status", "--json"],
        env=env(there) | {"PYTHONOPTIMIZE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(done.stdout)["kafka"] is True
    assert "Python's optimization is left out" in done.stderr


def test_nobody_reads(there: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    overdue = datetime.now(UTC) - timedelta(minutes=12)
    one = SourceState(SourceConfig("a", "feed", "http://news.test/a"), due=overdue)
    keep(there, [one])
    sentence = "No connector reads the 1 sources, the first was due 12 min ago; start one with `whosaid connect`."
    assert sentence in asked(capsys)
    assert main(["status"]) == 4
    capsys.readouterr()
    leased = replace(one, owner="host-7", leased_until=datetime.now(UTC) + timedelta(minutes=1))
    keep(there, [leased])
    shown = asked(capsys)
    assert "No connector" not in shown
    assert "read by 1 connector now" in shown


def test_without_sources_it_makes_none(there: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Sources         none" in asked(capsys)
    with elasticsearch_client.connect(there) as client:
        assert not client.indices.exists(index=f"{there.elasticsearch.prefix}-sources-v1")
