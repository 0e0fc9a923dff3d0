"""The whole way: a file goes in through a connector, its quotes come out of a search, on the real engines."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.cli.status import look
from pipeline.identity import article_id
from pipeline.settings import SearchSettings, Settings
from tests.engines import free_ports
from tests.integration.parts import Part, wait_until, whosaid

BODY = """Talks on the harbour bridge resume on Friday in Port Aurel.

“We are close to an agreement,” Transport Minister Ilse Brandt told reporters on Wednesday. “The steel is ordered.”

She said that the old bridge would close in May.

“Nobody asked the fishermen,” said Tomas Reil, who owns four boats."""

QUOTES = {
    ("Ilse Brandt", "We are close to an agreement, The steel is ordered."),
    ("Ilse Brandt", "the old bridge would close in May"),
    ("Tomas Reil", "Nobody asked the fishermen,"),
}


def found(settings: Settings, *arguments: str) -> list[dict[str, object]]:
    """What `whosaid search --json` finds."""
    done = whosaid(settings, "search", *arguments, "--json", "--size", "100")
    assert done.returncode == 0, done.stderr
    hits: list[dict[str, object]] = json.loads(done.stdout)["hits"]
    return hits


@pytest.fixture
def served(settings: Settings) -> Settings:
    """The settings with a free port for the search service."""
    return settings.model_copy(update={"search": SearchSettings(port=free_ports(1)[0])})


@pytest.mark.guarantee("published-once")
def test_a_file_ingested_five_times_gives_each_quote_once(served: Settings, tmp_path: Path) -> None:
    file = tmp_path / "bridge.txt"
    file.write_text(BODY, encoding="utf-8")
    with (
        Part(served, "enrich", tmp_path / "enrich.log"),
        Part(served, "sink", tmp_path / "sink.log"),
        Part(served, "serve", tmp_path / "serve.log"),
    ):
        for _ in range(5):
            done = whosaid(served, "ingest", str(file), "--published", "2025-03-12", "--wait")
            assert done.returncode == 0, done.stderr
        wait_until(lambda: (now := look(served)).healthy and now.waiting_sink == 0, message="never healthy")
        with elasticsearch_client.connect(served) as client:  # what is written is searchable a second later, or now
            client.indices.refresh(index=[served.articles_alias, served.quotes_alias])
        hits = found(served)
        assert {(hit["speaker"]["name"], hit["said"]) for hit in hits} == QUOTES  # type: ignore[index]
        assert len(hits) == len(QUOTES)
        said = next(hit for hit in hits if "agreement" in str(hit["said"]))
        assert (said["addressee"], said["said_on"]) == ("reporters", "2025-03-12")
        assert len(found(served, "fishermen", "--speaker", "reil")) == 1
        assert found(served, "fishermen", "--speaker", "brandt") == []
        told = whosaid(served, "status", "--json")
        assert told.returncode == 0
        now = json.loads(told.stdout)
        assert now | {"articles": 1, "quotes": 3, "articles_published": 5, "dead_letters": 0, "healthy": True} == now
        assert f"Id: {said['article_id']}. `whosaid article ID` shows an article." in done.stderr
        article = whosaid(served, "article", str(said["article_id"]))
        assert "Nobody asked the fishermen" in article.stdout


@pytest.mark.guarantee("wait-told")
def test_waiting_notices_dead_letters_and_newer_revisions(served: Settings, tmp_path: Path) -> None:
    limited = served.model_copy(
        update={"enrichment": served.enrichment.model_copy(update={"max_characters": 1000, "processes": 1})}
    )
    lines = tmp_path / "a.jsonl"
    short, long = (
        {"url": f"https://a.test/{name}", "text": BODY * times, "modified": "2025-03-12"}
        for name, times in (("s", 1), ("l", 40))
    )
    lines.write_text(f"{json.dumps(short)}\n{json.dumps(long)}\n", encoding="utf-8")
    with Part(limited, "enrich", tmp_path / "enrich.log"), Part(limited, "sink", tmp_path / "sink.log"):
        done = whosaid(limited, "ingest", str(lines), "--wait", "--timeout", "100")
        assert done.returncode == 6, done.stderr
        assert "2 articles published.\n1 searchable.\n" in done.stdout
        assert "is a dead letter (enrich): The body has" in done.stderr
        assert "whosaid dlq show" in done.stderr
        # What is there already in an older revision is waited for all the same.
        lines.write_text(json.dumps(short | {"text": f"New. {BODY}", "modified": "2025-03-13"}), encoding="utf-8")
        done = whosaid(limited, "ingest", str(lines), "--wait", "--timeout", "100")
        assert done.returncode == 0, done.stderr
        id = article_id("https://a.test/s")
        assert json.loads(whosaid(limited, "article", id, "--json").stdout)["body"].startswith("New.")


def test_status_says_what_does_not_run(served: Settings, tmp_path: Path) -> None:
    kafka_client.ensure_topics(served, topics.all_topics(served))
    now = look(served)
    assert (now.kafka, now.elasticsearch, now.search, now.workers, now.sinks) == (True, True, False, 0, 0)
    assert len(now.problems) == 3
    assert whosaid(served, "status").returncode == 4
    done = whosaid(served, "search", "anything")
    assert "No quotes match; try fewer words." in done.stderr
    done = whosaid(served, "ingest", "-", stdin=BODY)
    assert done.returncode == 0, done.stderr
    with Part(served, "sink", tmp_path / "sink.log"):
        wait_until(lambda: look(served).sinks == 1, message="the sink never joined")
        assert look(served).waiting_enrichment == 1


def test_status_without_any_engine_is_a_plain_sentence() -> None:
    nowhere = Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "127.0.0.1:9", "request_timeout": 2},
            "elasticsearch": {"url": "http://127.0.0.1:9", "request_timeout": 2},
            "search": {"port": 9},
        }
    )
    done = whosaid(nowhere, "status", timeout=90)
    assert done.returncode == 4
    assert "Kafka does not answer at 127.0.0.1:9" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_2000_articles_arrive_once_each_though_the_worker_dies(settings: Settings, tmp_path: Path) -> None:
    chance = random.Random(7)
    names = ["Ada Byrne", "Omar Lund", "Pia Koss", "Jon Vale", "Rosa Tamm"]
    lines = []
    for number in range(2000):
        name, amount = chance.choice(names), chance.randrange(10, 999)
        text = f"“We need {amount} boats in harbour {number},” {name} said on Monday. The council meets next week."
        lines.append(json.dumps({"url": f"https://news.example/{number}", "title": f"Boats {number}", "text": text}))
    file = tmp_path / "boats.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    group, topic = topics.enrichment_group(settings), topics.articles(settings).name
    with Part(settings, "sink", tmp_path / "sink.log"):
        with Part(settings, "enrich", tmp_path / "enrich-1.log") as first:
            done = whosaid(settings, "ingest", str(file))
            assert done.returncode == 0, done.stderr
            enriched = topics.enriched(settings).name
            wait_until(
                lambda: kafka_client.size(settings, enriched) >= 300, 120, message="the worker did not start to work"
            )
            first.kill()
        assert kafka_client.lag(settings, group, topic).waiting > 0, "the worker was killed too late to show anything"
        with Part(settings, "enrich", tmp_path / "enrich-2.log"):
            done = whosaid(settings, "ingest", str(file), "--wait", timeout=300)
            assert done.returncode == 0, done.stderr
            wait_until(lambda: look(settings).waiting_sink == 0, message="the sink never finished")
    with elasticsearch_client.connect(settings) as client:
        client.indices.refresh(index=[settings.articles_alias, settings.quotes_alias])
        pages = client.search(index=settings.articles_alias, size=2500, source_includes=["id", "url"])["hits"]["hits"]
        found = client.search(index=settings.quotes_alias, size=2500, source_includes=["id", "article_id"])
        quotes = found["hits"]["hits"]
    assert Counter(page["_source"]["url"] for page in pages) == Counter(
        f"https://news.example/{n}" for n in range(2000)
    )
    assert set(Counter(quote["_source"]["article_id"] for quote in quotes).values()) == {1}
    assert len(quotes) == 2000
    assert kafka_client.size(settings, topics.deadletter(settings).name) == 0
