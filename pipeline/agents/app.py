"""Builds the Faust app of an enrichment worker from the settings."""

import asyncio
import logging
from typing import Any

import faust
from yarl import URL

from pipeline import heartbeat, metrics, topics
from pipeline.agents.enrichment import Enrichment
from pipeline.agents.offset_ledger import Ledger
from pipeline.agents.publisher import EventPublisher
from pipeline.agents.transport import Consumer, Transport
from pipeline.kafka_client import allowance, largest, ssl_context
from pipeline.settings import Settings
from pipeline.workers.pool import Pool

SESSION_TIMEOUT = 10.0
"""Seconds after which the partitions of a worker that fell silent go to the others."""

_LOOK = 1.0  # seconds between two looks at what is measured
_LARGEST_REQUEST = 95 * 2**20  # brokers close the connection on requests above 100 MiB


class App(faust.App):
    """An app that writes no files."""

    logger = logging.getLogger("faust.app")

    def _create_directories(self) -> None:
        """Makes none: they would hold tables, and we have no tables."""


def build(settings: Settings, pool: Pool) -> faust.App:
    """The app with its one agent. The topics must exist before it starts, and the pool must have started."""
    kafka = settings.kafka
    app = App(
        topics.enrichment_group(settings),
        broker=[URL(f"kafka://{server}") for server in settings.bootstrap_servers],
        broker_credentials=_credentials(settings),
        broker_client_id="whosaid-enrich",
        processing_guarantee="at_least_once",
        # What we do not use of Faust is off: it makes no topics, serves no pages, keeps no tables.
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        store="memory://",
        worker_redirect_stdouts=False,
        # A silent worker loses its partitions soon; one that works long on a batch keeps them.
        broker_session_timeout=SESSION_TIMEOUT,
        broker_heartbeat_interval=SESSION_TIMEOUT / 4,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=max(kafka.request_timeout, SESSION_TIMEOUT + 5),
        broker_commit_interval=1.0,
        broker_commit_livelock_soft_timeout=600.0,
        stream_processing_timeout=600.0,
        stream_wait_empty=True,  # with an end: see transport.Consumer.wait_empty
        stream_recovery_delay=0.0,
        # Articles can be megabytes each: few at a time.
        stream_buffer_maxsize=32,
        broker_max_poll_records=32,
        consumer_max_fetch_size=kafka.max_message_bytes,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=60_000,
        # Not idempotent: the client loses count when the broker refuses an event, and then sends no more. Copies by
        # its retries do no harm: ids are the same, and one batch a partition is on its way at a time.
        producer_acks=-1,
        producer_compression_type=None if kafka.compression == "none" else kafka.compression,
        producer_linger=0.05,  # a process gives the results of its batch one close behind the other
        producer_max_batch_size=2**18,  # never more than a topic takes: a refusal is always one event's
        # The topic's limit is on the compressed event, the client's on the uncompressed one.
        producer_max_request_size=min(largest(settings), _LARGEST_REQUEST),
        producer_request_timeout=kafka.request_timeout,
    )
    ledger = Ledger()
    app.transport = Transport(app.conf.broker_consumer, app, ledger, allowance(settings))
    channel = app.topic(
        topics.articles(settings).name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(channel, name="enrich")
    async def enrich(stream: Any) -> None:
        consumer, publisher = _consumer(app), EventPublisher(app.producer)
        enrichment = Enrichment(settings, pool, ledger, publisher, consumer.fetch_dropped, consumer.waiting)
        try:
            await enrichment.run(event.message async for event in stream.noack().events())
        except asyncio.CancelledError as error:
            if not app.should_stop:
                await app.crash(error)
            raise
        except Exception as error:
            # Faust would restart the agent, and the events it had in hand would hold the commits back for ever.
            await app.crash(error)
            raise

    @app.task  # type: ignore[untyped-decorator]
    async def measure() -> None:
        metrics.start_at_zero("enrich")
        while not app.should_stop:
            heartbeat.PART.beat()
            metrics.LAG.labels(stage="enrich").set(_consumer(app).lag())
            await asyncio.sleep(_LOOK)

    return app


def _consumer(app: faust.App) -> Consumer:
    consumer = app.consumer
    assert isinstance(consumer, Consumer)
    return consumer


def _credentials(settings: Settings) -> Any:
    kafka = settings.kafka
    context = ssl_context(settings) if kafka.security_protocol.endswith("SSL") else None
    if kafka.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=kafka.sasl_mechanism or "PLAIN",
            username=kafka.username,
            password=kafka.password.get_secret_value() if kafka.password else None,
            ssl_context=context,
        )
    return faust.auth.SSLCredentials(context) if context else None
