"""Indexed articles sent through enrichment again, for a newer engine to find more in them.

What makes it safe is the version of the documents (pipeline.sink.documents.version): the article goes with the revision
that it has. The newer engine's result replaces that of the older one of the same revision, with the quotes that are no
longer found; an older engine's result that comes late is refused; and a newer revision, which a connector publishes
meanwhile, wins over both.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError
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
"""Told how many of how many articles are sent."""


@dataclass(frozen=True)
class Condition:
    """What an article must have: `source=bbc.co.uk`, `language!=de`, `engine<3`."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True)
class Report:
    """How many articles were sent; those in the index that are no articles to this WhoSaid, a sentence each."""

    sent: int
    problems: Sequence[str] = ()


def condition(text: str) -> Condition:
    """The condition that the text states.

    Raises:
        InputError: it states none.
    """
    match = _CONDITION.fullmatch(text)
    if match is None or match[1] not in _FIELDS:
        raise InputError(
            f"{text!r} is no condition; write one like source=bbc.co.uk, language!=de or engine<2 "
            f"(of {', '.join(_FIELDS)})."
        )
    found = Condition(match[1], match[2], match[3])
    if found.operator == "<" and not (found.field == "engine" and found.value.isdecimal()):
        raise InputError(f"{text!r}: only engines have an order, and their versions are whole numbers (engine<2).")
    return found


def count(
    settings: Settings, conditions: Sequence[Condition], since: datetime | None = None, until: datetime | None = None
) -> int:
    """How many articles are meant.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with elasticsearch_client.connect(settings) as client:
        try:
            _refresh(client, settings)
            query = _query(client, settings, conditions, since, until)
            return int(client.count(index=settings.articles_alias, query=query, ignore_unavailable=True)["count"])
        except (ApiError, TransportError) as error:
            raise elasticsearch_client.unavailable(client, error) from error


def reenrich(
    settings: Settings,
    conditions: Sequence[Condition] = (),
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    ahead: int = 1000,
    progress: Progress = lambda *_: None,
) -> Report:
    """Publishes the articles that meet all conditions and were published from `since` until before `until`.

    No more than `ahead` articles wait for enrichment at a time, so that what is new does not queue behind what is old.

    Raises:
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer. Doing it again changes nothing.
    """
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    topic, problems, sent = topics.articles(settings).name, [], 0
    with elasticsearch_client.connect(settings) as client:
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
                _let_others_pass(settings, ahead)
        except (ApiError, TransportError) as error:
            raise elasticsearch_client.unavailable(client, error) from error
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not take articles: {error}") from error
        finally:
            producer.close(timeout=10)
    return Report(sent, problems)


def _let_others_pass(settings: Settings, ahead: int) -> None:
    group, topic = topics.enrichment_group(settings), topics.articles(settings).name
    while kafka_client.lag(settings, group, topic).waiting > ahead:
        time.sleep(_PAUSE)


def _refresh(client: Elasticsearch, settings: Settings) -> None:
    """What was written before counts too; a search sees it only after a refresh, a second or more later.

    Raises:
        ClusterUnavailable: some articles cannot be seen; they would be passed over in silence.
    """
    hidden = index_health.Examiner(client, settings).look(["articles"], deep=True).hidden("articles")
    if hidden:
        raise ClusterUnavailable(f"Not all articles can be seen. {index_health.hint(hidden)}")
    client.indices.refresh(index=settings.articles_alias, ignore_unavailable=True)


def _query(
    client: Elasticsearch,
    settings: Settings,
    conditions: Sequence[Condition],
    since: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    filters: list[dict[str, Any]] = []
    excluded: list[dict[str, Any]] = []
    for one in conditions:
        field = _FIELDS[one.field]
        if one.operator == "<":
            older = [engine for engine in _engines(client, settings) if _order(engine) < int(one.value)]
            filters.append({"terms": {field: older}})
        else:
            (filters if one.operator == "=" else excluded).append({"term": {field: one.value}})
    if since or until:
        period = {"gte": since, "lt": until}
        filters.append({"range": {"published": {name: when.isoformat() for name, when in period.items() if when}}})
    return {"bool": {"filter": filters, "must_not": excluded}}


def _engines(client: Elasticsearch, settings: Settings) -> list[str]:
    """The engines of all indexed articles."""
    answer = client.search(
        index=settings.articles_alias, size=0, ignore_unavailable=True,
        aggs={"engines": {"terms": {"field": "model.engine", "size": 10_000}}},
    )  # fmt: skip
    return [bucket["key"] for bucket in answer["aggregations"]["engines"]["buckets"]]


def _order(engine: str) -> int:
    return ModelInfo(name="", version="", engine=engine).order


def _pages(client: Elasticsearch, alias: str, query: dict[str, Any]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """All that match as they are now, page by page, each with the number of all."""
    total = int(client.count(index=alias, query=query, ignore_unavailable=True)["count"])
    if not total:
        return
    point = client.open_point_in_time(index=alias, keep_alive=_KEEP_ALIVE)["id"]
    after: list[Any] | None = None
    try:
        while True:
            answer = client.search(
                pit={"id": point, "keep_alive": _KEEP_ALIVE}, size=_PAGE, query=query, sort=["_shard_doc"],
                search_after=after, track_total_hits=False, allow_partial_search_results=False,
                source_excludes=["quotes", "entities"],
            )  # fmt: skip
            point, hits = answer["pit_id"], answer["hits"]["hits"]
            if not hits:
                return
            after = hits[-1]["sort"]
            yield total, [hit["_source"] for hit in hits]
    finally:
        client.options(ignore_status=404).close_point_in_time(id=point)
