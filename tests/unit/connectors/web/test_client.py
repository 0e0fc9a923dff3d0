import gzip
import zlib

import brotli
import pytest
import zstandard

from connectors.web.client import Client, Validators
from pipeline.errors import SourceError
from pipeline.settings import ConnectorSettings
from tests.fixtures.simulator.server import Answer, Handler, Request, Server, everywhere_local
from tests.unit.connectors.helpers import playing

pytestmark = pytest.mark.anyio

OPEN = Answer(404)  # no robots.txt: everything may be fetched


def answering(answers: dict[str, Answer]) -> Handler:
    return lambda request: answers.get(request.path, OPEN)


async def test_a_response_has_its_type_charset_and_validators() -> None:
    answer = Answer(body="hello", headers={"Content-Type": 'text/html; charset="ISO-8859-1"', "ETag": '"1"'})
    async with playing(answering({"/": answer})) as (server, context):
        response = await context.client.get(server.url())
        assert (response.status, response.body, response.content_type) == (200, b"hello", "text/html")
        assert response.charset == "ISO-8859-1"
        assert response.validators == Validators(etag='"1"')
        assert context.client.statistics.bytes == 5


async def test_validators_make_requests_conditional() -> None:
    def handler(request: Request) -> Answer:
        if request.path == "/robots.txt":
            return OPEN
        assert request.headers["if-none-match"] == '"1"'
        assert request.headers["if-modified-since"] == "Wed, 12 Mar 2025 12:00:00 GMT"
        return Answer(304)

    async with playing(handler) as (server, context):
        validators = Validators('"1"', "Wed, 12 Mar 2025 12:00:00 GMT")
        assert (await context.client.get(server.url(), validators=validators)).not_modified


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compressobj(wbits=-15).compress(b"") + b"\xcbH\xcd\xc9\xc9\x07\x00"),
        ("br", brotli.compress(b"hello")),
        ("zstd", zstandard.compress(b"hello")),
        ("gzip, br", brotli.compress(gzip.compress(b"hello", mtime=0))),
        ("identity", b"hello"),
    ],
)
async def test_every_encoding_we_ask_for_is_undone(encoding: str, packed: bytes) -> None:
    async def work() -> bytes:
        answer = Answer(body=packed, headers={"Content-Encoding": encoding})
        async with playing(answering({"/": answer})) as (server, context):
            return (await context.client.get(server.url())).body

    assert await work() == b"hello"


BOMB = b"\0" * 30_000_000


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BOMB, mtime=0)),
        ("deflate", zlib.compress(BOMB)),
        ("br", brotli.compress(BOMB, quality=3)),
        ("zstd", zstandard.compress(BOMB)),
        ("gzip, gzip", gzip.compress(gzip.compress(BOMB), mtime=0)),
    ],
)
async def test_a_zip_bomb_is_given_up_at_the_limit(encoding: str, packed: bytes) -> None:
    answer = Answer(body=packed, headers={"Content-Encoding": encoding})
    async with playing(answering({"/": answer}), max_bytes=1_000_000) as (server, context):
        with pytest.raises(SourceError, match="larger than 1000000 bytes when unpacked"):
            await context.client.get(server.url())


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "lzw", "gzip, gzip, gzip, gzip"])
async def test_a_body_unlike_its_encoding_is_an_error_of_the_source(encoding: str) -> None:
    answer = Answer(body=b"plain text", headers={"Content-Encoding": encoding})
    async with playing(answering({"/": answer})) as (server, context):
        with pytest.raises(SourceError, match="cannot be unpacked"):
            await context.client.get(server.url())


async def test_too_large_bodies_are_refused_by_length_and_by_bytes() -> None:
    chunked = Answer(body="x" * 5000, stated_length=5000)
    async with playing(answering({"/": chunked}), max_bytes=2000) as (server, context):
        with pytest.raises(SourceError, match="larger than 2000 bytes"):
            await context.client.get(server.url())


async def test_redirects_are_followed_and_permanent_ones_remembered() -> None:
    answers = {
        "/a": Answer(301, headers={"Location": "/b"}),
        "/b": Answer(308, headers={"Location": "c?x=1"}),
        "/c?x=1": Answer(body="here"),
        "/t": Answer(302, headers={"Location": "/a"}),
        "/p": Answer(301, headers={"Location": "/q"}),
        "/q": Answer(302, headers={"Location": "/c?x=1"}),
    }
    async with playing(answering(answers)) as (server, context):
        moved = await context.client.get(server.url("/a"))
        assert (moved.body, moved.url, moved.moved_to) == (b"here", server.url("/c?x=1"), server.url("/c?x=1"))
        assert (await context.client.get(server.url("/t"))).moved_to is None  # the first step was for now only
        assert (await context.client.get(server.url("/p"))).moved_to == server.url("/q")


async def test_endless_redirects_and_those_out_of_the_web_are_errors() -> None:
    answers = {
        "/loop": Answer(302, headers={"Location": "/loop"}),
        "/file": Answer(302, headers={"Location": "file:///etc/passwd"}),
    }
    async with playing(answering(answers)) as (server, context):
        with pytest.raises(SourceError, match="redirected more than 5 times"):
            await context.client.get(server.url("/loop"))
        with pytest.raises(SourceError, match="not an http or https address"):
            await context.client.get(server.url("/file"))


async def test_content_types_that_are_not_wanted_are_refused_unread() -> None:
    video = Answer(body="x" * 100, headers={"Content-Type": "video/mp4"})
    async with playing(answering({"/v": video})) as (server, context):
        with pytest.raises(SourceError, match="of the type video/mp4"):
            await context.client.get(server.url("/v"), types=("text/html",))


@pytest.mark.parametrize("kind", ["video/mp4", "image/png", "audio/mpeg", "font/woff2"])
async def test_pictures_sounds_and_films_are_never_read(kind: str) -> None:
    async with playing(answering({"/v": Answer(body="x", headers={"Content-Type": kind})})) as (server, context):
        with pytest.raises(SourceError, match=f"of the type {kind}"):
            await context.client.get(server.url("/v"))


@pytest.mark.parametrize("etag", ['"caf\xe9"', '"' + "x" * 5000 + '"', "\x01"])
async def test_validators_that_no_request_could_carry_are_left_out(etag: str) -> None:
    answer = Answer(body="x", headers={"ETag": etag, "Last-Modified": "Wed, 12 Mar 2025 12:00:00 GMT"})
    async with playing(answering({"/": answer})) as (server, context):
        validators = (await context.client.get(server.url())).validators
        assert validators == Validators(None, "Wed, 12 Mar 2025 12:00:00 GMT")
        await context.client.get(server.url(), validators=Validators(etag))
        assert "if-none-match" not in server.requests[-1].headers


async def test_addresses_in_link_headers_are_found_by_their_relation() -> None:
    value = (
        '<https://hub.test/>; rel="hub", </rss?a=1,2>; title="x, y"; rel=self, <javascript:x>; rel="bad", '
        '<https://b.test/>; rel="next hub"'
    )
    async with playing(answering({"/": Answer(body="x", headers={"Link": value})})) as (server, context):
        response = await context.client.get(server.url())
        assert response.link("hub") == "https://hub.test/"
        assert response.link("self") == server.url("/rss?a=1,2")
        assert (response.link("next"), response.link("bad"), response.link("none")) == (
            "https://b.test/",
            None,
            None,
        )


async def test_an_address_with_other_letters_in_a_redirect_is_followed() -> None:
    answers = {"/a": Answer(302, headers={"Location": "/m\xfcnchen"}), "/m%C3%BCnchen": Answer(body="here")}

    async def work() -> bytes:
        async with playing(answering(answers)) as (server, context):
            return (await context.client.get(server.url("/a"))).body

    assert await work() == b"here"


async def test_nobody_listening_is_one_sentence() -> None:
    async def work() -> str:
        given = ConnectorSettings(allow_private_addresses=True, obey_robots=False, timeout=2)
        async with Server(lambda _: Answer()) as server:
            url = server.url()
        async with Client(given, resolver=everywhere_local) as client:
            with pytest.raises(SourceError) as caught:
                await client.get(url)
        return str(caught.value)

    assert "cannot be reached" in await work()


async def test_post_sends_a_form() -> None:
    async with playing(lambda _: Answer(202)) as (server, context):
        await context.client.post(server.url("/hub"), {"hub.mode": "subscribe", "hub.topic": "http://a.test/?x=1&y"})
        assert server.requests[0].body == b"hub.mode=subscribe&hub.topic=http%3A%2F%2Fa.test%2F%3Fx%3D1%26y"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"hello" * 1000, mtime=0)),
        ("br", brotli.compress(b"hello" * 1000)),
        ("zstd", zstandard.compress(b"hello" * 1000)),
    ],
)
async def test_a_body_cut_off_in_its_packing_is_no_half_article(encoding: str, packed: bytes) -> None:
    answer = Answer(body=packed[:-6], headers={"Content-Encoding": encoding})
    async with playing(answering({"/": answer})) as (server, context):
        with pytest.raises(SourceError, match="cannot be unpacked"):
            await context.client.get(server.url())
