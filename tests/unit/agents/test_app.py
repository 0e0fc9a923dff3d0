"""The Faust app that our settings make."""

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from pydantic import SecretStr

from pipeline.agents.app import build
from pipeline.agents.transport import Consumer, Transport
from pipeline.kafka_batches import Batches
from pipeline.settings import KafkaSettings, Settings
from pipeline.workers.pool import Pool


@pytest.fixture(autouse=True)
def _loop() -> Iterator[None]:
    """Faust asks for an event loop when an app is made."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def conf(**kafka: Any) -> Any:
    """The configuration of the app made from these Kafka settings."""
    pool = Pool("no:where", {}, processes=1, time_limit=1, memory_limit=512)
    return build(Settings(kafka=KafkaSettings(**kafka)), pool).conf


def login(**kafka: Any) -> dict[str, Any]:
    made = conf(**kafka)
    return dict(credentials_to_aiokafka_auth(made.broker_credentials, made.ssl_context))


def test_the_group_and_the_brokers_are_those_of_the_settings() -> None:
    made = conf(bootstrap_servers="one:9092, two:9093", prefix="x.")
    assert made.id == "x.enrichment"
    assert [str(url) for url in made.broker] == ["kafka://one:9092", "kafka://two:9093"]


def test_all_replicas_acknowledge_and_articles_of_all_sizes_fit() -> None:
    made = conf(max_message_bytes=4 * 2**20, compression="lz4")
    assert made.producer_acks == -1
    assert made.producer_compression_type == "lz4"
    assert made.producer_max_request_size == 8 * 2**20, "no larger than what its readers unpack"
    assert made.consumer_max_fetch_size == 4 * 2**20
    assert made.producer_max_batch_size < 2**20, "or a refusal would meet the neighbours too"
    assert conf(compression="none").producer_compression_type is None
    assert conf(max_message_bytes=64 * 2**20).producer_max_request_size < 100 * 2**20


def test_it_makes_no_topics_serves_no_pages_and_prints_nothing() -> None:
    made = conf()
    assert not made.topic_allow_declare
    assert made.topic_disable_leader
    assert not made.web_enabled
    assert not made.worker_redirect_stdouts


def test_a_silent_worker_loses_its_partitions_within_ten_seconds() -> None:
    made = conf(request_timeout=5)
    assert made.broker_session_timeout <= 10
    assert made.broker_heartbeat_interval < made.broker_session_timeout / 3
    assert made.broker_request_timeout > made.broker_session_timeout, "Faust refuses it otherwise"


def test_commits_go_through_our_own_ledger() -> None:
    app = build(Settings(), Pool("no:where", {}, processes=1, time_limit=1, memory_limit=512))
    assert isinstance(app.transport, Transport)
    assert isinstance(app.consumer, Consumer)
    assert app.conf.stream_wait_empty


def test_aiokafka_reads_committed_transactions_with_our_reader() -> None:
    loop = asyncio.get_event_loop()
    app = build(Settings(), Pool("no:where", {}, processes=1, time_limit=1, memory_limit=512))
    assert isinstance(app.consumer, Consumer)

    async def made() -> Any:
        return app.consumer._thread._create_consumer(loop)  # type: ignore[attr-defined]

    consumer = loop.run_until_complete(made())
    assert consumer._isolation_level == "read_committed"
    reader = fetcher.MemoryRecords(b"")
    assert isinstance(reader, Batches)
    assert reader._allowance is app.transport.allowance  # type: ignore[attr-defined]
    loop.run_until_complete(consumer.stop())


def test_without_security_there_is_no_login() -> None:
    assert login() == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl_logs_in_with_user_and_password(mechanism: Any) -> None:
    made = login(
        security_protocol="SASL_PLAINTEXT", sasl_mechanism=mechanism, username="ada", password=SecretStr("secret")
    )
    assert made == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "ada",
        "sasl_plain_password": "secret",
        "ssl_context": None,
    }


def test_tls_verifies_the_brokers_certificate_and_name() -> None:
    for protocol, more in (("SSL", {}), ("SASL_SSL", {"username": "ada", "password": SecretStr("secret")})):
        made = login(security_protocol=protocol, **more)
        assert made["security_protocol"] == protocol
        assert made["ssl_context"].verify_mode == ssl.CERT_REQUIRED
        assert made["ssl_context"].check_hostname
