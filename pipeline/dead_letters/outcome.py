"""Finds out what became of replayed events, from committed offsets and not from the wall clock.

An event is settled when its reader has committed beyond it. Enrichment writes to the sink's topic before it commits; so
after that commit the sink must also have committed up to what is then the end of its topic. For a settled event, either
a new letter names the old one, or its article is in the index.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from elasticsearch import Elasticsearch
from kafka import TopicPartition
from kafka.errors import KafkaError
from pydantic_core import from_json

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.dead_letters.log import Filter, Letter, Letters
from pipeline.dead_letters.replay import ReplayResult
from pipeline.errors import BrokerUnavailable
from pipeline.models import Stage
from pipeline.settings import Settings
from pipeline.tombstones import Tombstones

_INTERVAL = 0.5  # seconds between two looks
_AT_ONCE = 1000  # articles looked for in one request
_LONGEST_ID = 512  # bytes, in Elasticsearch


class ReplayOutcome(StrEnum):
    """What became of a replayed event."""

    SEARCHABLE = "searchable"
    DEAD_AGAIN = "dead again"
    ON_ITS_WAY = "still on its way"
    NOT_FOUND = "not found"
    """All are done with it, there is no new letter, and yet the index does not have the article: it was dropped."""
    TAKEN_DOWN = "taken down"
    """The article was taken down, so it is not indexed."""
    NOT_FOLLOWED = "not followed"
    """It went to a topic that is not WhoSaid's, or it holds no article that could be looked up."""


@dataclass(frozen=True)
class LetterOutcome:
    """What became of a replayed letter; where it is dead again, `again` is the new letter."""

    letter: Letter
    outcome: ReplayOutcome
    again: Letter | None = None


def follow(
    settings: Settings,
    letters: Letters,
    sent: Iterable[ReplayResult],
    timeout: float,
    progress: Callable[[Counter[ReplayOutcome]], None] | None = None,
) -> list[LetterOutcome]:
    """Waits until every event is settled, at most `timeout` seconds; what became of each event, in order.

    Raises:
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer.
    """
    replayed = [result for result in sent if result.mark is not None]
    with elasticsearch_client.connection(settings) as client, _Commits(settings) as commits:
        follower = _Follower(settings, client, letters, commits, replayed)
        until = time.monotonic() + timeout
        while True:
            endings = follower.look()
            if progress:
                progress(Counter(ending.outcome for ending in endings))
            if time.monotonic() >= until or not any(ending.outcome is ReplayOutcome.ON_ITS_WAY for ending in endings):
                return endings
            time.sleep(_INTERVAL)


class _Commits:
    """The offsets that the groups have committed, and the ends of topics."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumers: dict[str, Any] = {}

    def __enter__(self) -> "_Commits":
        return self

    def __exit__(self, *_: object) -> None:
        for consumer in self._consumers.values():
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """By partition, the first offset that is not done."""
        consumer, places = self._places(group, topic)
        first = consumer.beginning_offsets(places)  # nobody has to handle what retention has dropped
        return {place.partition: max(consumer.committed(place) or 0, first[place]) for place in places}

    def ends(self, group: str, topic: str) -> dict[int, int]:
        """By partition, the offset of the next event."""
        consumer, places = self._places(group, topic)
        return {place.partition: end for place, end in consumer.end_offsets(places).items()}

    def _places(self, group: str, topic: str) -> tuple[Any, list[TopicPartition]]:
        if group not in self._consumers:
            self._consumers[group] = kafka_client.consumer(self._settings, group_id=group)
        consumer = self._consumers[group]
        return consumer, [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]


class _Follower:
    def __init__(
        self, settings: Settings, client: Elasticsearch, letters: Letters, commits: _Commits, sent: list[ReplayResult]
    ) -> None:
        self._client = client
        self._alias = settings.articles_alias
        self._tombstones = Tombstones(client, settings)
        self._letters = letters
        self._commits = commits
        self._sent = sent
        self._articles = topics.articles(settings).name
        self._enriched = topics.enriched(settings).name
        self._enrichment, self._sink = topics.enrichment_group(settings), topics.sink_group(settings)
        self._barriers: dict[str, Mapping[int, int]] = {}  # by letter: the offsets that the sink must have committed
        self._endings: dict[str, LetterOutcome] = {}

    def look(self) -> list[LetterOutcome]:
        """What became of each event so far."""
        try:
            settled = self._settled()
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not say how far its readers are: {error}") from error
        if settled:
            self._end(settled)
        return [
            self._endings.get(result.letter.id) or LetterOutcome(result.letter, ReplayOutcome.ON_ITS_WAY)
            for result in self._sent
        ]

    def _settled(self) -> list[ReplayResult]:
        unsettled = [result for result in self._sent if result.letter.id not in self._endings]
        # The order matters: what enrichment has committed is on the next topic before the topic's end is asked for.
        enriched = self._commits.committed(self._enrichment, self._articles)
        ends = self._commits.ends(self._sink, self._enriched)
        written = self._commits.committed(self._sink, self._enriched)
        settled = []
        for result in unsettled:
            mark = result.mark
            assert mark is not None
            assert mark.partition is not None
            assert mark.offset is not None
            if mark.topic == self._enriched:
                barrier: Mapping[int, int] | None = {mark.partition: mark.offset + 1}
            elif mark.topic == self._articles:
                if enriched.get(mark.partition, 0) > mark.offset:
                    self._barriers.setdefault(result.letter.id, ends)
                barrier = self._barriers.get(result.letter.id)
            else:
                self._endings[result.letter.id] = LetterOutcome(result.letter, ReplayOutcome.NOT_FOLLOWED)
                continue
            if barrier is not None and all(written.get(part, 0) >= offset for part, offset in barrier.items()):
                settled.append(result)
        return settled

    def _end(self, settled: list[ReplayResult]) -> None:
        again = {
            letter.content.replay_of: letter
            for letter in self._letters.scan(Filter(handled=True))
            if letter.content.replay_of is not None
        }
        wanted = {result.letter.id: _article(result.letter) for result in settled if result.name not in again}
        ids = {article for article, _ in filter(None, wanted.values())}
        revisions, taken_down = self._revisions(ids), self._tombstones.named(ids)
        for result in settled:
            id = result.letter.id
            if result.name in again:
                ending = LetterOutcome(result.letter, ReplayOutcome.DEAD_AGAIN, again[result.name])
            elif (article := wanted[id]) is None:
                ending = LetterOutcome(result.letter, ReplayOutcome.NOT_FOLLOWED)
            else:
                there = revisions.get(article[0], -1) >= article[1]
                missing = ReplayOutcome.TAKEN_DOWN if article[0] in taken_down else ReplayOutcome.NOT_FOUND
                ending = LetterOutcome(result.letter, ReplayOutcome.SEARCHABLE if there else missing)
            self._endings[id] = ending

    def _revisions(self, ids: set[str]) -> dict[str, int]:
        """The revisions of these articles in the index."""
        revisions: dict[str, int] = {}
        if ids:
            elasticsearch_client.refresh(self._client, [self._alias], ignore_unavailable=True)
        for chunk in elasticsearch_client.chunks(sorted(ids), _AT_ONCE):
            answer = self._client.search(
                index=self._alias, query={"ids": {"values": chunk}}, source_includes=["revision"],
                size=2 * len(chunk), ignore_unavailable=True, allow_partial_search_results=False,
            )  # fmt: skip
            for hit in answer["hits"]["hits"]:
                revisions[hit["_id"]] = max(revisions.get(hit["_id"], -1), hit["_source"]["revision"])
        return revisions


def _article(letter: Letter) -> tuple[str, int] | None:
    """The id and the revision of the article in the event; None where they cannot be read."""
    content = letter.content
    if not content.kept:
        return (letter.key, 0) if _is_id(letter.key) else None
    try:
        value = from_json(content.value or b"")
        article = value["article"] if content.stage is Stage.SINK else value
        id, revision = article["id"], article["revision"]
    except (ValueError, KeyError, TypeError):
        return None
    return (id, revision) if _is_id(id) and isinstance(revision, int) else None


def _is_id(value: object) -> bool:
    """Whether Elasticsearch can have a document with this id: not where it is empty or too long."""
    return isinstance(value, str) and 0 < len(value.encode("utf-8", "replace")) <= _LONGEST_ID
