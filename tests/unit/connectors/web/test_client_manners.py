"""How the client behaves towards other people's servers: robots.txt, distance, rest, who we are."""

import asyncio
import itertools
import time

import pytest

from connectors.web.client import HttpStatusError
from pipeline.errors import SourceError
from tests.fixtures.simulator.server import Answer, Handler, Request
from tests.unit.connectors.helpers import playing

pytestmark = pytest.mark.anyio

OPEN = Answer(404)  # no robots.txt: everything may be fetched


def answering(answers: dict[str, Answer]) -> Handler:
    return lambda request: answers.get(request.path, OPEN)


async def test_we_say_who_we_are_and_carry_no_cookies() -> None:
    answer = Answer(body="x", headers={"Set-Cookie": "id=1; Path=/"})
    async with playing(lambda _: answer, user_agent="WhoSaid/9 (+https://me.test)", obey_robots=False) as (
        server,
        context,
    ):
        await context.client.get(server.url())
        await context.client.get(server.url())
        assert [request.headers["user-agent"] for request in server.requests] == ["WhoSaid/9 (+https://me.test)"] * 2
        assert all("cookie" not in request.headers for request in server.requests)


async def test_what_robots_txt_forbids_is_not_asked_for() -> None:
    robots = Answer(body="User-agent: *\nDisallow: /private\nUser-agent: WhoSaid\nDisallow: /ours\n")
    async with playing(answering({"/robots.txt": robots, "/open": Answer(body="x")})) as (server, context):
        assert (await context.client.get(server.url("/open"))).status == 200
        with pytest.raises(SourceError, match=r"robots\.txt forbids"):
            await context.client.get(server.url("/ours/1"))
        assert (len(server.asked("/robots.txt")), server.asked("/ours/1")) == (1, [])


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_robots_txt_that_fails_means_stay_away(status: int) -> None:
    async with playing(answering({"/robots.txt": Answer(status)})) as (server, context):
        with pytest.raises(SourceError, match=r"robots\.txt answers with status") as caught:
            await context.client.get(server.url("/x"))
        assert caught.value.retry_after is not None
        assert server.asked("/x") == []


async def test_robots_txt_is_asked_once_for_the_pages_of_a_site() -> None:
    async with playing(lambda _: Answer(body="")) as (server, context):
        await asyncio.gather(*(context.client.get(server.url(f"/{number}")) for number in range(5)))
        await context.client.get(server.url("/x", host="other.test"))
        assert len(server.asked("/robots.txt")) == 2


async def test_requests_to_one_host_keep_their_distance() -> None:
    async def slow(request: Request) -> Answer:
        await asyncio.sleep(0.7)
        return Answer(body="x")

    async with playing(slow, host_interval=0.3, obey_robots=False) as (server, context):
        await asyncio.gather(*(context.client.get(server.url(f"/{number}")) for number in range(6)))
        times = sorted(request.at for request in server.requests)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(gaps) > 0.15, gaps  # as the server sees them, on a machine that may be busy


async def test_hosts_do_not_wait_for_each_other() -> None:
    async with playing(lambda _: Answer(body="x"), host_interval=5, obey_robots=False) as (server, context):
        started = time.monotonic()
        await asyncio.gather(*(context.client.get(server.url(host=f"h{number}.test")) for number in range(5)))
        assert time.monotonic() - started < 3


async def test_crawl_delay_is_the_hosts_interval() -> None:
    robots = Answer(body="User-agent: *\nCrawl-delay: 0.2\n")
    async with playing(answering({"/robots.txt": robots, "/a": Answer(), "/b": Answer()})) as (server, context):
        await context.client.get(server.url("/a"))
        await context.client.get(server.url("/b"))
        assert server.asked("/b")[0].at - server.asked("/a")[0].at > 0.1  # 0.2, less what either request takes


async def test_a_host_that_says_retry_after_is_left_alone() -> None:
    busy = Answer(429, headers={"Retry-After": "120"})
    async with playing(answering({"/busy": busy, "/x": Answer()})) as (server, context):
        with pytest.raises(HttpStatusError) as caught:
            await context.client.get(server.url("/busy"))
        assert (caught.value.status, caught.value.retry_after) == (429, 120)
        with pytest.raises(SourceError, match="asked to be left alone") as second:
            await context.client.get(server.url("/x"))
        assert second.value.retry_after == pytest.approx(120, abs=3)
        assert server.asked("/x") == []


async def test_retry_after_may_be_a_date_or_nonsense() -> None:
    from email.utils import formatdate

    answers = {
        "/date": Answer(503, headers={"Retry-After": formatdate(time.time() + 90, usegmt=True)}),
        "/words": Answer(500, headers={"Retry-After": "soon"}),
        "/huge": Answer(500, headers={"Retry-After": "9" * 30}),
    }
    async with playing(answering(answers)) as (server, context):
        waits = {}
        for name in ("/words", "/huge", "/date"):
            with pytest.raises(HttpStatusError) as caught:
                await context.client.get(server.url(name))
            waits[name] = caught.value.retry_after
        assert waits["/words"] is None
        assert waits["/huge"] == 86_400
        assert waits["/date"] == pytest.approx(90, abs=3)


async def test_a_server_that_drips_or_hangs_is_given_up_in_time() -> None:
    async def handler(request: Request) -> Answer:
        if request.path == "/hang":
            await asyncio.sleep(30)
        return {"/drip": Answer(body="x" * 1000, drip=0.05), "/gone": Answer(hang_up=True)}.get(request.path, OPEN)

    async with playing(handler, timeout=0.4, total_timeout=0.8) as (server, context):
        with pytest.raises(SourceError, match="did not come within"):
            await context.client.get(server.url("/drip"))
        with pytest.raises(SourceError, match="did not answer within"):
            await context.client.get(server.url("/hang"))
        with pytest.raises(SourceError, match="cannot be reached"):
            await context.client.get(server.url("/gone"))
