"""Record batches made by hand, for what no client sends: names that are not UTF-8, bombs, damage; and transactions."""

import gzip
import struct
from collections.abc import Callable, Sequence

import cramjam
import lz4.frame
import zstandard
from aiokafka.record.util import calc_crc32c
from kafka.protocol.producer import ProduceRequest
from kafka.record.default_records import DefaultRecordBase

from pipeline import kafka_client
from pipeline.settings import Settings

Header = tuple[bytes | None, bytes | None]
Event = tuple[bytes | None, bytes | None, Sequence[Header]]

NOT_UTF8 = b"tr\xffce"
NOT_UTF8_AS_TEXT = "tr\\xffce"

COMPRESS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (0, bytes),
    "gzip": (1, lambda data: gzip.compress(data, 6)),
    "snappy": (2, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "lz4": (3, lambda data: bytes(lz4.frame.compress(data, block_linked=False))),
    "zstd": (4, lambda data: zstandard.ZstdCompressor().compress(data)),
}
TIME = 1_741_770_000_000  # March 2025


def varint(value: int) -> bytes:
    """A number as Kafka's records have it."""
    left, found = (value << 1) ^ (value >> 63), bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def _field(value: bytes | None) -> bytes:
    return varint(-1) if value is None else varint(len(value)) + value


def record(event: Event, number: int, *, timestamp: int = 0) -> bytes:
    """A record, the so-many-th of its batch."""
    key, value, headers = event
    fields = b"".join(_field(name) + _field(content) for name, content in headers)
    content = b"\x00" + varint(timestamp) + varint(number) + _field(key) + _field(value) + varint(len(headers)) + fields
    return varint(len(content)) + content


def batch(
    events: Sequence[Event], codec: str = "none", *, base: int = 0, timestamp: int = TIME, count: int | None = None
) -> bytes:
    """A batch of these events."""
    return packed(
        b"".join(record(event, number) for number, event in enumerate(events)),
        len(events) if count is None else count,
        codec,
        base=base,
        timestamp=timestamp,
    )


def packed(records: bytes, count: int, codec: str = "none", *, base: int = 0, timestamp: int = TIME) -> bytes:
    """A batch of records that were put together before; its checksum is right whatever they are."""
    number, compress = COMPRESS[codec]
    return sealed(number, compress(records), count, base=base, timestamp=timestamp)


def sealed(attributes: int, content: bytes, count: int, *, base: int = 0, timestamp: int = TIME) -> bytes:
    """A batch with this content, whatever it is."""
    base_ = DefaultRecordBase
    made = bytearray(base_.HEADER_STRUCT.size) + content
    base_.HEADER_STRUCT.pack_into(
        made, 0, base, len(made) - base_.AFTER_LEN_OFFSET, 0, 2, 0, attributes, max(count - 1, 0), timestamp, timestamp,
        -1, -1, -1, count,
    )  # fmt: skip
    struct.pack_into(">I", made, base_.CRC_OFFSET, calc_crc32c(bytes(made[base_.ATTRIBUTES_OFFSET :])))
    return bytes(made)


def bomb(codec: str, megabytes: int = 300) -> bytes:
    """A small batch of one event: so many megabytes of blanks."""
    return batch([(b"bomb", b" " * (megabytes * 2**20), [])], codec)


class Sender:
    """Sends batches as they are; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._client = kafka_client.admin(settings)
        self._manager = self._client._manager

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(self, topic: str, batches: bytes, partition: int = 0) -> int:
        """The offset that the batch has now."""
        kind = ProduceRequest.TopicProduceData
        data = kind.PartitionProduceData(index=partition, records=batches)
        request = ProduceRequest(
            transactional_id=None, acks=-1, timeout_ms=30_000, min_version=3, max_version=9,
            topic_data=[kind(name=topic, partition_data=[data])],
        )  # fmt: skip
        [node] = self._manager.cluster.brokers()  # the Kafka of the tests has one node, which leads everything
        answer = self._manager.run(self._manager.send, request, node.node_id)
        [found] = answer.responses[0].partition_responses
        assert found.error_code == 0, f"Kafka refused the batch: {found.error_code} {found.error_message}"
        return int(found.base_offset)


def produce(settings: Settings, topic: str, batches: bytes, partition: int = 0) -> int:
    """Sends one batch as it is; the offset that it has now."""
    with Sender(settings) as sender:
        return sender.send(topic, batches, partition)


def transaction(
    settings: Settings, topic: str, events: Sequence[tuple[bytes, bytes]], *, commit: bool, partition: int | None = None
) -> set[tuple[int, int]]:
    """Sends events in a transaction, which is committed or aborted, with a mark behind them; where they are."""
    producer = kafka_client.producer(settings, transactional_id=f"{topic}-{commit}")
    try:
        producer.init_transactions()
        producer.begin_transaction()
        sent = [producer.send(topic, key=key, value=value, partition=partition) for key, value in events]
        producer.flush(30)
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
        return {(one.get(30).partition, one.get(30).offset) for one in sent}
    finally:
        producer.close()
