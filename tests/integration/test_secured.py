"""Kafka with TLS, logins and rights, Elasticsearch with TLS and users: each part gets in, and nobody else."""

import gc
import json
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from elasticsearch import AuthenticationException, AuthorizationException, ConnectionError
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from kafka.errors import KafkaError

from connectors.publisher import ArticlePublisher
from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.errors import BrokerUnavailable, ClusterUnavailable, TakenDownError
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.settings import EnrichmentSettings, SearchSettings, Settings
from pipeline.sink import indices
from pipeline.takedown import Selection, find, take_down
from tests.engines import embedded_settings, free_ports
from tests.integration import articles as feed
from tests.integration import secured as doors
from tests.integration.parts import COMMAND, Part, env, wait_until, whosaid
from tests.library import shelve
from tests.unit.search.factory import library

pytestmark = pytest.mark.engines

SECRETS = (doors.PLAIN_PASSWORD, doors.SCRAM_PASSWORD, doors.CLUSTER_PASSWORD)


@dataclass(frozen=True)
class Secured:
    """Both engines with security on, and how to get into them."""

    settings: Settings  # no login at all
    certificates: doors.Certificates
    mutual: str

    def named(self) -> Settings:
        """With topics and indices of a test's own."""
        name = uuid.uuid4().hex[:8]
        kafka = self.settings.kafka.model_copy(update={"prefix": f"news-{name}."})
        elasticsearch = self.settings.elasticsearch.model_copy(update={"prefix": f"whosaid-{name}"})
        return self.settings.model_copy(update={"kafka": kafka, "elasticsearch": elasticsearch})

    def kafka(self, settings: Settings, **login: Any) -> Settings:
        return doors.with_kafka(settings, self.certificates, **{"prefix": settings.kafka.prefix} | login)

    def admin(self, settings: Settings) -> Settings:
        return self.kafka(settings, sasl_mechanism="PLAIN", username="admin", password=doors.ADMIN_PASSWORD)

    def cluster(self, settings: Settings, user: str, **changes: Any) -> Settings:
        # The roles are for the prefix `whosaid`.
        return doors.with_cluster(settings, self.certificates, user, **changes)


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    folder = Path(tempfile.mkdtemp(prefix="whosaid-secured-"))
    folder.chmod(0o755)
    settings = embedded_settings(folder)
    made = doors.certificates(folder)
    kafka, mutual = doors.secured_kafka(settings, made)
    elasticsearch = doors.secured_elasticsearch(settings, made)
    try:
        with ThreadPoolExecutor() as pool:
            for started in [pool.submit(one.start) for one in (kafka, elasticsearch)]:
                started.result()
        client = kafka_client.admin(kafka.settings)
        upserts = [
            UserScramCredentialUpsertion(f"scram-{kind.name[-3:]}", kind, password=doors.SCRAM_PASSWORD)
            for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
        ]
        assert not any(client.alter_user_scram_credentials(upserts).values())
        client.close()
        yield Secured(settings, made, mutual)
    finally:
        kafka.stop()
        elasticsearch.stop()
        shutil.rmtree(folder, ignore_errors=True)


LOGINS = {
    "PLAIN": {"sasl_mechanism": "PLAIN", "username": "whosaid", "password": doors.PLAIN_PASSWORD},
    "SCRAM-SHA-256": {"sasl_mechanism": "SCRAM-SHA-256", "username": "scram-256", "password": doors.SCRAM_PASSWORD},
    "SCRAM-SHA-512": {"sasl_mechanism": "SCRAM-SHA-512", "username": "scram-512", "password": doors.SCRAM_PASSWORD},
    "certificate": {"security_protocol": "SSL"},
}


def login(secured: Secured, settings: Settings, kind: str) -> Settings:
    values: dict[str, Any] = dict(LOGINS[kind])
    if kind == "certificate":
        made = secured.certificates
        values |= {"bootstrap_servers": secured.mutual, "cert_file": made.client, "key_file": made.client_key}
    return secured.kafka(settings, **values)


def allow(secured: Secured, settings: Settings) -> None:
    # The client's certificate is of `whosaid`, too.
    doors.allow(secured.admin(settings), ("User:whosaid", "User:scram-256", "User:scram-512"))


@pytest.mark.parametrize("kind", LOGINS)
def test_publisher_worker_and_reader_log_in_in_each_way(secured: Secured, tmp_path: Path, kind: str) -> None:
    settings = login(secured, secured.named(), kind)
    allow(secured, settings)
    sent = [feed.article(number) for number in range(5)]
    with ArticlePublisher(settings) as publisher:
        assert publisher.deliver(sent).acknowledged == 5
    log = tmp_path / "enrich.log"
    worker = [sys.executable, "-m", "tests.faults.cheap"]
    fast = settings.model_copy(update={"enrichment": EnrichmentSettings(processes=1, batch_wait=0.1)})
    with Part(fast, "enrich", log, worker) as part:
        wait_until(lambda: feed.waiting(settings) == 0, 90, message="not enriched")
        assert part.terminate() == 0
    assert {event.article.id for event in feed.enriched(settings)} == {one.id for one in sent}
    assert not any(secret in log.read_text() for secret in SECRETS)


# kafka-python does not close the socket of a handshake that failed: it is gone with the garbage.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize(
    "wrong",
    [
        {**LOGINS["PLAIN"], "password": "wrong-words-31d0"},
        {**LOGINS["SCRAM-SHA-512"], "password": "wrong-words-31d0"},
        {**LOGINS["PLAIN"], "ca_file": None},  # the system's authorities do not know ours
        {**LOGINS["PLAIN"], "security_protocol": "SASL_PLAINTEXT"},
        {"security_protocol": "SSL"},  # no login
        {"security_protocol": "PLAINTEXT", "ca_file": None},
    ],
    ids=["password", "scram-password", "authority", "no-tls", "no-login", "nothing"],
)
def test_kafka_lets_nobody_else_in_and_no_password_is_shown(secured: Secured, wrong: dict[str, Any]) -> None:
    settings = secured.kafka(secured.named(), **{"request_timeout": 4.0} | wrong)
    with pytest.raises(BrokerUnavailable) as caught:
        kafka_client.ensure_topics(settings, topics.all_topics(settings))
    assert "wrong-words" not in str(caught.value) + repr(caught.value.__cause__)
    for part in ("enrich", "sink") if "wrong-words" in str(wrong) else ():
        done = whosaid(settings, part)
        assert done.returncode == 4, done.stderr
        assert "wrong-words" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    del caught
    gc.collect()


def test_in_kafka_a_part_may_use_its_own_topics_and_groups_alone(secured: Secured) -> None:
    own, other = secured.named(), secured.named()
    allow(secured, own)
    kafka_client.ensure_topics(secured.admin(other), topics.all_topics(other))
    settings = login(secured, own, "PLAIN")
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    stranger = login(secured, other, "PLAIN")
    with pytest.raises(BrokerUnavailable):
        kafka_client.ensure_topics(stranger, topics.all_topics(stranger))
    with pytest.raises(BrokerUnavailable):
        kafka_client.members(stranger, topics.sink_group(stranger))
    with pytest.raises((KafkaError, BrokerUnavailable)), ArticlePublisher(stranger) as publisher:
        publisher.deliver([feed.article(1)])
    assert kafka_client.size(secured.admin(other), topics.articles(other).name) == 0


def test_elasticsearch_wants_password_authority_and_tls(secured: Secured) -> None:
    settings = secured.settings
    wrong = secured.cluster(settings, "sink", password="wrong-words-31d0")
    with elasticsearch_client.connect(wrong) as client, pytest.raises(AuthenticationException):
        client.search(index="whosaid-quotes")
    with (
        elasticsearch_client.connect(secured.cluster(settings, "sink", ca_file=None)) as client,
        pytest.raises(ConnectionError),
    ):
        client.search(index="whosaid-quotes")
    plain = secured.cluster(settings, "sink", url=f"http://127.0.0.1:{settings.embedded.elasticsearch_port}")
    with elasticsearch_client.connect(plain) as client, pytest.raises(ConnectionError):
        client.search(index="whosaid-quotes")
    with elasticsearch_client.connect(wrong) as client, pytest.raises(ClusterUnavailable) as caught:
        indices.prepare(client, wrong)
    assert "wrong-words" not in str(caught.value) + repr(caught.value.__cause__)


def test_each_role_of_elasticsearch_does_its_work_alone(secured: Secured) -> None:
    sink, search, connect, takedown, admin = (
        secured.cluster(secured.settings, user) for user in ("sink", "search", "connect", "takedown", "admin")
    )
    with elasticsearch_client.connect(admin) as client:
        client.index(index="payroll", id="1", document={"salary": 1}, refresh=True)
    shelve(sink, library())
    removed = take_down(takedown, find(takedown, Selection(ids=["copy"])), because="a test", by="me").removed
    assert (removed.articles, removed.quotes) == (1, 3)
    shelve(sink, library()[:1])
    with Reader(search) as reader:
        assert reader.search_quotes(QuoteQuery(words="bridge")).total > 0
        assert reader.check() == []
        with pytest.raises(TakenDownError):
            reader.article("copy")
    refused: list[tuple[Settings, list[Any]]] = [
        (
            sink,
            [
                lambda one: one.search(index="payroll"),
                lambda one: one.get(index="payroll", id="1"),
                lambda one: one.index(index="payroll", document={}),
                lambda one: one.index(index="other", document={}),
                lambda one: one.indices.delete(index="payroll"),
                lambda one: one.search(index="whosaid-sources-v1"),
                lambda one: one.index(index="whosaid-tombstones-v1", id="bridge", document={}),
                lambda one: one.cluster.put_settings(persistent={"indices.recovery.max_bytes_per_sec": "1mb"}),
            ],
        ),
        (
            search,
            [
                lambda one: one.search(index="payroll"),
                lambda one: one.index(index="whosaid-quotes-v1-other", id="1", document={}),
                lambda one: one.delete(index="whosaid-quotes-v1-other", id="1"),
                lambda one: one.indices.delete(index="whosaid-quotes-v1-other"),
                lambda one: one.indices.create(index="whosaid-quotes-mine"),
                lambda one: one.delete(index="whosaid-tombstones-v1", id="copy"),
                lambda one: one.index(index="whosaid-sources-v1", id="paper", document={}),
            ],
        ),
        (
            takedown,
            [
                lambda one: one.search(index="payroll"),
                lambda one: one.search(index="whosaid-sources-v1"),
                lambda one: one.cluster.put_settings(persistent={"indices.recovery.max_bytes_per_sec": "1mb"}),
            ],
        ),
        (
            connect,
            [
                lambda one: one.search(index="payroll"),
                lambda one: one.search(index="whosaid-tombstones-v1"),
                lambda one: one.search(index="whosaid-quotes"),
                lambda one: one.index(index="whosaid-articles-v1-other", id="1", document={}),
            ],
        ),
    ]
    for settings, attempts in refused:
        with elasticsearch_client.connect(settings) as client:
            for attempt in attempts:
                with pytest.raises(AuthorizationException):
                    attempt(client)
            found = client.options(ignore_status=403).search(index="*", ignore_unavailable=True)
            hits = found.get("hits", {}).get("hits", [])
            assert not [hit for hit in hits if hit["_index"] == "payroll"]


def test_a_role_for_the_quotes_can_write_them_and_read_nothing(secured: Secured) -> None:
    with elasticsearch_client.connect(secured.cluster(secured.settings, "admin")) as client:
        for index in ("whosaid-quotes-written", "whosaid-articles-written", "payroll"):
            client.index(index=index, id="w", document={"id": "w"}, refresh=True, op_type="index")
    with elasticsearch_client.connect(secured.cluster(secured.settings, "writer")) as client:
        client.index(index="whosaid-quotes-written", id="w", document={"id": "v"})
        for index in ("whosaid-quotes-written", "whosaid-articles-written", "payroll"):
            with pytest.raises(AuthorizationException):
                client.get(index=index, id="w")
            with pytest.raises(AuthorizationException):
                client.search(index=index)


def secrets_from_files(settings: Settings, folder: Path) -> list[str]:
    """The beginning of a command line that hands the settings' secrets over as files, and no value in a variable."""
    unset, given = [], []
    for variable, value in env(settings).items():
        if variable.startswith("WHOSAID_") and value in SECRETS:
            file = folder / variable.lower()
            file.write_text(f"{value}\n")
            unset += ["-u", variable]
            given.append(f"{variable}_FILE={file}")
    return ["env", *unset, *given]


def test_the_whole_way_with_security_on_and_no_secret_in_any_log(secured: Secured, tmp_path: Path) -> None:
    base = secured.named()
    allow(secured, base)
    [port] = free_ports(1)
    body = "“The funicular will open in May,” Ilse Brandt told reporters in London on Tuesday.\n\nNobody was surprised."
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "one.txt").write_text(body, encoding="utf-8")
    sources = tmp_path / "sources.yaml"
    sources.write_text(f"- {{id: spool, kind: file, location: {json.dumps(str(tmp_path / 'spool'))}}}\n")

    def of(part: str, kind: str, user: str) -> tuple[Settings, list[str]]:
        settings = secured.cluster(login(secured, base, kind), user)
        settings = settings.model_copy(
            update={
                "log_level": "debug",
                "search": SearchSettings(port=port),
                "enrichment": EnrichmentSettings(processes=1, batch_wait=0.1),
            }
        )
        folder = tmp_path / f"secrets-{part}"
        folder.mkdir()
        return settings, secrets_from_files(settings, folder)

    parts = {
        "enrich": (*of("enrich", "SCRAM-SHA-512", "search"), []),
        "sink": (*of("sink", "PLAIN", "sink"), []),
        "serve": (*of("serve", "certificate", "search"), []),
        "connect": (*of("connect", "SCRAM-SHA-256", "connect"), ["--sources", str(sources)]),
    }
    url = f"http://127.0.0.1:{port}/api/quotes?q=funicular"
    with ExitStack() as stack:
        for name, (settings, prefix, arguments) in parts.items():
            command = [*prefix, *COMMAND, name, *arguments]
            assert not any(secret in " ".join(command) for secret in SECRETS)
            stack.enter_context(Part(settings, name, tmp_path / f"{name}.log", command))
        wait_until(lambda: _hits(url) == 1, 150, 1.0, message="the quote never came")
    written = {name: (tmp_path / f"{name}.log").read_text() for name in parts}
    asked = [whosaid(parts["sink"][0], *command) for command in (("settings",), ("settings", "--json"), ("status",))]
    said = "".join([*written.values(), *(one.stdout + one.stderr for one in asked)])
    assert "********" in asked[0].stdout
    for secret in SECRETS:
        assert secret not in said


def _hits(url: str) -> int:
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
        return len(answer.json()["hits"]) if answer.status_code == 200 else -1
    except (httpx.HTTPError, KeyError, ValueError):
        return -1
