"""Messages that nobody should send: wrong JSON, types, UTF-8, dates, sizes, depths; each of a kind of its own.

A kind is a function of the randomness and a good event's bytes; `_KINDS` is the table of all. Headers (`_HEADERS`) and
keys are drawn apart from the kind, so that each kind meets each of them.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from pipeline import identity
from tests.integration.test_sink_fuzz import DATES, EDGES, NASTY, places

Headers = list[tuple[str, bytes | None]]
Event = tuple[bytes | None, bytes | None, Headers]

HUGE = 20_000_000
"""Characters of the longest bodies."""

_LONE = ("\\ud800", "\\udfff\\ud800", "a\\udc00b")
_FEW = {"huge", "deep", "deep field", "crowd", "bloated"}


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


_HEADERS: list[Headers] = [
    [("whosaid-attempts", b"many"), ("whosaid-first_failed", b"\xff\xfe")],
    [("whosaid-attempts", b"3"), ("whosaid-first_failed", b"2025-02-30T00:00:00")],
    [("", b""), ("whosaid-", b"")],
    [("trace", None)],
    [("whosaid-attempts", None), ("whosaid-first_failed", None), ("whosaid-replay_of", None)],
    [("whosaid-x", None), ("whosaid-topic", None), ("", None)],
    [("whosaid-attempts", b"9" * 4300)],
    [("whosaid-attempts", b"9" * 5000), ("whosaid-replay_of", b"\xff" * 5000)],
    [("whosaid-attempts", b"-1"), ("whosaid-first_failed", b"9999-12-31T23:59:59-14:00")],
    [("whosaid-first_failed", b"0001-01-01T00:00:00+14:00")],
]
_MANY_HEADERS: Headers = [(f"h{number}", b"x" if number % 2 else None) for number in range(3000)]
_LARGE_HEADERS: Headers = [("whosaid-reason", b"y" * 100_000), ("large", b"x" * 2_000_000)]


def _headers(chance: random.Random) -> Headers:
    kind = chance.choices(["none", "trace", "nasty", "many", "large"], [700, 50, 240, 9, 1])[0]
    if kind == "trace":
        return [("trace", chance.randbytes(8))]
    if kind == "nasty":
        return chance.choice(_HEADERS)
    return {"none": [], "many": _MANY_HEADERS, "large": _LARGE_HEADERS}[kind]


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


def _dates(chance: random.Random, good: bytes) -> bytes:
    """One date or all of them at an edge of what can be, in some zone."""
    value = json.loads(good)
    article = value.get("article", value)
    for name in chance.choice([(name,) for name in DATES] + [DATES]):
        holder = value if name == "enriched" else article
        if name in holder or name == "modified":
            holder[name] = chance.choice(EDGES)
    return json.dumps(value).encode()


def _crowd(chance: random.Random, good: bytes) -> bytes:
    """Thousands of short quotes in one paragraph, within the bound or beyond it."""
    value = json.loads(good)
    article = value.get("article", value)
    count = chance.choice([1000, 1800, 4000, 6000])
    lines = [f"“Go {number:05},” he said. " for number in range(count)]
    article["body"] = body = "".join(lines)
    if "quotes" in value:
        value["quotes"] = [_quote(article["id"], body, at * len(lines[0]) + 1) for at in range(count)]
    return json.dumps(value).encode()


def _quote(article: str, body: str, start: int) -> dict[str, Any]:
    end = start + 9
    return {
        "id": identity.quote_id(article, body[start:end], [(start, end)]), "type": "direct", "text": body[start:end],
        "start": start, "end": end, "segments": [[start, end]], "confidence": 0.8, "context": [0, len(body)],
    }  # fmt: skip


def _bloated(chance: random.Random, good: bytes) -> bytes:
    """Fields that ask for many times their own size, in memory or in the index."""
    value = json.loads(good)
    article = value.get("article", value)
    if not value.get("quotes"):
        article[chance.choice(["tags", "raw", "byline", "headline"])] = ["x"] * 500_000
        return json.dumps(value).encode()
    quote, entity = value["quotes"][0], value["entities"][0]
    spread = quote | {"start": 0, "end": 400_000, "context": [0, 400_000]}
    changes: list[dict[str, Any]] = [
        {"quotes": [quote | {"segments": [[0, 0]] * 400_000}]},
        {"quotes": [quote | {"text": "x" * 100_000, "segments": [[quote["start"], 10**6]] * 15_000}]},
        {"quotes": [spread | {"id": f"{article['id']}-{at}"} for at in range(4000)], "body": "word " * 80_000},
        {"quotes": [quote | {"id": f"{article['id']}-{at}"} for at in range(4000)], "headline": "word " * 100_000},
        {"entities": [entity] * 50_000},
        {"unknown": [[]] * 1_500_000},
    ]
    chosen = dict(chance.choice(changes))
    for name in ("body", "headline"):
        if name in chosen:
            article[name] = chosen.pop(name)
    return json.dumps(value | chosen, separators=(",", ":")).encode()


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
    "dates": _dates,
    "crowd": _crowd,
    "bloated": _bloated,
    "noise": _noise,
}
