"""The feed connector against a server that plays newspapers."""

from typing import Any

import pytest

from connectors.base import Context, SourceConfig
from connectors.kinds import feed
from connectors.parsing import feed as feeds
from connectors.parsing import html_article
from connectors.parsing.article_factory import make_article
from pipeline.errors import InputError, SourceError
from pipeline.models import Article
from tests.fixtures.simulator.server import Answer, Server
from tests.unit.connectors.helpers import articles, collect, problems
from tests.unit.connectors.paper import Paper, polling

pytestmark = pytest.mark.anyio


async def test_each_item_is_its_pages_full_text_oldest_first() -> None:
    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        items = await collect(config, context)
        found = articles(items)
        assert [article.headline for article in found] == ["Story 1", "Story 2", "Story 3"]
        assert all(article.body.count("\n") == 3 for article in found)
        assert found[0].source.name == "The Paper"
        assert found[0].published is not None
        assert found[0].raw["text"] == "page"
        assert items[-1].hints is not None
        assert items[-1].hints.interval == 600

    await polling(Paper(1, 2, 3), steps)


@pytest.mark.guarantee("record-alone")
async def test_an_error_that_should_not_be_costs_its_own_item(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_article

    def broken(**fields: Any) -> Article:
        if "/story/2" in fields["url"]:
            raise ZeroDivisionError("oops")
        return whole(**fields)

    monkeypatch.setattr(html_article, "make_article", broken)
    monkeypatch.setattr(feed, "make_article", broken)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        items = await collect(config, context)
        assert [article.headline for article in articles(items)] == ["Story 1", "Story 3"]
        assert any("unexpected error (ZeroDivisionError)" in one for one in problems(items))
        assert items[-1].hints is not None
        assert articles(await collect(config, context, items[-1].cursor)) == []  # it is not tried again and again

    await polling(Paper(1, 2, 3), steps)


async def test_an_item_that_cannot_be_parsed_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = feeds._entry

    def broken(entry: Any, base: str) -> dict[str, Any]:
        if entry.get("title") == "Story 2":
            raise ZeroDivisionError("oops")
        return whole(entry, base)

    monkeypatch.setattr(feeds, "_entry", broken)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        items = await collect(config, context)
        assert [article.headline for article in articles(items)] == ["Story 1", "Story 3"]
        assert any("item 2: cannot be read: unexpected error" in one for one in problems(items))

    await polling(Paper(1, 2, 3), steps)


async def test_a_page_that_stays_away_gives_way_to_the_feeds_text() -> None:
    paper = Paper(1)
    paper.pages[1] = Answer(500)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        cursor: Any = {}
        report = []
        for _ in range(4):
            items = await collect(config, context, cursor)
            cursor = items[-1].cursor
            report.append([article.body for article in articles(items)])
        assert report == [[], [], ["A teaser."], []]

    await polling(paper, steps)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
async def test_a_page_that_is_refused_for_good_is_replaced_at_once(status: int) -> None:
    paper = Paper(1)
    paper.pages[1] = Answer(status)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        (article,) = articles(await collect(config, context))
        assert (article.body, article.raw["text"]) == ("A teaser.", "feed")
        assert str(server.port) in article.raw["page"]

    await polling(paper, steps)


async def test_a_consent_wall_does_not_replace_the_feeds_longer_text() -> None:
    paper = Paper(1)
    paper.text = "The whole story in the feed. " * 40
    paper.pages[1] = Answer(body="<html><body><p>We value your privacy. Accept all cookies to go on.</p></body></html>")

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        (article,) = articles(await collect(config, context))
        assert article.body.startswith("The whole story")

    await polling(paper, steps)


async def test_pages_never_takes_the_feeds_text_and_auto_long_ones() -> None:
    paper = Paper(1)
    paper.text = "Short."

    async def never(server: Server, context: Context, config: SourceConfig) -> None:
        assert [article.body for article in articles(await collect(config, context))] == ["Short."]
        assert server.asked("/story/1") == []

    async def auto(server: Server, context: Context, config: SourceConfig) -> None:
        assert articles(await collect(config, context))[0].raw["text"] == "page"
        paper.text = "A long story told in the feed itself. " * 60
        assert articles(await collect(config, context))[0].raw["text"] == "feed"

    await polling(paper, never, pages="never")
    await polling(paper, auto, pages="auto")


async def test_items_that_share_a_link_are_articles_of_their_own() -> None:
    paper = Paper()
    items = "".join(
        f"<item><title>T{n}</title><link>/</link><guid>{n}x</guid><description>Text {n}.</description></item>"
        for n in (1, 2)
    )
    paper.feed = Answer(body=f"<rss version='2.0'><channel>{items}</channel></rss>")

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        found = articles(await collect(config, context))
        assert [article.body for article in found] == ["Text 2.", "Text 1."]
        assert len({article.id for article in found}) == 2

    await polling(paper, steps)


async def test_a_hub_is_passed_on() -> None:
    paper = Paper(1)
    paper.extra = (
        "<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='hub' href='https://hub.test/'/>"
        "<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='https://news.test/rss'/>"
    )

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        hints = (await collect(config, context))[-1].hints
        assert hints is not None
        assert (hints.hub, hints.topic) == ("https://hub.test/", "https://news.test/rss")

    await polling(paper, steps)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(404), "is not there"),
        (Answer(500), "status 500"),
        (Answer(body="<html><body>Hi</body></html>"), "web page"),
        (Answer(body=""), "is empty"),
        (Answer(hang_up=True), "cannot be reached"),
    ],
)
async def test_what_is_wrong_with_a_feed_is_one_sentence(answer: Answer, reason: str) -> None:
    paper = Paper()
    paper.feed = answer

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        with pytest.raises(SourceError, match=reason):
            await collect(config, context)

    await polling(paper, steps)


async def test_a_hub_named_in_a_header_is_passed_on() -> None:
    paper = Paper(1)
    links = '<https://hub.test/>; rel="hub", <https://news.test/rss>; rel="self"'
    paper.feed = Answer(body="<rss version='2.0'><channel></channel></rss>", headers={"Link": links})

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        hints = (await collect(config, context))[-1].hints
        assert hints is not None
        assert (hints.hub, hints.topic) == ("https://hub.test/", "https://news.test/rss")

    await polling(paper, steps)


async def test_an_option_that_is_none_is_said_with_its_neighbour() -> None:
    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        with pytest.raises(InputError, match="did you mean 'pages'"):
            await collect(config, context)

    await polling(Paper(), steps, page="never")


async def test_a_wrong_option_is_said() -> None:
    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        with pytest.raises(InputError, match="always, auto or never"):
            await collect(config, context)

    await polling(Paper(), steps, pages="sometimes")
