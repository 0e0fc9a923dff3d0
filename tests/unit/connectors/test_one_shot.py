"""Reading once and publishing: whatever stops it, the connector is closed while its event loop is open."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors import one_shot
from connectors.base import Cursor, Step
from connectors.publisher import DeliveryReport
from pipeline.errors import BrokerUnavailable, SourceError
from pipeline.models import Article
from pipeline.settings import Settings
from tests.unit.connectors.parsing.test_article_factory import an_article


class Endless:
    """A connector whose steps hold something that only their event loop can close."""

    closed = 0

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        number = 0
        try:
            while True:
                number += 1
                yield Step(an_article(f"https://a.test/{number}"), {})
        finally:
            await asyncio.to_thread(lambda: None)
            Endless.closed += 1


class Away:
    """Stands in for the publisher while Kafka takes nothing."""

    def __init__(self, settings: Settings) -> None: ...

    def __enter__(self) -> "Away":
        return self

    def __exit__(self, *_: object) -> None: ...

    def publish(self, article: Article) -> None: ...

    def flush(self) -> DeliveryReport:
        raise BrokerUnavailable("Kafka is away.")


@pytest.fixture(autouse=True)
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_shot, "open_target", lambda *_, **__: Endless())
    monkeypatch.setattr("connectors.publisher.ArticlePublisher", Away)
    Endless.closed = 0


def test_a_reader_that_stops_early_closes_the_connector() -> None:
    items = one_shot.read("-", Settings())
    assert [next(items).article is not None for _ in range(3)] == [True] * 3
    assert Endless.closed == 0
    items.close()
    assert Endless.closed == 1


def test_where_kafka_is_away_nothing_is_left_open() -> None:
    with pytest.raises(BrokerUnavailable) as raised:
        one_shot.ingest("-", Settings())
    assert Endless.closed == 1, raised.traceback  # which holds the frames, and all that is in them


def test_what_was_read_before_an_error_comes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
            for number in range(40):
                yield Step(an_article(f"https://a.test/{number}"), {})
            raise SourceError("It broke off.")

    monkeypatch.setattr(one_shot, "open_target", lambda *_, **__: Broken())
    items = one_shot.read("-", Settings())
    assert len([next(items) for _ in range(40)]) == 40
    with pytest.raises(SourceError, match="broke off"):
        next(items)


def test_many_steps_enter_the_event_loop_together(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = 0
    run = asyncio.Runner.run

    def counted(runner: asyncio.Runner, *arguments: Any, **options: Any) -> Any:
        nonlocal entered
        entered += 1
        return run(runner, *arguments, **options)

    monkeypatch.setattr(asyncio.Runner, "run", counted)
    items = one_shot.read("-", Settings())
    for _ in range(160):
        next(items)
    items.close()
    assert entered < 40
