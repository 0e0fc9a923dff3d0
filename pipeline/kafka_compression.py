"""Unpacks Kafka's four compression codecs piece by piece, up to a bound.

The clients' own functions unpack whole: 300 MB of blanks fit into a batch of 15 KB.
"""

import gzip
import io
import struct
from collections.abc import Iterator

import cramjam
import lz4.frame
import zstandard

NAMES = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
"""By the number that a batch names its codec with."""

_PIECE = 64 * 2**10  # bytes unpacked at a time
_XERIAL = b"\x82SNAPPY\x00"  # what a stream of snappy blocks begins with, in the framing of Java's library
_XERIAL_HEADER = 16


class TooLarge(Exception):
    """It unpacks to more than the bound."""


class Corrupt(Exception):
    """It cannot be unpacked; the message says why."""


def unpack(codec: int, packed: memoryview, largest: int) -> memoryview:
    """The unpacked bytes.

    Raises:
        TooLarge: there are more than `largest`; no more than that were ever in memory.
        Corrupt: the codec is unknown, or the bytes are not of it.
    """
    if codec not in NAMES:
        raise Corrupt(f"there is no compression codec {codec}")
    unpacked = io.BytesIO()
    try:
        for piece in _PIECES[codec](packed, largest):
            unpacked.write(piece)
            if unpacked.tell() > largest:
                raise TooLarge
    except TooLarge:
        raise
    except Exception as error:  # each library has errors of its own for what is not of its codec
        raise Corrupt(f"the {NAMES[codec]} data cannot be unpacked: {error or type(error).__name__}") from error
    return unpacked.getbuffer()


def _gzip(packed: memoryview, largest: int) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _lz4(packed: memoryview, largest: int) -> Iterator[bytes]:
    with lz4.frame.open(io.BytesIO(packed)) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _zstd(packed: memoryview, largest: int) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _snappy(packed: memoryview, largest: int) -> Iterator[bytes]:
    """One block, or a stream of blocks with their lengths. Each block says how long it is unpacked."""
    if packed[: len(_XERIAL)] != _XERIAL:
        yield _snappy_block(packed, largest)
        return
    at = _XERIAL_HEADER
    while at < len(packed):
        (length,) = struct.unpack_from("!i", packed, at)
        at += 4
        if length < 0 or at + length > len(packed):
            raise Corrupt("a block is longer than the data")
        yield _snappy_block(packed[at : at + length], largest)
        at += length


def _snappy_block(packed: memoryview, largest: int) -> bytes:
    length = cramjam.snappy.decompress_raw_len(packed)
    if length > largest:
        raise TooLarge
    return bytes(cramjam.snappy.decompress_raw(packed))


_PIECES = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
