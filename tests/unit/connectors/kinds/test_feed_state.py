"""What the feed connector remembers from poll to poll, and servers that lie to it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Context, SourceConfig
from connectors.parsing import feed
from connectors.parsing.feed import parse
from connectors.registry import make
from pipeline.errors import SourceError
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.unit.connectors.helpers import NOW, articles, collect, playing, problems, story
from tests.unit.connectors.paper import Paper, polling

pytestmark = pytest.mark.anyio


async def test_a_second_poll_gives_only_what_is_new() -> None:
    paper = Paper(1, 2)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        assert len(articles(await collect(config, context, first[-1].cursor))) == 0
        paper.numbers.append(3)
        third = await collect(config, context, first[-1].cursor)
        assert [article.headline for article in articles(third)] == ["Story 3"]
        assert len(server.asked("/story/1")) == 1

    await polling(paper, steps)


async def test_validators_are_sent_and_a_304_reads_nothing() -> None:
    paper = Paper(1)
    paper.etag = '"1"'

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        second = await collect(config, context, first[-1].cursor)
        assert len(second) == 1
        assert second[0].hints is not None
        assert second[0].hints.unchanged
        assert second[0].cursor == first[-1].cursor

    await polling(paper, steps)


async def test_an_etag_that_never_changes_loses_nothing() -> None:
    paper = Paper(1)
    paper.etag = '"liar"'
    paper.pages[1] = Answer(503)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        assert articles(first) == []
        assert "status 503" in problems(first)[0]
        del paper.pages[1]
        second = await collect(config, context, first[-1].cursor)  # not conditional: an item still waits
        assert [article.headline for article in articles(second)] == ["Story 1"]

    await polling(paper, steps)


async def test_a_feed_unchanged_for_ever_is_read_whole_once_a_day() -> None:
    paper = Paper(1)
    paper.etag = '"liar"'

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        paper.numbers.append(2)
        hours_later = replace(context, now=lambda: NOW + timedelta(hours=23))
        second = await collect(config, hours_later, first[-1].cursor)
        assert articles(second) == []
        day_later = replace(context, now=lambda: NOW + timedelta(hours=25))
        assert [a.headline for a in articles(await collect(config, day_later, second[-1].cursor))] == ["Story 2"]

    await polling(paper, steps)


async def test_the_same_bytes_are_not_parsed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paper = Paper(1)
    paper.extra = "<ttl>60</ttl>"
    parsed: list[int] = []

    def counted(*given: Any, **named: Any) -> Any:
        parsed.append(1)
        return parse(*given, **named)

    monkeypatch.setattr(feed, "parse", counted)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        second = await collect(config, context, first[-1].cursor)
        assert len(parsed) == 1
        paper.etag = '"1"'
        paper.numbers.append(2)
        third = await collect(config, context, second[-1].cursor)
        fourth = await collect(config, context, third[-1].cursor)  # a 304
        assert [len(articles(one)) for one in (first, second, third, fourth)] == [1, 0, 1, 0]
        hints = [one[-1].hints for one in (first, second, third, fourth)]
        assert [one.interval for one in hints if one] == [3600] * 4
        assert [one.unchanged for one in hints if one] == [False, True, False, True]

    await polling(paper, steps)


async def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    paper = Paper()
    paper.feed = Answer(304)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        with pytest.raises(SourceError, match="never read"):
            await collect(config, context)

    await polling(paper, steps)


async def test_undated_items_have_one_revision_in_every_process() -> None:
    paper = Paper()
    item = "<item><title>T</title><link>/story/1</link>{}<description>x</description></item>"
    future = "<pubDate>Wed, 12 Mar 2036 11:00:00 GMT</pubDate>"

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        for date in ("", future):
            paper.feed = Answer(body=f"<rss version='2.0'><channel>{item.format(date)}</channel></rss>")
            planned = replace(context, scheduled=NOW - timedelta(minutes=5))
            later = replace(planned, now=lambda: NOW + timedelta(minutes=1))
            (one,) = articles(await collect(config, planned))
            (two,) = articles(await collect(config, later))
            assert one.revision == two.revision == int((NOW - timedelta(minutes=5)).timestamp() * 1000)
            assert ("published-in-future" in one.raw) == bool(date)
            assert one.published == (NOW if date else None)

    await polling(paper, steps, pages="never")


async def test_a_feed_gone_from_its_new_address_is_asked_at_the_old() -> None:
    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        moved = {"url": server.url("/new"), "whole": NOW.isoformat()}
        paper.feed = Answer(404)
        steps = make(config, context).articles(moved)
        stand = (await anext(steps)).cursor
        with pytest.raises(SourceError, match="is not there"):
            await anext(steps)
        paper.feed = None
        assert len(articles(await collect(config, context, stand))) == 1
        assert len(server.asked("/feed")) == 1

    paper = Paper(1)
    await polling(paper, steps)


async def test_an_item_changed_in_the_feed_alone_is_not_published() -> None:
    paper = Paper(1)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        paper.text = "A teaser with 7 comments."
        second = await collect(config, context, first[-1].cursor)
        assert (len(articles(second)), len(server.asked("/story/1"))) == (0, 2)

    await polling(paper, steps)


async def test_a_page_that_changed_is_a_newer_revision() -> None:
    paper = Paper(1)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        paper.text, paper.pages[1] = "Updated.", Answer(body=story("Story 1", paragraphs=6))
        second = await collect(config, context, first[-1].cursor)
        (old,), (new,) = articles(first), articles(second)
        assert (new.id, new.revision > old.revision) == (old.id, True)

    await polling(paper, steps)


async def test_two_processes_give_the_same_article_the_same_revision() -> None:
    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        one, two = articles(await collect(config, context)), articles(await collect(config, context))
        assert [(a.id, a.revision) for a in one] == [(a.id, a.revision) for a in two]

    await polling(Paper(1, 2), steps)


async def test_an_interrupted_poll_goes_on_after_the_last_item_kept() -> None:
    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        items = await collect(config, context)
        kept = items[0].cursor
        rest = await collect(config, context, kept)
        assert [article.headline for article in articles(rest)] == ["Story 2", "Story 3"]

    await polling(Paper(1, 2, 3), steps)


async def test_a_feed_that_moved_for_good_is_asked_at_its_new_place() -> None:
    paper = Paper(1)

    def handler(request: Request) -> Answer:
        if request.path == "/feed":
            return Answer(301, headers={"Location": "/new"})
        return paper(request)

    async with playing(handler) as (server, context):
        config = SourceConfig("paper", "feed", server.url("/feed"))
        first = await collect(config, context)
        assert first[-1].hints is not None
        assert first[-1].hints.moved_to == server.url("/new")
        await collect(config, context, first[-1].cursor)
        assert (len(server.asked("/feed")), len(server.asked("/new"))) == (1, 2)


async def test_the_dates_of_items_are_told_when_nothing_has_changed() -> None:
    paper = Paper(1, 2)
    paper.etag = '"1"'

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        second = await collect(config, context, first[-1].cursor)  # a 304
        told = [one[-1].hints.dates if one[-1].hints else () for one in (first, second)]
        assert told[0] == told[1]
        assert len(told[0]) == 2
        assert all(date <= NOW for date in told[0])

    await polling(paper, steps)


async def test_an_item_without_a_date_came_between_two_polls() -> None:
    paper = Paper(1, 2)
    paper.dated = False

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        assert first[-1].hints is not None
        assert first[-1].hints.dates == ()  # nobody knows when
        paper.numbers.append(3)
        second = await collect(config, context, first[-1].cursor)
        assert second[-1].hints is not None
        assert second[-1].hints.dates == (NOW.replace(microsecond=0),)

    await polling(paper, steps)
