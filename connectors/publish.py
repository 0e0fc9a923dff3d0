"""Articles onto the topic of articles: acknowledged by the broker, or refused with a reason."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from pipeline import broker, topics
from pipeline.errors import BrokerUnavailable
from pipeline.models import Article
from pipeline.settings import Settings


@dataclass
class Counts:
    """What became of the articles since the last flush."""

    acknowledged: int = 0
    refused: list[str] = field(default_factory=list)  # a sentence each
    ids: list[str] = field(default_factory=list)  # of those acknowledged


class Publisher:
    """A context manager around one producer; its methods block and may be called from several threads.

    Raises (on entering):
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.articles(settings).name
        self._lock = threading.Lock()
        self._waiting: list[tuple[Article, Any]] = []
        self._refused: list[str] = []
        self._producer: Any = None

    def __enter__(self) -> Self:
        broker.ensure_topics(self._settings, topics.all_topics(self._settings))
        timeout = int(self._settings.kafka.request_timeout * 1000)
        self._producer = broker.producer(self._settings, max_block_ms=timeout, delivery_timeout_ms=4 * timeout)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.close(timeout=10 if kind is None else 1)

    def publish(self, article: Article) -> None:
        """Sends the article on its way; what becomes of it, `flush` says.

        Raises:
            BrokerUnavailable: Kafka takes nothing any more.
        """
        future = self._send(article)
        if future is not None:
            with self._lock:
                self._waiting.append((article, future))

    def flush(self) -> Counts:
        """Waits until every article that was published is acknowledged or refused.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge in time; those articles must be published again.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, []
            counts, self._refused = Counts(refused=self._refused), []
        for article, future in waiting:
            if (reason := self._outcome(article, future)) is None:
                counts.acknowledged += 1
                counts.ids.append(article.id)
            else:
                counts.refused.append(reason)
        return counts

    def deliver(self, articles: list[Article], each: Callable[[Article], None] | None = None) -> Counts:
        """Publishes these and waits for these alone; other threads' articles do not matter.

        Raises:
            BrokerUnavailable: Kafka did not acknowledge all of them; publish them again.
        """
        counts = Counts()
        sent = []
        for article in articles:
            sent.append((article, self._send(article, counts.refused)))
        for article, future in sent:
            if future is None:
                continue
            if (reason := self._outcome(article, future)) is None:
                counts.acknowledged += 1
                counts.ids.append(article.id)
                if each:
                    each(article)
            else:
                counts.refused.append(reason)
        return counts

    def _send(self, article: Article, refused: list[str] | None = None) -> Any:
        try:
            return self._producer.send(self._topic, key=article.id.encode(), value=article.model_dump_json().encode())
        except MessageSizeTooLargeError:
            with self._lock:
                (self._refused if refused is None else refused).append(_too_large(article))
            return None
        except KafkaError as error:
            raise self._unavailable(error) from error

    def _outcome(self, article: Article, future: Any) -> str | None:
        try:
            future.get(timeout=4 * self._settings.kafka.request_timeout + 5)
        except MessageSizeTooLargeError:
            return _too_large(article)
        except (KafkaError, KafkaTimeoutError) as error:
            raise self._unavailable(error) from error
        return None

    def _unavailable(self, error: Exception) -> BrokerUnavailable:
        where = ",".join(self._settings.bootstrap_servers)
        return BrokerUnavailable(
            f"Kafka at {where} did not take the articles ({type(error).__name__}); see that it runs, then try again."
        )


def _too_large(article: Article) -> str:
    return f"{article.url}: the article is larger than the topic takes; raise WHOSAID_KAFKA__MAX_MESSAGE_BYTES."
