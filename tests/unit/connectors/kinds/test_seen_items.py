"""What feeds and sitemaps remember of their items, also in the cursors of earlier versions."""

import time

import pytest

from connectors.base import Context, SourceConfig
from connectors.kinds.seen_items import SeenItem, SeenItems
from pipeline.models import Article
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.unit.connectors.helpers import NOW, articles, collect, playing, problems, story
from tests.unit.connectors.paper import Paper, polling
from tests.unit.connectors.parsing.test_article_factory import an_article

SAVED = {"seen": {"a": "m1|0123abcd|1741777200000", "b": "m2||", "c": "m3|"}, "tries": {"d": 2}, "etag": '"1"'}
"""A cursor as earlier versions saved it: feeds wrote `b` and sitemaps `c` where there was no article."""


def article(body: str = "He said so.") -> Article:
    return an_article(body=body)


class TestCursor:
    def test_saved_cursors_are_read(self) -> None:
        seen = SeenItems(SAVED)
        assert [seen.is_new(key, f"m{number}") for number, key in enumerate("abcd", 1)] == [False, False, False, True]
        assert [seen.revision(key) for key in "abcd"] == [1741777200000, None, None, None]
        assert seen.waiting
        assert seen.record_failure("d") == 3

    def test_unchanged_items_are_kept_as_they_were(self) -> None:
        assert SeenItems(SAVED).cursor({"etag": '"1"'}) == SAVED

    @pytest.mark.parametrize("item", [SeenItem("m"), SeenItem("m", "0123abcd", 7), SeenItem("m", "0123abcd", 0)])
    def test_items_are_written_and_read(self, item: SeenItem) -> None:
        assert SeenItem.parse(str(item)) == item

    def test_a_cursor_stays_as_it_was_when_it_was_taken(self) -> None:
        seen = SeenItems({})
        empty = seen.cursor()
        seen.record("a", "m", article())
        seen.record_failure("b")
        one = seen.cursor({"url": "u"})
        seen.record("b", "m", None)
        assert dict(empty) == {"seen": {}, "tries": {}}
        assert (list(one["seen"]), one["tries"], one["url"]) == (["a"], {"b": 1}, "u")
        assert (list(seen.cursor()["seen"]), seen.cursor()["tries"]) == (["a", "b"], {})

    def test_a_cursor_for_each_of_many_items_takes_no_time(self) -> None:
        seen, before, one = SeenItems({}), time.process_time(), article()
        cursors = []
        for number in range(20_000):
            seen.record(str(number), "m", one)
            cursors.append(seen.cursor())
        assert time.process_time() - before < 5  # copies of all items would take a minute and many gigabytes
        assert (len(cursors[9_999]["seen"]), len(cursors[-1]["seen"])) == (10_000, 20_000)


class TestRecord:
    def test_the_same_content_is_given_once(self) -> None:
        seen, one = SeenItems({}), article()
        assert seen.record("a", "m1", one) is one
        assert seen.record("a", "m2", one) is None
        assert not seen.is_new("a", "m2")
        other = article("He said more.")
        assert seen.record("a", "m3", other) is other

    def test_an_item_without_an_article_keeps_its_last_revision(self) -> None:
        seen, one = SeenItems({}), article()
        seen.record("a", "m1", one)
        seen.record("a", "m2", None)
        assert seen.revision("a") == one.revision
        assert seen.record("a", "m3", one) is None

    def test_what_has_left_a_feed_is_remembered_a_while(self) -> None:
        seen = SeenItems({"seen": dict.fromkeys("abcd", "m||"), "tries": {"a": 1, "d": 1}})
        assert seen.current(["d", "e"], gone=2) == {"seen": dict.fromkeys("bcd", "m||"), "tries": {"d": 1}}
        assert list(seen.newest(3)["seen"]) == ["b", "c", "d"]


@pytest.mark.anyio
async def test_a_feed_goes_on_from_a_saved_cursor() -> None:
    paper = Paper(1, 2, 3)

    async def steps(server: Server, context: Context, config: SourceConfig) -> None:
        first = await collect(config, context)
        one, _, three = articles(first)
        mark = {key: item.partition("|")[0] for key, item in first[-1].cursor["seen"].items()}
        newest, middle, oldest = mark
        saved = {
            newest: f"{mark[newest]}|{three.content_hash[:8]}|{three.revision}",
            middle: "changed||",  # had no text when it was read
            oldest: f"changed|{one.content_hash[:8]}|{one.revision}",
        }
        assert first[-1].cursor["seen"][newest] == saved[newest]
        items = await collect(config, context, {"seen": saved, "tries": {}, "whole": NOW.isoformat()})
        assert [article.headline for article in articles(items)] == ["Story 2"]

    await polling(paper, steps)


@pytest.mark.anyio
async def test_a_sitemap_goes_on_from_a_saved_cursor() -> None:
    def site(request: Request) -> Answer:
        if "story" in request.path:
            return Answer(body=story(f"Story {request.path[-1]}"))
        urls = "".join(f"<url><loc>http://{request.host}/story/{n}</loc></url>" for n in (1, 2))
        return Answer(body=f"<urlset>{urls}</urlset>") if request.path == "/map.xml" else Answer(404)

    async with playing(site) as (server, context):
        config = SourceConfig("m", "sitemap", server.url("/map.xml"))
        first = await collect(config, context)
        (one, two), seen = articles(first), first[-1].cursor["seen"]
        key = list(seen)[1]
        assert seen[key].endswith(f"|{two.content_hash[:8]}|{two.revision}")
        again = await collect(config, context, {"seen": {**seen, key: "changed|"}, "tries": {}})
        assert [article.id for article in articles(again)] == [two.id]
        assert one.id != two.id


@pytest.mark.anyio
async def test_a_page_that_robots_txt_forbids_is_asked_for_once() -> None:
    def site(request: Request) -> Answer:
        if request.path == "/robots.txt":
            return Answer(body="User-agent: *\nDisallow: /story/")
        urls = f"<url><loc>http://{request.host}/story/1</loc></url>"
        return Answer(body=f"<urlset>{urls}</urlset>")

    async with playing(site) as (server, context):
        config = SourceConfig("m", "sitemap", server.url("/map.xml"))
        first = await collect(config, context)
        assert ["robots.txt forbids" in problem for problem in problems(first)] == [True]
        assert not problems(await collect(config, context, first[-1].cursor))
