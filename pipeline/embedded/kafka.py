"""Runs the embedded Kafka: one node that is broker and controller (KRaft), its log directory formatted once."""

import base64
import os
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka.errors import KafkaError

from pipeline import kafka_client
from pipeline.embedded import paths, preflight
from pipeline.embedded.engine import Extra, Launch, Server
from pipeline.embedded.engine_pins import engines
from pipeline.embedded.install import kafka_jars
from pipeline.embedded.java import environment, java_home
from pipeline.embedded.progress import Say
from pipeline.errors import BrokerUnavailable, EngineError
from pipeline.settings import Settings

_FORMAT_TIMEOUT = 120

STORAGE = "4.1"
"""The Kafka whose form new storage has: that of 0.1.0, so that an installation can go back to it."""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}] %p %m (%c{1})%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.kafkaconfig.name = kafka.server.KafkaConfig
logger.kafkaconfig.level = warn
"""


class KafkaServer(Server):
    """A real Kafka on this machine. Topics are not made by merely naming them.

    `cluster` is the id that its storage is formatted with, for brokers that `extra` makes one cluster of.
    """

    name = "kafka"
    title = "Kafka"

    def __init__(self, settings: Settings, *, extra: Extra | None = None, cluster: str = "") -> None:
        super().__init__(settings, extra=extra)
        self._cluster = cluster or cluster_id()

    @property
    def address(self) -> str:
        """`host:port` for clients."""
        return f"127.0.0.1:{self.settings.embedded.kafka_port}"

    @property
    def version(self) -> str:
        """Its version."""
        return engines()["kafka"].version

    @property
    def folder(self) -> Path:
        """`data_dir/kafka`."""
        return paths.make(paths.data_dir(self.settings) / "kafka", "WHOSAID_EMBEDDED__DATA_DIR")

    @property
    def ports(self) -> Mapping[str, int]:
        """The clients' and the controller's."""
        embedded = self.settings.embedded
        return {
            "WHOSAID_EMBEDDED__KAFKA_PORT": embedded.kafka_port,
            "WHOSAID_EMBEDDED__KAFKA_CONTROLLER_PORT": embedded.kafka_controller_port,
        }

    @property
    def memory(self) -> int:
        """Three quarters of the heap, and what Java itself takes."""
        return preflight.size(self.settings.embedded.kafka_heap) * 3 // 4 + 100 * 2**20

    def _prepare(self, progress: Say) -> Launch:
        jars = kafka_jars(self.settings, progress)
        java = str(java_home(self.settings, None) / "bin" / "java")
        folder = self.folder
        config = paths.make(folder / "config", "WHOSAID_EMBEDDED__DATA_DIR")
        for name, content in self.extra.files.items():
            (config / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (config / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
        properties = config / "server.properties"
        properties.write_text(
            to_properties({**server_properties(self.settings), **self.extra.settings}), encoding="ascii"
        )
        base = [
            java,
            "-Dlog4j2.configurationFile=config/log4j2.properties",
            "-Dlog4j.shutdownHookEnabled=false",  # or the log ends before Kafka does
            "-Djava.awt.headless=true",
        ]
        surroundings = environment(CLASSPATH=os.pathsep.join(map(str, jars)))
        if not (folder / "data" / "meta.properties").exists():
            progress("Preparing Kafka's storage …")
            self._format([*base, "-Xmx128m"], surroundings)
        command = [
            *base,
            "-Xms128m",
            f"-Xmx{self.settings.embedded.kafka_heap}",
            "-XX:+UseG1GC",
            # The second compiler takes a third of the start, and makes this little work no quicker (benchmarks/LOG.md).
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            *self.settings.embedded.java_options.split(),
            "kafka.Kafka",
            "config/server.properties",
        ]
        return Launch(command, folder, surroundings)

    def _format(self, base: list[str], surroundings: dict[str, str]) -> None:
        command = [*base, "kafka.tools.StorageTool", "format", "--cluster-id", self._cluster, "--ignore-formatted"]
        command += ["--release-version", STORAGE]
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            try:
                done = subprocess.run(
                    [*command, "--config", "config/server.properties"],
                    cwd=self.folder,
                    env=surroundings,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    timeout=_FORMAT_TIMEOUT,
                    start_new_session=True,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise EngineError(f"Kafka's storage was not formatted in {_FORMAT_TIMEOUT} s{self._why()}") from None
        if done.returncode:
            raise EngineError(f"Kafka's storage cannot be formatted{self._why()}")

    def _is_ready(self) -> bool:
        """Whether it answers a client's question for the cluster, and is in it as a broker."""
        kafka = self.settings.kafka.model_copy(update={"bootstrap_servers": self.address, "request_timeout": 5.0})
        try:
            client = kafka_client.admin(self.settings.model_copy(update={"kafka": kafka}))
        except BrokerUnavailable:
            return False
        try:
            return bool(client.describe_cluster()["brokers"])
        except (KafkaError, KeyError, OSError):
            return False
        finally:
            client.close()


def server_properties(settings: Settings) -> dict[str, Any]:
    """Kafka's configuration: one node, small, data below the working directory."""
    embedded, largest = settings.embedded, settings.kafka.max_message_bytes
    client, controller = f"127.0.0.1:{embedded.kafka_port}", f"127.0.0.1:{embedded.kafka_controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{client}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": "data",
        "auto.create.topics.enable": "false",
        "num.partitions": settings.kafka.partitions,
        "message.max.bytes": largest,
        "replica.fetch.max.bytes": largest,
        # One node cannot replicate, and needs no fifty partitions for the offsets of a handful of groups.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        # Two records a second that say nothing, for who watches a quorum of many: a third of what an idle node does.
        "metadata.max.idle.interval.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 16 * 2**20,
    }


def to_properties(values: Mapping[str, Any]) -> str:
    """The values as a Java properties file: one line each, escaped, ASCII only."""
    return "".join(f"{key}={_escape(str(value))}\n" for key, value in values.items())


def cluster_id() -> str:
    """A new id as Kafka writes them: a UUID in 22 characters, the first no hyphen."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _escape(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    if text.startswith(" "):
        text = "\\" + text
    units = text.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 0x7F else f"\\u{code:04x}" for code in codes)
