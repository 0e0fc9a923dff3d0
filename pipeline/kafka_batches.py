"""Reads Kafka's record batches so that none of them stops its reader.

Both of our clients, kafka-python and aiokafka (within Faust), decode a batch while their caller iterates over it. A
header name that is not UTF-8, a wrong checksum, or a batch that unpacks to 300 MB raises there or fills the memory, and
does so again after every restart, for the position never moves. So both are given `Batches` in place of their own
reader: the clients ask no more of a reader than what it has in common with kafka-python's own.

- A header name is decoded with `\\xNN` for bytes that are not UTF-8: the event is processed like any other, and its
  headers can be written again.
- What cannot be read gives one record in its place, at its (last) offset, whose value is an `Unreadable`. Readers make
  a dead letter of it, and the position moves behind it.
- Of each batch no more is unpacked than `Allowance.largest`; of all that is read at once, no more than `together` and
  one batch. What is left of a response then is fetched again. Of the records that a batch unpacks to, kafka-python's
  consumer gives out no more at once than `given` and one record (pipeline.kafka_client).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.legacy_records import LegacyRecordBatch
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c, decode_varint

from pipeline import kafka_compression

MOST_HEADERS = 10_000
"""Headers of a record; two bytes each on the wire are a hundred in memory."""

_ABORT_MARKER = struct.pack(">hh", 0, 0)


class Unreadable(bytes):
    """Takes the place of an event's value where the records from one offset to another cannot be read.

    As bytes it is empty, so that a reader that does not know it finds an event without content.
    """

    error: str
    """CorruptBatch, CorruptRecord or BatchTooLarge."""
    reason: str
    first: int
    last: int

    @classmethod
    def made(cls, error: str, reason: str, first: int, last: int) -> Self:
        """What is unreadable from the offset `first` to `last`, and why."""
        made = cls()
        made.error, made.reason, made.first, made.last = error, reason, first, last
        return made

    @property
    def sentence(self) -> str:
        """The reason and the offsets, for a person."""
        where = f"offset {self.first}" if self.first == self.last else f"offsets {self.first} to {self.last}"
        return f"{self.reason}; what is at {where} stays in its topic"


class Allowance:
    """How much one consumer may unpack and give out. `renew` it before each poll."""

    def __init__(self, largest: int, together: int, given: int | None = None) -> None:
        """Args: bytes of one batch, unpacked; of all batches of a poll; of the records that a poll gives."""
        self.largest = largest
        """Bytes of one batch, unpacked."""
        self._together = together
        self._given = together if given is None else given
        self.renew()

    def renew(self) -> None:
        """Another poll begins."""
        self._left = self._together
        self._to_give = self._given

    def give(self, size: int) -> None:
        """A record of so many bytes was given out."""
        self._to_give -= size

    @property
    def all_given(self) -> bool:
        """Whether the poll may give no further record."""
        return self._to_give <= 0

    def spend(self, size: int) -> None:
        """So many bytes were unpacked."""
        self._left -= size

    @property
    def spent(self) -> bool:
        """Whether no further batch may be unpacked in this poll."""
        return self._left <= 0


@dataclass(slots=True)
class Record:
    """A record as both clients take it from a batch."""

    offset: int
    timestamp: int | None
    timestamp_type: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    size_in_bytes: int = 0
    checksum: None = None

    def validate_crc(self) -> bool:
        """True: the checksum is the batch's."""
        return True

    @property
    def abort(self) -> bool:
        """Of a control record: whether it ends a transaction that was aborted."""
        return self.key is not None and self.key[:4] == _ABORT_MARKER


class Batches(MemoryRecords):  # type: ignore[misc]
    """A fetched set of batches; takes the place of the clients' `MemoryRecords`."""

    __slots__ = ("_allowance", "_asked")

    def __init__(self, data: Any, allowance: Allowance) -> None:
        super().__init__(b"" if data is None else data)
        self._allowance = allowance
        self._asked = False

    def has_next(self) -> bool:
        """Whether there is a batch that may be read now.

        The clients ask once when a response arrives, to tell an empty one; that answer must not depend on what was
        unpacked before, or aiokafka would take the batch for one that does not fit into a response, and pass over it.
        """
        if not self._asked:
            self._asked = True
            return bool(super().has_next())
        return bool(super().has_next()) and not self._allowance.spent

    def next_batch(self) -> "Batch | LegacyBatch | None":
        """The next batch; None at the end, and where no more may be unpacked now."""
        if self._allowance.spent or self._next_slice is None:
            return None
        data = self._next_slice
        magic = data[self.MAGIC_OFFSET] if len(data) > self.MAGIC_OFFSET else 2
        kind = Batch if magic >= 2 else LegacyBatch
        made = kind(data, self._allowance)
        self._cache_next()
        return made


class Batch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch of today's format (version 2)."""

    def __init__(self, data: memoryview, allowance: Allowance) -> None:
        if len(data) < self.HEADER_STRUCT.size:
            raise CorruptRecordError("A fetched batch is shorter than its header; the broker's store is damaged.")
        self._header_data = self.HEADER_STRUCT.unpack_from(data)
        self._buffer: memoryview | None = data
        self._num_records = self._header_data[12]
        self._allowance = allowance
        self._records: Iterator[Record] | None = None

    def validate_crc(self) -> bool:
        """True: a wrong checksum makes the batch unreadable, which is told where its records would be."""
        return True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        if self._records is None:
            self._records = self._control() if self.is_control_batch else self._read()
        return next(self._records)

    def _control(self) -> Iterator[Record]:
        """The marker at the end of a transaction.

        One that cannot be read counts as that of an aborted transaction: that changes nothing for one that was
        committed, for nothing of it is left out.
        """
        records = list(self._read())
        readable = len(records) == 1 and not isinstance(records[0].value, Unreadable)
        yield records[0] if readable else self._record(key=_ABORT_MARKER, value=None)

    def _read(self) -> Iterator[Record]:
        batch, self._buffer = self._buffer, None  # it may be megabytes, and is read once
        if self._num_records <= 0 or batch is None:
            return
        try:
            data = self._unpacked(batch)
        except kafka_compression.TooLarge:
            reason = _TOO_LARGE.format(packed=len(batch), largest=self._allowance.largest)
            yield self._unreadable("BatchTooLarge", reason)
            return
        except kafka_compression.Corrupt as error:
            yield self._unreadable("CorruptBatch", f"The batch is damaged: {error}")
            return
        del batch
        yield from self._split(data)

    def _unpacked(self, batch: memoryview) -> memoryview:
        if _checksum(batch[self.ATTRIBUTES_OFFSET :]) != self.crc:
            raise kafka_compression.Corrupt("its checksum is wrong")
        packed = batch[self.HEADER_STRUCT.size :]
        if self.compression_type == self.CODEC_NONE:
            data = packed
        else:
            data = kafka_compression.unpack(self.compression_type, packed, self._allowance.largest)
        self._allowance.spend(len(data))
        return data

    def _split(self, data: memoryview) -> Iterator[Record]:
        """The records of the unpacked batch, each told from the next by its length.

        Offsets rise, so each leaves room for those of the records behind it: one that does not is damaged.
        """
        at, expected, last = 0, self.base_offset, self.last_offset - self._num_records
        for _ in range(self._num_records):
            last += 1
            try:
                length, at = decode_varint(data, at)
                end = at + length
                if length < 0 or end > len(data):
                    raise ValueError("a record is longer than its batch")
                offset, record = self._parse(data[at:end], expected)
            except (ValueError, IndexError) as error:
                reason = f"The batch is damaged: its records cannot be told apart ({error})"
                yield self._unreadable("CorruptBatch", reason, first=expected)
                return
            if not expected <= offset <= last:
                reason = f"The batch is damaged: it has offset {offset} where {expected} to {last} can be"
                yield self._unreadable("CorruptBatch", reason, first=expected)
                return
            yield record
            at, expected = end, offset + 1

    def _parse(self, data: memoryview, expected: int) -> tuple[int, Record]:
        """The record with its offset; an unreadable one where only its content is damaged."""
        _, at = decode_varint(data, 0)
        delta, at = decode_varint(data, at)
        timestamp = self.max_timestamp if self.timestamp_type == self.LOG_APPEND_TIME else self.first_timestamp + delta
        delta, at = decode_varint(data, at)
        offset = self.base_offset + delta
        record = Record(offset, timestamp, self.timestamp_type, None, None, size_in_bytes=len(data))
        try:
            record.key, at = _bytes(data, at)
            record.value, at = _bytes(data, at)
            record.headers, at = _headers(data, at)
            if at != len(data):
                raise ValueError(f"{len(data) - at} bytes are left over")
        except (ValueError, IndexError) as error:
            reason = f"The record is damaged: {error}"
            record.key, record.headers = None, []
            record.value = Unreadable.made("CorruptRecord", reason, offset, offset)
        return offset, record

    def _unreadable(self, error: str, reason: str, *, first: int | None = None) -> Record:
        first, last = self.base_offset if first is None else first, self.last_offset
        return self._record(key=None, value=Unreadable.made(error, reason, min(first, last), last))

    def _record(self, *, key: bytes | None, value: bytes | None) -> Record:
        return Record(self.last_offset, self.max_timestamp, self.timestamp_type, key, value)


class LegacyBatch(LegacyRecordBatch):  # type: ignore[misc]
    """A batch of the formats before Kafka 0.11 (versions 0 and 1): one message, or a packed set of them."""

    # What aiokafka asks of every batch.
    is_control_batch = False
    is_transactional = False
    producer_id = None

    def __init__(self, data: memoryview, allowance: Allowance) -> None:
        super().__init__(data, data[MemoryRecords.MAGIC_OFFSET])
        self._allowance = allowance
        self._last: int = self._offset  # the offset of a set is that of its last message

    @property
    def next_offset(self) -> int:
        """The offset behind the batch."""
        return self._last + 1

    def validate_crc(self) -> bool:
        """True, as for `Batch`."""
        return True

    def __iter__(self) -> Iterator[Record]:
        try:
            if not super().validate_crc():
                raise kafka_compression.Corrupt("its checksum is wrong")
            for one in super().__iter__():
                self._last = max(self._last, one.offset)
                yield Record(one.offset, one.timestamp, one.timestamp_type, one.key, one.value)
        except kafka_compression.TooLarge:
            reason = _TOO_LARGE.format(packed=len(self._buffer), largest=self._allowance.largest)
            yield self._unreadable("BatchTooLarge", reason)
        except Exception as error:  # a damaged set fails in many ways
            yield self._unreadable("CorruptBatch", f"The message set is damaged: {error or type(error).__name__}")

    def _unreadable(self, error: str, reason: str) -> Record:
        value = Unreadable.made(error, reason, self._offset, self._offset)
        return Record(self._offset, self._timestamp, self.timestamp_type, None, value)

    def _decompress(self, key_offset: int) -> memoryview:
        key, at = struct.unpack_from(">i", self._buffer, key_offset)[0], key_offset + 4
        at += max(key, 0)
        length = struct.unpack_from(">i", self._buffer, at)[0]
        if length < 0:
            raise kafka_compression.Corrupt("a packed set of messages has no content")
        data = kafka_compression.unpack(
            self.compression_type, self._buffer[at + 4 : at + 4 + length], self._allowance.largest
        )
        self._allowance.spend(len(data))
        return data


_TOO_LARGE = (
    "The batch of {packed:,} bytes unpacks to more than {largest:,}; "
    "raise WHOSAID_KAFKA__MAX_MESSAGE_BYTES, then replay it"
)


def _bytes(data: memoryview, at: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(data, at)
    if length < 0:
        return None, at
    if at + length > len(data):
        raise ValueError("a field is longer than its record")
    return bytes(data[at : at + length]), at + length


def _headers(data: memoryview, at: int) -> tuple[list[tuple[str, bytes | None]], int]:
    count, at = decode_varint(data, at)
    if not 0 <= count <= MOST_HEADERS:
        raise ValueError(f"it has {count:,} headers")
    headers = []
    for _ in range(count):
        name, at = _bytes(data, at)
        if name is None:
            raise ValueError("a header has no name")
        value, at = _bytes(data, at)
        headers.append((name.decode("utf-8", "backslashreplace"), value))
    return headers, at


def _checksum(data: memoryview) -> int:
    return int(calc_crc32c(data))  # by the package crc32c: without it, a megabyte takes 140 ms
