"""Decodes content encodings within a size limit, so that a zip bomb cannot fill the memory."""

import zlib

import brotli
import zstandard

ACCEPTED = "gzip, deflate, br, zstd"
_LAYERS = 3  # of encodings; more is an attack


class TooLarge(ValueError):
    """The bytes unpack into more than the limit."""


class Undecodable(ValueError):
    """The bytes are not what their encoding says."""


def decode(data: bytes, encoding: str, limit: int) -> bytes:
    """Decodes a body by its Content-Encoding header ('gzip', 'br, gzip' …).

    Raises:
        TooLarge: they are more than `limit`.
        Undecodable: they are broken, cut off, or in an encoding that we do not accept.
    """
    layers = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    if len(layers) > _LAYERS:
        raise Undecodable(f"it is packed {len(layers)} times")
    for name in reversed(layers):
        if name == "identity" or not data:
            continue
        try:
            data = _undo(data, name, limit)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise Undecodable(f"its {name} packing is broken") from error
    if len(data) > limit:
        raise TooLarge(f"it is larger than {limit} bytes")
    return data


def gunzip(data: bytes, limit: int) -> bytes:
    """Unpacks a gzip file, as many sitemaps are; other bytes stay as they are."""
    return decode(data, "gzip", limit) if data.startswith(b"\x1f\x8b") else data


def _undo(data: bytes, name: str, limit: int) -> bytes:
    if name in ("gzip", "x-gzip"):
        return _inflate(data, 16 + zlib.MAX_WBITS, limit)
    if name == "deflate":  # zlib by the standard, raw by many servers
        try:
            return _inflate(data, zlib.MAX_WBITS, limit)
        except zlib.error:
            return _inflate(data, -zlib.MAX_WBITS, limit)
    if name == "br":
        return _unbrotli(data, limit)
    if name == "zstd":
        return _unzstd(data, limit)
    raise Undecodable(f"it is packed with {name[:40]}, which we did not ask for")


def _inflate(data: bytes, window: int, limit: int) -> bytes:
    out = bytearray()
    while data:
        decoder = zlib.decompressobj(window)
        out += decoder.decompress(data, limit + 1 - len(out))
        _within(out, limit)
        if not decoder.eof:
            raise Undecodable("it is cut off")
        data = decoder.unused_data if decoder.unused_data.startswith(b"\x1f\x8b") else b""
    return bytes(_within(out, limit))


def _unbrotli(data: bytes, limit: int) -> bytes:
    decoder = brotli.Decompressor()
    out = bytearray(decoder.process(data, output_buffer_limit=limit + 1))
    while not decoder.is_finished() and not decoder.can_accept_more_data():
        _within(out, limit)
        out += decoder.process(b"", output_buffer_limit=limit + 1 - len(out))
    _within(out, limit)
    if not decoder.is_finished():
        raise Undecodable("it is cut off")
    return bytes(out)


def _unzstd(data: bytes, limit: int) -> bytes:
    decoder = zstandard.ZstdDecompressor(max_window_size=2**23)  # as much as the standard lets the web ask for
    with decoder.stream_reader(data, read_across_frames=True) as reader:
        out = bytes(_within(bytes(reader.read(limit + 1)), limit))
    # The reader does not tell whether the data is complete. Its size is within the limit, so it is decompressed again.
    while data:
        rest = decoder.decompressobj()
        rest.decompress(data)
        if not rest.eof:
            raise Undecodable("it is cut off")
        data = rest.unused_data
    return out


def _within(out: bytes | bytearray, limit: int) -> bytes | bytearray:
    if len(out) > limit:
        raise TooLarge(f"it is larger than {limit} bytes")
    return out
