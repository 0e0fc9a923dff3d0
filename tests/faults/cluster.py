"""Three Kafka brokers and three Elasticsearch nodes on this machine, from the embedded builds: a small cluster of each.

Topics have three replicas of which two must have an event, indices have one replica, so that any one may be killed.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from kafka.errors import KafkaError

from pipeline import elasticsearch_client, kafka_client
from pipeline.embedded.elasticsearch import ElasticsearchServer
from pipeline.embedded.engine import Extra, Server
from pipeline.embedded.kafka import KafkaServer, cluster_id
from pipeline.settings import ElasticsearchSettings, EmbeddedSettings, KafkaSettings, Settings
from tests.engines import free_ports
from tests.integration.parts import wait_until

NODES = 3


class Cluster:
    """Both clusters; as a context manager all nodes run inside, unless a test stopped one: `mend` for those."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        made = [_node_settings(folder / f"node{number}", ports) for number, ports in _numbered_ports()]
        voters = ",".join(f"{n}@127.0.0.1:{one.embedded.kafka_controller_port}" for n, one in enumerate(made, 1))
        transports = [f"127.0.0.1:{one.embedded.elasticsearch_transport_port}" for one in made]
        cluster = cluster_id()
        self.brokers = [
            KafkaServer(one, extra=Extra(settings=_broker(number, voters)), cluster=cluster)
            for number, one in enumerate(made, 1)
        ]
        self.nodes = [
            ElasticsearchServer(one, extra=Extra(settings=_node(number, transports)))
            for number, one in enumerate(made, 1)
        ]

    @property
    def servers(self) -> list[Server]:
        """All of them."""
        return [*self.brokers, *self.nodes]

    def addresses(self, *, behind: bool = False) -> tuple[KafkaSettings, ElasticsearchSettings]:
        """Where they are, all of each, and how many copies there are of everything; there are no proxies."""
        assert not behind
        return (
            KafkaSettings(bootstrap_servers=",".join(one.address for one in self.brokers), replication=NODES),
            ElasticsearchSettings(url=",".join(one.address for one in self.nodes), replicas=1),
        )

    def mend(self) -> None:
        """All of them run."""
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(server.start) for server in self.servers]:
                done.result()

    def whole(self, settings: Settings, seconds: float = 120) -> None:
        """Waits until every copy of every partition and shard is in step: then the next one may go."""
        wait_until(lambda: _replicated(settings), seconds, 0.5, message="Kafka's replicas do not come into step")
        wait_until(lambda: _green(settings), seconds, 0.5, message="Elasticsearch's replicas do not come into step")

    def __enter__(self) -> "Cluster":
        self.mend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(_stopper(error), self.servers))
        shutil.rmtree(self._folder, ignore_errors=True)


def leader(settings: Settings, topic: str, brokers: list[KafkaServer]) -> KafkaServer:
    """The broker that leads the topic's first partition."""
    client = kafka_client.admin(settings)
    try:
        [described] = client.describe_topics([topic])
        number: int = min(described["partitions"], key=lambda one: one["partition_index"])["leader_id"]
        return brokers[number - 1]
    finally:
        client.close()


def master(settings: Settings, nodes: list[ElasticsearchServer]) -> ElasticsearchServer:
    """The node that is elected master."""
    with elasticsearch_client.connect(settings) as client:
        state = client.cluster.state(metric="master_node,nodes")
        name = str(state["nodes"][state["master_node"]]["name"])
    return nodes[int(name.removeprefix("node")) - 1]


def _stopper(error: BaseException | None) -> Callable[[Server], None]:
    return lambda server: server.kill() if error else server.stop()


def _numbered_ports() -> list[tuple[int, tuple[int, ...]]]:
    ports = free_ports(4 * NODES)
    return [(number, tuple(ports[4 * (number - 1) : 4 * number])) for number in range(1, NODES + 1)]


def _node_settings(folder: Path, ports: tuple[int, ...]) -> Settings:
    folder.mkdir()
    folder.chmod(0o755)
    kafka, controller, http, transport = ports
    embedded = EmbeddedSettings(
        data_dir=folder,
        kafka_port=kafka,
        kafka_controller_port=controller,
        kafka_heap="192m",
        elasticsearch_port=http,
        elasticsearch_transport_port=transport,
        elasticsearch_heap="320m",
    )
    return Settings(embedded=embedded)


def _broker(number: int, voters: str) -> dict[str, object]:
    return {
        "node.id": number,
        "controller.quorum.voters": voters,
        "default.replication.factor": NODES,
        "min.insync.replicas": NODES - 1,
        "offsets.topic.replication.factor": NODES,
        "transaction.state.log.replication.factor": NODES,
        "transaction.state.log.min.isr": NODES - 1,
        "share.coordinator.state.topic.replication.factor": NODES,
        "share.coordinator.state.topic.min.isr": NODES - 1,
    }


def _node(number: int, transports: list[str]) -> dict[str, object]:
    return {
        "node.name": f"node{number}",
        "discovery.type": "multi-node",
        "discovery.seed_hosts": transports,
        "cluster.initial_master_nodes": [f"node{one}" for one in range(1, NODES + 1)],
    }


def _replicated(settings: Settings) -> bool:
    """Whether all partitions, also those of the groups' offsets, have all their replicas in step."""
    client = kafka_client.admin(settings)
    try:
        partitions = [one for topic in client.describe_topics() for one in topic["partitions"]]
    except KafkaError:  # an election is on
        return False
    finally:
        client.close()
    return bool(partitions) and all(len(one["isr_nodes"]) == len(one["replica_nodes"]) == NODES for one in partitions)


def _green(settings: Settings) -> bool:
    with elasticsearch_client.connect(settings) as client:
        try:
            health = client.cluster.health(wait_for_status="green", wait_for_nodes=str(NODES), timeout="10s")
        except elasticsearch_client.ERRORS:
            return False
        return not health["timed_out"]
