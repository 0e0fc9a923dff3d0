"""Takes articles to Kafka and back, and does nothing else: the stage to which others are compared."""

import psutil
from kafka import TopicPartition

from benchmarks.measure import Turn
from benchmarks.stages.processes import Engines
from benchmarks.stages.stage import ArticleStage, Set
from pipeline import kafka_client, topics


class RoundTrip(ArticleStage):
    """(e) Article events to Kafka and back, with nothing done to them."""

    title = "bare Kafka round trip"
    _REPEATS = 8

    def __init__(self, engines: Engines) -> None:
        super().__init__()
        self.settings = engines.named("trip")
        self._engines = engines
        self._topic = topics.articles(self.settings)
        kafka_client.ensure_topics(self.settings, [self._topic])
        self._producer = kafka_client.producer(self.settings)
        self._consumer = kafka_client.consumer(self.settings)
        self._consumer.assign([TopicPartition(self._topic.name, at) for at in range(self._topic.partitions)])
        self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            self._consumer.position(partition)  # where the end is now, and not at the first poll

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"kafka": self._engines.processes()["kafka"]}

    def turn(self, articles: Set) -> Turn:
        """As `ArticleStage.turn`."""
        events = articles.events * self._REPEATS

        def work() -> None:
            for number, event in enumerate(events):
                self._producer.send(self._topic.name, key=b"%d" % number, value=event)
            self._producer.flush()
            back = 0
            while back < len(events):
                back += sum(map(len, self._consumer.poll(timeout_ms=1000).values()))

        return self.timed(len(events), work, own="client")

    def close(self) -> None:
        """As `Stage.close`."""
        self._producer.close()
        self._consumer.close()
