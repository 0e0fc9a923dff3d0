"""Streams of new quotes on a real Elasticsearch: each is sent once, when it becomes visible, and is asked for once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pipeline.models import Enriched
from pipeline.search import looks, stream
from pipeline.search.looks import Looks
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import QuoteHit
from pipeline.settings import Settings
from pipeline.sink import removal
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.unit.sink.factory import enriched, record

pytestmark = pytest.mark.engines


def said(hit: QuoteHit) -> str:
    return hit.said


async def first_of(texts: AsyncIterator[str], count: int) -> set[str]:
    """The words of the next so many events."""
    found: list[str] = []
    async for text in texts:
        if "data: " in text:
            found.append(text.rpartition("data: ")[2].strip())
        if len(found) == count:
            break
    assert len(found) == len(set(found))
    return set(found)


def test_each_quote_is_sent_once_when_it_becomes_visible(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(at: datetime, *articles: Enriched) -> None:
        writer.batch([Event(record(one), one, indexed=at) for one in articles]).write()
        client.indices.refresh(index=settings.quotes_alias)

    def article(id: str, *says: str, **changes: Any) -> Enriched:
        return enriched(article=id, says=says, **changes)

    async def follow() -> None:
        reader = Reader(settings)
        shared = Looks(reader)
        how: dict[str, Any] = {"resumed": True, "seconds": 60, "stopping": bool, "render": said, "looks": shared}
        with reader:
            every = stream.events(reader, QuoteQuery(), since=now, **how)
            some = stream.events(reader, QuoteQuery(words="bridge"), since=now, **how)
            ago = stream.events(reader, QuoteQuery(), since=now - timedelta(hours=1), **how)
            assert await first_of(every, 3) == {"One.", "Two.", "A bridge."}
            assert await first_of(some, 1) == {"A bridge."}
            assert await first_of(ago, 4) == {"Hours old.", "One.", "Two.", "A bridge."}

            # At a time that was seen, there are as many quotes as before, and another one.
            removal.remove(client, settings, writer.indices.version, ["a2"])
            write(now, article("a4", "At the same time."))
            assert await first_of(every, 1) == {"At the same time."}

            # Late, before what was seen; with a quote that was sent, written again.
            write(now - timedelta(seconds=20), article("a5", "Late."), article("b1", "A bridge.", revision=2))
            write(now, article("a6", "A bridge too far."))
            assert await first_of(every, 2) == {"Late.", "A bridge too far."}
            assert await first_of(some, 1) == {"A bridge too far."}
            assert await first_of(ago, 3) == {"At the same time.", "Late.", "A bridge too far."}

    monkeypatch.setattr(looks, "_EVERY", 0.1)
    now = datetime.now(UTC)
    write(now - timedelta(minutes=20), article("a0", "Hours old."))
    write(now, article("a1", "One."), article("a2", "Two."))
    write(now - timedelta(seconds=5), article("b1", "A bridge."))
    asyncio.run(follow())


def test_a_look_asks_for_no_quotes(
    writer: Writer, client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many listen and were written lately; and who has found what is new asks for nothing more."""
    now = datetime.now(UTC)
    some = [enriched(article=f"a{n}", says=(f"Number {n}.", f"And {n}.")) for n in range(300)]
    writer.batch([Event(record(one), one, indexed=now) for one in some]).write()
    client.indices.refresh(index=settings.quotes_alias)
    reader = Reader(settings)
    asked: list[int] = []
    search = reader._searches.search

    def counting(*arguments: Any, **more: Any) -> Any:
        answer = search(*arguments, **more)
        asked.append(len(answer["hits"]["hits"]))
        return answer

    monkeypatch.setattr(reader._searches, "search", counting)
    monkeypatch.setattr(looks, "_EVERY", 0.05)

    async def listen(shared: Looks) -> set[str]:
        made = stream.events(
            reader, QuoteQuery(), since=now, resumed=True, looks=shared, render=said,
            stopping=lambda: asked.count(0) > 20,
        )  # fmt: skip
        return {text async for text in made if "data: " in text}

    async def all_of_them() -> list[set[str]]:
        shared = Looks(reader)
        return list(await asyncio.gather(*(listen(shared) for _ in range(3))))

    with reader:
        assert [len(texts) for texts in asyncio.run(all_of_them())] == [600] * 3
    assert sum(asked) == 3 * 600
