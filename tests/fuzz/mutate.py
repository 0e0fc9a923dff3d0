"""Random changes of bytes: of single ones, of pieces, and of pieces of other documents."""

import random
from collections.abc import Callable, Sequence

TOKENS = (
    b"<", b">", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<!DOCTYPE x [", b"<!ENTITY a 'b'>", b"]>",
    b"&a;", b"&#0;", b"&#xD800;", b"&#x110000;", b"&amp;amp;", b"<?xml version='1.0' encoding='utf-16'?>",
    b"encoding='utf-7'",
    b"\x00", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r\n\r\n", b"\x1f\x8b\x08", b"{", b"}", b"[",
    b"]", b'"', b"\\u0000", b"\\ud800", b"1e999", b"-1", b"99999999999999999999", b"null", b"true", b"NaN", b"Infinity",
    b"<rss>", b"<item>", b"<entry>", b"<link>", b"http://[", b"javascript:", b"xml:base='http://['", b"<pubDate>",
    b"0000-00-00", b"9999-12-31T23:59:60Z", b"<p>", b"<script type='application/ld+json'>", b"<svg>", b"<template>",
    b"<meta charset='", b"<base href='", b"Content-Length: -1\r\n", b"Content-Length: 99999999999\r\n", b"WARC/1.0\r\n",
    b"Transfer-Encoding: chunked\r\n", b"ffffffff\r\n",
    b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"9" * 309, b"-1e308", b"-0", b"1e14",
    b"9999-12-31T24:00:00Z", b"Mon, 31 Dec 9999 23:59:60 -2359", b"253402300800", b"62135596800000",
    b"\x1b]0;t\x07", b"\x1b[2J", b"\xc2\x9b2J", b"\xc2\x85", b"\xe2\x80\xae", b"\xe2\x81\xa6", b"\\u001b", b"\\u009b",
    b"\r", b"&#27;", b"&#x9b;", b"&#x202e;", b"::ffff:0:127.0.0.1", b"::ffff:", b"64:ff9b::", b"2002:", b"%eth0",
    b"HTTP://", b"@",
)  # fmt: skip
_LARGEST = 200_000  # bytes; the limits of sizes have tests of their own


def mutated(data: bytes, dice: random.Random, corpus: Sequence[bytes]) -> bytes:
    """The document after a few random changes."""
    out = bytearray(data[:_LARGEST])
    for _ in range(dice.choice((1, 1, 2, 3, 5, 10))):
        dice.choice(_CHANGES)(out, dice, corpus)
        del out[_LARGEST:]
    return bytes(out)


def _somewhere(out: bytearray, dice: random.Random) -> tuple[int, int]:
    start = dice.randrange(len(out) + 1)
    return start, min(len(out), start + dice.choice((1, 2, 4, 16, 64, 512, 4096)))


def _flip(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    if out:
        out[dice.randrange(len(out))] ^= 1 << dice.randrange(8)


def _overwrite(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    start, end = _somewhere(out, dice)
    out[start:end] = dice.randbytes(min(end - start, 64))


def _delete(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    start, end = _somewhere(out, dice)
    del out[start:end]


def _cut(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    del out[dice.randrange(len(out) + 1) :]


def _repeat(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    start, end = _somewhere(out, dice)
    out[start:start] = out[start:end] * dice.choice((1, 2, 10, 100))


def _token(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    start = dice.randrange(len(out) + 1)
    out[start:start] = dice.choice(TOKENS) * dice.choice((1, 1, 1, 3, 200))


def _splice(out: bytearray, dice: random.Random, corpus: Sequence[bytes]) -> None:
    other = dice.choice(corpus)
    start, end = sorted((dice.randrange(len(other) + 1), dice.randrange(len(other) + 1)))
    at = dice.randrange(len(out) + 1)
    out[at:at] = other[start:end]


_CHANGES: tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...] = (
    _flip, _overwrite, _delete, _cut, _repeat, _token, _token, _splice,
)  # fmt: skip
