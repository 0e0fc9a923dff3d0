"""Messages that nobody should send: wrong JSON, types, UTF-8, sizes, depths; each of a kind of its own."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.integration.test_sink_fuzz import NASTY, places

Headers = list[tuple[str, bytes]]
Event = tuple[bytes | None, bytes | None, Headers]

HUGE = 20_000_000
"""Characters of the longest bodies."""

_LONE = ("\\ud800", "\\udfff\\ud800", "a\\udc00b")
_FEW = {"huge", "deep", "deep field"}


def events(seed: int, count: int, good: Callable[[int], bytes]) -> Iterator[Event]:
    """So many events made of good ones, each spoiled in one way; huge and deep ones only a handful."""
    chance = random.Random(seed)
    kinds = sorted(_KINDS)
    few = dict.fromkeys(_FEW, 5 if count >= 1000 else 1)
    for number in range(count):
        kind = chance.choice(kinds)
        if kind in few:
            few[kind] -= 1
            kind = kind if few[kind] >= 0 else "types"
        yield _key(chance, number), _KINDS[kind](chance, good(number)), _headers(chance)


def _key(chance: random.Random, number: int) -> bytes | None:
    key = f"fuzz{number:06}".encode()
    return chance.choices([key, key + chance.randbytes(3), b"", None], [90, 5, 2, 3])[0]


def _headers(chance: random.Random) -> Headers:
    return chance.choices(
        [
            [],
            [("trace", chance.randbytes(8))],
            [("whosaid-attempts", b"many"), ("whosaid-first_failed", b"\xff\xfe")],
            [("whosaid-attempts", b"3"), ("whosaid-first_failed", b"2025-02-30T00:00:00")],
            [("", b""), ("whosaid-", b"")],
        ],
        [80, 5, 5, 5, 5],
    )[0]


def _types(chance: random.Random, good: bytes) -> bytes:
    value = json.loads(good)
    for _ in range(chance.randint(1, 3)):
        *path, last = chance.choice(places(value))
        node = value
        try:
            for key in path:
                node = node[key]
            node[last] = copy.deepcopy(chance.choice(NASTY))
        except (KeyError, IndexError, TypeError):  # spoiled away a moment ago
            continue
    return json.dumps(value).encode()


def _json(chance: random.Random, good: bytes) -> bytes:
    at = chance.randrange(len(good))
    return chance.choice([good[:at], good[at:], good + b"}", b"'" + good, good.replace(b":", b"=", 1), b"null", b"[]"])


def _bytes(chance: random.Random, good: bytes) -> bytes:
    at = chance.randrange(len(good))
    return good[:at] + chance.randbytes(chance.randint(1, 6)) + good[at + chance.randrange(4) :]


def _zeros(chance: random.Random, good: bytes) -> bytes | None:
    escaped = good.replace(b'"body":"', b'"body":"\\u0000', 1)
    return chance.choice([None, b"", b"\x00", b"\x00" * 5000, good.replace(b'"', b"\x00", 1), escaped])


def _surrogates(chance: random.Random, good: bytes) -> bytes:
    name = chance.choice([b'"body":"', b'"headline":"', b'"url":"', b'"id":"'])
    return good.replace(name, name + chance.choice(_LONE).encode(), 1)


def _huge(chance: random.Random, good: bytes) -> bytes:
    return good.replace(b'"body":"', b'"body":"' + chance.choice([b"long ", b"x", b"\\n"]) * (HUGE // 5), 1)


def _deep(chance: random.Random, good: bytes) -> bytes:
    return chance.choice([b"[" * 200_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])


def _deep_field(chance: random.Random, good: bytes) -> bytes:
    depth = chance.choice([100, 1000, 50_000])
    return good[:-1] + b',"raw":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


def _noise(chance: random.Random, good: bytes) -> bytes:
    return chance.randbytes(chance.randint(1, 2000))


_KINDS: dict[str, Callable[[random.Random, bytes], Any]] = {
    "types": _types,
    "json": _json,
    "bytes": _bytes,
    "zeros": _zeros,
    "surrogates": _surrogates,
    "huge": _huge,
    "deep": _deep,
    "deep field": _deep_field,
    "noise": _noise,
}
