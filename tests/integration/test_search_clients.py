"""The commands and the Python client, which ask a real Elasticsearch and a real search service."""

import asyncio
import csv
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mcp import Client as Assistant
from mcp.client.stdio import StdioServerParameters

from pipeline import Client, InputError, NotFoundError
from pipeline.cli import export, search, speakers, tail, trends
from pipeline.cli.main import main
from pipeline.search.api import create_app
from pipeline.server import serving
from pipeline.settings import Settings, environment
from tests.engines import free_ports
from tests.integration.test_examples import ROOT, start
from tests.library import shelve
from tests.unit.search.factory import bridge, ferries, library

Output = pytest.CaptureFixture[str]


@pytest.fixture
def shelved(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shelve(settings, library())
    for command in (search, speakers, tail, export, trends):
        monkeypatch.setattr(command, "load", lambda: settings)
    return settings


@pytest.fixture
def address(shelved: Settings) -> Iterator[str]:
    """The address of a search service that runs in a thread."""
    port = free_ports(1)[0]
    with serving.listen("127.0.0.1", port, variables="X_") as listening:
        server = serving.server(create_app(shelved), shelved.server)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def test_the_commands_print_what_a_search_finds(shelved: Settings, tmp_path: Path, capsys: Output) -> None:
    def run(*arguments: str) -> str:
        assert main(arguments) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    assert "We built it in two winters" in run("search", "winter", "--speaker", "inés")
    rows = list(csv.DictReader(io.StringIO(run("search", "--all", "--csv", "--copies"), newline="")))
    assert len(rows) == 9
    lines = run("search", "bridge OR ferrymen", "--jsonl", "--sort", "oldest").splitlines()
    assert {json.loads(line)["article_id"] for line in lines} == {"bridge", "ferries", "evil"}
    assert json.loads(run("search", "--json"))["facets"]["sources"][0]["name"] == "Harbour Tidings"

    table = run("speakers")
    assert "Rosa Lindqvist" in table
    assert "█" in table
    profile = run("speakers", "calloway")
    assert profile.startswith("Ines Calloway")
    assert "Tomas Vey (1)" in profile
    assert json.loads(run("speakers", "calloway", "--json"))["total"] == 1
    assert "direct" in run("trends", "--by", "types", "--interval", "month")
    assert json.loads(run("trends", "bridge", "--json"))["interval"] == "day"
    assert run("trends", "--rising") == ""

    for name, read in (("q.csv", pd.read_csv), ("q.parquet", pd.read_parquet)):
        run("export", str(tmp_path / name))
        assert len(read(tmp_path / name)) == 6
    run("export", str(tmp_path / "q.jsonl"), "winters")
    assert len((tmp_path / "q.jsonl").read_text().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.csv", "q.jsonl", "q.parquet"]

    for arguments, said in (
        (["search", "zelenskyyy"], "No quotes match"),
        (["search", "harbor"], "Did you mean harbour?"),
        (["export", str(tmp_path / "q.xls")], "must end in .csv, .jsonl or .parquet"),
        (["export", str(tmp_path / "no" / "q.csv")], "cannot be written"),
        (["speakers", "nobody"], "No quote has a speaker nobody"),
        (["trends", "--by", "moods"], "--by: it must be 'speakers'"),
        (["tail", "--seconds", "1"], "Waiting for new quotes"),
    ):
        main(arguments)
        assert said in capsys.readouterr().err.replace("\n", " "), arguments


def test_the_client_gives_all_of_a_search(shelved: Settings, address: str) -> None:
    with Client(address) as client:
        page = client.search("winters OR ferrymen", size=1, facets=True)
        assert (page.total, len(page.hits)) == (2, 1)
        assert client.search("winters OR ferrymen", size=1, cursor=page.next).hits != page.hits
        assert len(list(client.quotes(copies=True))) == 9
        assert [hit.article_id for hit in client.quotes("bridge", within="quote", speaker=["lindqvist"])] == ["ferries"]
        one = bridge().quotes[0]
        assert client.quote(one.id).said.startswith("We built it")
        assert client.spread(one.id).articles == 2
        assert client.article("bridge").byline == "Ann Ferrow"
        assert client.articles("strike").total == 1
        assert client.speaker("calloway").beside[0].name == "Tomas Vey"
        assert client.trends(by="types", interval="year").series[0].name == "direct"
        assert [one.total for one in client.compare("calloway", "lindqvist").compared] == [1, 2]
        assert client.stats().quotes == 9
        table = client.to_pandas(source="coast wire")
        assert set(table["speaker"]) == {"Rosa Lindqvist"}
        assert len(pd.read_csv(f"{address}/api/v1/export.csv?q=winters")) == 1
        with pytest.raises(InputError, match="since: write a date"):
            client.search(since="soon")
        with pytest.raises(NotFoundError, match="No quote has the id"):
            client.quote("none")

        followed: list[str] = []
        new = ferries().model_copy(update={"article": ferries().article.model_copy(update={"revision": 2})})
        threading.Timer(2, shelve, [shelved, [new]]).start()
        for _, hit in client.follow(seconds=60):
            followed.append(hit.article_id)
            if len(followed) == 2:
                break
        assert followed == ["ferries", "ferries"]


def test_assistants_have_tools_that_read(shelved: Settings, address: str) -> None:
    async def ask() -> None:
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "pipeline.cli.main", "mcp", "--address", address],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment(shelved)},
        )  # fmt: skip
        async with Assistant(command) as assistant:
            tools = (await assistant.list_tools()).tools
            assert [tool.name for tool in tools] == ["search_quotes", "get_article", "get_speaker", "get_trends"]
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)

            async def call(name: str, /, **arguments: Any) -> Any:
                answer = await assistant.call_tool(name, arguments)
                assert not answer.is_error, answer
                return answer.structured_content

            found = await call("search_quotes", words="winters OR ferrymen", speaker=["calloway"])
            assert (found["total"], found["quotes"][0]["speaker"]) == (1, "Ines Calloway")
            article = await call("get_article", id=found["quotes"][0]["article_id"])
            assert article["headline"] == "Harbour bridge opens"
            assert (await call("get_speaker", name="lindqvist"))["total"] == 2
            assert (await call("get_trends", by="types", interval="year", since="9y"))["series"][0]["name"] == "direct"
            refused = await assistant.call_tool("search_quotes", {"words": "("})
            assert refused.is_error
            assert "A bracket is opened" in str(refused.content)

    asyncio.run(ask())


def test_the_example_counts_speakers(shelved: Settings, address: str) -> None:
    with start(shelved, "study_speakers.py", address, "bridge") as program:
        printed, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert "Rosa Lindqvist" in printed
