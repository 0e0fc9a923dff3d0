"""Prints each quote as it is found: reads the topic of enriched articles beside the sink.

python examples/read_events.py my-group
"""

import sys
from collections.abc import Iterator

from pipeline import Enriched, Settings, kafka_client, load_settings, topics


def enriched_articles(settings: Settings, group: str) -> Iterator[Enriched]:
    """Yields every enriched article, from the first that the topic has, and goes on where the group stopped.

    An article is committed when the next one is asked for: after a crash the last one comes again, and none is missed.
    """
    consumer = kafka_client.consumer(settings, topics.enriched(settings).name, group_id=group)
    try:
        for record in consumer:
            yield Enriched.model_validate_json(record.value)
            consumer.commit()
    finally:
        consumer.close()


def main(group: str) -> None:
    """Prints the quotes until it is interrupted."""
    for enriched in enriched_articles(load_settings(), group):
        for quote in enriched.quotes:
            speaker = quote.speaker.name if quote.speaker else "somebody"
            print(f"{speaker}: {quote.text}  [{enriched.article.url}]", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
