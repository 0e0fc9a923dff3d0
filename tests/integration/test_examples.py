"""The programs in examples/ run against the real engines."""

import json
import subprocess
import sys
from pathlib import Path

from pipeline import identity, kafka_client, topics
from pipeline.models import Article
from pipeline.settings import Settings, environment
from tests.integration.articles import records
from tests.library import shelve
from tests.unit.search.factory import library

ROOT = Path(__file__).parents[2]


def start(settings: Settings, example: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / example), *arguments],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment(settings)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_an_article_is_published(settings: Settings) -> None:
    url = "https://news.example/bridge"
    with start(settings, "publish_article.py", url, "Bridge opens in May") as program:
        printed, _ = program.communicate("“It opens in May,” Ada Byrne said.", timeout=60)
    assert program.returncode == 0
    assert printed.strip() == identity.article_id(url)
    (record,) = records(settings, topics.articles(settings).name)
    article = Article.model_validate_json(record.value)
    assert (article.url, article.headline) == (url, "Bridge opens in May")
    assert article.body == "“It opens in May,” Ada Byrne said."


def test_events_are_read_and_committed(settings: Settings) -> None:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    name = topics.enriched(settings).name
    producer = kafka_client.producer(settings)
    articles = library()
    for enriched in articles:
        producer.send(name, key=enriched.article.id.encode(), value=enriched.model_dump_json().encode())
    producer.close()
    expected = [quote.text for enriched in articles for quote in enriched.quotes]
    with start(settings, "read_events.py", "my-group") as program:
        assert program.stdout
        printed = "".join(program.stdout.readline() for _ in range(sum(text.count("\n") + 1 for text in expected)))
        program.terminate()
    assert all(text in printed for text in expected)
    assert kafka_client.lag(settings, "my-group", name).done >= len(articles) - 1


def test_every_quote_is_exported(settings: Settings) -> None:
    shelve(settings, library())
    with start(settings, "search_quotes.py", "winters") as program:
        printed, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    (line,) = printed.splitlines()
    assert json.loads(line)["said"].startswith("We built it in two")
