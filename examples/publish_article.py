"""Publishes an article to Kafka, where WhoSaid's workers take it.

python examples/publish_article.py https://news.example/bridge "Bridge opens in May" < body.txt
"""

import sys
from datetime import UTC, datetime

from connectors import ArticlePublisher, make_article
from pipeline import Source, load_settings


def main(url: str, headline: str) -> None:
    """Publishes the article whose body is on standard input, and prints its id."""
    now = datetime.now(UTC)
    article = make_article(
        url=url,
        headline=headline,
        body=sys.stdin.read(),
        source=Source(id="news.example", name="News"),
        published=now,
        fetched=now,
    )
    with ArticlePublisher(load_settings()) as publisher:
        publisher.publish(article)
        report = publisher.flush()
    for reason in report.refused:
        raise SystemExit(reason)
    print(article.id)


if __name__ == "__main__":
    main(*sys.argv[1:3])
