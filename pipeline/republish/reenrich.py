"""Sends indexed articles through enrichment again, so that a newer engine finds more in them.

The version of the documents (pipeline.sink.documents.version) makes this safe. An article keeps its revision. The newer
engine's result replaces that of the older engine for the same revision, and removes the quotes that are no longer
found. Elasticsearch refuses an older engine's result that comes late. A newer revision, which a connector may publish
meanwhile, wins over both.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import Elasticsearch
from kafka.errors import KafkaError
from pydantic import ValidationError

from pipeline import elasticsearch_client, index_health, kafka_client, topics
from pipeline.errors import BrokerUnavailable, ClusterUnavailable, InputError, validation_message
from pipeline.models import Article, ModelInfo
from pipeline.settings import Settings

_PAGE = 200
_KEEP_ALIVE = "30m"
_PAUSE = 1.0  # seconds between two looks at how far enrichment is
_FIELDS = {
    "source": "source.id", "language": "language", "engine": "model.engine", "model": "model.name",
    "model-version": "model.version", "id": "id",
}  # fmt: skip
_CONDITION = re.compile(r"\s*([a-z-]+)\s*(!=|<|=)\s*(.+?)\s*")

Progress = Callable[[int, int], None]
"""Is told how many of how many articles are sent."""


@dataclass(frozen=True)
class Condition:
    """A condition that an article must meet: `source=bbc.co.uk`, `language!=de`, `engine<3`."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True)
class ReenrichReport:
    """How many articles were sent, and a sentence for each indexed document that is no valid article."""

    sent: int
    problems: Sequence[str] = ()


def condition(text: str) -> Condition:
    """The condition that the text states.

    Raises:
        InputError: the text is no condition.
    """
    match = _CONDITION.fullmatch(text)
    if match is None or match[1] not in _FIELDS:
        raise InputError(
            f"{text!r} is no condition; write one like source=bbc.co.uk, language!=de or engine<2 "
            f"(of {', '.join(_FIELDS)})."
        )
    field, operator, value = match[1], match[2], match[3]
    if operator == "<" and not (field == "engine" and value.isdecimal()):
        raise InputError(f"{text!r}: only engines have an order, and their versions are whole numbers (engine<2).")
    return Condition(field, operator, value)


def count(
    settings: Settings, conditions: Sequence[Condition], since: datetime | None = None, until: datetime | None = None
) -> int:
    """How many articles meet all conditions.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with elasticsearch_client.connection(settings) as client:
        _refresh(client, settings)
        query = _query(client, settings, conditions, since, until)
        return elasticsearch_client.count(client, settings.articles_alias, query, ignore_unavailable=True)


def reenrich(
    settings: Settings,
    conditions: Sequence[Condition] = (),
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    ahead: int = 1000,
    progress: Progress = lambda *_: None,
) -> ReenrichReport:
    """Publishes the articles that meet all conditions and were published from `since` until before `until`.

    At most `ahead` articles wait for enrichment at a time, so that new articles do not queue behind old ones.

    Raises:
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer. A second run changes nothing.
    """
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    topic, problems, sent = topics.articles(settings).name, [], 0
    with elasticsearch_client.connection(settings) as client:
        producer = kafka_client.producer(settings)
        try:
            _refresh(client, settings)
            query = _query(client, settings, conditions, since, until)
            for total, page in _pages(client, settings.articles_alias, query):
                futures = []
                for document in page:
                    try:
                        article = Article.model_validate(document)
                    except ValidationError as error:
                        first = error.errors(include_url=False, include_input=False)[0]
                        where = ".".join(map(str, first["loc"]))
                        problems.append(f"{document.get('id')}: {where}: {validation_message(first)}")
                        continue
                    value = article.model_dump_json().encode()
                    futures.append(producer.send(topic, key=article.id.encode(), value=value))
                for future in futures:
                    future.get(timeout=settings.kafka.request_timeout)
                sent += len(futures)
                progress(sent, total)
                _wait_for_enrichment(settings, ahead)
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not take articles: {error}") from error
        finally:
            producer.close(timeout=10)
    return ReenrichReport(sent, problems)


def _wait_for_enrichment(settings: Settings, ahead: int) -> None:
    group, topic = topics.enrichment_group(settings), topics.articles(settings).name
    while kafka_client.lag(settings, group, topic).waiting > ahead:
        time.sleep(_PAUSE)


def _refresh(client: Elasticsearch, settings: Settings) -> None:
    """Makes searches see all that was written before.

    Raises:
        ClusterUnavailable: searches do not see some articles, and would pass over them in silence.
    """
    hidden = index_health.Examiner(client, settings).look(["articles"], deep=True).hidden("articles")
    if hidden:
        raise ClusterUnavailable(f"Not all articles can be seen. {index_health.hint(hidden)}")
    elasticsearch_client.refresh(client, [settings.articles_alias], ignore_unavailable=True)


def _query(
    client: Elasticsearch,
    settings: Settings,
    conditions: Sequence[Condition],
    since: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    filters: list[dict[str, Any]] = []
    excluded: list[dict[str, Any]] = []
    for condition in conditions:
        field = _FIELDS[condition.field]
        if condition.operator == "<":
            older = [engine for engine in _engines(client, settings) if _order(engine) < int(condition.value)]
            filters.append({"terms": {field: older}})
        else:
            (filters if condition.operator == "=" else excluded).append({"term": {field: condition.value}})
    if since or until:
        period = {"gte": since, "lt": until}
        filters.append({"range": {"published": {name: when.isoformat() for name, when in period.items() if when}}})
    return {"bool": {"filter": filters, "must_not": excluded}}


def _engines(client: Elasticsearch, settings: Settings) -> list[str]:
    """The engines that enriched the indexed articles."""
    answer = client.search(
        index=settings.articles_alias, size=0, ignore_unavailable=True, allow_partial_search_results=False,
        aggs={"engines": {"terms": {"field": "model.engine", "size": 10_000}}},
    )  # fmt: skip
    return [bucket["key"] for bucket in answer["aggregations"]["engines"]["buckets"]]


def _order(engine: str) -> int:
    return ModelInfo(name="", version="", engine=engine).order


def _pages(client: Elasticsearch, alias: str, query: dict[str, Any]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """All matching articles as they are now, page by page; each page with the total number."""
    total = elasticsearch_client.count(client, alias, query, ignore_unavailable=True)
    if not total:
        return
    with elasticsearch_client.point_in_time(client, alias, keep_alive=_KEEP_ALIVE) as pit:
        for page in elasticsearch_client.pages(
            client, pit=pit, size=_PAGE, query=query, sort=["_shard_doc"], source_excludes=["quotes", "entities"]
        ):
            yield total, [hit["_source"] for hit in page]
