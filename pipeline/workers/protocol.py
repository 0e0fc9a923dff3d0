"""Defines the messages between a pool and its processes, over a process's standard input and output.

A message is a list of byte strings: their number, their lengths, then the bytes. The pool sends batches, one string
for each item. The process answers `READY` when its model is loaded, then for each item of a batch `RESULT` or `FAILURE`
in order, then `END`; or `BROKEN` when the batch as a whole went wrong.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

READY, RESULT, FAILURE, END, BROKEN = b"ready", b"result", b"failure", b"end", b"broken"

OUT_OF_MEMORY = 77
"""Exit code of a process that was refused more memory."""

_NUMBER = struct.Struct("<I")


@dataclass(frozen=True)
class Result:
    """An item that was done: for an article, the key and the value of its enriched event."""

    key: bytes
    value: bytes


@dataclass(frozen=True)
class Failure:
    """An item that cannot be done: the class of the error, and one sentence."""

    error: str
    reason: str


Outcome = Result | Failure

Work = Callable[[Sequence[bytes]], Iterator[Outcome]]
"""What a process does with a batch: one outcome for each item, in order, each as soon as it is known."""


def pack(parts: Sequence[bytes]) -> bytes:
    """The parts as one message."""
    lengths = struct.pack(f"<{len(parts) + 1}I", len(parts), *(len(part) for part in parts))
    return b"".join((lengths, *parts))


def head(number: bytes) -> int:
    """How many parts a message has, from its first four bytes."""
    count: int = _NUMBER.unpack(number)[0]
    return count


def lengths(count: int, packed: bytes) -> tuple[int, ...]:
    """The parts' lengths, from the bytes after the head."""
    return struct.unpack(f"<{count}I", packed)


def read(stream: BinaryIO) -> list[bytes] | None:
    """The next message of a blocking stream; None where it has ended, also in the middle of a message."""
    try:
        count = head(_exactly(stream, _NUMBER.size))
        return [_exactly(stream, length) for length in lengths(count, _exactly(stream, count * _NUMBER.size))]
    except EOFError:
        return None


def answer(outcome: Outcome) -> list[bytes]:
    """The message that tells of an item's outcome."""
    if isinstance(outcome, Result):
        return [RESULT, outcome.key, outcome.value]
    return [FAILURE, outcome.error.encode(), outcome.reason.encode("utf-8", "replace")]


def outcome(message: Sequence[bytes]) -> Outcome:
    """The outcome that a `RESULT` or `FAILURE` message tells of."""
    if message[0] == RESULT:
        return Result(message[1], message[2])
    return Failure(message[1].decode(), message[2].decode())


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
