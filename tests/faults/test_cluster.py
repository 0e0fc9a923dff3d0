"""Three brokers and three nodes: one of each is killed while articles come, then all are restarted, one by one."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kafka.errors import KafkaError

from pipeline import elasticsearch_client, topics
from pipeline.doctor import elasticsearch, kafka
from pipeline.doctor.findings import Finding, Level
from pipeline.embedded.engine import Server
from pipeline.events import encode
from pipeline.models import Article, Enriched
from pipeline.settings import Settings
from pipeline.workers.protocol import Result
from tests.faults import cheap, corpus
from tests.faults.cluster import Cluster, leader, master
from tests.faults.pipeline import READY, Account, Pipeline
from tests.integration.parts import wait_until

PARTS = ("enrich", "enrich-1", "sink", "sink-1")

PORTION = 60
"""Articles that come with each thing that happens."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="whosaid-cluster-"))
    folder.chmod(0o755)
    with Cluster(folder) as made:
        yield made


class Feed:
    """Brings articles by a connector, portion by portion."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.articles: list[Article] = []
        self.spool = corpus.Spool(pipeline.folder)
        self._pipeline = pipeline

    def more(self) -> None:
        """The next portion lies in the folder that the connector reads."""
        portion = [corpus.edition(len(self.articles) + number) for number in range(PORTION)]
        self.articles += portion
        self._pipeline.expect(portion)
        self.spool.add(portion)

    def published(self) -> bool:
        """Whether all of them are on the topic; not, where the client has asked a broker that is away."""
        with suppress(KafkaError):
            return self._pipeline.on_topic() == {one.id for one in self.articles}
        return False


def undisturbed(articles: list[Article]) -> Account:
    """What becomes of the articles where nothing happens."""
    found = Account()
    outcomes = zip(articles, cheap.factory(corpus.LONGEST)([encode(one) for one in articles]), strict=True)
    for article, outcome in outcomes:
        if isinstance(outcome, Result):
            found.searchable[article.id] += 1
            for quote in Enriched.model_validate_json(outcome.value).quotes:
                assert quote.speaker
                found.quotes[quote.id] = (article.id, quote.text, quote.speaker.name)
        else:
            found.dead[article.id] += 1
    return found


def findings(settings: Settings) -> list[Finding]:
    """What the doctor finds of both clusters, but for what the small build of Elasticsearch lacks."""
    found = [
        *kafka.judge(kafka.gather(settings), settings),
        *elasticsearch.judge(elasticsearch.gather(settings), settings),
    ]
    return [one for one in found if one.level is not Level.FINE]


def begun(pipeline: Pipeline, name: str) -> None:
    """Waits until the part is ready; one that gives up at its start, as nobody answered in time, is started again."""

    def is_ready() -> bool:
        if pipeline.parts[name].process.poll() is not None:
            pipeline.restart(name)
        return READY[name.partition("-")[0]] in pipeline.parts[name].log.read_text(errors="replace")

    wait_until(is_ready, 240, message=f"{name} did not get ready")


@pytest.mark.guarantee("cluster")
@pytest.mark.faults
@pytest.mark.engines
@pytest.mark.timeout(1800)
def test_a_cluster_loses_nodes_and_is_restarted(cluster: Cluster, tmp_path: Path) -> None:
    with Pipeline(cluster, tmp_path) as pipeline:
        settings, feed = pipeline.settings, Feed(pipeline)
        for name in PARTS:
            pipeline.start(name.partition("-")[0], name)
            begun(pipeline, name)
        pipeline.start("connect", "connect", "--sources", str(feed.spool.sources))
        feed.more()
        pipeline.flowing(0.5)
        cluster.whole(settings)
        assert findings(settings) == []

        lost: list[Server] = [
            leader(settings, topics.articles(settings).name, cluster.brokers),
            master(settings, cluster.nodes),
        ]
        feed.more()
        pipeline.flowing(0.55)
        for server in lost:
            server.kill()
        feed.more()
        pipeline.settle(published=feed.published)  # with a node less all goes on
        pipeline.flowing(0.9)
        for _ in range(6):  # whichever node is asked first, somebody answers
            with elasticsearch_client.connection(settings) as client:
                client.search(index=settings.quotes_alias, size=1, allow_partial_search_results=False)
        told = " ".join(one.sentence for one in findings(settings))
        assert "have replicas that are not in step" in told
        assert "replicas are away: with one more node" in told
        feed.more()
        for server in lost:
            server.start()
        cluster.whole(settings)

        for server in cluster.servers:
            feed.more()
            server.stop()
            server.start()
            cluster.whole(settings)

        pipeline.settle(published=feed.published)
        found = pipeline.check(undisturbed(feed.articles))
        print(f"{found}; {pipeline.megabytes()}")
        assert found.quotes
        assert found.dead
        assert findings(settings) == []
