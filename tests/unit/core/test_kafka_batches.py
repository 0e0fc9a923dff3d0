"""Kafka's batches, through the readers of both clients: nothing in them stops a reader or fills its memory."""

import resource
from collections.abc import Callable
from typing import Any

import aiokafka
import kafka
import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from hypothesis import example, given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record.memory_records import MemoryRecordsBuilder

from pipeline.kafka_batches import Allowance, Batches, Unreadable
from tests.integration import raw

HERE = TopicPartition("news.articles", 0)
LARGEST = 2**20
CODECS = ("gzip", "snappy", "lz4", "zstd")

Read = Callable[..., tuple[list[Any], int]]


def by_kafka_python(data: bytes, allowance: Allowance | None = None, start: int = 0) -> tuple[list[Any], int]:
    batches = Batches(data, allowance or Allowance(LARGEST, 100 * LARGEST))
    unpacked = Fetcher.PartitionRecords(start, HERE, batches, isolation_level=IsolationLevel.READ_COMMITTED)
    assert batches.has_next() or not data
    return unpacked.take(), unpacked.next_fetch_offset


def by_aiokafka(data: bytes, allowance: Allowance | None = None, start: int = 0) -> tuple[list[Any], int]:
    batches = Batches(data, allowance or Allowance(LARGEST, 100 * LARGEST))
    assert batches.has_next() or not data
    unpacked = PartitionRecords(HERE, batches, [], start, None, None, True, READ_COMMITTED)
    return list(unpacked), unpacked.next_fetch_offset


@pytest.fixture(params=[by_kafka_python, by_aiokafka])
def read(request: pytest.FixtureRequest) -> Read:
    found: Read = request.param
    return found


def event(number: int, *headers: raw.Header) -> raw.Event:
    return f"key{number}".encode(), f"value {number}".encode(), headers


def at(records: list[Any]) -> list[int]:
    return [record.offset for record in records]


def test_the_hooks_are_made_for_these_versions() -> None:
    """After an update of a client, see that `pipeline.kafka_batches` still fits it."""
    assert kafka.__version__.startswith("3.0."), "see Batches, Batch, broker.Consumer (PartitionRecords, assignment)"
    assert aiokafka.__version__ == "0.14.0", "see agents.transport (fetcher.MemoryRecords, _isolation_level, positions)"


@pytest.mark.parametrize("codec", ["none", *CODECS])
def test_records_of_every_codec_are_read(read: Read, codec: str) -> None:
    data = raw.batch([event(n, (b"trace", b"%d" % n), (b"none", None)) for n in range(3)], codec, base=7)
    found, position = read(data)
    assert [(one.offset, one.key, one.value, list(one.headers)) for one in found] == [
        (7 + n, b"key%d" % n, b"value %d" % n, [("trace", b"%d" % n), ("none", None)]) for n in range(3)
    ]
    assert {one.timestamp for one in found} == {raw.TIME}
    assert position == 10


@pytest.mark.parametrize(("magic", "codec"), [(0, 0), (0, 1), (1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 3)])
def test_batches_of_all_versions_are_read(read: Read, magic: int, codec: int) -> None:
    made = MemoryRecordsBuilder(magic=magic, compression_type=codec, batch_size=2**16, offset=3)
    for number in range(3):
        made.append(1000 + number, b"k", b"some value %d" % number)
    made.close()
    found, position = read(bytes(made.buffer()), start=3 if magic < 2 else 0)
    assert [one.value for one in found] == [b"some value %d" % number for number in range(3)]
    assert at(found) == [3, 4, 5]
    assert position == 6


def test_a_header_name_that_is_not_utf8_can_be_written(read: Read) -> None:
    found, _ = read(raw.batch([event(0), event(1, (raw.NOT_UTF8, b"1"), (b"\xed\xa0\x80", b"2")), event(2)], "gzip"))
    assert at(found) == [0, 1, 2]
    assert list(found[1].headers) == [(raw.NOT_UTF8_AS_TEXT, b"1"), ("\\xed\\xa0\\x80", b"2")]
    assert all(name.encode() for name, _ in found[1].headers)


@pytest.mark.parametrize("codec", CODECS)
def test_a_bomb_is_passed_over_and_its_neighbours_are_read(read: Read, codec: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = raw.batch([event(0)]) + raw.batch([event(1), (b"", b" " * 2 * LARGEST, [])], codec, base=1)
    found, position = read(data + raw.batch([event(3)], base=3))
    assert at(found) == [0, 2, 3]
    unread = found[1].value
    assert isinstance(unread, Unreadable)
    assert (unread, unread.error, unread.first, unread.last) == (b"", "BatchTooLarge", 1, 2)
    assert "offsets 1 to 2" in unread.sentence
    assert position == 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 2**10


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.guarantee("damaged-batch")
def test_what_is_not_of_its_codec_is_passed_over(read: Read, codec: str) -> None:
    number, compress = raw.COMPRESS[codec]
    good = compress(b"".join(raw.record(event(n), n) for n in range(200)))
    for content in (b"", b"rubbish" * 9, good[:-9], good[: len(good) // 2] + b"\xff" * 9 + good[len(good) // 2 + 9 :]):
        found, position = read(raw.sealed(number, content, 200) + raw.batch([event(3)], base=200))
        assert at(found)[-2:] == [199, 200]
        assert isinstance(found[-2].value, Unreadable)
        assert found[-2].value.last == 199
        assert position == 201


@pytest.mark.guarantee("damaged-batch")
def test_a_wrong_checksum_is_passed_over(read: Read) -> None:
    damaged = bytearray(raw.batch([event(0), event(1)]))
    damaged[-3] ^= 1
    found, position = read(bytes(damaged) + raw.batch([event(2)], base=2))
    assert at(found) == [1, 2]
    assert (found[0].value.error, found[0].value.first) == ("CorruptBatch", 0)
    assert "checksum" in found[0].value.reason
    assert position == 3


@pytest.mark.parametrize(
    ("headers", "reason"),
    [([(None, b"")], "no name"), ([(b"a", b"")] * 10_001, "10,001 headers")],
    ids=["a header without a name", "many headers"],
)
@pytest.mark.guarantee("damaged-batch")
def test_a_damaged_record_is_passed_over_alone(read: Read, headers: Any, reason: str) -> None:
    found, _ = read(raw.batch([event(0), (b"k", b"v", headers), event(2)]))
    assert at(found) == [0, 1, 2]
    unread = found[1].value
    assert (unread.error, unread.first, unread.last) == ("CorruptRecord", 1, 1)
    assert reason in unread.reason
    assert found[2].value == b"value 2"


def test_records_that_cannot_be_told_apart_are_passed_over(read: Read) -> None:
    records = raw.record(event(0), 0) + b"\xff\xff\xff\xff\x01" + raw.record(event(2), 2)
    found, position = read(raw.packed(records, 3))
    assert at(found) == [0, 2]
    assert (found[1].value.error, found[1].value.first, found[1].value.last) == ("CorruptBatch", 1, 2)
    assert position == 3


def test_an_offset_that_its_batch_cannot_have_hides_no_other(read: Read) -> None:
    data = raw.packed(raw.record(event(0), 0) + raw.record(event(1), 40), 2) + raw.batch([event(2)], base=2)
    found, position = read(data)
    assert at(found) == [0, 1, 2]
    assert isinstance(found[1].value, Unreadable)
    assert position == 3


def test_an_offset_without_room_for_those_behind_it_hides_none(read: Read) -> None:
    data = raw.packed(raw.record(event(0), 2) + raw.record(event(1), 1) + raw.record(event(2), 2), 3)
    found, position = read(data + raw.batch([event(3)], base=3))
    assert at(found) == [2, 3]
    assert isinstance(found[0].value, Unreadable)
    assert (found[0].value.first, found[0].value.last) == (0, 2)
    assert position == 4


def test_odd_but_legal_records_are_read(read: Read) -> None:
    empty = raw.sealed(1, b"", 0)
    strange = raw.batch([(None, None, [])], base=1, timestamp=-1) + raw.batch([event(2)], base=2, timestamp=2**62)
    found, position = read(empty + strange)
    assert [(one.offset, one.key, one.value, one.timestamp) for one in found] == [
        (1, None, None, -1),
        (2, b"key2", b"value 2", 2**62),
    ]
    assert position == 3


def test_what_is_unpacked_has_a_bound_and_the_rest_comes_later(read: Read) -> None:
    allowance = Allowance(LARGEST, LARGEST)
    large = [raw.batch([(b"", b" " * (LARGEST - 99), [])], "zstd", base=number) for number in range(5)]
    offsets: list[int] = []
    position, polls = 0, 0
    while position < 5:
        allowance.renew()
        found, position = read(b"".join(large[position:]), allowance, position)
        assert len(found) <= 2
        offsets += at(found)
        polls += 1
    assert offsets == [0, 1, 2, 3, 4]
    assert polls == 3
    allowance.spend(LARGEST)
    assert read(large[0], allowance) == ([], 0), "where all is spent, nothing is given and nothing passed over"


@pytest.mark.parametrize("codec", [0, 1, 3])
def test_old_batches_are_bounded_and_damage_is_passed_over(read: Read, codec: int) -> None:
    made = MemoryRecordsBuilder(magic=1, compression_type=codec, batch_size=2**16, offset=0)
    made.append(1000, b"k", b" " * 2 * LARGEST)
    made.close()
    whole = bytes(made.buffer())
    if codec:
        [bomb] = read(whole)[0]
        assert (bomb.value.error, bomb.value.last) == ("BatchTooLarge", 0)
    [damaged] = read(whole[:-1] + b"x")[0]
    assert (damaged.value.error, damaged.value.last) == ("CorruptBatch", 0)


@given(st.binary(max_size=300), st.integers(0, 4), st.integers(0, 50), st.integers(0, 400), st.binary(max_size=9))
@example(b"", 0, 30, 62, b"\x00\x00:")  # the first record gives itself the last offset
@pytest.mark.guarantee("damaged-batch")
def test_whatever_is_in_a_batch_the_reader_goes_on_behind_it(
    content: bytes, codec: int, count: int, where: int, noise: bytes
) -> None:
    good = bytearray(raw.batch([event(n, (b"h", b"v")) for n in range(count)], [*raw.COMPRESS][codec]))
    good[where:where] = noise
    for data in (raw.sealed(codec, content, count), raw.sealed(codec, bytes(good[61:]), count)):
        for reader in (by_kafka_python, by_aiokafka):
            found, position = reader(data + raw.batch([event(0)], base=max(count, 1)))
            assert at(found)[-1] == max(count, 1) == position - 1
            assert at(found) == sorted(set(at(found)))
