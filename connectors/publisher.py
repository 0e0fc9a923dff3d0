"""Publishes articles to Kafka, and reports which were acknowledged and which were refused, with the reason."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from pipeline import kafka_client, logs, metrics, topics, tracing
from pipeline.errors import BrokerUnavailable
from pipeline.models import Article
from pipeline.settings import Settings

_log = logging.getLogger(__name__)


@dataclass
class DeliveryReport:
    """Which articles were acknowledged and which were refused."""

    acknowledged: int = 0
    refused: list[str] = field(default_factory=list)  # one sentence for each
    ids: list[str] = field(default_factory=list)  # of those acknowledged


class ArticlePublisher:
    """A context manager around one producer; its methods block and may be called from several threads.

    An event that is too large for the broker breaks an idempotent kafka-python producer for good, and every event in
    flight fails with it. So each event that fails this way is sent again by a producer of its own, and the broken one
    is replaced.

    Raises (on entering):
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.articles(settings).name
        self._lock = threading.Lock()
        self._waiting: list[tuple[Article, _InFlight]] = []
        self._producer: Any = None
        self._alone_lock = threading.Lock()
        self._alone_producer: Any = None  # the producer for events that are sent again alone

    def __enter__(self) -> Self:
        kafka_client.ensure_topics(self._settings, topics.all_topics(self._settings))
        self._producer = self._new_producer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.close(timeout=10 if kind is None else 1)
        if self._alone_producer is not None:
            self._alone_producer.close(timeout=1)

    def publish(self, article: Article) -> None:
        """Sends the article without waiting; `flush` reports the result.

        Raises:
            BrokerUnavailable: Kafka does not take it.
        """
        sent = self._send(article)
        with self._lock:
            self._waiting.append((article, sent))

    def flush(self) -> DeliveryReport:
        """Waits until every article that was published is acknowledged or refused.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge in time; those articles must be published again.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return self._report(waiting)

    def deliver(self, articles: list[Article], each: Callable[[Article], None] | None = None) -> DeliveryReport:
        """Publishes these articles and waits for them, and not for those of other threads.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge all of them; publish them again.
        """
        return self._report([(article, self._send(article)) for article in articles], each)

    def _report(
        self, sent: list[tuple[Article, "_InFlight"]], each: Callable[[Article], None] | None = None
    ) -> DeliveryReport:
        report = DeliveryReport()
        for article, event in sent:
            if (reason := self._outcome(article, event)) is None:
                report.acknowledged += 1
                report.ids.append(article.id)
                _log.debug("Published", extra=logs.about(article.id))
                if each:
                    each(article)
            else:
                report.refused.append(reason)
        metrics.PUBLISHED.inc(report.acknowledged)
        metrics.REFUSED.inc(len(report.refused))
        return report

    def _new_producer(self) -> Any:
        timeout = int(self._settings.kafka.request_timeout * 1000)
        return kafka_client.producer(self._settings, max_block_ms=timeout, delivery_timeout_ms=4 * timeout)

    def _send(self, article: Article) -> "_InFlight":
        producer = self._producer
        try:
            return _InFlight(producer, self._event(producer, article))
        except MessageSizeTooLargeError:  # this event is too large, or another one has broken the producer
            return _InFlight(producer, None)
        except KafkaError as error:
            if self._producer is not producer:  # another thread has replaced the broken producer
                return self._send(article)
            raise self._unavailable(error) from error

    def _event(self, producer: Any, article: Article) -> Any:
        value = article.model_dump_json().encode()
        metrics.PUBLISHED_BYTES.inc(len(value))
        step = tracing.published(self._topic, article.id)
        sent = producer.send(self._topic, key=article.id.encode(), value=value, headers=step.headers(()))
        if tracing.on():
            sent.add_callback(lambda _: step.end())
            sent.add_errback(lambda error: step.end(type(error).__name__))
        return sent

    def _outcome(self, article: Article, sent: "_InFlight") -> str | None:
        """Waits for the broker; returns why it refuses the article, None where it has acknowledged it."""
        try:
            if sent.future is not None:
                sent.future.get(timeout=self._timeout)
                return None
        except MessageSizeTooLargeError:
            self._replace(sent.producer)
        except (KafkaError, KafkaTimeoutError) as error:
            raise self._unavailable(error) from error
        return self._send_alone(article)

    @property
    def _timeout(self) -> float:
        return 4 * self._settings.kafka.request_timeout + 5

    def _replace(self, broken: Any) -> None:
        with self._lock:
            if self._producer is broken:
                self._producer = self._new_producer()
                broken.close(timeout=1)

    def _send_alone(self, article: Article) -> str | None:
        with self._alone_lock:
            try:
                self._alone_producer = self._alone_producer or self._new_producer()
                self._event(self._alone_producer, article).get(timeout=self._timeout)
                return None
            except MessageSizeTooLargeError:
                self._alone_producer.close(timeout=1)
                self._alone_producer = None
                return _too_large(article)
            except (KafkaError, KafkaTimeoutError) as error:
                raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> BrokerUnavailable:
        where = ",".join(self._settings.bootstrap_servers)
        return BrokerUnavailable(
            f"Kafka at {where} did not take the articles ({type(error).__name__}); see that it runs, then try again."
        )


@dataclass(frozen=True)
class _InFlight:
    """An event in flight: its producer, and its future; None where the producer did not accept it."""

    producer: Any
    future: Any


def _too_large(article: Article) -> str:
    return f"{article.url}: the article is larger than the topic takes; raise WHOSAID_KAFKA__MAX_MESSAGE_BYTES."
