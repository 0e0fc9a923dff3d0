"""The articles of tests/unit/search/factory.py in a real Elasticsearch, written by the sink."""

from collections.abc import Sequence

from pipeline import elasticsearch_client
from pipeline.entities.writer import EntityWriter
from pipeline.models import Enriched
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from tests.unit.sink.factory import record


def resolve(settings: Settings, articles: Sequence[Enriched]) -> None:
    """Decides who is who in the articles, as `whosaid resolve` does, and waits until it can be searched."""
    with elasticsearch_client.connect(settings) as client:
        writer = EntityWriter(client, settings, lambda events: None)
        writer.store.prepare()
        writer.tombstones.prepare()
        writer.write(articles)
        writer.store.refresh()


def shelve(settings: Settings, articles: Sequence[Enriched]) -> None:
    """Writes the articles and waits until they can be searched."""
    with elasticsearch_client.connect(settings) as client:
        writer = Writer(client, settings, indices.prepare(client, settings))
        outcome = writer.batch([Event(record(one, offset=n), one) for n, one in enumerate(articles)]).write()
        assert outcome.written == len(articles), outcome.letters
        client.indices.refresh(index=f"{settings.articles_alias},{settings.quotes_alias}")
