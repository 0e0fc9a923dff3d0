"""A Kafka and an Elasticsearch to do harm to, each with a second way in that leads through a proxy."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pipeline.embedded.elasticsearch import ElasticsearchServer
from pipeline.embedded.engine import Extra, Server
from pipeline.embedded.kafka import KafkaServer
from pipeline.settings import ElasticsearchSettings, KafkaSettings
from tests.engines import embedded_settings, free_ports
from tests.integration.proxy import Proxy


class Engines:
    """Both engines; as a context manager they run inside, unless a test stopped one: `mend` before the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settings = embedded_settings(folder, java_options="")
        embedded = self._settings.embedded
        [back_door] = free_ports(1)
        # Kafka tells its clients where to go on: behind the proxy that has to be the proxy, too.
        self.kafka_link = Proxy(f"127.0.0.1:{back_door}")
        direct, controller = f"127.0.0.1:{embedded.kafka_port}", f"127.0.0.1:{embedded.kafka_controller_port}"
        listeners = {
            "listeners": f"PLAINTEXT://{direct},BEHIND://127.0.0.1:{back_door},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{direct},BEHIND://127.0.0.1:{self.kafka_link.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT",
        }
        self.kafka = KafkaServer(self._settings, extra=Extra(settings=listeners))
        # It looks at its disk more often than every half minute, for tests of a full one.
        often = {"cluster.info.update.interval": "10s"}
        self.elasticsearch = ElasticsearchServer(self._settings, extra=Extra(settings=often))
        self.elasticsearch_link = Proxy(self.elasticsearch.address)
        self._links = ExitStack()

    @property
    def servers(self) -> tuple[Server, Server]:
        """Both."""
        return self.kafka, self.elasticsearch

    def addresses(self, *, behind: bool = False) -> tuple[KafkaSettings, ElasticsearchSettings]:
        """Where they are, or where the proxies to them are."""
        if behind:
            kafka = f"127.0.0.1:{self.kafka_link.port}"
            elasticsearch = f"http://127.0.0.1:{self.elasticsearch_link.port}"
        else:
            kafka, elasticsearch = self.kafka.address, self.elasticsearch.address
        return KafkaSettings(bootstrap_servers=kafka), ElasticsearchSettings(url=elasticsearch)

    def mend(self) -> None:
        """Both run, and the links to them are whole."""
        for link in (self.kafka_link, self.elasticsearch_link):
            link.mend()
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(server.start) for server in self.servers]:
                done.result()

    def __enter__(self) -> "Engines":
        self._links.enter_context(self.kafka_link)
        self._links.enter_context(self.elasticsearch_link)
        self.mend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._links.close()
        for server in self.servers:
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
