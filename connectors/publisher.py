"""Articles onto the topic of articles: acknowledged by the broker, or refused with a reason."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from pipeline import kafka_client, topics
from pipeline.errors import BrokerUnavailable
from pipeline.models import Article
from pipeline.settings import Settings


@dataclass
class DeliveryReport:
    """What became of the articles since the last flush."""

    acknowledged: int = 0
    refused: list[str] = field(default_factory=list)  # a sentence each
    ids: list[str] = field(default_factory=list)  # of those acknowledged


class ArticlePublisher:
    """A context manager around one producer; its methods block and may be called from several threads.

    An event that the broker finds too large breaks an idempotent kafka-python producer for good, and takes all that are
    under way with it. So whatever fails that way is sent once more, alone, and the broken producer is replaced.

    Raises (on entering):
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.articles(settings).name
        self._lock = threading.Lock()
        self._waiting: list[tuple[Article, _Sent]] = []
        self._producer: Any = None
        self._lone_lock = threading.Lock()
        self._lone: Any = None  # the producer of those that are sent alone

    def __enter__(self) -> Self:
        kafka_client.ensure_topics(self._settings, topics.all_topics(self._settings))
        self._producer = self._made()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.close(timeout=10 if kind is None else 1)
        if self._lone is not None:
            self._lone.close(timeout=1)

    def publish(self, article: Article) -> None:
        """Sends the article on its way; what becomes of it, `flush` says.

        Raises:
            BrokerUnavailable: Kafka takes nothing any more.
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
        return self._counted(waiting)

    def deliver(self, articles: list[Article], each: Callable[[Article], None] | None = None) -> DeliveryReport:
        """Publishes these and waits for these alone; other threads' articles do not matter.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge all of them; publish them again.
        """
        return self._counted([(article, self._send(article)) for article in articles], each)

    def _counted(
        self, sent: list[tuple[Article, "_Sent"]], each: Callable[[Article], None] | None = None
    ) -> DeliveryReport:
        report = DeliveryReport()
        for article, one in sent:
            if (reason := self._outcome(article, one)) is None:
                report.acknowledged += 1
                report.ids.append(article.id)
                if each:
                    each(article)
            else:
                report.refused.append(reason)
        return report

    def _made(self) -> Any:
        timeout = int(self._settings.kafka.request_timeout * 1000)
        return kafka_client.producer(self._settings, max_block_ms=timeout, delivery_timeout_ms=4 * timeout)

    def _send(self, article: Article) -> "_Sent":
        producer = self._producer
        try:
            return _Sent(producer, self._event(producer, article))
        except MessageSizeTooLargeError:  # its own size, or the end of a producer that another one's has broken
            return _Sent(producer, None)
        except KafkaError as error:
            if self._producer is not producer:  # another thread has replaced it meanwhile
                return self._send(article)
            raise self._unavailable(error) from error

    def _event(self, producer: Any, article: Article) -> Any:
        return producer.send(self._topic, key=article.id.encode(), value=article.model_dump_json().encode())

    def _outcome(self, article: Article, sent: "_Sent") -> str | None:
        """Why the article is refused; None once the broker has it."""
        try:
            if sent.future is not None:
                sent.future.get(timeout=self._patience)
                return None
        except MessageSizeTooLargeError:
            self._replace(sent.producer)
        except (KafkaError, KafkaTimeoutError) as error:
            raise self._unavailable(error) from error
        return self._alone(article)

    @property
    def _patience(self) -> float:
        return 4 * self._settings.kafka.request_timeout + 5

    def _replace(self, broken: Any) -> None:
        with self._lock:
            if self._producer is broken:
                self._producer = self._made()
                broken.close(timeout=1)

    def _alone(self, article: Article) -> str | None:
        with self._lone_lock:
            try:
                self._lone = self._lone or self._made()
                self._event(self._lone, article).get(timeout=self._patience)
                return None
            except MessageSizeTooLargeError:
                self._lone.close(timeout=1)
                self._lone = None
                return _too_large(article)
            except (KafkaError, KafkaTimeoutError) as error:
                raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> BrokerUnavailable:
        where = ",".join(self._settings.bootstrap_servers)
        return BrokerUnavailable(
            f"Kafka at {where} did not take the articles ({type(error).__name__}); see that it runs, then try again."
        )


@dataclass(frozen=True)
class _Sent:
    """An event on its way: by which producer, and its future; None where it did not even leave."""

    producer: Any
    future: Any


def _too_large(article: Article) -> str:
    return f"{article.url}: the article is larger than the topic takes; raise WHOSAID_KAFKA__MAX_MESSAGE_BYTES."
