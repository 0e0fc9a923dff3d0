"""`whosaid source …` as people use it: against a newspaper on this machine and the real engines."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml

from connectors.publisher import ArticlePublisher
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.runner import run
from pipeline.cli.main import main
from pipeline.settings import Settings, environment
from tests.fixtures.simulator.server import Answer, Request, Server
from tests.integration.test_connectors import Paper, published
from tests.unit.connectors.helpers import story

pytestmark = [pytest.mark.engines, pytest.mark.anyio]
Command = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def polite(settings: Settings) -> Settings:
    changes = {"allow_private_addresses": True, "host_interval": 0, "minimum_interval": 1, "lease": 4}
    return settings.model_copy(update={"connectors": settings.connectors.model_copy(update=changes)})


@pytest.fixture
def whosaid(polite: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command: its exit code, its output, its errors."""
    for name, value in environment(polite).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    async def command(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


async def listed(whosaid: Command) -> list[dict[str, object]]:
    code, out, _ = await whosaid("source", "list", "--json")
    assert code == 0
    found: list[dict[str, object]] = json.loads(out)
    return found


class Site(Paper):
    """The newspaper with a front page that names its feed and its readers' comments, and a sitemap of older stories."""

    def __call__(self, request: Request) -> Answer:
        base = f"http://{request.host}"
        if request.path == "/":
            names = "".join(
                f"<link rel='alternate' type='application/rss+xml' href='{one}'>" for one in ("/feed", "/comments/feed")
            )
            return Answer(body=f"<html><head>{names}</head><body>Hi</body></html>")
        if request.path == "/comments/feed":
            return Answer(body="<rss version='2.0'><channel><title>Comments on The Paper</title></channel></rss>")
        if request.path == "/robots.txt":
            return Answer(body=f"User-agent: *\nAllow: /\nSitemap: {base}/news-map.xml\n")
        if request.path == "/news-map.xml":
            urls = "".join(
                f"<url><loc>{base}/story/{n}</loc><lastmod>2024-0{n}-01</lastmod></url>" for n in (1, 2, 3, 4)
            )
            return Answer(body=f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{urls}</urlset>")
        return super().__call__(request)


async def test_a_source_from_its_address_to_its_removal(whosaid: Command, polite: Settings, tmp_path: Path) -> None:
    async with Server(Site()) as server:
        url, site = server.url("/feed", "127.0.0.1"), server.url("/", "127.0.0.1")
        code, out, _ = await whosaid("source", "list")
        assert (code, "no sources yet" in out) == (0, True)

        code, out, err = await whosaid("source", "test", site, "--limit", "2")
        assert code == 0
        assert out.count("Story") >= 2
        assert "text: page" in out
        assert f"feed  {url}" in err
        code, out, _ = await whosaid("source", "test", url, "--json", "--limit", "1")
        assert (code, json.loads(out)["headline"]) == (0, "Story 1")
        code, out, err = await whosaid("source", "test", url, "--option", "pages=never")
        assert (code, out) == (6, "")  # the feed itself has no text
        assert "has no text" in err
        with ArticlePublisher(polite):
            assert published(polite) == []  # trying publishes nothing
        assert await listed(whosaid) == []  # and keeps nothing

        code, out, err = await whosaid("source", "add", site, "--id", "paper", "--option", "pages=auto")
        assert (code, out) == (0, f"added  paper  {url}\n")
        assert "whosaid connect" in err
        assert (await whosaid("source", "add", url, "--id", "paper"))[1].startswith("known")
        code, out, err = await whosaid("source", "add", f"{url}?cat=world", "--kind", "feed", "--id", "paper")
        assert (code, out) == (2, "")
        assert f"There is a source 'paper' already, which reads {url}; give {url}?cat=world another --id" in err
        assert [one["location"] for one in await listed(whosaid)] == [url]
        await whosaid("source", "add", url, "--id", "paper", "--option", "pages=always")
        (one,) = await listed(whosaid)
        assert (one["state"], one["name"], one["options"]) == ("new", "The Paper", {"pages": "always"})

        await asyncio.to_thread(run, polite, None, once=True)
        (one,) = await listed(whosaid)
        assert (one["state"], one["articles"], one["last_error"]) == ("ok", 3, "")
        code, out, _ = await whosaid("source", "list")
        assert "paper" in out
        assert "s ago" in out

        assert (await whosaid("source", "pause", "paper"))[1] == "paused  paper\n"
        assert (await listed(whosaid))[0]["state"] == "paused"
        await whosaid("source", "resume", "paper")
        assert (await listed(whosaid))[0]["next"] is None

        opml, whole = tmp_path / "out.opml", tmp_path / "all.yaml"
        opml.write_text((await whosaid("source", "export", "--opml"))[1])
        whole.write_text((await whosaid("source", "export"))[1])
        assert yaml.safe_load(whole.read_text())["sources"][0]["options"] == {"pages": "always"}
        assert (await whosaid("source", "remove", "paper"))[1] == "removed  paper\n"
        assert (await whosaid("source", "add", "--from", str(whole)))[1].startswith("added  paper")
        moved = ("source", "add", f"{url}?cat=world", "--kind", "feed", "--id", "paper", "--replace")
        assert (await whosaid(*moved))[:2] == (0, f"known  paper  {url}?cat=world\n")
        (one,) = await listed(whosaid)
        assert (one["location"], one["last_success"]) == (f"{url}?cat=world", None)
        await whosaid("source", "remove", "paper")
        await whosaid("source", "add", "--opml", str(opml))
        assert [one["location"] for one in await listed(whosaid)] == [url]


async def test_what_is_wrong_is_one_sentence_with_its_exit_code(whosaid: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("sources:\n  - {location: 'https://a.test/feed', options: {page: never}}\n")
    cases = [
        (("add",), 2, "Give an address"),
        (("add", "--from", str(bad)), 2, "did you mean 'pages'"),
        (("add", "https://a.test/x", "--kind", "fed"), 2, "did you mean 'feed'"),
        (("add", "https://a.test/x", "--kind", "feed", "--option", "pages"), 2, "write it as name=value"),
        (("add", "https://a.test/x", "--kind", "feed", "--id", "a b"), 2, "is no id of a source"),
        (("add", "http://127.0.0.1:9/"), 6, "cannot be"),
        (("pause", "nobody"), 5, "There is no source 'nobody'"),
        (("remove", "nobody"), 5, "There is no source 'nobody'"),
        (("backfill", "nobody", "--since", "2025-01-01"), 5, "There is no source 'nobody'"),
        (("backfill", "nobody", "--since", "soon"), 2, "must be a date like"),
        (("backfill", "nobody", "--since", "2999-01-01"), 2, "in the past"),
        (("test", str(tmp_path / "none.txt")), 2, "nor a file or folder that is there"),
    ]
    for arguments, code, words in cases:
        found, out, err = await whosaid("source", *arguments)
        assert (found, out) == (code, ""), (arguments, err)
        assert words in err.replace("\n", " "), (arguments, err)
        assert "Traceback" not in err


async def test_addresses_written_alike_are_sources_of_their_own(whosaid: Command) -> None:
    addresses = ["https://a.test/rss/cat/world", "https://a.test/rss?cat=world", "http://a.test/rss/cat/world"]
    for address in addresses * 2:  # the second time each is known
        code, _, err = await whosaid("source", "add", address, "--kind", "feed")
        assert code == 0, err
    assert sorted(str(one["location"]) for one in await listed(whosaid)) == sorted(addresses)
    assert len({one["id"] for one in await listed(whosaid)}) == 3


async def test_the_starter_list_is_added_on_demand_alone(whosaid: Command) -> None:
    assert await listed(whosaid) == []
    code, out, _ = await whosaid("source", "add", "--starter")
    assert (code, out.count("added  ")) == (0, 40)
    assert len(await listed(whosaid)) == 40


async def test_a_backfill_reads_a_sites_past_and_is_done(whosaid: Command, polite: Settings) -> None:
    async with Server(Site()) as server:
        await whosaid("source", "add", server.url("/feed", "127.0.0.1"), "--id", "paper", "--option", "pages=never")
        await whosaid("source", "pause", "paper")
        code, out, _ = await whosaid("source", "backfill", "paper", "--since", "2024-02-15")
        assert (code, out) == (0, f"added  paper-backfill  {server.url('/news-map.xml', '127.0.0.1')}\n")
        await asyncio.to_thread(run, polite, None, once=True)
        found = published(polite)
        assert sorted(article.headline for article in found) == ["Story 3", "Story 4"]
        states = {str(one["id"]): one["state"] for one in await listed(whosaid)}
        assert states == {"paper": "paused", "paper-backfill": "done"}
        await asyncio.to_thread(run, polite, None, once=True)
        assert len(published(polite)) == 2


async def test_files_are_read_anew_by_a_backfill(whosaid: Command, polite: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("He said so.")
    os.utime(file, (1_700_000_000, 1_700_000_000))  # files of folders are left alone for a second
    options = ("--option", "settle=0")
    await whosaid("source", "add", str(tmp_path), "--kind", "file", "--id", "spool", "--name", "Spool", *options)
    await asyncio.to_thread(run, polite, None, once=True)
    await whosaid("source", "pause", "spool")
    assert (await whosaid("source", "backfill", "spool", "--since", "2020-01-01"))[0] == 0
    await asyncio.to_thread(run, polite, None, once=True)
    first, second = published(polite)
    assert (first.id, first.revision) == (second.id, second.revision)  # the same again changes nothing


async def test_a_file_of_sources_is_the_whole_configuration(whosaid: Command, polite: Settings, tmp_path: Path) -> None:
    async with Server(story_by_path) as server:
        for name in ("one", "two"):
            page = server.url(f"/{name}", "127.0.0.1")
            await whosaid("source", "add", page, "--kind", "page", "--id", name)
        file = tmp_path / "sources.yaml"
        three = server.url("/three", "127.0.0.1")
        file.write_text(f"sources:\n  - {{id: three, kind: page, location: '{three}'}}\n")
        await asyncio.to_thread(run, polite, file, once=True)
        assert [article.url for article in published(polite)] == [three]
        async with ElasticsearchStore(polite) as store:
            assert [state.id for state in await store.all() if state.last_success] == ["three"]


def story_by_path(request: Request) -> Answer:
    if request.path == "/robots.txt":
        return Answer(404)
    return Answer(body=story(f"Story {request.path}"), headers={"Content-Type": "text/html"})
