"""Makes a text's fingerprint: what tells near copies of it, without comparing texts with each other.

News agencies' articles appear on hundreds of sites: with another headline, cut at the end, with an advertisement in the
middle. MinHash keeps of a text's overlapping runs of words the smallest hash under each of 128 hash functions; two
texts agree in about as many of these as their runs overlap (Jaccard's index). The first 54 are cut into 18 bands of 3,
each one keyword: texts that overlap by half or more share at least one keyword nearly always, others nearly never, so
copies are found through an index of keywords. Each keyword costs each segment of that index a look, so they are as few
as do: a band of 3 is shared more often than one of 4, and 18 of these find more copies than 32 of 4 do.

It is our own and not a library's because fingerprints are kept for years: the same text must give the same bytes for
ever. The words, the runs, the hashes and their number are therefore part of the format; who changes any of them
raises `FORMAT`, and fingerprints of different formats are never alike. The bands can be made of a fingerprint at any
time; who changes them raises `BANDING`, and articles that were indexed before are found again once they are reindexed.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1
HASHES = 128

BANDING = 2
BANDS, ROWS = 18, 3
"""Keywords of a fingerprint, and the hashes of which each is made."""

RUN = 3
"""Words of a run."""

FEWEST_WORDS = 40
"""Texts with fewer have no fingerprint: short notices are alike without being copies."""

MOST_WORDS = 5_000
"""Words of a text that count: the first so many."""

_BYTES = 4  # of a hash
_AT_ONCE = 256  # runs; with their products they fit into a processor's cache
_WORD = re.compile(r"\w+")


def fingerprint(text: str) -> str | None:
    """The text's fingerprint, about 690 characters; None where it has too few words."""
    import numpy as np  # 11 MB, which the sink and the search service need not: they only compare

    words = _WORD.findall(text.casefold())[:MOST_WORDS]
    if len(words) < FEWEST_WORDS:
        return None
    runs = set(map(" ".join, zip(*(words[at:] for at in range(RUN)), strict=False)))
    hashes = np.frombuffer(b"".join(_hashed(runs)), ">u4").astype(np.uint64)
    factors, summands = _functions()
    smallest = np.full(HASHES, 2**64 - 1, np.uint64)
    for start in range(0, len(hashes), _AT_ONCE):
        # Multiply-shift: the upper half of a product that wraps at 64 bits. The smallest product has the smallest half.
        products = hashes[start : start + _AT_ONCE, None] * factors
        products += summands
        np.minimum(smallest, products.min(axis=0), out=smallest)
    smallest >>= np.uint64(32)
    return f"{FORMAT}:" + base64.b64encode(smallest.astype("<u4").tobytes()).decode()


def _hashed(runs: Iterable[str]) -> Iterator[bytes]:
    fresh = hashlib.blake2b(digest_size=_BYTES)
    for run in runs:
        hashed = fresh.copy()  # in two thirds of the time that a new one takes
        hashed.update(run.encode("utf-8", "replace"))
        yield hashed.digest()


@lru_cache(512)  # a sink asks several times for each of its batch; they take 2 KB each
def bands(fingerprint: str) -> tuple[str, ...]:
    """The keywords under which copies are looked for; none for what is no fingerprint of this format."""
    values, size = _values(fingerprint), ROWS * _BYTES
    return tuple(
        f"{BANDING}.{at // size:02d}.{hashlib.blake2b(values[at : at + size], digest_size=6).hexdigest()}"
        for at in range(0, min(len(values), BANDS * size), size)
    )


def similarity(first: str, second: str) -> float:
    """How much the texts overlap, from 0 to 1, to within about 0.04; 0 where one is no fingerprint of this format."""
    first_values, second_values = _values(first), _values(second)
    if not first_values or not second_values:
        return 0.0
    same = sum(
        first_values[at : at + _BYTES] == second_values[at : at + _BYTES] for at in range(0, len(first_values), _BYTES)
    )
    return same / HASHES


def _values(fingerprint: str) -> bytes:
    version, _, text = fingerprint.partition(":")
    if version != str(FORMAT):
        return b""
    try:
        values = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return values if len(values) == HASHES * _BYTES else b""


@cache
def _functions() -> "tuple[np.ndarray[tuple[int], np.dtype[np.uint64]], np.ndarray[tuple[int], np.dtype[np.uint64]]]":
    """Factors (odd) and summands of the hash functions, the same in every process and every release."""
    import numpy as np

    drawn = b"".join(hashlib.sha256(b"whosaid minhash %d" % at).digest() for at in range(HASHES // 2))
    numbers = np.frombuffer(drawn, "<u8").astype(np.uint64)
    return numbers[:HASHES] | np.uint64(1), numbers[HASHES:]
