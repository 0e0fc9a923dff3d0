"""The API below /api/v1 on a real Elasticsearch, through the real application."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from pipeline import identity
from pipeline.models import Enriched, Entity
from pipeline.search import stream
from pipeline.search.api import create_app
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import QuoteHit
from pipeline.settings import Settings
from tests.library import shelve
from tests.unit.search.factory import bridge, enriched, evil, ferries, library, quote

NOW = datetime.now(UTC)


def recent() -> list[Enriched]:
    """Two articles of these days, which take words over from the bridge."""
    made = []
    for id, said, days in (
        ("whole", "We built it in two winters, It will stand for a hundred years", 1),
        ("cut", "It will stand for a hundred years", 2),
    ):
        body = f"“{said},” Ines Calloway said in Port Vey."
        start = body.index("Port Vey")
        place = Entity(text="Port Vey", start=start, end=start + 8, label="GPE", name="Port Vey", id="port")
        one = enriched(id, body, [quote(body, f"{said},", article=id, name="Ines Calloway", cue="said")],
                       published=NOW - timedelta(days=days))  # fmt: skip
        made.append(one.model_copy(update={"entities": [place]}))
    body = "“Port Vey needs the bridge,” Rosa Lindqvist said."
    named = Entity(text="Port Vey", start=1, end=9, label="GPE", name="Port Vey", id="port")
    one = enriched("need", body, [quote(body, "Port Vey needs the bridge,", article="need", name="Rosa Lindqvist")],
                   published=NOW - timedelta(days=1))  # fmt: skip
    return [*made, one.model_copy(update={"entities": [named]})]


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    shelve(settings, [*library(), *recent()])
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


def answer(client: TestClient, path: str, **parameters: Any) -> Any:
    got = client.get(f"/api/v1/{path}", params=parameters)
    assert got.status_code == 200, got.text
    return got.json()


def test_every_address_answers_what_it_promises(client: TestClient) -> None:
    page = answer(client, "quotes", q="winters OR ferrymen", facets=True, histogram=True, facet_size=1)
    assert page["total"] == 3
    assert page["facets"]["speakers"][0]["name"] == "Ines Calloway"
    assert page["histogram"]["interval"] in ("week", "month")

    one = page["hits"][0]
    assert answer(client, f"quotes/{one['id']}") | {"matches": [], "context": "", "context_matches": []} == one | {
        "matches": [], "context": "", "context_matches": [], "headline_matches": []
    }  # fmt: skip

    bridge_quote = bridge().quotes[0].id
    spread = answer(client, f"quotes/{bridge_quote}/spread")
    assert [(hit["article_id"], hit["how"]) for hit in spread["hits"]] == [
        ("bridge", "whole"), ("copy", "whole"), ("cut", "cut"), ("whole", "whole"),
    ]  # fmt: skip
    assert spread["articles"] == 4
    assert {hit["article_id"] for hit in answer(client, f"quotes/{bridge_quote}/similar")} == {"cut", "whole"}

    values = answer(client, "facets/speakers", prefix="lind")
    assert ([one["name"] for one in values["values"]], values["more"]) == (["Rosa Lindqvist"], False)
    assert answer(client, "facets/types", size=1)["more"] is True

    articles = answer(client, "articles", q="strike OR winters", size=2)
    assert (articles["total"], len(articles["hits"])) == (3, 2)
    rest = answer(client, "articles", q="strike OR winters", size=2, cursor=articles["next"])
    assert len({hit["id"] for hit in articles["hits"] + rest["hits"]}) == 3
    assert [hit["id"] for hit in answer(client, "articles", source="coast")["hits"]] == ["ferries"]
    assert answer(client, "articles/bridge")["headline"] == "Harbour bridge opens"

    assert [(one["name"], one["label"], one["count"]) for one in answer(client, "entities")] == [("Port Vey", "GPE", 1)]
    assert answer(client, "entities", prefix="vey", label="gpe")[0]["id"] == "port"
    assert answer(client, "entities", label="ORG") == []
    assert [one["name"] for one in answer(client, "speakers", prefix="call")] == ["Ines Calloway"]

    for id in ("calloway", identity.name_id("PERSON", "Ines Calloway")):
        profile = answer(client, f"speakers/{id}")
        assert (profile["name"], profile["total"], profile["articles"]) == ("Ines Calloway", 3, 3)
        assert [one["name"] for one in profile["beside"]] == ["Tomas Vey"]
        assert sum(bar["count"] for bar in profile["histogram"]["bars"]) == 3
        assert profile["titles"][0]["name"] == "Mayor"

    sources = answer(client, "sources")
    first = sources[0]
    assert (first["id"], first["count"], first["articles"], first["speakers"]) == ("tidings.example", 6, 4, 3)

    trends = answer(client, "trends", by="speakers", split="types", interval="month", since="2026-01-01", size=1)
    (series,) = trends["series"]
    assert (series["name"], series["count"]) == ("Ines Calloway", 3)
    assert sum(bar["count"] for bar in series["histogram"]["bars"]) == 3
    assert [part["name"] for part in series["split"]] == ["direct"]

    rising = answer(client, "trends/rising", by="speakers", days=7)
    assert {(one["name"], one["count"], one["before"], one["new"]) for one in rising["values"]} == {
        ("Ines Calloway", 2, 0, True), ("Rosa Lindqvist", 1, 0, True),
    }  # fmt: skip

    compared = answer(client, "compare", of="speaker", value=["calloway", "Rosa Lindqvist", "nobody"])
    assert [(one["value"], one["total"]) for one in compared["compared"]] == [
        ("calloway", 3), ("Rosa Lindqvist", 3), ("nobody", 0),
    ]  # fmt: skip
    bars = [[bar["start"] for bar in one["histogram"]["bars"]] for one in compared["compared"]]
    assert bars[0] == bars[1] == bars[2]
    assert [sum(bar["count"] for bar in one["histogram"]["bars"]) for one in compared["compared"]] == [3, 3, 0]

    stats = answer(client, "stats")
    assert (stats["articles"], stats["quotes"]) == (7, 12)
    assert len(stats["days"]["bars"]) == 30
    assert sum(bar["count"] for bar in stats["days"]["bars"]) == 3
    assert stats["week"][0] == {"id": identity.name_id("PERSON", "Ines Calloway"), "name": "Ines Calloway", "count": 2,
                                "before": 0, "new": True}  # fmt: skip

    # Errors are problem details.
    for path, status, said in (
        ("quotes?since=soon", 422, "since: write a date"), ("quotes/none", 404, "No quote has the id none"),
        ("speakers/nobody", 404, "No quote has a speaker nobody"), ("nothing", 404, "nothing at this address"),
        ("compare?value=x", 422, "value: "), ("trends?by=moods", 422, "by: "), ("export.csv?q=(", 422, "bracket"),
        ("articles?cursor=x", 422, "cursor"), ("facets/moods", 422, "facet: "), ("export.xls", 422, "format: "),
    ):  # fmt: skip
        got = client.get(f"/api/v1/{path}")
        assert got.status_code == status, path
        assert got.headers["Content-Type"] == "application/problem+json"
        assert got.json()["status"] == status
        assert said in got.json()["detail"], path

    # Feeds.
    for kind in ("atom", "rss"):
        got = client.get(f"/api/v1/feeds/quotes.{kind}", params={"speaker": "calloway"})
        parsed = feedparser.parse(got.content)
        assert not parsed.bozo
        assert [entry.id.rpartition(":")[2].partition("-")[0] for entry in parsed.entries] == ["whole", "cut", "bridge"]
        assert parsed.entries[0].link.startswith("http://localhost/articles/whole#quote-")
        assert client.get(got.url, headers={"If-None-Match": got.headers["ETag"]}).status_code == 304
    items = client.get("/api/v1/feeds/quotes.json", params={"q": "script"}).json()["items"]
    assert [item["authors"] for item in items] == [[{"name": "<b>Tomas</b> Vey"}]]
    ElementTree.fromstring(client.get("/api/v1/feeds/quotes.atom?q=script").content)

    # Exports.
    rows = list(csv.DictReader(io.StringIO(client.get("/api/v1/export.csv?copies=true&sort=oldest").text, newline="")))
    assert len(rows) == 12
    lines = client.get("/api/v1/export.jsonl?speaker=calloway&size=1").text.splitlines()
    assert [QuoteHit.model_validate_json(line).article_id for line in lines] == ["whole", "cut", "bridge"]
    table = parquet.read_table(io.BytesIO(client.get("/api/v1/export.parquet").content))
    assert table.num_rows == 9
    assert client.get("/api/v1/export.csv?q=nowhere").text.count("\n") == 1
    assert client.head("/api/v1/export.csv").content == b""

    # A stream that ends by itself.
    streamed = client.get("/api/v1/stream?seconds=1").text
    assert streamed.startswith("retry: ")
    assert "event:" not in streamed
    assert client.get("/api/v1/stream", headers={"Last-Event-ID": "x"}).status_code == 422


def test_before_anything_was_indexed_every_address_answers(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        for path in ("quotes?facets=true&histogram=true", "articles", "entities", "speakers", "sources", "trends",
                     "trends/rising", "compare?value=a&value=b", "stats", "facets/cues", "feeds/quotes.atom",
                     "export.csv", "export.jsonl", "export.parquet"):  # fmt: skip
            assert client.get(f"/api/v1/{path}").status_code == 200, path
        assert client.get("/api/v1/speakers/nobody").status_code == 404


def test_a_stream_sends_each_new_quote_and_goes_on_where_it_was(settings: Settings) -> None:
    shelve(settings, [bridge()])

    async def follow(reader: Reader, number: int, last: str | None, then: list[Enriched]) -> list[tuple[str, str]]:
        got: list[tuple[str, str]] = []
        since = stream.beginning(last, now=datetime.now(UTC))
        events = stream.events(reader, QuoteQuery(), since=since, resumed=bool(last), seconds=60, stopping=bool)
        async for text in events:
            if text.startswith("retry") and then:
                await asyncio.to_thread(shelve, settings, then)
            if text.startswith("id: "):
                id, _, data = text.strip().split("\n")
                got.append((id.removeprefix("id: "), json.loads(data.removeprefix("data: "))["article_id"]))
            if len(got) >= number:
                break
        return got

    with Reader(settings) as reader:
        first = asyncio.run(follow(reader, 2, None, [ferries()]))
        assert [article for _, article in first] == ["ferries", "ferries"]
        # While nobody listens:
        shelve(settings, [evil()])
        later = asyncio.run(follow(reader, 1, first[-1][0], []))
        everything = {article for _, article in later}
        while "evil" not in everything and len(later) < 6:
            later = asyncio.run(follow(reader, len(later) + 1, first[-1][0], []))
            everything = {article for _, article in later}
        assert "evil" in everything
